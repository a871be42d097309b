"""Gradient penalties: what a slope costs, where it is taken, what the penalty reaches, and closed forms."""

import math

import numpy as np
import pytest
from helpers import assert_same, normal, rng, scatter, snapshot, tensor

from minigan import Tensor, grad, gradcheck, nn, no_grad, ops, optim
from minigan.autograd.gradcheck import numerical_derivative
from minigan.backend import to_host
from minigan.gan import Penalty, gradient_penalty, input_gradient_norm, losses, penalties

IMAGE = (4, 4, 2)
PENALTIES = [name for name in penalties if name != "none"]
PAIRED = ["wgan-gp", "wgan-lp", "r1+r2"]
COSTS = {  # of a slope of length c, before the weight, and the default weight
    "wgan-gp": (lambda c: (c - 1) ** 2, 10),
    "wgan-lp": (lambda c: max(0, c - 1) ** 2, 10),
    "dragan": (lambda c: (c - 1) ** 2, 10),
    "r1": (lambda c: c**2 / 2, 10),
    "r2": (lambda c: c**2 / 2, 10),
    "r1+r2": (lambda c: c**2, 1),
}


def linear_critic(shape, slope, device):
    """D(x) = <w, x> with |w| = slope."""
    w = rng(7).standard_normal(shape)
    w = tensor(slope * w / np.linalg.norm(w), device)
    return lambda x: (x * w).sum(axis=tuple(range(1, x.ndim)))


def quadratic_critic(x):
    """D(x) = |x|^2 / 2, with the slope x."""
    return (x * x).sum(axis=tuple(range(1, x.ndim))) / 2


def critics(activation):
    """A critic of images with each kind of layer, in two depths at least."""
    r = rng(11)
    return {
        "dense": [nn.Flatten(), nn.Dense(32, 6, rng=r), activation(), nn.Dense(6, 5, rng=r), activation()],
        "conv2d": [nn.Conv2d(2, 3, 3, 2, 1, rng=r), activation(), nn.Conv2d(3, 4, 2, rng=r), activation()],
        "conv_transpose2d": [
            nn.ConvTranspose2d(2, 2, 3, 2, 1, 1, rng=r),
            activation(),
            nn.ConvTranspose2d(2, 1, 2, 1, 1, rng=r),
            activation(),
        ],
        "layer norm": [nn.Conv2d(2, 3, 3, 1, 1, rng=r), nn.LayerNorm((4, 4, 3)), activation()],
    }


def critic(case, activation, device):
    layers = [*critics(activation)[case], nn.Flatten()]
    size = nn.Sequential(*layers)(np.zeros((1, *IMAGE), dtype=np.float32)).shape[1]
    D = nn.Sequential(*layers, nn.Dense(size, 1, rng=rng(12)))
    return scatter(D.to(device, np.float64), device)


CASES = list(critics(nn.Tanh))


def batches(device, shape=IMAGE, n=3):
    return normal((n, *shape), device, seed=1), normal((n, *shape), device, seed=2)


def points(name, device, seed=0, shape=IMAGE, n=5):
    """Where a penalty takes the slope, and the two batches, all on the host."""
    seen = []

    def recorder(x):
        seen.append(x.numpy())
        return quadratic_critic(x)

    real, fake = batches(device, shape, n)
    penalties[name](recorder, real, fake, rng=rng(seed))
    (x,) = seen
    return x, real.numpy(), fake.numpy()


# The registry


def test_every_penalty_is_in_the_registry_under_its_name():
    assert [*COSTS] == PENALTIES == [*penalties][1:]
    for name, penalty in penalties.items():
        assert isinstance(penalty, Penalty)
        assert (penalty.name, repr(penalty)) == (name, f"<penalty {name}>")
    for name, (_, weight) in COSTS.items():
        assert penalties[name].weight == weight
        assert "arXiv:" in penalties[name].paper


# The value


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 2)])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_linear_critic_pays_for_its_slope_whatever_the_batch(n, shape, name, device):
    """A norm over the batch, over the channels or for each pixel would give something else."""
    real, fake = batches(device, shape, n)
    cost, weight = COSTS[name]
    for slope in (0.2, 1.0, 3.0):
        D = linear_critic(shape, slope, device)
        penalty = penalties[name](D, real, fake, rng=rng())
        assert penalty.shape == ()
        assert penalty.device == device
        assert penalty.item() == pytest.approx(weight * cost(slope), rel=1e-12, abs=1e-25)
        other = penalties[name](D, real, fake, rng=rng(), weight=0.3)
        assert other.item() == pytest.approx(0.3 * cost(slope), rel=1e-12, abs=1e-25)


def test_the_function_for_wgan_gp_takes_another_target(device):
    real, fake = batches(device)
    D = linear_critic(IMAGE, 3.0, device)
    np.testing.assert_allclose(input_gradient_norm(D, real.data).numpy(), [3.0] * 3, rtol=1e-12)
    assert gradient_penalty(D, real, fake, rng=rng()).item() == pytest.approx(40.0, rel=1e-12)
    other = gradient_penalty(D, real, fake, rng=rng(), weight=0.3, target=2.0)
    assert other.item() == pytest.approx(0.3, rel=1e-12)


def test_norms_are_those_of_each_sample(device):
    x, _ = batches(device)
    expected = np.sqrt((x.numpy() ** 2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(input_gradient_norm(quadratic_critic, x.data).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (2, 1, 3)])
@pytest.mark.parametrize("name", PENALTIES)
def test_the_mean_is_taken_of_what_each_sample_pays(name, shape, device):
    """(mean of norms - 1)^2 is another thing than the mean of (norm - 1)^2. Slopes lie on both sides of 1."""
    x, real, fake = points(name, device, shape=shape)
    lengths = [math.sqrt(sum(v * v for v in sample.reshape(-1))) for sample in x]
    slopes = [length / np.median(lengths) for length in lengths]
    assert min(slopes) < 1 < max(slopes)
    penalty = penalties[name](
        lambda x: quadratic_critic(x) / np.median(lengths),
        tensor(real, device),
        tensor(fake, device),
        rng=rng(),
        weight=0.7,
    )
    expected = 0.7 * sum(COSTS[name][0](c) for c in slopes) / len(slopes)
    assert penalty.item() == pytest.approx(expected, rel=1e-12)


def test_r1_and_r2_add_up(device):
    D = critic("conv2d", nn.Tanh, device)
    real, fake = batches(device)
    r1, r2, both = (penalties[name](D, real, fake, rng=rng(), weight=3.0).item() for name in ("r1", "r2", "r1+r2"))
    assert both == pytest.approx(r1 + r2, rel=1e-12)
    assert abs(r1 - r2) > 0.01 * both


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("case", CASES)
def test_a_critic_of_slope_zero_has_finite_gradients(case, name, device):
    real, fake = batches(device)
    zero, constant = critic(case, nn.LeakyReLU, device), critic(case, nn.LeakyReLU, device)
    for p in [*zero.parameters(), constant.parameters()[-2]]:
        p.data[...] = 0
    for D in (zero, constant):
        penalty = penalties[name](D, real, fake, rng=rng(), weight=3.0)
        assert penalty.item() == 3 * COSTS[name][0](0)
        gradients = grad(penalty + D(real).mean(), D.parameters())
        assert all(np.isfinite(g.numpy()).all() for g in gradients)


# The points


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp"])
def test_each_pair_has_one_interpolation_weight_of_its_own(name, device):
    x, real, fake = points(name, device)
    e = (x - fake) / (real - fake)
    by_sample = e.reshape(5, -1).mean(axis=1)
    np.testing.assert_allclose(e, np.broadcast_to(by_sample[:, None, None, None], e.shape), atol=1e-10)
    assert len(set(by_sample.round(6))) == 5
    np.testing.assert_allclose(by_sample, rng(0).random(5), atol=1e-10)


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp"])
def test_interpolation_weights_are_uniform(name, device):
    x, real, fake = points(name, device, seed=3, shape=(1,), n=4000)
    e = (x - fake) / (real - fake)
    assert e.min() > -1e-9
    assert e.max() < 1 + 1e-9
    assert e.mean() == pytest.approx(0.5, abs=0.02)
    assert e.std() == pytest.approx(math.sqrt(1 / 12), abs=0.01)


def test_the_noise_of_dragan_is_on_one_side_and_as_wide_as_half_the_data(device):
    """The width is one number for all values, though the channels of these images spread differently."""
    n, scales = 400, np.array([0.1, 3.0])
    real = rng(1).standard_normal((n, 2, 1, 2)) * scales + [5.0, -5.0]
    x = penalties["dragan"].points(tensor(real, device).data, None, rng(2))
    mean = real.sum() / real.size
    std = math.sqrt(((real - mean) ** 2).sum() / real.size)
    u = (to_host(x) - real) / (0.5 * std)
    np.testing.assert_allclose(u, rng(2).random(real.shape), atol=1e-12)
    assert -1e-12 < u.min() < 0.01
    assert 0.99 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.02)
    assert len(set(u.reshape(-1).round(9))) == u.size  # each value has noise of its own


def test_zero_centred_penalties_look_at_the_samples_themselves(device):
    for name, expected in {
        "r1": lambda real, fake: real,
        "r2": lambda real, fake: fake,
        "r1+r2": lambda real, fake: np.concatenate([real, fake]),
    }.items():
        x, real, fake = points(name, device)
        np.testing.assert_array_equal(x, expected(real, fake))


@pytest.mark.parametrize("name", PENALTIES)
def test_which_batches_matter(name, device):
    D = critic("dense", nn.Tanh, device)
    real, fake, third = *batches(device), normal((3, *IMAGE), device, seed=3)
    value = penalties[name](D, real, fake, rng=rng()).item()
    assert (penalties[name](D, third, fake, rng=rng()).item() != value) == (name != "r2")
    assert (penalties[name](D, real, third, rng=rng()).item() != value) == (name not in ("r1", "dragan"))


@pytest.mark.parametrize("name", PENALTIES)
def test_the_points_are_drawn_from_the_given_generator_alone(name, device):
    (first, *_), (same, *_), (other, *_) = (points(name, device, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all() == (name in ("wgan-gp", "wgan-lp", "dragan"))
    real, fake = batches(device)
    used, fresh = rng(5), rng(5)
    penalties[name](linear_critic(IMAGE, 1.0, device), real, fake, rng=used)
    fresh.random({"wgan-gp": 3, "wgan-lp": 3, "dragan": 3 * 32}.get(name, 0))
    assert used.bit_generator.state == fresh.bit_generator.state


# What it reaches


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("case", CASES)
def test_every_weight_of_the_critic_is_reached(case, name, device):
    real, fake = batches(device)
    D = critic(case, nn.Tanh, device)
    for p in D.parameters():
        p.data *= 1.5  # so that WGAN-LP has slopes to complain of
    *gradients, last_bias = grad(penalties[name](D, real, fake, rng=rng()), D.parameters())
    assert last_bias is None or not last_bias.numpy().any()  # the slope of D does not depend on it
    assert all(np.abs(g.numpy()).max() > 1e-8 for g in gradients)


@pytest.mark.parametrize("name", PENALTIES)
def test_the_generator_is_not_reached(name, device):
    G = nn.Sequential(nn.Dense(3, 32, rng=rng()), nn.Reshape(*IMAGE)).to(device, np.float64)
    real, _ = batches(device)
    fake = G(normal((3, 3), device))
    D = critic("dense", nn.Tanh, device)
    penalty = penalties[name](D, real, fake, rng=rng())
    assert grad(penalty, G.parameters()) == [None, None]
    assert penalty.item() == penalties[name](D, real.data, fake.data, rng=rng()).item()


@pytest.mark.parametrize("name", PENALTIES)
def test_the_critic_and_the_batches_are_left_as_they_were(name, device):
    D = critic("layer norm", nn.Tanh, device)
    before = snapshot(D)
    real, fake = batches(device)
    grad(penalties[name](D, real, fake, rng=rng()), D.parameters()[:-1])
    assert_same(snapshot(D), before)
    for x, y in zip((real, fake), batches(device), strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("case", CASES)
def test_gradients_of_a_critic_step_agree_with_central_differences(case, name, device):
    turn = CASES.index(case) + PENALTIES.index(name)
    D = critic(case, [nn.Tanh, nn.Softplus, nn.LeakyReLU][turn % 3], device)
    real, fake = batches(device)

    def loss():
        value = losses["wasserstein"].discriminator(D(real), D(fake))
        return value + penalties[name](D, real, fake, rng=rng(4))

    rounding = 1e-10 * abs(loss().item())
    for i, (p, g) in enumerate(zip(D.parameters(), grad(loss(), D.parameters()), strict=True)):
        start, v = p.numpy(), rng(i).standard_normal(p.shape)

        def along(t, p=p, start=start, v=v):
            p.data[...] = tensor(start + t * v, device).data
            return loss().item()

        numeric = numerical_derivative(along, 1e-5)
        along(0)
        scale = np.linalg.norm(g.numpy())
        error = abs(np.sum(g.numpy() * v) - numeric)
        assert error <= 1e-7 * max(scale, 1e-2) + rounding, D.parameters()[i]


@pytest.mark.parametrize("name", PENALTIES)
def test_derivatives_agree_with_central_differences(name, device):
    w = normal((3, 4), device, seed=3)
    v = normal((4,), device, seed=4)
    real, fake = batches(device, (3,))

    def penalty(w, v):
        return penalties[name](lambda x: (ops.softplus(x @ w) * v).sum(axis=1), real, fake, rng=rng())

    gradcheck(penalty, [w, v], order=2)


# Closed forms


@pytest.mark.parametrize("case", ["dense", "conv2d", "conv_transpose2d"])
def test_euler_identity_of_a_piecewise_linear_critic(case, device):
    """The slope J of D is proportional to each weight: <W, dP/dW> = 2 weight E (|J| - 1) |J|, for every layer."""
    D = critic(case, nn.LeakyReLU, device)
    real, _ = batches(device)
    norms = input_gradient_norm(D, real.data).numpy()
    weights = [p for p in D.parameters() if p.ndim > 1]
    penalty = gradient_penalty(D, real, real, rng=rng(), weight=3.0)
    for p, g in zip(weights, grad(penalty, weights), strict=True):
        assert np.sum(p.numpy() * g.numpy()) == pytest.approx(6 * np.mean((norms - 1) * norms), rel=1e-10)


def best_linear_critic(penalty, theta, weight, curvature, device):
    """D(x) = psi x trained between data at theta and fakes at 0: its slope and its value.

    What the critic descends is a quadratic of its slope: steps of 1 / curvature are Newton's.
    """
    D = nn.Dense(1, 1, rng=rng(), bias=False).to(device, np.float64)
    D.weight.data[...] = 1.5
    optimizer = optim.SGD(D.parameters(), 1 / curvature)
    real, fake = tensor([[theta]] * 2, device), tensor([[0.0]] * 2, device)
    for _ in range(3):
        loss = losses["wasserstein"].discriminator(D(real), D(fake))
        loss = loss + penalty(D, real, fake, rng=rng(), weight=weight)
        optimizer.step(grad(loss, D.parameters()))
    return D.weight.item(), -loss.item()


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp", "dragan"])
def test_a_penalty_at_slope_one_overestimates_the_distance(name, device):
    """Slope 1 + theta / (2 weight), value theta + theta^2 / (4 weight), where the distance is theta."""
    for theta, weight in [(0.7, 10.0), (0.7, 0.1), (2.0, 1.0)]:
        slope, value = best_linear_critic(penalties[name], theta, weight, 2 * weight, device)
        assert slope == pytest.approx(1 + theta / (2 * weight), rel=1e-12)
        assert value == pytest.approx(theta + theta**2 / (4 * weight), rel=1e-12)


def test_a_zero_centred_penalty_makes_the_critic_flat(device):
    """Slope theta / weight, value theta^2 / (2 weight); half of both under R1 and R2 together."""
    for theta, weight in [(0.7, 10.0), (0.7, 0.1), (2.0, 1.0)]:
        for name, sides in {"r1": 1, "r2": 1, "r1+r2": 2}.items():
            slope, value = best_linear_critic(penalties[name], theta, weight, sides * weight, device)
            assert slope == pytest.approx(theta / (sides * weight), rel=1e-12)
            assert value == pytest.approx(theta**2 / (2 * sides * weight), rel=1e-12)


class Stratified:
    """A stand-in for a generator: interpolation weights in the middle of equal parts of [0, 1], for each pair."""

    def __init__(self, pairs, parts):
        self.e = np.tile((np.arange(parts) + 0.5) / parts, pairs)

    def random(self, shape):
        return self.e.reshape(shape)


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp"])
def test_independent_pairs_ask_for_slope_where_the_distance_asks_for_none(name, device):
    """Data at 0 and 10, fakes at 1 and 11: the distance is 1, moved on [0, 1] and [10, 11].

    The penalty also looks between the pairs (0, 11) and (10, 1). The best slopes are -(1 + 44 / (48 weight)) on the
    two intervals, an estimate of 1.0917 for weight 10; on [1, 10], where the distance needs nothing, WGAN-GP
    demands slope 1, WGAN-LP any slope up to that.
    """
    parts, weight = 44, 10.0
    real = np.repeat([0.0, 0.0, 10.0, 10.0], parts)[:, None]
    fake = np.repeat([1.0, 11.0, 1.0, 11.0], parts)[:, None]
    real, fake = tensor(real, device), tensor(fake, device)
    slope = -(1 + 44 / (48 * weight))
    corners = tensor([[1.0], [10.0], [11.0]], device)
    left = [0.0, 1.0, 10.0]

    def gradient(middle):
        slopes = tensor([slope, middle, slope], device, requires_grad=True)

        def critic(x):
            """The function with these slopes on [0, 1], [1, 10] and [10, 11]."""
            pieces = [ops.maximum(ops.minimum(x, corners.data[i]) - left[i], 0.0) * slopes[i] for i in range(3)]
            return pieces[0] + pieces[1] + pieces[2]

        value = losses["wasserstein"].discriminator(critic(real), critic(fake))
        assert -value.item() == pytest.approx(-slope, rel=1e-12)
        total = value + penalties[name](critic, real, fake, rng=Stratified(4, parts), weight=weight)
        return grad(total, [slopes])[0].numpy()

    np.testing.assert_allclose(gradient(1.0), 0, atol=1e-12)
    np.testing.assert_allclose(gradient(-1.0), 0, atol=1e-12)
    at_rest = gradient(0.5)
    np.testing.assert_allclose(at_rest[[0, 2]], 0, atol=1e-12)
    expected = weight * 2 * (0.5 - 1) * (1 + 9 / 11) / 4 if name == "wgan-gp" else 0
    assert at_rest[1] == pytest.approx(expected, rel=1e-12, abs=1e-12)


# What is refused


@pytest.mark.parametrize("name", PENALTIES)
def test_batch_norm_is_refused_while_it_mixes_samples(name, device):
    r = rng()
    inner = nn.Sequential(nn.Dense(3, 4, rng=r), nn.BatchNorm(4))
    D = nn.Sequential(inner, nn.LeakyReLU(), nn.Dense(4, 1, rng=r)).to(device, np.float64)
    real, fake = batches(device, (3,))
    for function in (penalties[name], penalties[name].gradients):
        with pytest.raises(ValueError, match=rf"^{name.replace('+', '.')}: the critic has batch norm.*nn\.LayerNorm"):
            function(D, real, fake, rng=rng())
        with nn.freezing(D), pytest.raises(ValueError, match="has batch norm"):
            function(D, real, fake, rng=rng())
    before = snapshot(D)
    with nn.evaluating(D):
        penalty = penalties[name](D, real, fake, rng=rng())
        assert all(g is not None for g in grad(penalty, D.parameters()[:-1]))
    assert_same(snapshot(D), before)


@pytest.mark.parametrize("name", PAIRED)
def test_batches_of_two_shapes_are_refused(name, device):
    D = linear_critic((3,), 1.0, device)
    for shape in [(4, 3), (3, 1), (1, 3)]:  # the last two would broadcast
        with pytest.raises(ValueError, match=r"real has shape \(3, 3\), fake \(\d, \d\); they must be equal"):
            penalties[name](D, normal((3, 3), device), normal(shape, device), rng=rng())


@pytest.mark.parametrize("name", [name for name in PENALTIES if name not in PAIRED])
def test_batches_of_two_sizes_are_welcome_where_there_are_no_pairs(name, device):
    cost, weight = COSTS[name]
    penalty = penalties[name](
        linear_critic((3,), 3.0, device), normal((3, 3), device), normal((2, 3), device), rng=rng()
    )
    assert penalty.item() == pytest.approx(weight * cost(3.0), rel=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_that_hides_its_input_is_refused(name, device):
    real, fake = batches(device, (3,))
    D = linear_critic((3,), 1.0, device)
    with pytest.raises(ValueError, match="not computed from its input"):
        penalties[name](lambda x: D(x.detach()), real, fake, rng=rng())
    with no_grad(), pytest.raises(ValueError, match="not computed from its input"):
        penalties[name](D, real, fake, rng=rng())


# Types


@pytest.mark.parametrize("name", penalties)
def test_float32_stays_float32_on_its_device(name, device):
    r = rng()
    D = nn.Sequential(nn.Dense(3, 4, rng=r), nn.LayerNorm(4), nn.LeakyReLU(), nn.Dense(4, 1, rng=r)).to(device)
    real, fake = (Tensor(x.data.astype(np.float32)) for x in batches(device, (3,)))
    assert penalties[name].weight == float(penalties[name].weight)
    for weight in (None, 0.3, np.float64(0.3)):
        penalty = penalties[name](D, real, fake, rng=rng(), weight=weight)
        assert penalty.dtype == np.float32
        assert penalty.device == device
        total = losses["wasserstein"].discriminator(D(real), D(fake)) + penalty
        assert {g.dtype for g in grad(total, D.parameters())} == {np.dtype(np.float32)}


# None


def test_no_penalty_adds_nothing(device):
    real, fake = batches(device)
    D = critic("dense", nn.Tanh, device)
    d_loss = losses["minimax"].discriminator(D(real), D(fake))
    total = d_loss + penalties["none"](D, real, fake, rng=rng())
    assert total.item() == d_loss.item()
    assert penalties["none"].weight == 0
    assert total.dtype == np.float64
    for g, h in zip(grad(total, D.parameters()), grad(d_loss, D.parameters()), strict=True):
        np.testing.assert_array_equal(g.numpy(), h.numpy())


def test_no_penalty_looks_at_nothing(device):
    """It accepts every critic, batch norm included, and calls none."""
    D = nn.Sequential(nn.Dense(3, 2, rng=rng()), nn.BatchNorm(2)).to(device)
    before, used = snapshot(D), rng(5)
    value, gradients = penalties["none"].gradients(D, *batches(device, (3,)), rng=used)
    assert value.item() == penalties["none"](D, *batches(device, (3,)), rng=used).item() == 0
    assert value.device == device
    assert used.bit_generator.state == rng(5).bit_generator.state
    for p, g in zip(D.parameters(), gradients, strict=True):
        assert (g.shape, g.dtype, g.device) == (p.shape, p.dtype, p.device)
        assert not g.numpy().any()
    assert_same(snapshot(D), before)


def test_what_a_penalty_does_not_define_it_does_not_have():
    x = normal((3, 2), "cpu")
    for left_out in (lambda: Penalty().points(x, x, rng()), lambda: Penalty().cost(x)):
        with pytest.raises(NotImplementedError):
            left_out()
