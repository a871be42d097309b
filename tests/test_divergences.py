"""What the losses measure: optimal discriminators and divergences in closed form, on distributions over few points."""

import math

import numpy as np
import pytest
from helpers import normal, rng, tensor

from minigan import Tensor, grad, gradcheck, nn
from minigan.gan import BoundaryEquilibrium, EnergyBased, LabelSmoothing, LeastSquares, Loss, losses, pulling_away_term
from minigan.gan.fgan import FGAN
from minigan.gan.kernels import KernelLoss

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


# Least squares, hinge, label smoothing


@pytest.fixture
def batches():
    """Two batches over 50 points, and the distributions they are."""
    real, fake = counts(0, 700), counts(1, 900)
    return real, fake, real / 700, fake / 900


def assert_is_optimal(loss, real, fake, logits, value, moved=0.1):
    """D's loss at these logits has the value and no slope, and is larger beside them."""
    logits = Tensor(logits, requires_grad=True)
    y = play(loss, real, fake, logits)
    assert y.item() == pytest.approx(value, rel=1e-12)
    (g,) = grad(y, [logits])
    np.testing.assert_allclose(g.numpy(), 0, atol=1e-15)
    for seed in range(3):
        worse = Tensor(logits.numpy() + moved * rng(seed).standard_normal(POINTS))
        assert play(loss, real, fake, worse).item() > y.item()


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-1.0, 1.0), (0.3, -2.0)])
def test_least_squares_regresses_the_label(a, b, batches):
    real, fake, p, q = batches
    best = (b * p + a * q) / (p + q)
    value = np.sum(p * (best - b) ** 2 + q * (best - a) ** 2) / 2
    assert_is_optimal(LeastSquares(a, b, 0.0), real, fake, best, value)


def test_least_squares_measures_pearson_between_the_sum_and_twice_the_fakes(batches):
    """And not chi-squared of p and q, as is often said: with disjoint supports it stays at 2."""
    real, fake, p, q = batches
    loss = LeastSquares(a=-1.0, b=1.0, c=0.0)
    best = Tensor((p - q) / (p + q))
    points = np.arange(POINTS)
    both = [loss.generator(best[np.repeat(points, n)]).item() for n in (real, fake)]
    assert 2 * sum(both) == pytest.approx(np.sum((p - q) ** 2 / (p + q)), rel=1e-12)
    assert 2 * sum(both) != pytest.approx(np.sum((p - q) ** 2 / q), rel=0.1)
    coded = losses["least-squares"]  # labels 0, 1, 1: the same up to an affine map
    best = Tensor(p / (p + q))
    both = [2 * coded.generator(best[np.repeat(points, n)]).item() for n in (real, fake)]
    assert sum(both) == pytest.approx(0.5 + np.sum((p - q) ** 2 / (p + q)) / 4, rel=1e-12)


def test_hinge_measures_total_variation(batches):
    real, fake, p, q = batches
    best = np.sign(p - q)
    y = play(losses["hinge"], real, fake, Tensor(best)).item()
    assert y == pytest.approx(2 - np.sum(abs(p - q)), rel=1e-12)  # 2 - 2 TV
    assert y == pytest.approx(2 * np.sum(np.minimum(p, q)), rel=1e-12)
    for seed in range(5):
        assert play(losses["hinge"], real, fake, Tensor(best + 0.3 * rng(seed).standard_normal(POINTS))).item() > y
    assert play(losses["hinge"], real, real, Tensor(np.zeros(POINTS))).item() == pytest.approx(2, rel=1e-14)


@pytest.mark.parametrize("label", [0.9, 0.6])
def test_label_smoothing_keeps_the_discriminator_below_its_label(label, batches):
    real, fake, p, q = batches
    probability = label * p / (p + q)
    best = np.log(probability / (1 - probability))
    value = -np.sum(p * (label * np.log(probability) + (1 - label) * np.log(1 - probability)))
    value -= np.sum(q * np.log(1 - probability))
    assert_is_optimal(LabelSmoothing(label), real, fake, best, value)
    assert best.max() < math.log(label / (1 - label))


def test_label_smoothing_with_the_label_1_is_none():
    a, b = tensor([0.3, -2.0], "cpu"), tensor([0.1, 1.0, 2.0], "cpu")
    plain = losses["non-saturating"].discriminator(a, b).item()
    assert LabelSmoothing(1.0).discriminator(a, b).item() == plain
    for label in (0.0, 1.1, -0.2):
        with pytest.raises(ValueError, match="label"):
            LabelSmoothing(label)


# f-GAN

F = {
    "f-kl": (lambda u: u * np.log(u), lambda u: 1 + np.log(u)),
    "f-reverse-kl": (lambda u: -np.log(u), lambda u: np.log(u)),
    "f-pearson": (lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1)),
    "f-neyman": (lambda u: (1 - u) ** 2 / u, lambda u: 2 * np.log(u)),
    "f-squared-hellinger": (lambda u: (np.sqrt(u) - 1) ** 2, lambda u: np.log(u) / 2),
    "f-jensen-shannon": (lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2), lambda u: np.log(u)),
    "f-gan": (lambda u: u * np.log(u) - (u + 1) * np.log(u + 1), lambda u: np.log(u)),
}
"""The convex function, and the logit at which T = f'(u)."""


def test_every_divergence_is_here():
    assert {name for name in losses if name.startswith("f-")} == {*F, "f-total-variation"}


@pytest.mark.parametrize("name", F)
def test_the_value_of_an_f_gan_is_its_divergence(name, batches):
    real, fake, p, q = batches
    f, best = F[name]
    assert_is_optimal(losses[name], real, fake, best(p / q), -np.sum(q * f(p / q)))


@pytest.mark.parametrize("name", F)
def test_output_activation_and_conjugate_are_a_fenchel_pair(name):
    """f*(f'(u)) = u f'(u) - f(u)."""
    f, best = F[name]
    u = np.array([0.03, 0.4, 1.0, 2.7, 40.0])
    v = Tensor(best(u))
    T, conjugate = (h(v).numpy() for h in (losses[name].activation, losses[name].conjugate))
    h = 1e-5 * u
    np.testing.assert_allclose(T, (f(u + h) - f(u - h)) / (2 * h), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(conjugate, u * T - f(u), rtol=1e-12, atol=1e-13)


def test_the_divergences_are_the_known_ones(batches):
    real, fake, p, q = batches
    value = {name: -play(losses[name], real, fake, Tensor(best(p / q))).item() for name, (_, best) in F.items()}
    known = {
        "f-kl": kl(p, q),
        "f-reverse-kl": kl(q, p),
        "f-pearson": np.sum((p - q) ** 2 / q),
        "f-neyman": np.sum((p - q) ** 2 / p),
        "f-squared-hellinger": np.sum((np.sqrt(p) - np.sqrt(q)) ** 2),
        "f-jensen-shannon": 2 * jsd(p, q),
        "f-gan": 2 * jsd(p, q) - math.log(4),
    }
    assert value == pytest.approx(known, rel=1e-12)


def test_total_variation_is_approached(batches):
    real, fake, p, q = batches
    loss, tv = losses["f-total-variation"], np.sum(abs(p - q)) / 2
    values = [-play(loss, real, fake, Tensor(t * np.sign(p - q))).item() for t in (0.5, 1.0, 3.0, 30.0)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(tv, rel=1e-12)
    for seed in range(5):
        assert -play(loss, real, fake, normal((POINTS,), "cpu", seed=seed)).item() < tv


# Losses that compare


def test_relativistic_pairing_measures_the_order_of_a_pair():
    """sup_D E log sigmoid(D(x) - D(y)) + log 2 = JSD(p x q, q x p), at D* = log p/q + any constant."""
    r = rng(3)
    n, m = 1 + r.integers(9, size=6), 1 + r.integers(9, size=6)
    p, q = n / n.sum(), m / m.sum()
    pairs = np.repeat(np.arange(36), np.outer(n, m).ravel())  # every pair as often as it is drawn
    logits = Tensor(np.log(p / q) + 5.0, requires_grad=True)

    def play_pairs(logits):
        return losses["relativistic"].discriminator(logits[pairs // 6], logits[pairs % 6])

    y = play_pairs(logits)
    expected = jsd(np.outer(p, q).ravel(), np.outer(q, p).ravel())
    assert math.log(2) - y.item() == pytest.approx(expected, rel=1e-12)
    (g,) = grad(y, [logits])
    np.testing.assert_allclose(g.numpy(), 0, atol=1e-15)
    assert play_pairs(Tensor(logits.numpy() + 0.1 * r.standard_normal(6))).item() > y.item()


def test_relativistic_pairing_needs_pairs():
    for n, m in ((3, 2), (2, 3)):
        with pytest.raises(ValueError, match=rf"as many real as generated.*\({n},\).*\({m},\)"):
            losses["relativistic"].discriminator(normal((n,), "cpu"), normal((m,), "cpu"))


def test_the_players_of_a_relativistic_loss_have_swapped_roles():
    real, fake = normal((4, 1), "cpu", seed=1), normal((4, 1), "cpu", seed=2)
    for name in ("relativistic", "relativistic-average", "relativistic-average-ls"):
        d = losses[name].discriminator(fake, real).item()
        assert losses[name].generator(fake, real).item() == pytest.approx(d, rel=1e-14)


def test_softmax_measures_kl_to_the_mixture():
    real, fake = counts(0, 900), counts(1, 900)
    p, q = real / 900, fake / 900
    value = math.log(1800) - kl(p, (p + q) / 2)
    assert_is_optimal(losses["softmax"], real, fake, np.log(p / (p + q)), value, moved=1.0)
    even = Tensor(np.zeros(7))
    assert losses["softmax"].generator(even[:3], even[3:]).item() == pytest.approx(math.log(7), rel=1e-14)


# Wasserstein, in one dimension


def test_the_best_critic_of_slope_1_gives_the_distance_by_sorting(device):
    """Where more of p than of q lies to the right, the critic climbs."""
    x, y = rng(1).standard_normal(40), 0.5 + 2 * rng(2).standard_normal(40)
    ends = np.sort(np.concatenate([x, y]))
    share = np.searchsorted(np.sort(y), ends[:-1], side="right") - np.searchsorted(np.sort(x), ends[:-1], side="right")
    climb = np.concatenate([[0.0], np.cumsum(np.sign(share) * np.diff(ends))])
    critic = lambda t: tensor(np.interp(t, ends, climb), device)
    value = -losses["wasserstein"].discriminator(critic(x), critic(y)).item()
    assert value == pytest.approx(np.mean(abs(np.sort(x) - np.sort(y))), rel=1e-12)
    for seed in range(5):
        other = np.cumsum(rng(seed).uniform(-1, 1, len(ends)) * np.diff(ends, prepend=ends[0]))
        D = lambda t, other=other: tensor(np.interp(t, ends, other), device)
        assert -losses["wasserstein"].discriminator(D(x), D(y)).item() < value


# Energies


def test_ebgan_at_its_best_discriminator(batches):
    """The energy is 0 where the data are more likely, and the margin elsewhere: the loss is m (1 - TV)."""
    real, fake, p, q = batches
    for margin in (1.0, 0.3):
        loss = EnergyBased(margin)
        logits = Tensor(np.where(p > q, 0.0, -margin))
        y = play(loss, real, fake, logits).item()
        assert y == pytest.approx(margin * (1 - np.sum(abs(p - q)) / 2), rel=1e-12)
        for seed in range(5):
            energies = margin * rng(seed).random(POINTS)
            assert play(loss, real, fake, Tensor(-energies)).item() > y
        assert play(loss, real, real, Tensor(-margin * rng(0).random(POINTS))).item() == pytest.approx(margin)
    for margin in (0.0, -1.0):
        with pytest.raises(ValueError, match="margin"):
            EnergyBased(margin)


def test_pulling_away_is_the_mean_squared_cosine(device):
    codes = normal((5, 3), device, seed=4)
    s = codes.numpy()
    cosines = [
        s[i] @ s[j] / (np.linalg.norm(s[i]) * np.linalg.norm(s[j])) for i in range(5) for j in range(5) if i != j
    ]
    assert pulling_away_term(codes).item() == pytest.approx(np.mean(np.square(cosines)), rel=1e-12)
    assert pulling_away_term(3.0 * codes).item() == pytest.approx(np.mean(np.square(cosines)), rel=1e-12)
    gradcheck(pulling_away_term, [codes], order=3)


def test_pulling_away_at_its_ends(device):
    v = np.array([1.0, 2.0, -2.0])
    for codes, value in [
        (np.tile(v, (4, 1)), 1.0),  # collapsed
        (np.outer([1, -1, 1, -3], v), 1.0),  # opposite directions are parallel too
        (np.diag([1.0, 2.0, 3.0]), 0.0),
    ]:
        assert pulling_away_term(tensor(codes, device)).item() == pytest.approx(value, abs=1e-15)
    codes = tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]], device, requires_grad=True)
    y = pulling_away_term(codes)
    assert y.item() == pytest.approx(0.5 * 2 / 6)
    assert np.isfinite(grad(y, [codes])[0].numpy()).all()
    assert pulling_away_term(tensor([[3.0, 4.0], [1.0, 0.0]], device)).item() == pytest.approx(0.6**2)
    with pytest.raises(ValueError, match="at least 2"):
        pulling_away_term(codes[:1])


def test_ebgan_pulls_the_codes_of_its_fakes_apart():
    class Coder:
        def code(self, x):
            return 2 * x

    fake = normal((4, 3), "cpu")
    term = pulling_away_term(fake).item()
    assert losses["ebgan"].generator_penalty(Coder(), fake).item() == pytest.approx(0.1 * term, rel=1e-14)
    assert EnergyBased(pulling_away=0.7).generator_penalty(Coder(), fake).item() == pytest.approx(0.7 * term, rel=1e-14)
    assert losses["began"].generator_penalty(Coder(), fake) == 0.0


def test_began_weighs_the_fakes_by_its_controller(device):
    loss = BoundaryEquilibrium(gamma=0.7, rate=0.1).start()
    real, fake = tensor([-2.0, -1.0], device), tensor([-0.2, -0.5, -0.2], device)
    k = 0.0
    for _ in range(4):
        assert loss.discriminator(real, fake).item() == pytest.approx(1.5 - k * 0.3, rel=1e-14)
        loss.after_step(real, fake)
        k = min(1.0, k + 0.1 * (0.7 * 1.5 - 0.3))
        assert loss.k.item() == pytest.approx(k, rel=1e-14)
    assert loss.generator(fake).item() == pytest.approx(0.3, rel=1e-14)
    assert loss.convergence(real, fake).item() == pytest.approx(1.5 + abs(0.7 * 1.5 - 0.3), rel=1e-14)
    assert loss.convergence(fake, real).item() == pytest.approx(0.3 + abs(0.7 * 0.3 - 1.5), rel=1e-14)


def test_the_controller_of_began_stays_between_0_and_1(device):
    low, high = tensor([-100.0], device), tensor([-0.1], device)
    loss = BoundaryEquilibrium(rate=1.0).start()
    loss.after_step(low, high)
    assert loss.k.item() == 1.0
    loss.after_step(high, low)
    assert loss.k.item() == 0.0


def test_the_controller_of_began_is_its_own_saved_and_restored(device):
    kept = losses["began"]
    loss, other = kept.start(), kept.start()
    real, fake = tensor([-2.0], device, np.float32), tensor([-0.2], device, np.float32)
    for _ in range(3):
        loss.after_step(real, fake)
    assert kept.k == other.k == 0.0
    state = loss.state_dict()
    other.load_state_dict(state)
    for controller in (loss, other):
        controller.after_step(real, fake)
    assert other.state_dict()["k"].tobytes() == loss.state_dict()["k"].tobytes()
    assert loss.discriminator(real, fake).dtype == np.float32
    with pytest.raises(ValueError, match="expected a state of"):
        other.load_state_dict({})
    with pytest.raises(ValueError, match="expected a state of"):
        losses["hinge"].load_state_dict(state)


def test_the_settings_of_began():
    assert (losses["began"].gamma, losses["began"].rate, losses["began"].k) == (0.5, 1e-3, 0.0)
    assert BoundaryEquilibrium(gamma=1.0).gamma == 1.0
    for gamma in (0.0, -0.5, 1.01, 2.0, np.nan):
        with pytest.raises(ValueError, match="gamma: expected a ratio"):
            BoundaryEquilibrium(gamma=gamma)


# Kernels

KERNELS = {
    "mmd": lambda d: sum(np.exp(-(d @ d) / (2 * s**2)) for s in (1, 2, 4, 8, 16)),
    "cramer": lambda d: -np.sqrt(d @ d),
}


def loops(kernel, a, b, skip=False):
    return np.mean([kernel(x - y) for i, x in enumerate(a) for j, y in enumerate(b) if not (skip and i == j)])


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_losses_compare_vectors(name, device):
    loss, kernel = losses[name], KERNELS[name]
    real, fake = normal((4, 3), device, seed=1), 0.5 + 2 * normal((5, 3), device, seed=2)
    r, f = real.numpy(), fake.numpy()
    expected = loops(kernel, r, r, skip=True) + loops(kernel, f, f, skip=True) - 2 * loops(kernel, r, f)
    assert loss.generator(fake, real).item() == pytest.approx(expected, rel=1e-12)
    assert loss.discriminator(real, fake).item() == pytest.approx(-expected, rel=1e-12)
    maps = real.reshape(4, 1, 3, 1), fake.reshape(5, 1, 3, 1)
    assert loss.discriminator(*maps).item() == pytest.approx(-expected, rel=1e-12)
    gradcheck(loss.discriminator, [real, fake], order=2)
    pair = kernel(r[0] - r[1]) + kernel(f[0] - f[1]) - 2 * loops(kernel, r[:2], f[:2])
    assert loss.generator(fake[:2], real[:2]).item() == pytest.approx(pair, rel=1e-12)
    with pytest.raises(ValueError, match=r"at least 2 samples of each kind to compare, got 1$"):
        loss.discriminator(real, fake[:1])


def test_the_energy_distance_of_numbers_is_twice_the_squared_cramer_distance():
    """2 E|r - f| - E|r - r'| - E|f - f'| over all pairs is 2 times the integral of (F - G)^2."""
    x, y = rng(1).standard_normal(6), 0.5 + rng(2).standard_normal(9)
    ends = np.sort(np.concatenate([x, y]))
    share = [np.searchsorted(np.sort(a), ends[:-1], side="right") / len(a) for a in (x, y)]
    integral = 2 * np.sum((share[0] - share[1]) ** 2 * np.diff(ends))
    # The mean distance of two different samples, from their order; of any two it is (n - 1) / n of that.
    apart = [2 * np.sum((2 * np.arange(len(a)) + 1 - len(a)) * np.sort(a)) / (len(a) * (len(a) - 1)) for a in (x, y)]
    unbiased = integral - apart[0] / len(x) - apart[1] / len(y)
    y = losses["cramer"].generator(tensor(y, "cpu"), tensor(x, "cpu")).item()
    assert y == pytest.approx(unbiased, rel=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_the_witness_tells_real_from_fake(name, device):
    loss, kernel = losses[name], KERNELS[name]
    real, fake = normal((4, 2), device, seed=1), 1.5 + normal((5, 2), device, seed=2)
    critic = lambda x: 3 * x
    witness = loss.witness(critic, real, fake)
    h, r, f = 3 * real.numpy(), 3 * real.numpy(), 3 * fake.numpy()
    expected = [np.mean([kernel(x - y) for y in r]) - np.mean([kernel(x - y) for y in f]) for x in h]
    np.testing.assert_allclose(witness(real).numpy(), expected, rtol=1e-12)
    assert witness(real).mean().item() > witness(fake).mean().item()
    gradcheck(lambda x: loss.witness(critic, real, fake)(x).sum(), [normal((3, 2), device, seed=5)], order=2)
    D = nn.Sequential(nn.Dense(2, 3, rng=rng()), nn.BatchNorm(3)).to(device)
    with pytest.raises(ValueError, match="batch norm"):
        loss.witness(D, real, fake)


def test_other_losses_have_the_critic_itself_for_witness():
    critic = lambda x: x
    for name in losses:
        if name not in KERNELS:
            assert losses[name].witness(critic, None, None) is critic


@pytest.mark.parametrize(
    "left_out",
    [
        lambda x: Loss().discriminator(x, x),
        lambda x: Loss().generator(x),
        lambda x: FGAN().discriminator(x, x),
        lambda x: FGAN().conjugate(x),
        lambda x: KernelLoss().discriminator(x, x),
    ],
)
def test_what_a_loss_does_not_define_it_does_not_have(left_out):
    with pytest.raises(NotImplementedError):
        left_out(normal((3, 2), "cpu"))
