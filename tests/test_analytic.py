"""The closed form of a penalty's weight gradient: against double backward, central differences and identities."""

import numpy as np
import pytest
from helpers import assert_same, drawing, normal, rng, scatter, snapshot
from hypothesis import assume, given
from hypothesis import strategies as st

from minigan import Tensor, grad, nn, no_grad
from minigan.autograd.gradcheck import numerical_derivative
from minigan.backend import get_device
from minigan.backend.strict import counting, transfers
from minigan.gan import analytic_gradient_penalty, input_gradient_norm, is_analytic, losses, penalties
from minigan.gan.analytic import STEPS
from minigan.gan.linear_maps import ConvolutionMap, DenseMap, TransposedMap
from minigan.ops.conv_algorithms import ALGORITHMS, choose
from minigan.ops.conv_geometry import conv_output_size, conv_transpose_output_size

PIECEWISE_LINEAR = [nn.LeakyReLU, nn.ReLU, lambda: nn.LeakyReLU(0.7)]
CURVED = [nn.Tanh, nn.Sigmoid, nn.Softplus]
NAMES = list(penalties)
SLOPED = [name for name in NAMES if name != "none"]


# Critics


def activations(kinds):
    """After a layer comes none, one, or two of them."""
    return st.lists(st.sampled_from(kinds), min_size=0, max_size=2).map(lambda makers: [make() for make in makers])


def idle(draw):
    """Layers that change nothing, and a level of nesting."""
    return draw(st.sampled_from([[], [nn.Dropout(0.5, rng=rng()).eval()], [nn.Dropout(0, rng=rng())]]))


def chain(draw, layers):
    """The layers in a Sequential, some of them in another one inside."""
    i, j = sorted((draw(st.integers(0, len(layers))), draw(st.integers(0, len(layers)))))
    return nn.Sequential(*layers[:i], nn.Sequential(*layers[i:j]), *idle(draw), *layers[j:])


@st.composite
def dense_critics(draw, kinds=PIECEWISE_LINEAR + CURVED):
    """(critic, shape of a sample): 1 to 4 dense layers; logits (N,) or (N, 1), or two of them for each sample."""
    shape = draw(st.sampled_from([(1,), (3,), (2, 1, 2)]))
    size = int(np.prod(shape))
    layers = [nn.Flatten()] if len(shape) > 1 else []
    layers += draw(activations(kinds)) if draw(st.booleans()) else []
    for last in [False] * draw(st.integers(0, 3)) + [True]:
        new = draw(st.integers(1, 2 if last else 5))
        layers.append(nn.Dense(size, new, rng=rng(), bias=draw(st.booleans())))
        layers += [] if last and draw(st.booleans()) else draw(activations(kinds))
        size = new
    layers += [nn.Reshape()] if size == 1 and draw(st.booleans()) else []
    return chain(draw, layers), shape


@st.composite
def image_critics(draw, kinds=PIECEWISE_LINEAR + CURVED):
    """(critic, shape of a sample): 1 to 3 (transposed) convolutions, and a dense layer or none."""
    pairs = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))
    shape = draw(st.tuples(st.integers(2, 5), st.integers(2, 5), st.integers(1, 2)))
    *size, channels = shape
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        kernel, stride, padding = draw(pairs(1, 3)), draw(pairs(1, 2)), draw(pairs(0, 1))
        new, bias = draw(st.integers(1, 3)), draw(st.booleans())
        if draw(st.booleans()):
            assume(all(n + 2 * p >= k for n, k, p in zip(size, kernel, padding, strict=True)))
            size = conv_output_size(size, kernel, stride, padding)
            layers.append(nn.Conv2d(channels, new, kernel, stride, padding, rng=rng(), bias=bias))
        else:
            extra = tuple(draw(st.integers(0, s - 1)) for s in stride)
            sizes = zip(size, kernel, stride, padding, extra, strict=True)
            assume(all((n - 1) * s + k + e > 2 * p for n, k, s, p, e in sizes))
            size = conv_transpose_output_size(size, kernel, stride, padding, extra)
            layers.append(nn.ConvTranspose2d(channels, new, kernel, stride, padding, extra, rng=rng(), bias=bias))
        layers += draw(activations(kinds))
        channels = new
    pixels = size[0] * size[1] * channels
    layers += draw(st.sampled_from([[], [nn.Flatten()], [nn.Flatten(), nn.Reshape(channels, pixels // channels)]]))
    if layers[-1:] and type(layers[-1]) is nn.Flatten:
        layers += [nn.Dense(pixels, 1, rng=rng(), bias=draw(st.booleans()))]
    return chain(draw, layers), shape


def prepared(critic, device, seed=1):
    """In float64, with weights that leave the activations some slope."""
    scatter(critic.to(device, np.float64), device, seed)
    for p in critic.parameters():
        p.data *= 0.6
    return critic


def example_critic(device, activation=nn.LeakyReLU, dtype=np.float64):
    """Every linear layer and every reshaping once."""
    r = rng(3)
    D = nn.Sequential(
        nn.Reshape(3, 4, 1),
        nn.Conv2d(1, 2, 3, 2, 1, rng=r),
        activation(),
        nn.Sequential(nn.ConvTranspose2d(2, 2, (3, 2), 2, 1, (1, 0), rng=r), activation()),
        nn.Flatten(),
        nn.Dense(16, 3, rng=r, bias=False),
        activation(),
        nn.Dense(3, 1, rng=r),
    )
    return scatter(D.to(device, dtype), device)


def batches(device, shape=(12,), n=3, dtype=np.float64):
    return (normal((n, *shape), device, seed=seed, dtype=dtype) for seed in (1, 2))


def double_backward(name, D, real, fake, **settings):
    value = penalties[name](D, real, fake, **settings)
    gradients = grad(value, D.parameters()) if value.requires_grad else [None] * len(D.parameters())
    return value, [
        np.zeros(p.shape) if g is None else g.numpy() for p, g in zip(D.parameters(), gradients, strict=True)
    ]


def check_against_double_backward(D, shape, name, device, n):
    """Also: neither the critic nor the batches change, and both routes draw the same random numbers."""
    prepared(D, device)
    before, (real, fake) = snapshot(D), batches(device, shape, n)
    one, other = rng(n), rng(n)
    expected, slopes = double_backward(name, D, real, fake, rng=one, weight=0.7)
    value, gradients = penalties[name].gradients(D, real, fake, rng=other, weight=0.7)
    assert one.bit_generator.state == other.bit_generator.state
    assert value.item() == pytest.approx(expected.item(), rel=1e-12, abs=1e-13)
    scale = max([1e-12, *(np.abs(s).max() for s in slopes)])
    assert len(gradients) == len(slopes)
    for p, g, s in zip(D.parameters(), gradients, slopes, strict=True):
        assert (g.shape, g.dtype, g.device) == (p.shape, p.dtype, device)
        np.testing.assert_allclose(g.numpy(), s, rtol=0, atol=1e-12 * scale)
    assert_same(snapshot(D), before)
    for x, y in zip((real, fake), batches(device, shape, n), strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())


# Against double backward


@pytest.mark.parametrize("name", NAMES)
@drawing(20)
@given(drawn=dense_critics(), n=st.integers(1, 4))
def test_dense_critics_agree_with_double_backward(name, device, drawn, n):
    check_against_double_backward(*drawn, name, device, n)


@pytest.mark.parametrize("name", NAMES)
@drawing(15)
@given(drawn=image_critics(), n=st.integers(1, 3))
def test_convolutional_critics_agree_with_double_backward(name, device, drawn, n):
    check_against_double_backward(*drawn, name, device, n)


@pytest.mark.parametrize("make", PIECEWISE_LINEAR + CURVED)
@pytest.mark.parametrize("name", SLOPED)
def test_each_activation_agrees_with_double_backward(name, make, device):
    check_against_double_backward(example_critic(device, make), (12,), name, device, 3)


@pytest.mark.parametrize("make", PIECEWISE_LINEAR)
def test_at_a_kink_the_slope_is_that_of_double_backward(make, device):
    D = nn.Sequential(nn.Dense(2, 4, rng=rng(), bias=False), make(), nn.Dense(4, 1, rng=rng()))
    scatter(D.to(device, np.float64), device)
    x = Tensor(np.array([[0.0, 0.0], [0.5, -1.0]]), device=device)
    expected, slopes = double_backward("r1", D, x, x, rng=rng())
    value, gradients = penalties["r1"].gradients(D, x, x, rng=rng())
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    for g, s in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(g.numpy(), s, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("make", [nn.ReLU, nn.Tanh])
def test_a_layer_used_twice_has_the_gradients_of_both_uses(make, device):
    r = rng()
    shared = nn.Dense(3, 3, rng=r)
    D = nn.Sequential(shared, make(), shared, make(), nn.Dense(3, 1, rng=r))
    check_against_double_backward(D, (3,), "wgan-gp", device, 4)


def test_a_network_without_weights_or_layers(device):
    for D, shape in [(nn.Sequential(), ()), (nn.Sequential(nn.Tanh(), nn.Softplus()), (3,))]:
        check_against_double_backward(D, shape, "r1", device, 3)


def check_with_loss(D, shape, name, loss, device, n, m):
    """The loss of n real and m fake samples together with the penalty, against autograd over both."""
    prepared(D, device)
    real, fake = normal((n, *shape), device, seed=1), normal((m, *shape), device, seed=2)
    before, one, other = snapshot(D), rng(n), rng(n)
    judged = D(real), D(fake)
    d_loss = losses[loss].discriminator(*judged)
    penalty = penalties[name](D, real, fake, rng=one, weight=0.7)
    expected = grad(d_loss + penalty, D.parameters())
    found = penalties[name].gradients_with_loss(D, losses[loss].discriminator, real, fake, rng=other, weight=0.7)
    assert one.bit_generator.state == other.bit_generator.state
    assert (found.loss.op, found.loss.requires_grad, found.loss.shape) == (None, False, ())
    assert found.loss.item() == pytest.approx(d_loss.item(), rel=1e-12, abs=1e-13)
    assert found.penalty.item() == pytest.approx(penalty.item(), rel=1e-12, abs=1e-13)
    np.testing.assert_allclose(
        found.logits.numpy(), np.concatenate([y.numpy() for y in judged]), rtol=1e-12, atol=1e-12
    )
    slopes = [np.zeros(p.shape) if g is None else g.numpy() for p, g in zip(D.parameters(), expected, strict=True)]
    scale = max([1.0, *(np.abs(s).max() for s in slopes)])
    for p, g, s in zip(D.parameters(), found.gradients, slopes, strict=True):
        assert (g.shape, g.dtype, g.device) == (p.shape, p.dtype, device)
        np.testing.assert_allclose(g.numpy(), s, rtol=0, atol=1e-12 * scale)
    assert_same(snapshot(D), before)
    np.testing.assert_array_equal(real.numpy(), normal((n, *shape), device, seed=1).numpy())
    np.testing.assert_array_equal(fake.numpy(), normal((m, *shape), device, seed=2).numpy())


LOSSES = ["wasserstein", "non-saturating", "relativistic-average"]


@pytest.mark.parametrize("name", SLOPED)
@drawing(15)
@given(drawn=dense_critics(), n=st.integers(1, 4), loss=st.sampled_from(LOSSES))
def test_a_loss_with_a_penalty_for_dense_critics(name, device, drawn, n, loss):
    check_with_loss(*drawn, name, loss, device, n, n)


@pytest.mark.parametrize("name", SLOPED)
@drawing(10)
@given(drawn=image_critics(), n=st.integers(1, 3), loss=st.sampled_from(LOSSES))
def test_a_loss_with_a_penalty_for_convolutional_critics(name, device, drawn, n, loss):
    check_with_loss(*drawn, name, loss, device, n, n)


@pytest.mark.parametrize("make", PIECEWISE_LINEAR + CURVED)
@pytest.mark.parametrize(("name", "n", "m"), [("r1", 3, 5), ("r2", 3, 5), ("dragan", 4, 2), ("wgan-gp", 3, 3)])
def test_a_loss_of_batches_of_two_sizes(name, n, m, make, device):
    check_with_loss(example_critic(device, make), (12,), name, "wasserstein", device, n, m)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_loss_with_a_penalty_by_every_convolution_algorithm(algorithm, device, monkeypatch):
    monkeypatch.setattr(
        "minigan.ops.convolution.choose", lambda name, *sizes, **more: choose(algorithm, *sizes, **more)
    )
    for make in (nn.LeakyReLU, nn.Tanh):
        check_with_loss(example_critic(device, make), (12,), "wgan-gp", "non-saturating", device, 3, 3)


def test_layers_used_twice_and_layers_without_weights_with_a_loss(device):
    r = rng()
    shared = nn.Dense(3, 3, rng=r)
    D = nn.Sequential(nn.Tanh(), shared, nn.ReLU(), shared, nn.Softplus(), nn.Dense(3, 1, rng=r))
    check_with_loss(D, (3,), "wgan-gp", "non-saturating", device, 4, 4)


# Against central differences


def check_against_central_differences(D, shape, name, device):
    prepared(D, device)
    real, fake = batches(device, shape)
    value, gradients = penalties[name].gradients(D, real, fake, rng=rng(4))
    starts = [p.numpy() for p in D.parameters()]
    directions = [rng(i).standard_normal(p.shape) for i, p in enumerate(D.parameters())]

    def along(t):
        for p, start, v in zip(D.parameters(), starts, directions, strict=True):
            p.data[...] = Tensor(start + t * v, device=device).data
        return penalties[name](D, real, fake, rng=rng(4)).item()

    derivative = sum(np.sum(g.numpy() * v) for g, v in zip(gradients, directions, strict=True))
    scale = np.sqrt(sum(np.sum(g.numpy() ** 2) for g in gradients))
    assert abs(derivative - numerical_derivative(along, 1e-5)) <= 1e-7 * max(scale, 1e-2) + 1e-10 * abs(value.item())


@pytest.mark.parametrize("name", SLOPED)
@drawing(6)
@given(drawn=dense_critics())
def test_dense_critics_agree_with_central_differences(name, device, drawn):
    check_against_central_differences(*drawn, name, device)


@pytest.mark.parametrize("name", SLOPED)
@drawing(4)
@given(drawn=image_critics())
def test_convolutional_critics_agree_with_central_differences(name, device, drawn):
    check_against_central_differences(*drawn, name, device)


# Closed forms


def test_a_linear_critic(device):
    """D(x) = <w, x>: J = w, so a cost c(|J|) has the gradient weight c'(|w|) w / |w|."""
    D = nn.Sequential(nn.Dense(3, 1, rng=rng())).to(device, np.float64)
    real, fake = batches(device, (3,))
    for length in (0.5, 3.0):
        w = rng(1).standard_normal((3, 1))
        w *= length / np.linalg.norm(w)
        D[0].weight.data[...] = Tensor(w, device=device).data
        for name, derivative in {
            "none": 0,
            "wgan-gp": 2 * (length - 1),
            "wgan-lp": 2 * max(0, length - 1),
            "dragan": 2 * (length - 1),
            "r1": length,
            "r2": length,
            "r1+r2": 2 * length,
        }.items():
            for weight in (None, 0.3):
                _, (slope, bias) = penalties[name].gradients(D, real, fake, rng=rng(), weight=weight)
                factor = penalties[name].weight if weight is None else weight
                np.testing.assert_allclose(slope.numpy(), factor * derivative * w / length, rtol=1e-12, atol=1e-15)
                assert not bias.numpy().any()


def check_euler_identity(D, shape, name, device):
    """The slope J of a piecewise-linear D is proportional to each weight, so <W, dP/dW> is the same for all."""
    prepared(D, device)
    real, fake = (x.data for x in batches(device, shape))
    _, gradients = penalties[name].gradients(D, real, fake, rng=rng(5), weight=3.0)
    J = input_gradient_norm(D, penalties[name].points(real, fake, rng(5))).numpy()
    expected = {
        "wgan-gp": 6 * np.mean((J - 1) * J),
        "wgan-lp": 6 * np.mean(np.maximum(J - 1, 0) * J),
        "dragan": 6 * np.mean((J - 1) * J),
        "r1": 3 * np.mean(J**2),
        "r2": 3 * np.mean(J**2),
        "r1+r2": 6 * np.mean(J**2),
    }[name]
    for p, g in zip(D.parameters(), gradients, strict=True):
        if p.ndim == 1:
            assert not g.numpy().any()
        else:
            assert np.sum(p.numpy() * g.numpy()) == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("name", SLOPED)
@drawing(8)
@given(drawn=st.one_of(dense_critics(PIECEWISE_LINEAR), image_critics(PIECEWISE_LINEAR)))
def test_euler_identity_in_every_layer_and_no_gradient_for_biases(name, device, drawn):
    check_euler_identity(*drawn, name, device)


@pytest.mark.parametrize("name", SLOPED)
def test_a_critic_of_slope_zero_has_finite_gradients(name, device):
    for make in (nn.LeakyReLU, nn.Tanh):
        D = example_critic(device, make)
        D.parameters()[-2].data[...] = 0
        value, gradients = penalties[name].gradients(D, *batches(device), rng=rng(), weight=3.0)
        assert value.item() == {"wgan-gp": 3, "dragan": 3}.get(name, 0)
        assert all(np.isfinite(g.numpy()).all() for g in gradients)


# What it is made of


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_recorded_and_recording_is_not_needed(name, device):
    D, (real, fake) = example_critic(device, nn.Tanh), batches(device)
    value, gradients = penalties[name].gradients(D, real, fake, rng=rng())
    assert value.shape == ()
    for result in (value, *gradients):
        assert isinstance(result, Tensor)
        assert (result.op, result.requires_grad) == (None, False)
    with no_grad():
        again, same = penalties[name].gradients(D, real, fake, rng=rng())
    assert again.item() == value.item()
    for g, h in zip(gradients, same, strict=True):
        np.testing.assert_array_equal(g.numpy(), h.numpy())


def test_no_transfer_but_that_of_the_random_numbers_and_no_more_launches():
    strict = get_device("strict")
    real, fake = batches(strict)
    for make in (nn.LeakyReLU, nn.Tanh):
        D = example_critic(strict, make)
        with transfers("forbid"):
            penalties["r1+r2"].gradients(D, real, fake, rng=rng())
        with counting() as closed:
            penalties["wgan-gp"].gradients(D, real, fake, rng=rng())
        with counting() as twice:
            grad(penalties["wgan-gp"](D, real, fake, rng=rng()), D.parameters())
        assert (closed.h2d, closed.d2h) == (twice.h2d, twice.d2h) == (1, 0)
        # Curvature takes a fourth sweep.
        assert closed.launches <= twice.launches + 1 or make is nn.Tanh


def products_of(monkeypatch, gradients):
    """How often a linear layer meets a gradient, in W^T g or in g a^T, while `gradients()` are computed."""
    count = 0

    def counted(method):
        def call(*args):
            nonlocal count
            count += 1
            return method(*args)

        return call

    with monkeypatch.context() as patch:
        for kind in (DenseMap, ConvolutionMap, TransposedMap):
            for name in ("adjoint", "weight_gradient"):
                patch.setattr(kind, name, counted(getattr(kind, name)))
        gradients()
    return count


@pytest.mark.parametrize("with_loss", [False, True])
def test_the_fourth_sweep_is_for_curved_activations_alone(with_loss, monkeypatch):
    """Two products for each of the 4 linear layers; two more for the 3 with curvature above, but one for the lowest.

    A loss beside the penalty costs no further product.
    """
    for make, products in {nn.LeakyReLU: 8, nn.Tanh: 8 + 5}.items():
        device = get_device("cpu")
        D, (real, fake) = example_critic(device, make), batches(device)
        loss = [losses["wasserstein"].discriminator] if with_loss else []
        method = penalties["r1"].gradients_with_loss if with_loss else penalties["r1"].gradients
        assert products_of(monkeypatch, lambda: method(D, *loss, real, fake, rng=rng())) == products  # noqa: B023


def test_below_the_lowest_weights_only_the_points_go_on(monkeypatch):
    """What the loss judges has no use for the slope at its samples."""
    shapes, adjoint = [], DenseMap.adjoint
    monkeypatch.setattr(DenseMap, "adjoint", lambda self, g: shapes.append(adjoint(self, g).shape) or adjoint(self, g))
    D = nn.Sequential(nn.LeakyReLU(), nn.Dense(3, 4, rng=rng()), nn.LeakyReLU(), nn.Dense(4, 1, rng=rng()))
    D.to("cpu", np.float64)
    real, fake = normal((5, 3), get_device("cpu"), seed=1), normal((2, 3), get_device("cpu"), seed=2)
    penalties["r1"].gradients_with_loss(D, losses["wasserstein"].discriminator, real, fake, rng=rng())
    assert shapes == [(5 + 2 + 5, 4), (5, 3)]


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32_on_its_device(name, device):
    for make in (nn.LeakyReLU, nn.Sigmoid):
        D = example_critic(device, make, np.float32)
        real, fake = batches(device, dtype=np.float32)
        for weight in (None, 0.3, np.float64(0.3)):
            value, gradients = penalties[name].gradients(D, real, fake, rng=rng(), weight=weight)
            for result in (value, *gradients):
                assert (result.dtype, result.device) == (np.float32, device)


@pytest.mark.parametrize("name", NAMES)
def test_the_function_takes_a_penalty_by_name(name, device):
    D, (real, fake) = example_critic(device), batches(device)
    for weight in (None, 0.3):
        value, gradients = analytic_gradient_penalty(D, real, fake, penalty=name, rng=rng(), weight=weight)
        expected, same = penalties[name].gradients(D, real.data, fake.data, rng=rng(), weight=weight)
        assert value.item() == expected.item()
        for g, h in zip(gradients, same, strict=True):
            np.testing.assert_array_equal(g.numpy(), h.numpy())


def test_the_function_is_about_wgan_gp_unless_told_otherwise(device):
    D, (real, fake) = example_critic(device), batches(device)
    expected = penalties["wgan-gp"](D, real, fake, rng=rng()).item()
    assert analytic_gradient_penalty(D, real, fake, rng=rng())[0].item() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"one of none, wgan-gp, .*, got 'wgan-pg'"):
        analytic_gradient_penalty(D, real, fake, penalty="wgan-pg", rng=rng())


# What is refused


class Doubled(nn.Dense):
    """A dense layer that computes something else."""

    def forward(self, x):
        return 2 * super().forward(x)


class Residual(nn.Sequential):
    """A sequence that computes something else."""

    def forward(self, x):
        return x + super().forward(x)


class Squared(nn.Module):
    def forward(self, x):
        return x * x


def refused_critics():
    """Critics of three numbers without a closed form, and why."""
    r = rng()
    dense = lambda: nn.Dense(3, 3, rng=r)
    return {
        "function": (lambda x: x.sum(axis=1), "a plain function does not show its layers"),
        "layer norm": (nn.Sequential(dense(), nn.LayerNorm(3)), r"LayerNorm\(\(3,\)\) is neither"),
        "batch norm": (nn.Sequential(dense(), nn.BatchNorm(3)).eval(), r"BatchNorm\(3\) is neither"),
        "dropout": (
            nn.Sequential(dense(), nn.Dropout(0.3, rng=r)),
            r"Dropout\(0.3\) in training mode.*critic\.eval\(\)",
        ),
        "spectral norm": (nn.Sequential(nn.SpectralNorm(dense(), rng=r)), r"SpectralNorm\(.*\) is neither"),
        "own layer": (nn.Sequential(dense(), nn.Sequential(Squared())), r"Squared\(\) is neither"),
        "own critic": (Squared(), r"Squared\(\) is neither"),
        "derived layer": (nn.Sequential(Doubled(3, 3, rng=r)), r"Doubled\(3, 3\) is neither"),
        "derived sequence": (nn.Sequential(Residual(dense())), r"Residual\(1 layers\) is neither"),
    }


@pytest.mark.parametrize("case", refused_critics())
def test_critics_without_a_closed_form_are_refused_with_the_reason(case, device):
    D, reason = refused_critics()[case]
    if isinstance(D, nn.Module):
        D.to(device, np.float64)
    real, fake = batches(device, (3,))
    assert not is_analytic(D)
    for name in SLOPED:
        used = rng(5)
        message = f"^{name.replace('+', '.')}: no closed form for this critic, since {reason}.*use double backward"
        with pytest.raises(ValueError, match=message):
            penalties[name].gradients(D, real, fake, rng=used)
        assert used.bit_generator.state == rng(5).bit_generator.state
        assert np.isfinite(penalties[name](D, real, fake, rng=rng()).item())


def test_dropout_counts_only_while_it_is_switched_on(device):
    D = nn.Sequential(nn.Dense(3, 3, rng=rng()), nn.Dropout(0.3, rng=rng()))
    assert not is_analytic(D)
    with nn.evaluating(D):
        assert is_analytic(D)
    assert is_analytic(nn.Sequential(nn.Dropout(0, rng=rng())))
    assert is_analytic(nn.Dense(3, 1, rng=rng()))


def test_every_layer_of_the_table_has_been_drawn():
    """A layer that is added to the table needs a place among the critics above."""
    linear = {nn.Dense, nn.Conv2d, nn.ConvTranspose2d}
    assert set(STEPS) == linear | {nn.Flatten, nn.Reshape} | {type(make()) for make in PIECEWISE_LINEAR + CURVED}


def test_batches_of_two_shapes_are_refused(device):
    D, (real, _) = example_critic(device), batches(device)
    for name in ("wgan-gp", "wgan-lp", "r1+r2"):
        with pytest.raises(ValueError, match=r"real has shape \(3, 12\), fake \(2, 12\); they must be equal"):
            penalties[name].gradients(D, real, real.data[:2], rng=rng())
