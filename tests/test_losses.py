"""Adversarial losses: against naive formulas in 300 digits, at any size of logits, and against their theory."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from helpers import normal, rng, tensor

from minigan import Tensor, grad, gradcheck, nn, optim
from minigan.gan import Loss, losses

DIGITS = 300  # so that even log(1 + exp(-500)) is right to 80 digits, without any trick
REAL = [0.7, -1.3, 2.1]
FAKE = [-0.4, 1.9, 0.2, -2.6, 3.3]


def sigma(a):
    return 1 / (1 + (-a).exp())


def log_sigma(a):
    return sigma(a).ln()


def mean(values):
    values = list(values)
    return sum(values) / len(values)


REFERENCES = {
    "minimax": (
        lambda real, fake: -mean(map(log_sigma, real)) - mean(log_sigma(-a) for a in fake),
        lambda real, fake: mean(log_sigma(-a) for a in fake),
    ),
    "non-saturating": (
        lambda real, fake: -mean(map(log_sigma, real)) - mean(log_sigma(-a) for a in fake),
        lambda real, fake: -mean(map(log_sigma, fake)),
    ),
    "wasserstein": (
        lambda real, fake: mean(fake) - mean(real),
        lambda real, fake: -mean(fake),
    ),
}
"""For each loss what D and what G descends, as functions of the two lists of logits."""


@pytest.fixture(params=losses)
def loss(request):
    return losses[request.param]


def test_every_loss_has_a_reference():
    assert list(REFERENCES) == list(losses)
    for name, loss in losses.items():
        assert isinstance(loss, Loss)
        assert (loss.name, repr(loss)) == (name, f"<loss {name}>")
        assert "arXiv:" in loss.paper


def value_and_slopes(f, real, fake):
    """f and its partial derivatives with respect to all logits, by central differences in many digits."""
    with localcontext(prec=DIGITS):
        real, fake, h = [Decimal(a) for a in real], [Decimal(a) for a in fake], Decimal("1e-40")
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
    """The loss of each player and its gradient agree with the reference to 1e-12."""
    for player, f in zip(players(loss), reference, strict=True):
        value, *slopes = value_and_slopes(f, real, fake)
        logits = [tensor(a, device, requires_grad=True) for a in (real, fake)]
        y = player(*logits)
        assert y.shape == ()
        assert y.device == device
        assert y.item() == pytest.approx(value, rel=1e-12, abs=1e-300)
        for a, g, expected in zip(logits, grad(y, logits), slopes, strict=True):
            found = np.zeros(a.shape) if g is None else g.numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


def test_values_and_gradients_are_those_of_the_formula(loss, device):
    check(loss, REFERENCES[loss.name], device)
    check(loss, REFERENCES[loss.name], device, real=FAKE, fake=REAL)
    check(loss, REFERENCES[loss.name], device, real=[0.0], fake=[0.0])


@pytest.mark.parametrize("size", [50.0, 500.0, 1e4])
def test_logits_of_any_size_are_exact(loss, size, device):
    for a in (size, -size):
        for b in (size, -size):
            check(loss, REFERENCES[loss.name], device, real=[a], fake=[b])
    check(loss, REFERENCES[loss.name], device, real=[size, -size, 1.0], fake=[-size, 0.3, size, 2.0])


def test_the_shape_of_the_logits_does_not_matter(loss, device):
    """Such as (N, 1) from a dense layer, or (N, H, W, 1) from a critic of patches."""
    real, fake = normal((2, 3, 2, 1), device), normal((4, 3, 1), device, seed=1)
    for player in players(loss):
        y = player(real.reshape(-1), fake.reshape(-1)).item()
        assert player(real, fake).item() == pytest.approx(y, rel=1e-14)


class Mutant(Loss):
    def __init__(self, discriminator, generator):
        self.discriminator, self.generator = discriminator, generator


def mutants(loss):
    """The loss with the mistakes that people make."""
    d, g = loss.discriminator, loss.generator
    yield "signs of D", Mutant(lambda r, f: -d(r, f), g)
    yield "signs of G", Mutant(d, lambda f, r=None: -g(f, r))
    yield "signs of logits", Mutant(lambda r, f: d(-r, -f), g)
    yield "real and fake swapped", Mutant(lambda r, f: d(f, r), g)
    yield "sums for means in D", Mutant(lambda r, f: len(r) * d(r, f), g)
    yield "sums for means in G", Mutant(d, lambda f, r=None: len(f) * g(f, r))
    yield "half of it", Mutant(lambda r, f: d(r, f) / 2, g)
    yield "one mean for both", Mutant(lambda r, f: (d(r, r) * len(r) + d(f, f) * len(f)) / (len(r) + len(f)), g)
    yield "a constant", Mutant(lambda r, f: 0 * d(r, f) - 1000.0, lambda f, r=None: 0 * g(f, r) - 1000.0)
    yield "a shift", Mutant(lambda r, f: d(r, f) + 1e-3, g)
    yield "detached", Mutant(d, lambda f, r=None: g(f.detach(), r) + 0 * f.sum())
    yield "probabilities", Mutant(lambda r, f: d(sigmoid(r), sigmoid(f)), g)


def sigmoid(a):
    return 1 / (1 + (-a).exp())


def test_the_check_above_finds_the_usual_mistakes(loss):
    for name, mutant in mutants(loss):
        try:
            check(mutant, REFERENCES[loss.name], tensor(0, "cpu").device)
        except AssertionError:
            continue
        pytest.fail(f"{loss} with {name} passes")


def test_derivatives_agree_with_central_differences(loss, device):
    real, fake = tensor([REAL], device), tensor(np.reshape(FAKE, (5, 1)), device)
    for player in players(loss):
        gradcheck(player, [real, fake], order=3)


def test_float32_stays_float32(loss, device):
    logits = [tensor(a, device, np.float32, requires_grad=True) for a in (REAL, FAKE)]
    for player in players(loss):
        y = player(*logits)
        assert y.dtype == np.float32
        assert {g.dtype for g in grad(y, logits) if g is not None} == {np.dtype(np.float32)}


def test_only_losses_that_compare_look_at_real_logits_in_the_step_of_g(loss, device):
    fake = tensor(FAKE, device)
    y = loss.generator(fake, tensor(REAL, device)).item()
    moved = loss.generator(fake, tensor(np.square(REAL), device)).item()
    assert (moved != y) == loss.compares
    if not loss.compares:
        assert loss.generator(fake).item() == y


# What the players do


def test_a_step_of_d_separates_and_a_step_of_g_catches_up(loss, device):
    for center in (0.0, -8.0, 8.0):
        real = tensor(np.add(REAL, center), device, requires_grad=True)
        fake = tensor(np.add(FAKE, center), device, requires_grad=True)
        real_gradient, fake_gradient = grad(loss.discriminator(real, fake), [real, fake])
        separation = (real - real_gradient).mean() - (fake - fake_gradient).mean()
        assert separation.item() > (real.mean() - fake.mean()).item()
        (g,) = grad(loss.generator(fake, real.detach()), [fake])
        assert (fake - g).mean().item() > fake.mean().item()


def test_the_players_do_so_through_networks(loss, device):
    r = rng(2)
    D = nn.Sequential(nn.Dense(2, 8, rng=r), nn.Tanh(), nn.Dense(8, 1, rng=r)).to(device, np.float64)
    G = nn.Dense(3, 2, rng=r).to(device, np.float64)
    real, z = normal((6, 2), device) + 1.0, normal((4, 3), device, seed=1)
    for _ in range(3):
        before = D(real).mean().item() - D(G(z)).mean().item()
        d_loss = loss.discriminator(D(real), D(G(z).detach()))
        optim.SGD(D.parameters(), 0.01).step(grad(d_loss, D.parameters()))
        assert D(real).mean().item() - D(G(z)).mean().item() > before
        before = D(G(z)).mean().item()
        g_loss = loss.generator(D(G(z)), D(real))
        optim.SGD(G.parameters(), 0.01).step(grad(g_loss, G.parameters()))
        assert D(G(z)).mean().item() > before


@pytest.mark.parametrize("a", [-500.0, -8.0, -1.0, 0.0, 2.0, 8.0, 500.0])
def test_minimax_saturates_where_the_other_does_not(a, device):
    logits = tensor([a, 0.3, -0.2], device, requires_grad=True)
    (minimax,) = grad(losses["minimax"].generator(logits), [logits])
    (heuristic,) = grad(losses["non-saturating"].generator(logits), [logits])
    assert minimax.numpy()[0] == pytest.approx(-math.exp(min(a, 0)) / (1 + math.exp(-abs(a))) / 3, rel=1e-12)
    assert heuristic.numpy()[0] == pytest.approx(-math.exp(min(-a, 0)) / (1 + math.exp(-abs(a))) / 3, rel=1e-12)


# Theory, on distributions over 50 points

POINTS = 50
CLASSICAL = ["minimax", "non-saturating"]


def counts(seed, total):
    """A random distribution as whole numbers, all above zero: a batch holds each point as often as that."""
    r = rng(seed)
    return 1 + r.multinomial(total - POINTS, r.dirichlet(np.ones(POINTS)))


def kl(p, q):
    return np.sum(p * np.log(p / q))


def jsd(p, q):
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def play(loss, real_counts, fake_counts, logits):
    """D's loss on batches in which each point occurs as often as the counts say."""
    points = np.arange(POINTS)
    real, fake = logits[np.repeat(points, real_counts)], logits[np.repeat(points, fake_counts)]
    return loss.discriminator(real, fake)


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_optimal_discriminator_measures_the_jensen_shannon_divergence(name):
    real, fake = counts(0, 700), counts(1, 900)
    p, q = real / 700, fake / 900
    logits = Tensor(np.log(p / q), requires_grad=True)
    y = play(losses[name], real, fake, logits)
    assert y.item() == pytest.approx(math.log(4) - 2 * jsd(p, q), rel=1e-12)
    (g,) = grad(y, [logits])
    np.testing.assert_allclose(g.numpy(), 0, atol=1e-15)
    worse = Tensor(np.log(p / q) + 0.1 * rng(2).standard_normal(POINTS))
    assert play(losses[name], real, fake, worse).item() > y.item()


@pytest.mark.parametrize("name", CLASSICAL)
def test_where_the_generator_is_right_the_losses_are_log_4_and_log_2(name):
    real, zeros = counts(0, 700), Tensor(np.zeros(POINTS), requires_grad=True)
    y = play(losses[name], real, real, zeros)
    assert y.item() == pytest.approx(math.log(4), rel=1e-14)
    (g,) = grad(y, [zeros])
    np.testing.assert_allclose(g.numpy(), 0, atol=1e-16)
    assert losses[name].generator(zeros).item() == pytest.approx(
        {"minimax": -1, "non-saturating": 1}[name] * math.log(2), rel=1e-14
    )


def softmax(theta):
    z = np.exp(theta - theta.max())
    return z / z.sum()


@pytest.mark.parametrize(
    ("name", "divergence"),
    [("minimax", lambda p, q: 2 * jsd(p, q)), ("non-saturating", lambda p, q: kl(q, p) - 2 * jsd(p, q))],
)
def test_what_the_generator_descends_at_the_optimal_discriminator(name, divergence):
    """Arjovsky and Bottou 2017: the gradient, D* held fixed, is that of a divergence between p and q."""
    p, theta = rng(0).dirichlet(np.ones(POINTS)), rng(1).standard_normal(POINTS)
    q = softmax(theta)
    of_point = np.array([losses[name].generator(Tensor(np.array([a]))).item() for a in np.log(p / q)])
    gradient = q * (of_point - q @ of_point)  # of E_q[of_point] with respect to theta
    h = 1e-5
    steps = h * np.eye(POINTS)
    expected = [(divergence(p, softmax(theta + s)) - divergence(p, softmax(theta - s))) / (2 * h) for s in steps]
    np.testing.assert_allclose(gradient, expected, atol=1e-9)


def test_wasserstein_between_two_point_masses(device):
    """D(x) = x is 1-Lipschitz and optimal for point masses at 0.7 and 0: W = 0.7."""
    y = losses["wasserstein"].discriminator(tensor([0.7] * 3, device), tensor([0.0] * 5, device))
    assert -y.item() == pytest.approx(0.7, rel=1e-14)
