"""Every op of the registry: its values, its derivatives to third order, and how it treats its inputs."""

import inspect
import itertools
import math
import operator

import numpy as np
import pytest
from helpers import drawing, restored
from hypothesis import given
from hypothesis import strategies as st
from op_cases import CASES, axis_of, distinct, rngs, shapes, values

import minigan as mg
from minigan import ops
from minigan.autograd import op, registry
from minigan.autograd.op import Op
from minigan.backend import to_device, to_host

each_op = pytest.mark.parametrize("name", sorted(CASES))


def tensors(arrays, device):
    return [mg.Tensor(x, requires_grad=True, device=device) for x in arrays]


def cotangent(y, seed=0):
    """A random array like y, on its device."""
    return to_device(np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype), y.device)


def bent(f):
    """f between two curved functions, so that the second derivative of a linear f is not zero.

    The inner one keeps signs, order and gaps, and with them the distance from kinks.
    """

    def curved(*xs):
        y = f(*(x + x**3 / 8 for x in xs))
        return y + y * y

    return curved


def inner(a, b):
    return float((to_host(a) * to_host(b)).sum())


def assert_close(a, b, rtol=1e-12):
    """Equal shapes, dtypes and values, up to rounding relative to the largest value."""
    a, b = to_host(a), to_host(b)
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, abs(a).max(initial=0.0)))


def ops_without_case():
    return set(registry) - set(CASES)


@pytest.fixture
def scratch_registry():
    """Ops made in a test vanish with it."""
    yield from restored(registry)


# ------------------------------------------------------------------ all ops


def test_every_op_has_a_case():
    assert ops_without_case() == set()
    assert set(CASES) <= set(registry)
    assert all(registry[name] is getattr(ops, name) for name in CASES)  # none took the name of another


def test_an_op_without_a_case_is_noticed(scratch_registry):
    @op
    def cube(x):
        return x**3

    assert ops_without_case() == {"cube"}


@each_op
@drawing(8)
@given(data=st.data())
def test_derivatives_to_third_order(name, device, data):
    case = data.draw(CASES[name])
    mg.gradcheck(bent(case.f), tensors(case.arrays(), device), order=3)


@each_op
@drawing(16)
@given(data=st.data())
def test_values_and_dtypes(name, device, data):
    case = data.draw(CASES[name])
    for dtype, rtol in (("float64", 1e-13), ("float32", 2e-5)):
        xs = case.arrays(dtype)
        y = case.f(*tensors(xs, device))
        assert_close(y.numpy(), np.asarray(case.expected(*case.inputs), dtype=dtype), rtol)
        plain = case.f(*(to_device(x, device) for x in xs))
        np.testing.assert_array_equal(to_host(plain), y.numpy())


@each_op
@drawing(8)
@given(data=st.data())
def test_all_ways_to_the_gradient_agree(name, device, data):
    case = data.draw(CASES[name])
    given_arrays = case.arrays()
    xs = tensors(given_arrays, device)
    y = case.f(*xs)
    u = cotangent(y)
    before = [x.numpy() for x in xs], y.numpy(), to_host(u).copy()

    fast = mg.grad(y, xs, u)
    recorded = mg.grad(y, xs, u, create_graph=True)
    alone = [mg.grad(y, [x], u)[0] for x in xs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry[name], "array_rule", None)
        polymorphic = mg.grad(y, xs, u)

    for x, *gradients in zip(xs, fast, recorded, alone, polymorphic, strict=True):
        for gradient in gradients:
            assert_close(gradient.data, gradients[0].data)
            assert gradient.shape == x.shape
            assert type(gradient.data) is type(x.data)  # no NumPy scalar for a 0-d array
    for same, earlier in zip([*xs, y.data, u], [*before[0], *before[1:]], strict=True):
        np.testing.assert_array_equal(to_host(same.data if isinstance(same, mg.Tensor) else same), earlier)
    for array, original in zip(given_arrays, case.inputs, strict=True):
        np.testing.assert_array_equal(array, original)


@each_op
@drawing(8)
@given(data=st.data())
def test_float32_stays_float32_at_every_order(name, device, data):
    case = data.draw(CASES[name])
    x32, x64 = tensors(case.arrays("float32"), device), tensors(case.arrays("float64"), device)
    y32, y64 = (bent(case.f)(*xs) * 0.5 + np.float64(0.25) for xs in (x32, x64))
    y32, y64 = ((y * cotangent(y)).sum() for y in (y32, y64))
    for order in (1, 2, 3):
        g32, g64 = (mg.grad(y, xs, create_graph=order < 3) for y, xs in ((y32, x32), (y64, x64)))
        assert all(g.dtype == np.float32 for g in g32)
        for a, b in zip(g32, g64, strict=True):
            scale = abs(b.numpy()).max(initial=0.1)  # far below 1, terms of size 1 have cancelled
            np.testing.assert_allclose(a.numpy() / scale, b.numpy() / scale, atol=1e-3)
        y32, y64 = (sum((g * g).sum() for g in gs) for gs in (g32, g64))
        size = max(1.0, y64.item())  # squares of squares would leave the range of float32
        y32, y64 = y32 / size, y64 / size
        if not y32.requires_grad:
            break


@each_op
@drawing(8)
@given(data=st.data())
def test_linear_ops_and_their_adjoints(name, device, data):
    """<A x, u> = <x, A' u>, with A' u from grad."""
    case = data.draw(CASES[name])
    if not case.linear:
        pytest.skip("not linear")
    xs = tensors(case.arrays(), device)
    y = case.f(*xs)
    u = cotangent(y)
    whole = inner(y.data, u)
    parts = [inner(x.data, g.data) for x, g in zip(xs, mg.grad(y, xs, u), strict=True)]
    size = 1 + inner(abs(y.data), abs(u)) + sum(map(abs, parts))
    if case.linear == "jointly":
        parts = [sum(parts)]
    assert all(abs(part - whole) <= 1e-12 * size for part in parts)


# ------------------------------------------------- composed functions and methods


@drawing(10)
@given(data=st.data(), rng=rngs)
def test_composed_reductions(device, data, rng):
    shape = data.draw(shapes(min_side=1))
    axis, keepdims = data.draw(axis_of(shape)), data.draw(st.booleans())
    x = distinct(rng, shape)
    of_numpy = {ops.mean: np.mean, ops.min: np.min, ops.variance: np.var, ops.standard_deviation: np.std}
    for function, expected in of_numpy.items():
        (tensor,) = tensors([x], device)
        y = function(tensor, axis=axis, keepdims=keepdims)
        assert_close(y.data, np.asarray(expected(x, axis=axis, keepdims=keepdims)))
        if function is not ops.standard_deviation:  # of a single number it has a kink
            mg.gradcheck(bent(lambda x, f=function: f(x, axis=axis, keepdims=keepdims)), [tensor], order=2)


def test_standard_deviation_adds_eps_to_the_variance(device):
    x = mg.Tensor(np.array([1.0, 3.0]), device=device)
    assert ops.standard_deviation(x, eps=3.0).item() == 2.0


@pytest.mark.parametrize("axes", [*itertools.permutations(range(3)), (-1, 0, 1), (1, -1, -3)])
def test_every_permutation_of_three_axes(device, axes):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    (t,) = tensors([x], device)
    assert_close(ops.transpose(t, axes=axes).data, x.transpose(axes))
    mg.gradcheck(bent(lambda t: ops.transpose(t, axes=axes)), [t], order=2)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_concatenate_along_every_axis(device, axis):
    rng = np.random.default_rng(0)
    shape = [2, 3, 2]
    xs = [rng.standard_normal([n if i == axis % 3 else m for i, m in enumerate(shape)]) for n in (1, 3, 2)]
    assert_close(ops.concatenate(*tensors(xs, device), axis=axis).data, np.concatenate(xs, axis=axis))
    mg.gradcheck(bent(lambda *xs: ops.concatenate(*xs, axis=axis)), tensors(xs, device), order=2)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_stack(device, axis):
    xs = np.random.default_rng(0).standard_normal((3, 4, 2))
    assert_close(ops.stack(tensors(xs, device), axis=axis).data, np.stack(list(xs), axis=axis))
    mg.gradcheck(bent(lambda *xs: ops.stack(xs, axis=axis)), tensors(xs, device), order=2)


@pytest.mark.parametrize("new", range(4))
def test_sum_to_every_shape_that_broadcasts(device, new):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    for kept in itertools.product((0, 1), repeat=3 - new):  # 0: summed to length 1
        expected = np.zeros([n if keep else 1 for n, keep in zip(x.shape[new:], kept, strict=True)])
        for index in np.ndindex(*x.shape):
            expected[tuple(np.multiply(index[new:], kept).astype(int))] += x[index]
        assert_close(ops.sum_to(to_device(x, device), shape=expected.shape), expected)


def test_the_gradient_of_a_broadcast_input_has_its_shape(device):
    found = gradient_of(ops.add, np.ones(3), np.ones((2, 3)), device=device)
    assert found == [[2, 2, 2], [[1, 1, 1], [1, 1, 1]]]


def test_stack_takes_one_array_and_refuses_two_of_different_shapes():
    assert ops.stack([np.ones((2, 3))], axis=1).shape == (2, 1, 3)
    with pytest.raises(ValueError, match="dimensions"):
        ops.stack([np.ones((2, 3)), np.ones((3, 2))])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((2, 5, 3), (3, 4)),
        ((2, 2, 5, 3), (3, 1)),
        ((2, 5, 3), (2, 3, 4)),
        ((0, 5, 3), (3, 2)),
    ],
)
def test_matmul(device, a, b):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a), rng.standard_normal(b)
    x, w = tensors([a, b], device)
    assert_close((x @ w).data, a @ b)
    assert_close((x @ to_device(b, device)).data, a @ b)
    assert_close((to_device(a, device) @ w).data, a @ b)
    mg.gradcheck(bent(ops.matmul), [x, w], order=3)


def test_matmul_names_the_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"got \(2, 5, 3\) @ \(3,\)"):
        ops.matmul(np.ones((2, 5, 3)), np.ones(3))


def test_relu_and_leaky_relu_bend_at_zero(device):
    x = mg.Tensor(np.array([-2.0, -0.0, 0.0, 3.0]), device=device)
    np.testing.assert_array_equal(ops.relu(x).numpy(), [0, 0, 0, 3])
    np.testing.assert_array_equal(ops.leaky_relu(x, slope=0.25).numpy(), [-0.5, 0, 0, 3])


def test_batch_norm_and_layer_norm(device):
    rng = np.random.default_rng(0)
    x, scale, shift = rng.standard_normal((3, 2, 2, 4)) * 3 + 1, rng.standard_normal(4), rng.standard_normal(4)
    y = ops.batch_norm(*tensors([x, scale, shift], device), eps=0.1)
    total, squares = y.kept
    assert_close(total, x.sum(axis=(0, 1, 2)), 1e-13)
    assert_close(squares, 12 * x.var(axis=(0, 1, 2)), 1e-13)
    assert_close(y.data, (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 0.1) * scale + shift)
    mg.gradcheck(bent(ops.batch_norm), tensors([x, scale, shift], device), order=3)

    scale, shift = rng.standard_normal((2, 4)), rng.standard_normal((2, 4))
    y = ops.layer_norm(*tensors([x, scale, shift], device), eps=0.1)
    mean, variance = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    assert_close(y.data, (x - mean) / np.sqrt(variance + 0.1) * scale + shift)
    mg.gradcheck(bent(ops.layer_norm), tensors([x, scale, shift], device), order=3)


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_batch_norm_with_a_slope_is_batch_norm_and_a_leaky_relu(slope, device):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((5, 3, 2, 4)), *rng.standard_normal((2, 4))]
    xs, u = tensors(arrays, device), to_device(rng.standard_normal((5, 3, 2, 4)), device)
    fused, plain = ops.batch_norm(*xs, slope=slope), ops.leaky_relu(ops.batch_norm(*xs), slope=slope)
    assert 0.2 < (plain.numpy() > 0).mean() < 0.7
    np.testing.assert_array_equal(fused.numpy(), plain.numpy())
    for create_graph in (False, True):
        gradients = [mg.grad(y, xs, mg.Tensor(u, device=device), create_graph=create_graph) for y in (fused, plain)]
        for found, wanted in zip(*gradients, strict=True):
            assert_close(found.data, wanted.data)


OPERATORS = {
    "a + b": operator.add,
    "a - b": operator.sub,
    "a * b": operator.mul,
    "a / b": operator.truediv,
}


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("other", [2, 2.5, np.float64(2.5), "array", "tensor"])
def test_operators_take_numbers_arrays_and_tensors_on_either_side(device, symbol, other):
    function = OPERATORS[symbol]
    x = values(np.random.default_rng(0), (2, 3), gap=0.5).astype("float32")
    (tensor,) = tensors([x], device)
    if isinstance(other, str):
        host = values(np.random.default_rng(1), (3,), gap=0.5).astype("float32")
        moved = to_device(host, device)
        other = mg.Tensor(moved) if other == "tensor" else moved
    else:
        host = float(other)
    for result, expected in (
        (function(tensor, other), function(x, host)),
        (function(other, tensor), function(host, x)),
    ):
        assert isinstance(result, mg.Tensor)
        assert_close(result.data, expected, 1e-6)
        mg.gradcheck(lambda x, other=other: function(x, other) * function(other, x), [tensor.data], order=2)


def test_methods_do_what_the_ops_of_that_name_do(device):
    x = values(np.random.default_rng(0), (2, 3, 4), low=0.5)
    (t,) = tensors([x], device)
    pairs = [
        (-t, -x),
        (abs(-t), x),
        (t**2, x**2),
        (t ** np.float64(0.5), np.sqrt(x)),
        (t.exp(), np.exp(x)),
        (t.log(), np.log(x)),
        (t.sqrt(), np.sqrt(x)),
        (t.sum(), x.sum()),
        (t.sum(1), x.sum(1)),
        (t.mean((0, 2), keepdims=True), x.mean((0, 2), keepdims=True)),
        (t.max(axis=-1), x.max(axis=-1)),
        (t.min(), x.min()),
        (t.reshape(6, -1), x.reshape(6, -1)),
        (t.reshape((4, 6)), x.reshape((4, 6))),
        (t.transpose(2, 0, 1), x.transpose(2, 0, 1)),
        (t.transpose((1, 0, 2)), x.transpose((1, 0, 2))),
        (t.transpose(), x.T),
        (t.T, x.T),
        (t[1], x[1]),
        (t[..., 1:, None], x[..., 1:, None]),
        (t[0, 1, 2], x[0, 1, 2]),
        (t[mg.Tensor(np.array([1, 0, 1]), device=device), 0], x[[1, 0, 1], 0]),
    ]
    for result, expected in pairs:
        assert_close(result.data, np.asarray(expected), 1e-14)
    assert [row.shape for row in t] == [(3, 4), (3, 4)]
    with pytest.raises(TypeError):
        t.reshape((6, 4), 1)


def test_lists_and_masks_index_on_the_host():
    x = np.random.default_rng(0).standard_normal((3, 4))
    for index in ([2, 0, 2], x > 0, (slice(None), [1, 1]), np.int64(1)):
        (t,) = tensors([x], "cpu")
        assert_close(t[index].data, np.asarray(x[index]))
        mg.gradcheck(bent(lambda t, index=index: t[index]), [x], order=2)


# ------------------------------------------------------------ values at extremes

EXTREMES = [0.0, 1e-300, 1e-9, 0.5, 30.0, 37.0, 50.0, 500.0, 1e4]
EXTREMES = np.array([-x for x in reversed(EXTREMES)] + EXTREMES)


def exact_sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def test_sigmoid_and_softplus_are_exact_in_both_tails(device):
    (x,) = tensors([EXTREMES], device)
    sigmoid = [exact_sigmoid(v) for v in EXTREMES]
    complement = [exact_sigmoid(-v) for v in EXTREMES]
    np.testing.assert_allclose(ops.sigmoid(x).numpy(), sigmoid, rtol=1e-14)
    np.testing.assert_allclose(ops.softplus(x).numpy(), np.logaddexp(0, EXTREMES), rtol=1e-14)
    np.testing.assert_allclose(mg.grad(ops.softplus(x).sum(), [x])[0].numpy(), sigmoid, rtol=1e-14)
    slope = np.multiply(sigmoid, complement)
    np.testing.assert_allclose(mg.grad(ops.sigmoid(x).sum(), [x])[0].numpy(), slope, rtol=1e-14)
    (first,) = mg.grad(ops.softplus(x).sum(), [x], create_graph=True)
    np.testing.assert_allclose(mg.grad(first.sum(), [x])[0].numpy(), slope, rtol=1e-14)


def test_log1p_is_exact_for_small_numbers(device):
    small = np.array([1e-20, -1e-12, 1e-9, 1e-4])
    (x,) = tensors([small], device)
    np.testing.assert_allclose(ops.log1p(x).numpy(), [math.log1p(v) for v in small], rtol=1e-15)


def test_sigmoid_and_softplus_are_finite_in_float32(device):
    x = mg.Tensor(EXTREMES.astype("float32"), requires_grad=True, device=device)
    for f in (ops.sigmoid, ops.softplus, ops.tanh):
        y = f(x)
        assert y.dtype == np.float32
        assert np.isfinite(y.numpy()).all()
        assert np.isfinite(mg.grad(y.sum(), [x])[0].numpy()).all()


@pytest.mark.parametrize("offset", [0.0, 50.0, -50.0, 500.0, -500.0, 1e4, -1e4])
def test_logsumexp_and_softmax_are_exact_for_any_size(device, offset):
    x = np.array([[0.5, -1.0, 2.0], [0.0, -600.0, 3.0]])
    moved = tensors([x + offset], device)[0]
    expected = np.logaddexp.reduce(x + offset, axis=1)
    shares = np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None])
    y = ops.logsumexp(moved, axis=1)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(mg.grad(y.sum(), [moved])[0].numpy(), shares, rtol=1e-11)
    y, w = ops.softmax(moved, axis=1), np.array([[1.0, -2.0, 0.5], [3.0, 1.0, -1.0]])
    np.testing.assert_allclose(y.numpy(), shares, rtol=1e-11)
    slope = shares * (w - (shares * w).sum(axis=1, keepdims=True))
    (g,) = mg.grad((y * tensors([w], device)[0]).sum(), [moved])
    np.testing.assert_allclose(g.numpy(), slope, atol=1e-11)


# ------------------------------------------------------------------ at the kinks


def gradient_of(f, *arrays, device):
    xs = tensors([np.array(x, dtype="float64") for x in arrays], device)
    return [g.numpy().tolist() for g in mg.grad(f(*xs).sum(), xs)]


def test_at_a_tie_the_derivative_goes_to_the_first(device):
    for f in (ops.maximum, ops.minimum):
        assert gradient_of(f, [1.0, 2.0], [1.0, 2.0], device=device) == [[1.0, 1.0], [0.0, 0.0]]


def test_largest_elements_share_the_derivative(device):
    x = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]
    assert gradient_of(lambda x: ops.max(x, axis=1), x, device=device) == [[[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]]
    assert gradient_of(lambda x: ops.min(x, axis=1), x, device=device) == [[[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]]]


def test_derivatives_at_zero(device):
    at_zero = lambda f: gradient_of(f, [0.0], device=device)[0][0]
    assert at_zero(ops.absolute) == 0
    assert at_zero(ops.relu) == 0
    assert at_zero(lambda x: ops.leaky_relu(x, slope=0.2)) == 0.2
    assert at_zero(lambda x: ops.norm(x, axis=0)) == 0
    assert at_zero(lambda x: x**0) == 0
    assert at_zero(lambda x: x**1) == 1
    assert at_zero(lambda x: x**2) == 0
    assert at_zero(lambda x: x**0 * 0) == 0


def test_norm_at_zero_has_finite_second_derivatives(device):
    x = mg.Tensor(np.array([[0.0, 0.0], [3.0, 4.0]]), requires_grad=True, device=device)
    (g,) = mg.grad(ops.norm(x, axis=1).sum(), [x], create_graph=True)
    np.testing.assert_allclose(g.numpy(), [[0, 0], [0.6, 0.8]])
    assert np.isfinite(mg.grad((g * g).sum(), [x])[0].numpy()).all()


def test_nan_is_never_hidden(device):
    """A loss that became NaN must stay one, whatever it passes through."""
    x = mg.Tensor(np.array([np.nan, 1.0]), device=device)
    zero = mg.Tensor(np.zeros(2), device=device)
    hiding = {
        "maximum": ops.maximum(x, 0.0),
        "maximum swapped": ops.maximum(zero, x),
        "minimum": ops.minimum(x, 0.0),
        "minimum swapped": ops.minimum(zero, x),
        "relu": ops.relu(x),
        "leaky_relu": ops.leaky_relu(x),
        "sigmoid": ops.sigmoid(x),
        "softplus": ops.softplus(x),
        "max": ops.max(x),
        "min": ops.min(x),
        "norm": ops.norm(x),
        "logsumexp": ops.logsumexp(x),
    }
    assert [name for name, y in hiding.items() if not np.isnan(y.numpy().ravel()[0])] == []


# -------------------------------------------------------------- dtypes and errors


def test_numpy_scalars_as_settings_do_not_leak_float64(device):
    x = mg.Tensor(values(np.random.default_rng(0), (4, 3)).astype("float32"), requires_grad=True, device=device)
    for y in (
        ops.leaky_relu(x, slope=np.float64(0.2)),
        ops.standardize(x, axes=(0,), eps=np.float64(1e-5)),
        ops.standard_deviation(x, axis=0, eps=np.float64(1e-5)),
        x ** np.float64(2.0),
        ops.maximum(np.float64(0.5), x),
        ops.where(x > 0, np.float64(1.0), x),
    ):
        (g,) = mg.grad((y * y).sum(), [x], create_graph=True)
        assert (y.dtype, g.dtype) == (np.float32, np.float32)
        assert mg.grad((g * g).sum(), [x])[0].dtype == np.float32


def test_a_tensor_as_exponent_is_refused(device):
    (x,) = tensors([np.ones(2)], device)
    with pytest.raises(
        TypeError, match=r"expected a Python number as exponent, got an array; write exp\(b \* log\(a\)\)"
    ):
        x**x


@pytest.mark.parametrize("slope", [-0.1, 1.5])
def test_a_slope_beyond_zero_to_one_is_refused(slope):
    with pytest.raises(ValueError, match="expected a slope from 0 to 1"):
        ops.leaky_relu(mg.Tensor([1.0]), slope=slope)


FAILURES = {
    "add": (lambda a: a + mg.Tensor(np.ones(4)), "in add(float32[2, 3], float64[4])"),
    "multiply by an array": (lambda a: a * np.ones(4), "in multiply(float32[2, 3], float64[4])"),
    "matrix_product": (lambda a: a @ a, "in matrix_product(float32[2, 3], float32[2, 3])"),
    "reshape": (lambda a: a.reshape(4, 2), "in reshape(float32[2, 3], shape=(4, 2))"),
    "sum": (lambda a: a.sum(axis=5), "in sum(float32[2, 3], axis=5, keepdims=False)"),
    "getitem": (lambda a: a[7], "in getitem(float32[2, 3], index=7)"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_errors_name_the_op_and_the_shapes(name):
    fail, note = FAILURES[name]
    with pytest.raises((ValueError, IndexError)) as caught:
        fail(mg.Tensor(np.ones((2, 3), dtype="float32")))
    assert caught.value.__notes__ == [note]


def defaults(function):
    """What the settings are that a call leaves out."""
    parameters = inspect.signature(getattr(function, "forward", function)).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


REDUCTION = {"axis": None, "keepdims": False}
DEFAULTS = {
    "batch_norm": {"eps": 1e-5, "slope": 1.0},
    "concatenate": {"axis": 0},
    "conv2d": {"stride": 1, "padding": 0, "algorithm": None},
    "conv2d_weight": {"stride": 1, "padding": 0, "algorithm": None},
    "conv_transpose2d": {"stride": 1, "padding": 0, "output_padding": 0, "algorithm": None},
    "layer_norm": {"eps": 1e-5},
    "leaky_relu": {"slope": 0.2},
    "softmax": {"axis": -1},
    "stack": {"axis": 0},
    "standard_deviation": REDUCTION | {"eps": 0.0},
    "standardize": {"eps": 1e-5},
    "transpose": {"axes": None},
} | dict.fromkeys(("logsumexp", "max", "mean", "min", "norm", "sum", "variance"), REDUCTION)


def test_what_a_call_leaves_out():
    assert {name: found for name in ops.__all__ if (found := defaults(getattr(ops, name)))} == DEFAULTS


@each_op
def test_a_setting_left_out_means_the_same_in_every_rule(name):
    rules = (*registry[name].rules, registry[name].rule_for_each, registry[name].array_rule)
    assert all(defaults(rule) == defaults(registry[name]) for rule in rules if rule is not None)


def test_the_repr_and_docstring_of_an_op():
    assert repr(ops.tanh) == "<op tanh>"
    assert isinstance(ops.tanh, Op)
    assert all(each.__doc__ for each in registry.values())


def test_sum_to_a_square_and_to_a_row(device):
    x = to_device(np.arange(12.0).reshape(3, 2, 2) ** 2, device)
    np.testing.assert_array_equal(to_host(ops.sum_to(x, shape=(2, 2))), to_host(x).sum(axis=0))
    np.testing.assert_allclose(to_host(ops.sum_to(x, shape=(2,))), to_host(x).sum(axis=(0, 1)), rtol=1e-14)
    np.testing.assert_allclose(to_host(ops.sum_to(x, shape=(1,))), [to_host(x).sum()], rtol=1e-14)


@pytest.mark.parametrize("axes", [(0,), (0, 1), (1, 2)])
def test_standardize_has_the_derivatives_of_its_formula(axes, device):
    rng = np.random.default_rng(0)
    x = mg.Tensor(to_device(rng.standard_normal((3, 4, 2)), device), requires_grad=True, device=device)
    weights = to_device(rng.standard_normal((3, 4, 2)), device)
    mg.gradcheck(lambda x: weights * ops.standardize(x, axes=axes) ** 3, [x], order=2)
    u = mg.Tensor(weights, device=device)
    fast, recorded = (mg.grad(ops.standardize(x, axes=axes), [x], u, create_graph=each)[0] for each in (False, True))
    np.testing.assert_allclose(fast.numpy(), recorded.numpy(), rtol=1e-12, atol=1e-13)
