"""Spectral normalisation: the power iteration, what moves and when, gradients through sigma, and convolutions."""

import copy
import math

import numpy as np
import pytest
from helpers import as_function, assert_same, drawing, normal, rng, scatter, snapshot, tensor
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, grad, gradcheck, nn, no_grad, ops, optim
from minigan.backend import get_device, strict
from minigan.gan import gradient_penalty, losses
from minigan.nn import SpectralNorm, conv_operator_norm, conv_singular_values, spectrally_normalised

LAYERS = {
    "dense": (lambda r: nn.Dense(5, 4, rng=r), (3, 5)),
    "conv2d": (lambda r: nn.Conv2d(2, 5, (3, 2), 2, 1, rng=r), (3, 5, 4, 2)),
    "conv_transpose2d": (lambda r: nn.ConvTranspose2d(5, 2, (3, 2), 2, 1, 1, rng=r), (3, 3, 2, 5)),
}
OUTPUTS = {nn.Dense: 1, nn.Conv2d: 3, nn.ConvTranspose2d: 2}  # the axis of the weight that counts outputs


def build(case, device, iterations=1):
    make, shape = LAYERS[case]
    layer = SpectralNorm(make(rng(3)), rng=rng(4), iterations=iterations).to(device, np.float64)
    return scatter(layer, device), normal(shape, device)


def matrix(layer, weight=None):
    """W (out, in kh kw), a row for each output channel, or another array of its shape laid out so."""
    w, axis = layer.weight.numpy() if weight is None else weight.numpy(), OUTPUTS[type(layer)]
    return np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)


def largest(W):
    return float(np.linalg.svd(W, compute_uv=False)[0])


def settle(network, x, steps=200):
    """Many forward passes in training mode."""
    with no_grad():
        for _ in range(steps):
            network(x)
    return network


def parts(network):
    return [m for m in network.modules() if isinstance(m, SpectralNorm)]


# Sigma


@pytest.mark.parametrize("case", LAYERS)
def test_the_layer_computes_with_its_weight_over_the_largest_singular_value(case, device):
    """Of the matrix (out, in kh kw), whichever way the weight lies; the bias is not divided."""
    layer, x = build(case, device)
    settle(layer, x)
    sigma = largest(matrix(layer.layer))
    assert layer.sigma().item() == pytest.approx(sigma, rel=1e-10)
    plain = copy.deepcopy(layer.layer)
    plain.weight.data[...] = plain.weight.data / sigma
    np.testing.assert_allclose(layer(x).numpy(), plain(x).numpy(), rtol=1e-10)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_sigma_of_a_kernel_is_by_how_much_a_pixel_can_exceed_its_window(kind, device):
    """The matrix of the map from one window to one pixel, built of unit windows: no reshaping of a kernel."""
    padding = 0 if kind is nn.Conv2d else (2, 1)  # so that 3 x 2 pixels give one
    layer = SpectralNorm(kind(2, 5, (3, 2), 1, padding, rng=rng(3), bias=False), rng=rng(4)).to(device, np.float64)
    units = tensor(np.eye(12).reshape(12, 3, 2, 2), device)
    pixels = layer.layer(units)
    assert pixels.shape == (12, 1, 1, 5)
    settle(layer, units)
    assert layer.sigma().item() == pytest.approx(largest(pixels.numpy().reshape(12, 5)), rel=1e-10)


def with_spectrum(values, device, iterations=1):
    """A normalised dense layer 6 -> 4 whose weight has these singular values; and the components of u along them."""
    U, V = (np.linalg.qr(rng(seed).standard_normal((n, n)))[0] for seed, n in ((1, 4), (2, 6)))
    dense = nn.Dense(6, 4, rng=rng(), bias=False).to(device, np.float64)
    dense.weight.data[...] = tensor((U * values @ V[:4]).T, device).data
    layer = SpectralNorm(dense, rng=rng(5), iterations=iterations)
    return layer, U.T @ layer.state_dict()["u"][:, 0]


S = np.array([2.0, 1.8, 0.5, 0.1])


@pytest.mark.parametrize("iterations", [1, 2])
def test_the_error_falls_as_the_ratio_of_the_singular_values_to_the_power_4t(iterations, device):
    """sigma^2 = sum s^4t c^2 / sum s^(4t-2) c^2 after t iterations, where c are the components of the first u."""
    layer, c = with_spectrum(S, device, iterations)
    error = {}
    for t in range(iterations, 41, iterations):
        settle(layer, normal((2, 6), device), 1)
        exact = math.sqrt((S ** (4 * t) * c**2).sum() / (S ** (4 * t - 2) * c**2).sum())
        assert layer.sigma().item() == pytest.approx(exact, rel=1e-12)
        error[t] = 1 - layer.sigma().item() / S[0]
    ratio = S[1] / S[0]
    for t in (10, 20, 40):
        leading = (c[1] / c[0]) ** 2 * (1 - ratio**2) / 2 * ratio ** (4 * t - 2)
        assert error[t] == pytest.approx(leading, rel=0.02)
    assert error[10] > 1e-4 > error[20]


def test_before_the_first_iteration_sigma_is_positive_and_no_larger_than_it_ought_to_be(device):
    layer, c = with_spectrum(S, device)
    assert layer.eval().sigma().item() == pytest.approx(math.sqrt((S**2 * c**2).sum()), rel=1e-12)
    state = layer.state_dict()
    assert (state["u"].shape, state["v"].shape) == ((4, 1), (6, 1))
    np.testing.assert_allclose([np.linalg.norm(state["u"]), np.linalg.norm(state["v"])], 1, rtol=1e-14)


# What moves, and when


@st.composite
def layers(draw):
    """A layer of any kind and an input of its shape."""
    n, inputs, outputs, kh, kw, stride = (draw(st.integers(1, 3)) for _ in range(6))
    r = rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(list(OUTPUTS)))
    if kind is nn.Dense:
        return nn.Dense(inputs, outputs, rng=r), (n, inputs)
    return kind(inputs, outputs, (kh, kw), stride, rng=r), (n, kh + 1, kw + 2, inputs)


def unit(x):
    return x / np.linalg.norm(x)


@drawing(40)
@given(drawn=layers(), iterations=st.integers(1, 3))
def test_a_forward_pass_in_training_takes_its_iterations_and_computes_with_the_new_sigma(device, drawn, iterations):
    layer, shape = drawn
    layer = SpectralNorm(layer, rng=rng(4), iterations=iterations).to(device, np.float64)
    x, W, u = normal(shape, device), matrix(layer.layer), layer.state_dict()["u"]
    for _ in range(iterations):
        v = unit(W.T @ u)
        u = unit(W @ v)
    weight = layer.layer.weight.numpy()
    y = layer(x)
    np.testing.assert_allclose(layer.state_dict()["u"], u, atol=1e-12)
    np.testing.assert_allclose(layer.state_dict()["v"], v, atol=1e-12)
    np.testing.assert_array_equal(layer.layer.weight.numpy(), weight)
    layer.layer.weight.data[...] = layer.layer.weight.data / (u.T @ W @ v).item()
    np.testing.assert_allclose(y.numpy(), layer.layer(x).numpy(), rtol=1e-9, atol=1e-12)


def test_a_forward_pass_without_recording_iterates_too(device):
    layer, x = build("dense", device)
    twin = copy.deepcopy(layer)
    layer(x)
    with no_grad():
        twin(x)
    assert_same(snapshot(twin), snapshot(layer))


@pytest.mark.parametrize("block", [nn.evaluating, nn.freezing])
@pytest.mark.parametrize("case", LAYERS)
def test_u_and_v_stand_still_in_evaluation_and_when_frozen(case, block, device):
    layer, x = build(case, device)
    D = nn.Sequential(nn.Sequential(layer), nn.Flatten())
    D(x)
    before = snapshot(D)
    with block(D):
        first = D(x)
        assert_same(snapshot(D), before)
        np.testing.assert_array_equal(D(x).numpy(), first.numpy())
    D(x)
    after = snapshot(D)
    for name in ("u", "v"):
        assert (after[f"layers.0.layers.0.{name}"] != before[f"layers.0.layers.0.{name}"]).any()


def test_the_graph_of_a_former_forward_pass_keeps_its_u_and_v(device):
    """D(real) and D(fake) come before the gradient of both: the second must not change the first's."""
    layer, x = build("dense", device)
    twin = copy.deepcopy(layer)
    first = grad((layer(x) * x[:, :4]).sum(), layer.parameters())
    y = twin(x)
    twin(2 * x)
    for g, h in zip(first, grad((y * x[:, :4]).sum(), twin.parameters()), strict=True):
        np.testing.assert_array_equal(g.numpy(), h.numpy())


# The gradient


@pytest.mark.parametrize("case", LAYERS)
def test_derivatives_agree_with_central_differences(case, device):
    layer, x = build(case, device)
    settle(layer, x, 2).eval()
    gradcheck(as_function(layer), [x, *(Tensor(p.data) for p in layer.parameters())], order=3)


@pytest.mark.parametrize("case", LAYERS)
def test_sigma_is_linear_in_the_weight_while_u_and_v_stand_still(case, device):
    """Every derivative of sigma but the first is zero; of |W v| and |W^T u| it is not."""
    layer, x = build(case, device)
    settle(layer, x, 2).eval()
    scatter(layer, device, seed=8)
    state = layer.state_dict()
    assert layer.sigma().item() == pytest.approx((state["u"].T @ matrix(layer.layer) @ state["v"]).item(), rel=1e-12)


@pytest.mark.parametrize("case", LAYERS)
def test_the_gradient_flows_through_sigma(case, device):
    """dL/dW = (G - <G, W / sigma> u v^T) / sigma, where G is the gradient by the normalised weight."""
    layer, x = build(case, device)
    settle(layer, x, 2).eval()
    direction = normal(layer(x).shape, device, seed=7)
    (gradient,) = grad((layer(x) * direction).sum(), [layer.layer.weight])
    sigma = layer.sigma().item()
    plain = copy.deepcopy(layer.layer)
    plain.weight.data[...] = plain.weight.data / sigma
    (G,) = grad((plain(x) * direction).sum(), [plain.weight])
    W, G, gradient = matrix(plain), matrix(plain, G), matrix(plain, gradient)
    state = layer.state_dict()
    u, v = state["u"], state["v"]
    assert (u.T @ W @ v).item() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(gradient, (G - (G * W).sum() * u @ v.T) / sigma, rtol=1e-9, atol=1e-12)
    assert abs((G * W).sum()) > 0.1  # or a constant sigma would pass
    assert (gradient * W).sum() == pytest.approx(0, abs=1e-12)  # no first-order change along W itself


def test_a_gradient_penalty_on_a_normalised_critic_has_finite_gradients_for_all_weights(device):
    D = spectrally_normalised(critic(), rng=rng(1)).to(device)
    real, fake = (normal((4, 6, 6, 1), device, seed, np.float32) for seed in (1, 2))
    gradients = grad(gradient_penalty(D, real, fake, rng=rng()), D.parameters()[:-1])
    assert all(np.isfinite(g.numpy()).all() and g.dtype == np.float32 for g in gradients)


# Slopes


def test_a_normalised_dense_layer_is_1_lipschitz_and_no_less(device):
    layer, x = build("dense", device)
    settle(layer, x).eval()
    a, b = 3 * rng(1).standard_normal((2, 500, 5))
    outputs = [layer(tensor(each, device)).numpy() for each in (a, b)]
    ratios = np.linalg.norm(outputs[0] - outputs[1], axis=1) / np.linalg.norm(a - b, axis=1)
    assert ratios.max() <= 1 + 1e-10
    v = layer.state_dict()["v"].T
    steepest = layer(tensor(a[:1] + v, device)).numpy() - layer(tensor(a[:1], device)).numpy()
    assert np.linalg.norm(steepest) == pytest.approx(1, rel=1e-10)


def test_the_slope_of_a_network_is_at_most_the_product_of_its_singular_values(device):
    """With 1-Lipschitz activations; normalised, at most 1."""
    r = rng()
    D = nn.Sequential(nn.Dense(4, 9, rng=r), nn.LeakyReLU(), nn.Dense(9, 7, rng=r), nn.Tanh(), nn.Dense(7, 3, rng=r))
    scatter(D.to(device, np.float64), device)
    bound = math.prod(largest(layer.weight.numpy()) for layer in (D[0], D[2], D[4]))
    E = settle(spectrally_normalised(D, rng=r), normal((2, 4), device)).eval()
    a, b = 0.1 * rng(1).standard_normal((2, 500, 4))
    for network, most in ((D, bound), (E, 1.0)):
        difference = network(tensor(a, device)).numpy() - network(tensor(b, device)).numpy()
        ratio = (np.linalg.norm(difference, axis=1) / np.linalg.norm(a - b, axis=1)).max()
        assert 0.05 * most < ratio <= most


# Convolutions as operators


def circular(kernel, size):
    """The matrix of a circular convolution: `ops.conv2d` of every unit image, continued beyond its edges."""
    (h, w), (kh, kw, c, _) = size, kernel.shape
    units = np.eye(h * w * c).reshape(-1, h, w, c)
    wrapped = np.pad(units, ((0, 0), (0, kh - 1), (0, kw - 1), (0, 0)), mode="wrap")
    return ops.conv2d(wrapped, kernel).reshape(len(units), -1)


@st.composite
def kernels(draw):
    """A kernel and the size of an image that it fits into."""
    kh, kw, c, o = (draw(st.integers(1, 3)) for _ in range(4))
    size = kh + draw(st.integers(0, 3)), kw + draw(st.integers(0, 3))
    return rng(draw(st.integers(0, 2**32 - 1))).standard_normal((kh, kw, c, o)), size


@drawing(40)
@given(drawn=kernels())
def test_singular_values_of_a_circular_convolution_are_those_of_its_matrix(drawn):
    kernel, size = drawn
    expected = np.linalg.svd(circular(kernel, size), compute_uv=False)
    np.testing.assert_allclose(conv_singular_values(kernel, size), expected, atol=1e-10)
    assert conv_operator_norm(kernel, size) == pytest.approx(expected[0], rel=1e-10)
    adjoint = kernel.transpose(0, 1, 3, 2)  # as the weight of a transposed convolution lies
    np.testing.assert_allclose(conv_singular_values(adjoint, size), expected, atol=1e-10)


@drawing(40)
@given(drawn=kernels())
def test_sigma_of_the_reshaped_kernel_bounds_the_operator_norm_from_both_sides(drawn):
    kernel, size = drawn
    (kh, kw), sigma = kernel.shape[:2], largest(kernel.reshape(-1, kernel.shape[3]))
    assert sigma * (1 - 1e-12) <= conv_operator_norm(kernel, size) <= math.sqrt(kh * kw) * sigma * (1 + 1e-12)


def test_both_bounds_are_attained_and_both_can_be_strict():
    one_tap, ones = np.zeros((3, 2, 1, 1)), np.ones((3, 2, 1, 1))
    one_tap[1, 0] = 0.7
    assert conv_operator_norm(one_tap, (5, 4)) == pytest.approx(0.7)
    assert conv_operator_norm(ones, (5, 4)) == pytest.approx(6)  # sigma is sqrt(6)
    kernel = rng().standard_normal((3, 3, 8, 8))
    sigma = largest(kernel.reshape(-1, 8))
    assert 1.2 * sigma < conv_operator_norm(kernel, 16) < 0.8 * 3 * sigma


@drawing(30)
@given(drawn=kernels(), stride=st.integers(1, 2), padding=st.integers(0, 2))
def test_the_norm_bounds_padded_and_strided_convolutions(drawn, stride, padding):
    kernel, (h, w) = drawn
    c = kernel.shape[2]
    units = np.eye(h * w * c).reshape(-1, h, w, c)
    padded = largest(ops.conv2d(units, kernel, stride=stride, padding=padding).reshape(len(units), -1))
    assert padded <= conv_operator_norm(kernel, (h + 2 * padding, w + 2 * padding)) * (1 + 1e-12)


def test_a_spectrally_normalised_convolution_need_not_be_1_lipschitz(device):
    """Of a kernel of ones with 3 x 3 taps: a constant image comes out three times as large."""
    conv = nn.Conv2d(1, 1, 3, rng=rng(), bias=False).to(device, np.float64)
    conv.weight.data[...] = 0.4
    layer = settle(SpectralNorm(conv, rng=rng()), tensor(np.ones((1, 3, 3, 1)), device)).eval()
    assert layer(tensor(np.ones((1, 3, 3, 1)), device)).item() == pytest.approx(3)
    assert conv_operator_norm(conv.weight, 7) / layer.sigma().item() == pytest.approx(3)


@pytest.mark.parametrize("shape", [(4, 2, 1, 1), (2, 5, 1, 1), (3, 3), (2, 2, 1, 1, 1)])
def test_a_kernel_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match=r"fits into images of 3x4, got \("):
        conv_operator_norm(np.ones(shape), (3, 4))


# States, copies, devices


def critic():
    r = rng(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1, rng=r), nn.LeakyReLU()),
        nn.ConvTranspose2d(4, 3, 3, 2, 1, rng=r),
        nn.LeakyReLU(),
        nn.Flatten(),
        nn.Dense(75, 1, rng=r),
    )


def train(D, optimizer, steps, device, seed=0):
    """Critic steps with the hinge loss on noise of two kinds; the last loss."""
    r = rng(seed)
    for _ in range(steps):
        real, fake = (tensor(r.standard_normal((8, 6, 6, 1)) + shift, device, np.float32) for shift in (0.5, -0.5))
        loss = losses["hinge"].discriminator(D(real), D(fake))
        optimizer.step(grad(loss, D.parameters()))
    return loss


def normalised_critic(device, seed=1):
    D = spectrally_normalised(critic(), rng=rng(seed)).to(device)
    return D, optim.Adam(D.parameters(), 2e-3, (0.0, 0.9))


def test_a_normalised_critic_trains_with_one_iteration_a_pass(device):
    D, optimizer = normalised_critic(device)
    first = train(D, optimizer, 1, device).item()
    last = train(D, optimizer, 40, device, seed=1).item()
    assert last < 0.75 * first
    for part in parts(D):
        W = matrix(part.layer)
        assert largest(W / part.sigma().item()) == pytest.approx(1, abs=0.01)
        assert abs(largest(W) - 1) > 0.01  # it is the quotient that is 1, not the weight


def test_cpu_and_strict_agree_bit_for_bit():
    states = []
    for device in ("cpu", "strict"):
        D, optimizer = normalised_critic(get_device(device))
        train(D, optimizer, 3, get_device(device))
        states.append(snapshot(D))
    assert_same(*states)


def test_nothing_leaves_the_device_in_a_step():
    device = get_device("strict")
    D, optimizer = normalised_critic(device)
    real, fake = (normal((2, 6, 6, 1), device, seed, np.float32) for seed in (1, 2))
    with strict.transfers("forbid"):
        loss = losses["hinge"].discriminator(D(real), D(fake))
        optimizer.step(grad(loss, D.parameters()))


def test_names(device):
    D, _ = normalised_critic(device)
    layers = ["layers.0.layers.0", "layers.1", "layers.4"]
    assert list(D.state_dict()) == [
        f"{layer}.{name}" for layer in layers for name in ("layer.weight", "layer.bias", "u", "v")
    ]
    assert [name for name, _ in D.named_buffers()] == [f"{layer}.{name}" for layer in layers for name in ("u", "v")]


def test_a_saved_critic_goes_on_exactly(device):
    D, optimizer = normalised_critic(device)
    train(D, optimizer, 3, device)
    twin, other = normalised_critic(device, seed=9)
    twin.load_state_dict(D.state_dict())
    other.load_state_dict(optimizer.state_dict())
    assert_same(snapshot(twin), snapshot(D))
    for each in ((D, optimizer), (twin, other)):
        train(*each, 3, device, seed=5)
    assert_same(snapshot(twin), snapshot(D))


def test_a_copy_goes_its_own_way(device):
    D, optimizer = normalised_critic(device)
    E = copy.deepcopy(D)
    before = snapshot(E)
    train(D, optimizer, 2, device)
    assert_same(snapshot(E), before)


def test_u_and_v_have_the_dtype_and_the_device_of_the_weight(device):
    layer = SpectralNorm(nn.Dense(3, 2, rng=rng()).to(device), rng=rng())
    for dtype in (np.float32, np.float64):
        layer.to(dtype=dtype)
        y = layer(normal((2, 3), device, dtype=dtype))
        assert {y.dtype, layer.u.dtype, layer.v.dtype, layer.sigma().dtype} == {np.dtype(dtype)}
        assert {y.device, Tensor(layer.u, device=device).device} == {device}


def test_u_is_drawn_from_the_given_generator():
    dense = nn.Dense(5, 4, rng=rng())
    first, same, other = (SpectralNorm(dense, rng=rng(seed)).state_dict()["u"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()
    drawn = rng(1).standard_normal((4, 1))
    np.testing.assert_allclose(first, drawn / np.linalg.norm(drawn), rtol=1e-6)


# Whole networks


class Block(nn.Module):
    """Layers as attributes and in lists, and a tuple that holds none."""

    def __init__(self, r):
        self.shape = (2, 3)
        self.norm = nn.LayerNorm((6,))
        self.inner = [nn.Dense(6, 6, rng=r), nn.Tanh()]
        self.skip = nn.Dense(6, 6, rng=r, bias=False)

    def forward(self, x):
        y = self.norm(x)
        for layer in self.inner:
            y = layer(y)
        return (y + self.skip(x)).reshape(-1, *self.shape)


def test_layers_at_any_depth_are_wrapped_and_the_network_is_left_alone(device):
    r = rng()
    D = nn.Sequential(Block(r), nn.Flatten(), nn.Dropout(0.5, rng=r), nn.Dense(6, 1, rng=r)).to(device)
    shown, names = repr([*D.modules()]), [name for name, _ in D.named_parameters()]
    E = spectrally_normalised(D, rng=rng(1))
    others = spectrally_normalised(D, rng=rng(2))
    assert len({part.state_dict()["u"].tobytes() for part in [*parts(E)[:2], *parts(others)[:2]]}) == 4
    assert repr([*D.modules()]) == shown
    assert [name for name, _ in D.named_parameters()] == names
    assert [name for name, _ in E.named_parameters()] == [
        "layers.0.norm.weight",
        "layers.0.norm.bias",
        "layers.0.inner.0.layer.weight",
        "layers.0.inner.0.layer.bias",
        "layers.0.skip.layer.weight",
        "layers.3.layer.weight",
        "layers.3.layer.bias",
    ]
    assert all(p is q for p, q in zip(D.parameters(), E.parameters(), strict=True))
    assert E[0].shape == (2, 3)
    assert [type(m) for m in E] == [Block, nn.Flatten, nn.Dropout, SpectralNorm]
    assert E(normal((3, 6), device, dtype=np.float32)).shape == (3, 1)


def test_what_is_normalised_already_stays_as_it_is():
    r = rng()
    inside = SpectralNorm(nn.Dense(2, 2, rng=r), rng=r)
    D = spectrally_normalised(nn.Sequential(inside, nn.Tanh(), nn.Dense(2, 1, rng=r)), rng=r)
    assert D[0] is inside
    assert len(parts(D)) == 2
    assert len(parts(spectrally_normalised(D, rng=r))) == 2
    assert isinstance(spectrally_normalised(nn.Dense(2, 1, rng=r), rng=r), SpectralNorm)


# What is refused


@pytest.mark.parametrize("wrong", [nn.BatchNorm(2), nn.Tanh(), nn.Sequential(nn.Dense(2, 2, rng=rng())), nn.Dense, 1.0])
def test_what_has_no_matrix_is_refused(wrong):
    with pytest.raises(TypeError, match=r"expected a Dense, Conv2d or ConvTranspose2d .* nn\.spectrally_normalised"):
        SpectralNorm(wrong, rng=rng())


def test_a_layer_is_not_normalised_twice():
    layer = SpectralNorm(nn.Dense(2, 2, rng=rng()), rng=rng())
    with pytest.raises(TypeError, match=r"got SpectralNorm\(Dense\(2, 2\)\)"):
        SpectralNorm(layer, rng=rng())


def test_a_network_without_a_layer_to_normalise_is_refused():
    D = nn.Sequential(nn.Flatten(), nn.LayerNorm(3))
    with pytest.raises(ValueError, match=r"expected a network with a Dense.* got Sequential\(2 layers\)"):
        spectrally_normalised(D, rng=rng())


def test_settings_are_checked():
    dense = nn.Dense(2, 2, rng=rng())
    assert SpectralNorm(dense, rng=rng()).iterations == 1
    with pytest.raises(ValueError, match="at least 1 iteration"):
        SpectralNorm(dense, rng=rng(), iterations=0)
    for call in (SpectralNorm, spectrally_normalised):
        with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
            call(dense, rng=0)


def test_an_error_of_the_layer_names_both(device):
    layer = SpectralNorm(nn.Dense(2, 3, rng=rng()), rng=rng()).to(device)
    with pytest.raises(ValueError, match=r"expected input of shape \(N, 2\)") as info:
        layer(normal((5, 3), device, dtype=np.float32))
    assert info.value.__notes__[-1] == "in SpectralNorm(Dense(2, 3))"
