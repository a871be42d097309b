"""Adversarial losses: against naive formulas in many digits, at any size of logits, and against their theory."""

import functools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from helpers import normal, rng, tensor

from minigan import Tensor, grad, gradcheck, nn, optim
from minigan.gan import Loss, losses

DIGITS = 200  # so that even the slope of log(1 + exp(-400)), 2e-174, is right to 13 digits, without any trick
REAL = [0.7, -1.3, 2.1]
FAKE = [-0.4, 1.9, 0.2, -2.6, 3.3]


def sigma(a):
    return 1 / (1 + (-a).exp())


def log_sigma(a):
    return sigma(a).ln()


def mean(values):
    values = list(values)
    return sum(values, Decimal(0)) / len(values)


def bce(real, fake, label=Decimal(1)):
    """-E log sigmoid(real) - E log(1 - sigmoid(fake)), with another label for the real ones if wanted."""
    on_real = [label * log_sigma(a) + (1 - label) * log_sigma(-a) for a in real]
    return -mean(on_real) - mean(log_sigma(-a) for a in fake)


def non_saturating(real, fake):
    return -mean(map(log_sigma, fake))


def critic_wants(real, fake):
    return mean(fake) - mean(real)


def generator_wants(real, fake):
    return -mean(fake)


def relative(real, fake):
    """Logits less the mean of the other kind."""
    return [a - mean(fake) for a in real], [a - mean(real) for a in fake]


def rals(real, fake):
    r, f = relative(real, fake)
    return mean((a - 1) ** 2 for a in r) + mean((a + 1) ** 2 for a in f)


def log_partition(real, fake):
    return sum(a.exp() for a in [*real, *fake]).ln()


def fgan(activation, conjugate):
    """From T = g(v) and f*(t), composed without any simplification."""
    return (
        lambda real, fake: mean(conjugate(activation(a)) for a in fake) - mean(map(activation, real)),
        lambda real, fake: -mean(conjugate(activation(a)) for a in fake),
    )


def tanh(a):
    return ((2 * a).exp() - 1) / ((2 * a).exp() + 1)


def kernel_distance(kernel):
    """E k(r, r') + E k(f, f') - 2 E k(r, f) over pairs of different samples, and its negative for the critic."""

    def squared(real, fake):
        within = [mean(kernel(a - b) for i, a in enumerate(h) for b in h[:i]) for h in (real, fake)]
        return sum(within) - 2 * mean(kernel(a - b) for a in real for b in fake)

    return lambda real, fake: -squared(real, fake), squared


def gaussians(d):
    """Of standard deviations 1, 2, 4, 8 and 16, each a power of the widest."""
    widest = (-d * d / (2 * 16**2)).exp()
    return sum(widest ** (16 // s) ** 2 for s in (1, 2, 4, 8, 16))


REFERENCES = {
    "minimax": (bce, lambda real, fake: mean(log_sigma(-a) for a in fake)),
    "non-saturating": (bce, non_saturating),
    "label-smoothing": (lambda real, fake: bce(real, fake, Decimal("0.9")), non_saturating),
    "least-squares": (
        lambda real, fake: mean((a - 1) ** 2 for a in real) / 2 + mean(a**2 for a in fake) / 2,
        lambda real, fake: mean((a - 1) ** 2 for a in fake) / 2,
    ),
    "wasserstein": (critic_wants, generator_wants),
    "hinge": (
        lambda real, fake: mean(max(0, 1 - a) for a in real) + mean(max(0, 1 + a) for a in fake),
        generator_wants,
    ),
    "relativistic": (
        lambda real, fake: -mean(log_sigma(a - b) for a, b in zip(real, fake, strict=True)),
        lambda real, fake: -mean(log_sigma(b - a) for a, b in zip(real, fake, strict=True)),
    ),
    "relativistic-average": (
        lambda real, fake: bce(*relative(real, fake)),
        lambda real, fake: bce(*relative(fake, real)),
    ),
    "relativistic-average-ls": (rals, lambda real, fake: rals(fake, real)),
    "softmax": (
        lambda real, fake: log_partition(real, fake) - mean(real),
        lambda real, fake: log_partition(real, fake) - mean(real + fake),
    ),
    "f-kl": fgan(lambda v: v, lambda t: (t - 1).exp()),
    "f-reverse-kl": fgan(lambda v: -(-v).exp(), lambda t: -1 - (-t).ln()),
    "f-pearson": fgan(lambda v: v, lambda t: t * t / 4 + t),
    "f-neyman": fgan(lambda v: 1 - (-v).exp(), lambda t: 2 - 2 * (1 - t).sqrt()),
    "f-squared-hellinger": fgan(lambda v: 1 - (-v).exp(), lambda t: t / (1 - t)),
    "f-jensen-shannon": fgan(lambda v: Decimal(2).ln() + log_sigma(v), lambda t: -(2 - t.exp()).ln()),
    "f-gan": fgan(log_sigma, lambda t: -(1 - t.exp()).ln()),
    "f-total-variation": fgan(lambda v: tanh(v) / 2, lambda t: t),
    "ebgan": (lambda real, fake: mean(-a for a in real) + mean(max(0, 1 + a) for a in fake), generator_wants),
    "began": (lambda real, fake: mean(-a for a in real), generator_wants),  # k = 0 at the start
    "mmd": kernel_distance(gaussians),
    "cramer": kernel_distance(lambda d: -abs(d)),
}
"""For each loss what D and what G descends, as functions of the two lists of logits."""

EACH = [REFERENCES[name] for name in list(REFERENCES)[:8]]
PAIRED = {"relativistic"}
BATCHES = {"mmd", "cramer"}  # need two samples of each kind, and know no side
BENT = {"least-squares", "relativistic-average-ls", "f-pearson"}  # pull logits to where they want them, not apart


def fakes(loss):
    return FAKE[: len(REAL)] if loss.name in PAIRED else FAKE


@pytest.fixture(params=losses)
def loss(request):
    return losses[request.param]


def test_every_loss_has_a_reference():
    assert list(REFERENCES) == list(losses)
    for name, loss in losses.items():
        assert isinstance(loss, Loss)
        assert (loss.name, repr(loss)) == (name, f"<loss {name}>")
        assert "arXiv:" in loss.paper


def test_what_a_loss_asks_for(loss):
    assert loss.energy == (loss.name in {"ebgan", "began"})
    assert loss.features == (16 if loss.name in BATCHES else 1)


@functools.cache
def value_and_slopes(f, real, fake):
    """f and its partial derivatives with respect to all logits, by central differences in many digits."""
    with localcontext(prec=DIGITS):
        real, fake, h = [Decimal(a) for a in real], [Decimal(a) for a in fake], Decimal("1e-10")
        logits, n = real + fake, len(real)

        def along(i, t):
            moved = [*logits[:i], logits[i] + t, *logits[i + 1 :]]
            return f(moved[:n], moved[n:])

        slopes = [float((along(i, h) - along(i, -h)) / (2 * h)) for i in range(len(logits))]
        return float(f(real, fake)), slopes[:n], slopes[n:]


def players(loss):
    """What each player descends, as functions of real and fake logits in this order."""
    return loss.discriminator, lambda real, fake: loss.generator(fake, real)


def check(loss, reference, device, real=REAL, fake=FAKE):
    """The loss of each player and its gradient agree with the reference to 1e-12.

    For the first losses, made of softplus, squares and hinges, each slope is as exact however small; where terms of
    a batch are added and subtracted, it is in proportion to the largest.
    """
    atol = 1e-300 if reference in EACH else 1e-12
    for player, f in zip(players(loss), reference, strict=True):
        value, *slopes = value_and_slopes(f, tuple(real), tuple(fake))
        logits = [tensor(a, device, requires_grad=True) for a in (real, fake)]
        y = player(*logits)
        assert y.shape == ()
        assert y.device == device
        assert y.item() == pytest.approx(value, rel=1e-12, abs=atol)
        for a, g, expected in zip(logits, grad(y, logits), slopes, strict=True):
            found = np.zeros(a.shape) if g is None else g.numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=atol)


def test_values_and_gradients_are_those_of_the_formula(loss, device):
    fake = fakes(loss)
    check(loss, REFERENCES[loss.name], device, fake=fake)
    check(loss, REFERENCES[loss.name], device, real=fake, fake=REAL)
    if loss.name not in BATCHES:
        check(loss, REFERENCES[loss.name], device, real=[0.0], fake=[0.3])


@pytest.mark.parametrize("size", [50.0, 200.0, 1e4])
def test_logits_of_any_size_are_exact(loss, size, device):
    if loss.name.startswith("f-") and size > 200:
        pytest.skip("the values of some, and those in between in the reference, are larger than any float")
    if loss.name not in BATCHES:
        for a in (size, -size):
            for b in (size, -size):
                check(loss, REFERENCES[loss.name], device, real=[a], fake=[b])
    fake = [-size - 1, 0.3, size + 2] if loss.name in PAIRED else [-size - 1, 0.3, size + 2, 2.0]
    check(loss, REFERENCES[loss.name], device, real=[size, -size, 1.5], fake=fake)


def test_the_shape_of_the_logits_does_not_matter(loss, device):
    """Such as (N, 1) from a dense layer, or (N, H, W, 1) from a critic of patches."""
    if loss.name in BATCHES:
        pytest.skip("there the first axis counts samples, the others features")
    shape = (2, 3, 2, 1) if loss.name in PAIRED else (4, 3, 1)
    real, fake = normal((2, 3, 2, 1), device), normal(shape, device, seed=1)
    for player in players(loss):
        y = player(real.reshape(-1), fake.reshape(-1)).item()
        assert player(real, fake).item() == pytest.approx(y, rel=1e-14)


class Mutant(Loss):
    def __init__(self, discriminator, generator):
        self.discriminator, self.generator = discriminator, generator


def mutants(loss):
    """The loss with the mistakes that people make, but for those that change nothing in it."""
    d, g = loss.discriminator, loss.generator
    yield "signs of D", Mutant(lambda r, f: -d(r, f), g)
    yield "signs of G", Mutant(d, lambda f, r=None: -g(f, r))
    if loss.name not in BATCHES:  # which see distances only
        yield "signs of logits", Mutant(lambda r, f: d(-r, -f), g)
        yield "real and fake swapped", Mutant(lambda r, f: d(f, r), g)
        yield "one mean for both", Mutant(lambda r, f: (d(r, r) * len(r) + d(f, f) * len(f)) / (len(r) + len(f)), g)
    yield "sums for means in D", Mutant(lambda r, f: len(r) * d(r, f), g)
    yield "sums for means in G", Mutant(d, lambda f, r=None: len(f) * g(f, r))
    yield "half of it", Mutant(lambda r, f: d(r, f) / 2, g)
    yield "a constant", Mutant(lambda r, f: 0 * d(r, f) - 1000.0, lambda f, r=None: 0 * g(f, r) - 1000.0)
    yield "a shift", Mutant(lambda r, f: d(r, f) + 1e-3, g)
    yield "detached", Mutant(d, lambda f, r=None: g(f.detach(), r) + 0 * f.sum())
    yield "probabilities", Mutant(lambda r, f: d(sigmoid(r), sigmoid(f)), g)


def sigmoid(a):
    return 1 / (1 + (-a).exp())


def test_the_check_above_finds_the_usual_mistakes(loss):
    for name, mutant in mutants(loss):
        try:
            check(mutant, REFERENCES[loss.name], tensor(0, "cpu").device, fake=fakes(loss))
        except AssertionError:
            continue
        pytest.fail(f"{loss} with {name} passes")


def test_derivatives_agree_with_central_differences(loss, device):
    real, fake = tensor(np.reshape(REAL, (-1, 1)), device), tensor(np.reshape(fakes(loss), (-1, 1)), device)
    for player in players(loss):
        gradcheck(player, [real, fake], order=3)


def test_float32_stays_float32(loss, device):
    logits = [tensor(a, device, np.float32, requires_grad=True) for a in (REAL, fakes(loss))]
    for player in players(loss):
        y = player(*logits)
        assert y.dtype == np.float32
        assert {g.dtype for g in grad(y, logits) if g is not None} == {np.dtype(np.float32)}


def test_only_losses_that_compare_look_at_real_logits_in_the_step_of_g(loss, device):
    fake = tensor(fakes(loss), device)
    y = loss.generator(fake, tensor(REAL, device)).item()
    moved = loss.generator(fake, tensor(np.square(REAL), device)).item()
    assert (moved != y) == loss.compares
    if loss.compares:
        with pytest.raises(ValueError, match="real_logits"):
            loss.generator(fake)
    else:
        assert loss.generator(fake).item() == y


def test_comparing_losses_see_differences_only(loss, device):
    if not loss.compares:
        pytest.skip("it judges each sample alone")
    for player in players(loss):
        y = player(tensor(REAL, device), tensor(fakes(loss), device)).item()
        moved = player(tensor(REAL, device) + 7.0, tensor(fakes(loss), device) + 7.0).item()
        assert moved == pytest.approx(y, rel=1e-12)


# What the players do


def test_a_step_of_d_separates_and_a_step_of_g_catches_up(loss, device):
    if loss.name in BATCHES:
        pytest.skip("it separates distributions, whichever way")
    for center in (0.0,) if loss.name in BENT else (0.0, -8.0, 8.0):
        real = tensor(np.add([0.4, 0.1, 0.9], center), device, requires_grad=True)
        fake = tensor(np.add([-0.2, 0.3, -0.9], center), device, requires_grad=True)
        gradients = grad(loss.discriminator(real, fake), [real, fake])
        zero = Tensor(0 * real.data)
        real_gradient, fake_gradient = (zero if g is None else g for g in gradients)
        separation = (real - real_gradient).mean() - (fake - fake_gradient).mean()
        assert separation.item() > (real.mean() - fake.mean()).item()
        (g,) = grad(loss.generator(fake, real.detach()), [fake])
        assert (fake - g).mean().item() > fake.mean().item()


def test_the_players_do_so_through_networks(loss, device):
    r = rng(2)
    D = nn.Sequential(nn.Dense(2, 8, rng=r), nn.Tanh(), nn.Dense(8, loss.features, rng=r)).to(device, np.float64)
    G = nn.Dense(3, 2, rng=r).to(device, np.float64)
    real, z = normal((6, 2), device) + 1.0, normal((6, 3), device, seed=1)
    for _ in range(3):
        before = loss.discriminator(D(real), D(G(z))).item()
        d_loss = loss.discriminator(D(real), D(G(z).detach()))
        optim.SGD(D.parameters(), 0.01).step(grad(d_loss, D.parameters()))
        assert loss.discriminator(D(real), D(G(z))).item() < before
        before = loss.generator(D(G(z)), D(real)).item()
        g_loss = loss.generator(D(G(z)), D(real))
        optim.SGD(G.parameters(), 0.01).step(grad(g_loss, G.parameters()))
        assert loss.generator(D(G(z)), D(real)).item() < before


@pytest.mark.parametrize("a", [-500.0, -8.0, -1.0, 0.0, 2.0, 8.0, 500.0])
def test_minimax_saturates_where_the_other_does_not(a, device):
    logits = tensor([a, 0.3, -0.2], device, requires_grad=True)
    (minimax,) = grad(losses["minimax"].generator(logits), [logits])
    (heuristic,) = grad(losses["non-saturating"].generator(logits), [logits])
    assert minimax.numpy()[0] == pytest.approx(-math.exp(min(a, 0)) / (1 + math.exp(-abs(a))) / 3, rel=1e-12)
    assert heuristic.numpy()[0] == pytest.approx(-math.exp(min(-a, 0)) / (1 + math.exp(-abs(a))) / 3, rel=1e-12)
