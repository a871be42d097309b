"""Layers: derivatives of orders 1 to 3 in every mode, closed forms, statistics, initial weights, error messages."""

import inspect
import math

import numpy as np
import pytest
from helpers import as_function, assert_same, normal, rng, scatter, snapshot, tensor

from minigan import Tensor, grad, gradcheck, nn, no_grad
from minigan.backend import strict


def network():
    r = rng(3)
    return nn.Sequential(
        nn.Dense(2, 8, rng=r),
        nn.BatchNorm(8),
        nn.LeakyReLU(0.2),
        nn.Reshape(2, 2, 2),
        nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1, rng=r),
        nn.Tanh(),
        nn.Conv2d(2, 1, 3, stride=2, rng=r),
        nn.Flatten(),
        nn.Dropout(0.3, rng=r),
        nn.Dense(1, 1, rng=r),
    )


LAYERS = {
    "dense": (lambda: nn.Dense(3, 2, rng=rng()), (4, 3)),
    "dense without bias": (lambda: nn.Dense(3, 2, rng=rng(), bias=False), (4, 3)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1, rng=rng()), (2, 4, 5, 2)),
    "conv2d of two sizes": (lambda: nn.Conv2d(1, 2, (2, 3), (1, 2), (1, 0), rng=rng(), bias=False), (2, 3, 5, 1)),
    "conv_transpose2d": (
        lambda: nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1, rng=rng()),
        (2, 2, 3, 3),
    ),
    "conv_transpose2d of two sizes": (
        lambda: nn.ConvTranspose2d(2, 1, (2, 3), (1, 2), (1, 0), rng=rng(), bias=False),
        (2, 3, 2, 2),
    ),
    "batch norm": (lambda: nn.BatchNorm(3), (5, 3)),
    "batch norm of images": (lambda: nn.BatchNorm(2), (2, 3, 2, 2)),
    "layer norm": (lambda: nn.LayerNorm(4), (3, 4)),
    "layer norm of images": (lambda: nn.LayerNorm((2, 2, 3)), (2, 2, 2, 3)),
    "layer norm of channels": (lambda: nn.LayerNorm(3), (2, 2, 2, 3)),
    "dropout": (lambda: nn.Dropout(0.4, rng=rng()), (4, 5)),
    "spectral norm": (lambda: nn.SpectralNorm(nn.Dense(3, 2, rng=rng()), rng=rng(1)), (4, 3)),
    "spectral norm of conv2d": (
        lambda: nn.SpectralNorm(nn.Conv2d(2, 3, (2, 3), 2, 1, rng=rng()), rng=rng(1)),
        (2, 3, 4, 2),
    ),
    "spectral norm of conv_transpose2d": (
        lambda: nn.SpectralNorm(nn.ConvTranspose2d(3, 2, (2, 3), 2, 1, rng=rng()), rng=rng(1)),
        (2, 3, 2, 3),
    ),
    "leaky relu": (lambda: nn.LeakyReLU(0.2), (3, 4)),
    "relu": (nn.ReLU, (3, 4)),
    "tanh": (nn.Tanh, (3, 4)),
    "sigmoid": (nn.Sigmoid, (3, 4)),
    "softplus": (nn.Softplus, (3, 4)),
    "flatten": (nn.Flatten, (2, 3, 2)),
    "reshape": (lambda: nn.Reshape(3, 2), (2, 6)),
    "sequential": (network, (5, 2)),
}


def build(case, device, dtype=np.float64):
    make, shape = LAYERS[case]
    return scatter(make().to(device, dtype), device), normal(shape, device, dtype=dtype)


def test_every_layer_has_a_case():
    kinds = {getattr(nn, name) for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    layers = {kind for kind in kinds if issubclass(kind, nn.Module)} - {nn.Module}
    assert {type(make()) for make, _ in LAYERS.values()} == layers


@pytest.mark.parametrize("mode", ["training", "evaluation"])
@pytest.mark.parametrize("case", LAYERS)
def test_derivatives_agree_with_central_differences(case, mode, device):
    module, x = build(case, device)
    with no_grad():
        module(x + 0.5)  # so that the running statistics are not 0 and 1
    module.train(mode == "training")
    parameters = [Tensor(p.data) for p in module.parameters()]
    with nn.freezing(module):  # or a spectral norm would be another function in each call
        gradcheck(as_function(module), [x, *parameters], order=3)


@pytest.mark.parametrize("mode", ["training", "evaluation"])
@pytest.mark.parametrize("case", LAYERS)
def test_float32_stays_float32(case, mode, device):
    module, x = build(case, device, np.float32)
    module.train(mode == "training")
    x = Tensor(x.data, requires_grad=True)
    y = module(x)
    first = grad(y.sum(), [x, *module.parameters()], create_graph=True)
    second = grad((first[0] * first[0]).sum(), [x])
    for t in [y, *first, *(g for g in second if g is not None)]:
        assert t.dtype == np.float32
        assert t.device == device
    assert all(buffer.dtype == np.float32 for _, buffer in module.named_buffers())


def test_dense_is_x_w_plus_b(device):
    layer, x = build("dense", device)
    expected = x.numpy() @ layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-14)


def test_conv2d_is_a_sum_over_the_window(device):
    layer, x = build("conv2d", device)
    padded = np.pad(x.numpy(), ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = layer(x).numpy()
    assert y.shape == (2, 2, 3, 3)
    for i, j in np.ndindex(2, 3):
        window = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        expected = np.einsum("nabc,abco->no", window, layer.weight.numpy()) + layer.bias.numpy()
        np.testing.assert_allclose(y[:, i, j], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "extra"), [((6, 5), 1, 1, 0), ((6, 8), 2, 1, 1), ((7, 7), 2, 0, 0)]
)
def test_conv_transpose2d_is_the_adjoint_of_conv2d(size, stride, padding, extra, device):
    conv = nn.Conv2d(2, 3, 3, stride, padding, rng=rng(), bias=False).to(device, np.float64)
    adjoint = nn.ConvTranspose2d(3, 2, 3, stride, padding, extra, rng=rng(1), bias=False).to(device, np.float64)
    adjoint.weight.data[...] = conv.weight.data
    x = normal((2, *size, 2), device)
    g = normal(conv(x).shape, device, seed=1)
    assert adjoint(g).shape == x.shape
    assert (conv(x) * g).sum().item() == pytest.approx((x * adjoint(g)).sum().item(), rel=1e-12)


@pytest.mark.parametrize(("kind", "size"), [(nn.Conv2d, (2, 3)), (nn.ConvTranspose2d, (6, 7))])
def test_by_default_a_convolution_has_stride_one_and_no_padding(kind, size, device):
    layer = kind(2, 3, 3, rng=rng()).to(device)
    assert layer(normal((1, 4, 5, 2), device, dtype=np.float32)).shape == (1, *size, 3)


def test_activations_have_their_values(device):
    x = tensor([[-800.0, -2.0, 0.0, 1.0, 800.0]], device)
    for layer, expected in [
        (nn.LeakyReLU(0.1), [-80.0, -0.2, 0.0, 1.0, 800.0]),
        (nn.LeakyReLU(), [-160.0, -0.4, 0.0, 1.0, 800.0]),
        (nn.LeakyReLU(0), [0.0, 0.0, 0.0, 1.0, 800.0]),
        (nn.LeakyReLU(1), [-800.0, -2.0, 0.0, 1.0, 800.0]),
        (nn.ReLU(), [0.0, 0.0, 0.0, 1.0, 800.0]),
        (nn.Tanh(), [-1.0, math.tanh(-2), 0.0, math.tanh(1), 1.0]),
        (nn.Sigmoid(), [0.0, 1 / (1 + math.e**2), 0.5, 1 / (1 + math.e**-1), 1.0]),
        (nn.Softplus(), [0.0, math.log1p(math.e**-2), math.log(2), math.log1p(math.e), 800.0]),
    ]:
        np.testing.assert_allclose(layer(x).numpy()[0], expected, rtol=1e-14, atol=1e-300, err_msg=repr(layer))


@pytest.mark.parametrize("slope", [-0.5, 1.5, math.nan])
def test_a_slope_outside_of_zero_to_one_is_refused(slope):
    with pytest.raises(ValueError, match=f"from 0 to 1, got {slope}"):
        nn.LeakyReLU(slope)


def test_flatten_and_reshape_keep_the_order_of_values(device):
    x = tensor(np.arange(12).reshape(2, 2, 3), device)
    np.testing.assert_array_equal(nn.Flatten()(x).numpy(), np.arange(12).reshape(2, 6))
    np.testing.assert_array_equal(nn.Reshape(3, 2)(x).numpy(), np.arange(12).reshape(2, 3, 2))


# Batch norm


def test_batch_norm_standardizes_each_channel(device):
    layer, _ = build("batch norm of images", device)
    x = np.array([5.0, -1.0]) + np.array([0.3, 40.0]) * rng().standard_normal((4, 3, 5, 2))
    y = layer(tensor(x, device)).numpy()
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    expected = (x - mean) / np.sqrt(variance + 1e-5) * layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-11)
    by_row = layer(tensor(x.reshape(-1, 2), device)).numpy()
    np.testing.assert_allclose(y.reshape(-1, 2), by_row, rtol=1e-12)


def test_batch_norm_gives_unit_variance_however_narrow_its_input(device):
    # BatchNorm(64, 0.8), a popular slip, would set eps to 0.8: an input of std 0.3 would come out with std 0.32.
    layer = nn.BatchNorm(2).to(device, np.float64)
    y = layer(tensor(0.3 * rng().standard_normal((1000, 2)), device)).numpy()
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-3)
    with pytest.raises(TypeError):
        nn.BatchNorm(64, 0.8)


@pytest.mark.parametrize("momentum", [0.1, 0.01, 1.0])
def test_running_statistics_follow_the_batches(momentum, device):
    layer = nn.BatchNorm(2, momentum=momentum).to(device, np.float64)
    mean, variance = np.zeros(2), np.ones(2)
    for seed in range(3):
        x = rng(seed).standard_normal((3, 2, 2, 2)) * [1.0, 3.0] + [2.0, -1.0]
        layer(tensor(x, device))
        mean = (1 - momentum) * mean + momentum * x.mean(axis=(0, 1, 2))
        variance = (1 - momentum) * variance + momentum * x.var(axis=(0, 1, 2), ddof=1)
    state = layer.state_dict()
    assert state["running_mean"].shape == state["running_variance"].shape == (2,)
    np.testing.assert_allclose(state["running_mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(state["running_variance"], variance, rtol=1e-12)


def test_batch_norm_in_evaluation_uses_the_running_statistics(device):
    layer, x = build("batch norm", device)
    layer(3 * x + 1)
    before = snapshot(layer.eval())
    y = layer(x).numpy()
    expected = (x.numpy() - before["running_mean"]) / np.sqrt(before["running_variance"] + 1e-5)
    np.testing.assert_allclose(y, expected * before["weight"] + before["bias"], rtol=1e-12)
    assert_same(snapshot(layer), before)


def test_samples_in_evaluation_do_not_depend_on_their_batch(device):
    G = scatter(network().to(device, np.float64), device)
    G(normal((6, 2), device, seed=8))
    z = normal((4, 2), device)
    others = tensor(np.concatenate([z.numpy()[:1], 5 + z.numpy()[1:]]), device)
    before = snapshot(G)
    with no_grad(), nn.evaluating(G):
        alone, first, second = G(z[:1]).numpy()[0], G(z).numpy()[0], G(others).numpy()[0]
    np.testing.assert_allclose(first, alone, rtol=1e-12)
    np.testing.assert_allclose(second, alone, rtol=1e-12)
    assert_same(snapshot(G), before)


@pytest.mark.parametrize("activation", [nn.LeakyReLU(0.3), nn.ReLU()], ids=repr)
@pytest.mark.parametrize("training", [True, False])
def test_a_sequence_takes_batch_norm_and_the_relu_behind_it_in_one_pass(activation, training, device):
    twice = nn.BatchNorm(3), activation, activation
    layers = nn.Dense(2, 3, rng=rng()), nn.BatchNorm(3), activation, nn.Dense(3, 3, rng=rng()), *twice, nn.Tanh()
    G = scatter(nn.Sequential(*layers).to(device, np.float64).train(training), device)
    z = normal((6, 2), device)

    def one_by_one(z):
        for layer in layers:
            z = layer(z)
        return z

    with nn.freezing(G), strict.counting() as together:
        y = G(z)
    with nn.freezing(G), strict.counting() as apart:
        expected = one_by_one(z)
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    assert device.name != "strict" or not training or apart.launches - together.launches == 2
    parameters = G.parameters()
    for g, wanted in zip(*(grad((out * out).sum(), parameters) for out in (y, expected)), strict=True):
        np.testing.assert_allclose(g.numpy(), wanted.numpy(), rtol=1e-12, atol=1e-13)


def test_whoever_traces_a_sequence_sees_the_output_of_each_layer():
    G = nn.Sequential(nn.BatchNorm(3), nn.ReLU())
    with nn.tracing() as trace:
        y = G(normal((6, 3), "cpu", dtype=np.float32))
    (norm, before), (relu, after), (whole, last) = trace
    assert [norm, relu, whole] == [*G, G]
    assert after is last is y
    assert before.numpy().min() < 0 == after.numpy().min()


def test_who_says_that_samples_influence_each_other():
    assert nn.BatchNorm(3).mixes_samples
    assert not any(layer.mixes_samples for layer in (nn.LayerNorm(3), nn.Dense(1, 1, rng=rng()), nn.Sequential()))


def test_statistics_move_by_a_tenth_unless_told_otherwise():
    layer = nn.BatchNorm(3)
    x = normal((6, 3), "cpu", dtype=np.float32)
    layer(x)
    np.testing.assert_allclose(layer.running_mean, 0.1 * x.numpy().mean(axis=0), rtol=1e-5)


def test_two_values_have_a_variance():
    layer = nn.BatchNorm(2)
    y = layer(Tensor(np.array([[1.0, 5.0], [3.0, -5.0]], dtype=np.float32))).numpy()
    np.testing.assert_allclose(y, [[-1, 1], [1, -1]], rtol=1e-4)


@pytest.mark.parametrize("n", [1, 4, 5, 9])
def test_dropout_draws_four_values_from_each_number_of_its_generator(n):
    layer, twin = nn.Dropout(0.5, rng=rng(4)), rng(4)
    layer(Tensor(np.ones(n, dtype=np.float32)))
    twin.integers(0, 2**64, math.ceil(n / 4), dtype=np.uint64)
    assert layer.rng.bit_generator.state == twin.bit_generator.state


def test_a_layer_derived_from_relu_computes_what_it_says():
    class Doubling(nn.ReLU):
        def forward(self, x):
            return 2 * x

    x = normal((6, 3), "cpu", dtype=np.float32)
    norm = nn.BatchNorm(3)
    np.testing.assert_array_equal(nn.Sequential(norm, Doubling())(x).numpy(), 2 * norm(x).numpy())


def test_batch_norm_needs_two_values(device):
    layer = nn.BatchNorm(3).to(device)
    before = snapshot(layer)
    with pytest.raises(ValueError, match="larger batch"):
        layer(normal((1, 3), device, dtype=np.float32))
    with pytest.raises(ValueError, match="larger batch"):
        layer(normal((1, 1, 1, 3), device, dtype=np.float32))
    assert_same(snapshot(layer), before)
    layer.eval()(normal((1, 3), device, dtype=np.float32))


def test_a_frozen_network_computes_as_in_training_and_keeps_its_statistics(device):
    G = nn.Sequential(nn.Dense(2, 3, rng=rng()), nn.BatchNorm(3)).to(device, np.float64)
    z = normal((5, 2), device)
    before = snapshot(G)
    with nn.freezing(G) as frozen:
        y = frozen(z).numpy()
    assert_same(snapshot(G), before)
    np.testing.assert_array_equal(G(z).numpy(), y)
    after = snapshot(G)
    assert (after["layers.1.running_mean"] != before["layers.1.running_mean"]).all()
    assert (after["layers.1.running_variance"] != before["layers.1.running_variance"]).all()


# Other normalisation, and dropout


def test_layer_norm_standardizes_each_sample(device):
    layer, _ = build("layer norm of images", device)
    x = rng().standard_normal((3, 2, 2, 3)) * 5 + 2
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    expected = (x - mean) / np.sqrt(x.var(axis=(1, 2, 3), keepdims=True) + 1e-5)
    expected = expected * layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(layer(tensor(x, device)).numpy(), expected, rtol=1e-11)


def influence_of_others(layer, device):
    """The largest derivative of the first sample's output by another sample."""
    x = normal((4, 3), device, requires_grad=True)
    weights = normal((3,), device, seed=9)
    (g,) = grad((layer.to(device, np.float64)(x)[0] * weights).sum(), [x])
    return np.abs(g.numpy()[1:]).max()


def test_only_batch_norm_in_training_mixes_samples(device):
    assert influence_of_others(nn.LayerNorm(3), device) == 0
    assert influence_of_others(nn.BatchNorm(3).eval(), device) == 0
    assert influence_of_others(nn.BatchNorm(3), device) > 0.01
    mixing = {kind.__name__ for make, _ in LAYERS.values() if (kind := type(make())).mixes_samples}
    assert mixing == {"BatchNorm"}


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_keeps_the_mean(p, device):
    n = 40_000
    y = nn.Dropout(p, rng=rng())(tensor(np.ones((n, 1)), device)).numpy()
    assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
    assert np.mean(y == 0) == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n))
    assert y.mean() == pytest.approx(1, abs=5 * math.sqrt(p / (1 - p) / n))


def test_dropout_masks_come_from_its_generator_alone(device):
    x = tensor(np.ones((8, 8)), device)
    layer, twin = nn.Dropout(0.5, rng=rng(4)), nn.Dropout(0.5, rng=rng(4))
    first, second = layer(x).numpy(), layer(x).numpy()
    np.testing.assert_array_equal(twin(x).numpy(), first)
    assert (first != second).any()


def test_dropout_is_the_identity_in_evaluation_and_without_a_probability(device):
    x = normal((3, 4), device)
    for layer in (nn.Dropout(0.5, rng=rng()).eval(), nn.Dropout(0, rng=rng())):
        np.testing.assert_array_equal(layer(x).numpy(), x.numpy())
        assert layer.rng.bit_generator.state == rng().bit_generator.state


def test_dropout_keeps_a_value_whose_number_is_just_p(device):
    numbers = rng().integers(0, 2**64, 8, dtype=np.uint64).view(np.uint16)[:30].reshape(5, 6)
    layer = nn.Dropout(int(numbers[2, 3]) / 2**16, rng=rng())
    kept = layer(tensor(np.ones((5, 6)), device)).numpy() != 0
    np.testing.assert_array_equal(kept, numbers >= numbers[2, 3])


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, math.nan])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(p, rng=rng())


# Initial weights


@pytest.mark.parametrize(
    ("init", "std"),
    [
        (nn.glorot_uniform, math.sqrt(2 / (300 + 500))),
        (nn.glorot_normal, math.sqrt(2 / (300 + 500))),
        (nn.he_normal, math.sqrt(2 / 300)),
        (nn.dcgan_normal, 0.02),
    ],
)
def test_initialisers_have_their_variance(init, std):
    w = init((300, 500), 300, 500, rng())
    assert w.dtype == np.float32
    assert w.shape == (300, 500)
    assert w.std() == pytest.approx(std, rel=0.01)
    assert abs(w.mean()) < 5 * std / math.sqrt(w.size)
    kurtosis = 1.8 if init is nn.glorot_uniform else 3.0  # of the uniform and of the normal distribution
    assert np.mean((w / w.std()) ** 4) == pytest.approx(kurtosis, rel=0.05)
    np.testing.assert_array_equal(init((300, 500), 300, 500, rng()), w)
    assert (init((300, 500), 300, 500, rng(1)) != w).any()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda **how: nn.Dense(4, 7, **how), ((4, 7), 4, 7)),
        (lambda **how: nn.Conv2d(4, 7, (3, 5), **how), ((3, 5, 4, 7), 60, 105)),
        (lambda **how: nn.ConvTranspose2d(4, 7, (3, 5), **how), ((3, 5, 7, 4), 60, 105)),
    ],
)
def test_layers_ask_for_weights_with_their_fans(make, expected):
    asked = []

    def init(shape, fan_in, fan_out, rng):
        asked.append((shape, fan_in, fan_out))
        return nn.glorot_uniform(shape, fan_in, fan_out, rng)

    layer = make(rng=rng(), init=init)
    assert asked == [expected]
    np.testing.assert_array_equal(layer.weight.numpy(), nn.glorot_uniform(*expected, rng()))
    np.testing.assert_array_equal(layer.bias.numpy(), np.zeros(7))
    assert make(rng=rng(), bias=False).bias is None
    default = make(rng=rng())
    np.testing.assert_array_equal(default.weight.numpy(), layer.weight.numpy())
    assert {p.dtype for p in default.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "make",
    [
        lambda r: nn.Dense(2, 2, rng=r),
        lambda r: nn.Conv2d(2, 2, 3, rng=r),
        lambda r: nn.ConvTranspose2d(2, 2, 3, rng=r),
        lambda r: nn.Dropout(0.5, rng=r),
    ],
)
@pytest.mark.parametrize("not_a_generator", [0, None, np.random.RandomState(0)])
def test_a_seed_is_no_generator(make, not_a_generator):
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        make(not_a_generator)


# Errors


def notes(info):
    return "\n".join(getattr(info.value, "__notes__", []))


def test_an_error_names_the_layer_and_the_network(device):
    net = nn.Sequential(nn.Dense(2, 3, rng=rng()), nn.Dense(4, 1, rng=rng())).to(device)
    with pytest.raises(ValueError, match=r"\(N, 4\), got \(5, 3\)") as info:
        net(normal((5, 2), device, dtype=np.float32))
    assert notes(info) == "in Dense(4, 1)\nin Sequential(2 layers)"


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Dense(3, 1, rng=rng()), (2, 3, 3), "Flatten"),
        (nn.Dense(3, 1, rng=rng()), (3,), r"Dense: expected input of shape \(N, 3\), got \(3,\)"),
        (nn.Dense(3, 1, rng=rng()), (2, 4), r"Dense: expected input of shape \(N, 3\), got \(2, 4\)"),
        (nn.Conv2d(3, 2, 3, rng=rng()), (1, 5, 5, 2), "channels"),
        (nn.Conv2d(3, 2, 3, rng=rng()), (5, 3), "N, H, W, C"),
        (nn.Conv2d(3, 2, 3, rng=rng()), (1, 2, 5, 3), "does not fit"),
        (nn.ConvTranspose2d(3, 2, 3, rng=rng()), (1, 5, 5, 2), "channels"),
        (nn.BatchNorm(3), (4, 2), "3 channels"),
        (nn.BatchNorm(3), (4, 5), "3 channels"),
        (nn.LayerNorm(3), (4, 2), "LayerNorm"),
        (nn.LayerNorm((2, 3)), (5, 2, 4), r"of shape \(N, ..., 2, 3\), got \(5, 2, 4\)\n"),
        (nn.LayerNorm((2, 3)), (5, 2, 2), r"of shape \(N, ..., 2, 3\), got \(5, 2, 2\)\n"),
        (nn.LayerNorm((4, 3)), (4, 3), "LayerNorm"),
    ],
    ids=lambda value: repr(value) if isinstance(value, nn.Module) else None,
)
def test_a_wrong_shape_is_refused_in_words(layer, shape, words):
    with pytest.raises(ValueError, match=words) as info:
        layer(np.zeros(shape, dtype=np.float32))
    assert notes(info).splitlines()[-1] == f"in {layer!r}"


def test_layers_show_their_settings():
    r = rng()
    shown = {
        "Dense(3, 1)": nn.Dense(3, 1, rng=r),
        "Conv2d(1, 2, 3x3, stride=2, padding=1)": nn.Conv2d(1, 2, 3, 2, 1, rng=r),
        "ConvTranspose2d(1, 2, 4x5, stride=2, padding=1, output_padding=0)": nn.ConvTranspose2d(
            1, 2, (4, 5), 2, 1, rng=r
        ),
        "BatchNorm(4)": nn.BatchNorm(4),
        "LayerNorm((4,))": nn.LayerNorm(4),
        "Dropout(0.3)": nn.Dropout(0.3, rng=r),
        "LeakyReLU(0.2)": nn.LeakyReLU(),
        "Reshape(4, 4, 2)": nn.Reshape(4, 4, 2),
        "Tanh()": nn.Tanh(),
        "Sequential(2 layers)": nn.Sequential(nn.Tanh(), nn.Tanh()),
    }
    assert [repr(layer) for layer in shown.values()] == list(shown)


def test_a_module_without_forward_says_so():
    class Forgotten(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Forgotten must define forward"):
        Forgotten()(np.zeros((1, 1)))
