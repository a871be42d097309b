"""Gradient penalties: per-sample norms, where they are taken, what they reach, and closed forms."""

import math

import numpy as np
import pytest
from helpers import assert_same, normal, rng, scatter, snapshot, tensor

from minigan import Tensor, grad, gradcheck, nn, no_grad, ops, optim
from minigan.autograd.gradcheck import numerical_derivative
from minigan.gan import gradient_penalty, input_gradient_norm, losses, penalties

IMAGE = (4, 4, 2)


def linear_critic(shape, slope, device):
    """D(x) = <w, x> with |w| = slope."""
    w = rng(7).standard_normal(shape)
    w = tensor(slope * w / np.linalg.norm(w), device)
    return lambda x: (x * w).sum(axis=tuple(range(1, x.ndim)))


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


# The value


@pytest.mark.parametrize("shape", [(3,), (2, 3, 2)])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_linear_critic_pays_for_its_slope_whatever_the_batch(n, shape, device):
    """A norm over the batch, over the channels or for each pixel would give something else."""
    real, fake = batches(device, shape, n)
    for slope in (0.2, 1.0, 3.0):
        D = linear_critic(shape, slope, device)
        np.testing.assert_allclose(input_gradient_norm(D, real.data).numpy(), [slope] * n, rtol=1e-12)
        penalty = gradient_penalty(D, real, fake, rng=rng())
        assert penalty.shape == ()
        assert penalty.device == device
        assert penalty.item() == pytest.approx(10 * (slope - 1) ** 2, rel=1e-12, abs=1e-25)
        other = gradient_penalty(D, real, fake, rng=rng(), weight=0.3, target=2.0)
        assert other.item() == pytest.approx(0.3 * (slope - 2) ** 2, rel=1e-12)


def test_norms_are_those_of_each_sample(device):
    """D(x) = |x|^2 / 2 has the gradient x."""
    x, _ = batches(device)
    expected = np.sqrt((x.numpy() ** 2).sum(axis=(1, 2, 3)))
    norms = input_gradient_norm(lambda x: (x * x).sum(axis=(1, 2, 3)) / 2, x.data)
    np.testing.assert_allclose(norms.numpy(), expected, rtol=1e-12)


def test_the_mean_is_taken_of_squares(device):
    """(mean of norms - 1)^2 is another thing than the mean of (norm - 1)^2."""
    x, _ = batches(device)
    lengths = np.sqrt((x.numpy() ** 2).sum(axis=(1, 2, 3)))
    penalty = gradient_penalty(lambda x: (x * x).sum(axis=(1, 2, 3)) / 2, x, x, rng=rng(), weight=1.0)
    assert penalty.item() == pytest.approx(np.mean((lengths - 1) ** 2), rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_critic_of_slope_zero_pays_in_full_and_has_finite_gradients(case, device):
    real, fake = batches(device)
    zero, constant = critic(case, nn.LeakyReLU, device), critic(case, nn.LeakyReLU, device)
    for p in [*zero.parameters(), constant.parameters()[-2]]:
        p.data[...] = 0
    for D in (zero, constant):
        penalty = gradient_penalty(D, real, fake, rng=rng(), weight=3.0, target=2.0)
        assert penalty.item() == 12.0
        gradients = grad(penalty + D(real).mean(), D.parameters())
        assert all(np.isfinite(g.numpy()).all() for g in gradients)


# The points


def interpolation_weights(n, seed, device, shape=IMAGE):
    """e of x_hat = e real + (1 - e) fake, for each value of each sample."""
    seen = []

    def recorder(x):
        seen.append(x.numpy())
        return (x * x).sum(axis=tuple(range(1, x.ndim)))

    real, fake = batches(device, shape, n)
    gradient_penalty(recorder, real, fake, rng=rng(seed))
    (x,) = seen
    return (x - fake.numpy()) / (real.numpy() - fake.numpy())


def test_each_pair_has_one_interpolation_weight_of_its_own(device):
    e = interpolation_weights(5, 0, device)
    by_sample = e.reshape(5, -1).mean(axis=1)
    np.testing.assert_allclose(e, np.broadcast_to(by_sample[:, None, None, None], e.shape), atol=1e-10)
    assert len(set(by_sample.round(6))) == 5
    np.testing.assert_allclose(by_sample, rng(0).random(5), atol=1e-10)


def test_interpolation_weights_are_uniform(device):
    e = interpolation_weights(4000, 3, device, (1,))
    assert e.min() > -1e-9
    assert e.max() < 1 + 1e-9
    assert e.mean() == pytest.approx(0.5, abs=0.02)
    assert e.std() == pytest.approx(math.sqrt(1 / 12), abs=0.01)


def test_the_points_are_drawn_from_the_given_generator_alone(device):
    first, same, other = (interpolation_weights(4, seed, device) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()
    real, fake = batches(device)
    r = rng(5)
    D = linear_critic(IMAGE, 1.0, device)
    gradient_penalty(D, real, fake, rng=r)
    fresh = rng(5)
    fresh.random(3)
    assert r.bit_generator.state == fresh.bit_generator.state


# What it reaches


@pytest.mark.parametrize("case", CASES)
def test_every_weight_of_the_critic_is_reached(case, device):
    real, fake = batches(device)
    D = critic(case, nn.Tanh, device)
    *gradients, last_bias = grad(gradient_penalty(D, real, fake, rng=rng()), D.parameters())
    assert last_bias is None or not last_bias.numpy().any()  # the slope of D does not depend on it
    assert all(np.abs(g.numpy()).max() > 1e-8 for g in gradients)


def test_the_generator_is_not_reached(device):
    G = nn.Sequential(nn.Dense(3, 32, rng=rng()), nn.Reshape(*IMAGE)).to(device, np.float64)
    real, _ = batches(device)
    fake = G(normal((3, 3), device))
    D = critic("dense", nn.Tanh, device)
    penalty = gradient_penalty(D, real, fake, rng=rng())
    assert grad(penalty, G.parameters()) == [None, None]
    assert penalty.item() == gradient_penalty(D, real.data, fake.data, rng=rng()).item()


def test_the_critic_is_left_as_it_was(device):
    D = critic("layer norm", nn.Tanh, device)
    before = snapshot(D)
    real, fake = batches(device)
    grad(gradient_penalty(D, real, fake, rng=rng()), D.parameters()[:-1])
    assert_same(snapshot(D), before)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Softplus, nn.LeakyReLU])
@pytest.mark.parametrize("case", CASES)
def test_gradients_of_a_wgan_gp_step_agree_with_central_differences(case, activation, device):
    D = critic(case, activation, device)
    real, fake = batches(device)

    def loss():
        value = losses["wasserstein"].discriminator(D(real), D(fake))
        return value + gradient_penalty(D, real, fake, rng=rng(4))

    for i, (p, g) in enumerate(zip(D.parameters(), grad(loss(), D.parameters()), strict=True)):
        start, v = p.numpy(), rng(i).standard_normal(p.shape)

        def along(t, p=p, start=start, v=v):
            p.data[...] = tensor(start + t * v, device).data
            return loss().item()

        numeric = numerical_derivative(along, 1e-5)
        along(0)
        scale = np.linalg.norm(g.numpy())
        assert np.sum(g.numpy() * v) == pytest.approx(numeric, abs=1e-7 * max(scale, 1e-2)), D.parameters()[i]


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


def test_derivatives_agree_with_central_differences(device):
    w = normal((3, 4), device, seed=3)
    v = normal((4,), device, seed=4)
    real, fake = batches(device, (3,))

    def penalty(w, v):
        return gradient_penalty(lambda x: (ops.softplus(x @ w) * v).sum(axis=1), real, fake, rng=rng())

    gradcheck(penalty, [w, v], order=2)


def test_the_best_linear_critic_between_two_points_is_known(device):
    """D(x) = psi x, data at theta, fakes at 0: psi* = 1 + theta / (2 weight), value theta + theta^2 / (4 weight)."""
    for theta, weight in [(0.7, 10.0), (0.7, 0.1), (2.0, 1.0)]:
        D = nn.Dense(1, 1, rng=rng(), bias=False).to(device, np.float64)
        D.weight.data[...] = 0.5
        optimizer = optim.SGD(D.parameters(), 0.25 / weight)
        real, fake = tensor([[theta]] * 2, device), tensor([[0.0]] * 2, device)
        for _ in range(50):
            loss = losses["wasserstein"].discriminator(D(real), D(fake))
            loss = loss + gradient_penalty(D, real, fake, rng=rng(), weight=weight)
            optimizer.step(grad(loss, D.parameters()))
        assert D.weight.item() == pytest.approx(1 + theta / (2 * weight), rel=1e-12)
        assert -loss.item() == pytest.approx(theta + theta**2 / (4 * weight), rel=1e-12)


# What is refused


def test_batch_norm_is_refused_while_it_mixes_samples(device):
    r = rng()
    inner = nn.Sequential(nn.Dense(3, 4, rng=r), nn.BatchNorm(4))
    D = nn.Sequential(inner, nn.LeakyReLU(), nn.Dense(4, 1, rng=r)).to(device, np.float64)
    real, fake = batches(device, (3,))
    with pytest.raises(ValueError, match=r"gradient_penalty: the critic has batch norm.*nn\.LayerNorm"):
        gradient_penalty(D, real, fake, rng=rng())
    with nn.freezing(D), pytest.raises(ValueError, match="batch norm"):
        gradient_penalty(D, real, fake, rng=rng())
    before = snapshot(D)
    with nn.evaluating(D):
        penalty = gradient_penalty(D, real, fake, rng=rng())
        assert all(g is not None for g in grad(penalty, D.parameters()[:-1]))
    assert_same(snapshot(D), before)


def test_batches_of_two_shapes_are_refused(device):
    D = linear_critic((3,), 1.0, device)
    for shape in [(4, 3), (3, 1), (1, 3)]:  # the last two would broadcast
        with pytest.raises(ValueError, match="must be equal"):
            gradient_penalty(D, normal((3, 3), device), normal(shape, device), rng=rng())


def test_a_critic_that_hides_its_input_is_refused(device):
    real, fake = batches(device, (3,))
    D = linear_critic((3,), 1.0, device)
    with pytest.raises(ValueError, match="not computed from its input"):
        gradient_penalty(lambda x: D(x.detach()), real, fake, rng=rng())
    with no_grad(), pytest.raises(ValueError, match="not computed from its input"):
        gradient_penalty(D, real, fake, rng=rng())


@pytest.mark.parametrize("name", penalties)
def test_float32_stays_float32_on_its_device(name, device):
    r = rng()
    D = nn.Sequential(nn.Dense(3, 4, rng=r), nn.LayerNorm(4), nn.LeakyReLU(), nn.Dense(4, 1, rng=r)).to(device)
    real, fake = (Tensor(x.data.astype(np.float32)) for x in batches(device, (3,)))
    penalty = penalties[name](D, real, fake, rng=rng())
    assert penalty.dtype == np.float32
    assert penalty.device == device
    total = losses["wasserstein"].discriminator(D(real), D(fake)) + penalty
    assert {g.dtype for g in grad(total, D.parameters())} == {np.dtype(np.float32)}


def test_no_penalty_adds_nothing(device):
    real, fake = batches(device)
    D = critic("dense", nn.Tanh, device)
    d_loss = losses["minimax"].discriminator(D(real), D(fake))
    total = d_loss + penalties["none"](D, real, fake, rng=rng())
    assert total.item() == d_loss.item()
    assert total.dtype == np.float64
    for g, h in zip(grad(total, D.parameters()), grad(d_loss, D.parameters()), strict=True):
        np.testing.assert_array_equal(g.numpy(), h.numpy())
