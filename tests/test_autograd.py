"""`Tensor`, `Op`, `grad` and `no_grad`: what they promise beyond correct derivatives."""

import gc
import sys
import warnings

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.backend import get_device, to_device, to_host
from minigan.backend.strict import transfers


def variable(values, device="cpu", dtype="float64"):
    return mg.Tensor(np.array(values, dtype=dtype), requires_grad=True, device=device)


def assert_equal(tensor, expected, dtype="float64"):
    assert isinstance(tensor, mg.Tensor)
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(tensor.numpy(), expected)


@pytest.fixture
def without_collector():
    """Nothing is freed but by reference counts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def count_calls(monkeypatch, op, i):
    """A list that grows with each call of the rule for argument i."""
    calls, rules = [], list(op.rules)

    def counted(*args, rule=rules[i], **kwargs):
        calls.append(op.name)
        return rule(*args, **kwargs)

    rules[i] = counted
    monkeypatch.setattr(op, "rules", tuple(rules))
    return calls


# --------------------------------------------------------------------- Tensor


def test_numbers_and_lists_become_float32_arrays_keep_their_dtype():
    assert_equal(mg.Tensor(1.5), 1.5, "float32")
    assert_equal(mg.Tensor([[1, 2], [3, 4]]), [[1, 2], [3, 4]], "float32")
    assert_equal(mg.Tensor(np.array([1.0])), [1.0], "float64")
    assert_equal(mg.Tensor(np.array([1, 2])), [1, 2], "int64")


def test_a_numpy_scalar_becomes_an_array():
    x = mg.Tensor(np.float64(0.5), requires_grad=True)
    assert isinstance(x.data, np.ndarray)
    assert (x.shape, x.dtype) == ((), np.float64)


def test_an_array_is_not_copied():
    array = np.zeros(3)
    assert mg.Tensor(array).data is array


def test_properties(device):
    x = variable(np.zeros((2, 3)), device)
    assert (x.shape, x.ndim, x.size, x.dtype, x.device, len(x)) == ((2, 3), 2, 6, np.float64, device, 2)


def test_device_by_name_array_and_environment(monkeypatch):
    assert mg.Tensor([1.0]).device == get_device("cpu")
    assert mg.Tensor([1.0], device="strict").device == get_device("strict")
    on_strict = to_device(np.ones(2), "strict")
    assert mg.Tensor(on_strict).data is on_strict
    monkeypatch.setenv("MINIGAN_DEVICE", "strict")
    assert mg.Tensor([1.0]).device == get_device("strict")
    assert mg.Tensor(np.float32(1.0)).device == get_device("strict")
    assert mg.Tensor(on_strict, device="cpu").device == get_device("cpu")


def test_numpy_and_item_copy_to_the_host(device):
    x = variable([[2.5]], device)
    host = x.numpy()
    host[...] = 0
    assert type(host) is np.ndarray
    assert x.item() == 2.5
    assert type(x.item()) is float


def test_to_moves_constants_copies_only_where_it_must_and_refuses_leaves(device):
    here = mg.Tensor(np.array([1.0, 2.0]), device=device)
    for name in ("cpu", "strict", device.name):
        moved = here.to(name)
        assert moved.device == get_device(name)
        assert_equal(moved, [1.0, 2.0])
        assert (moved.data is here.data) == (name == device.name)
        assert not moved.requires_grad
    x = variable([1.0], device)
    for recorded in (x, x * 2):
        with pytest.raises(TypeError, match=r"requires a gradient; move \.detach\(\), or make the leaf there: "):
            recorded.to(device)
    assert_equal((x * 2).detach().to("cpu"), [2.0])


def test_detach_shares_the_data_and_ends_the_graph(device):
    x = variable([1.0, 2.0], device)
    y = (x * x).detach()
    assert not y.requires_grad
    assert x.detach().data is x.data
    assert_equal(mg.grad((x * y).sum(), [x])[0], [1.0, 4.0])


def test_what_a_tensor_refuses(device):
    x = variable([1.0], device)
    with pytest.raises(TypeError, match=r"a Tensor has no truth value; .* tensor.item\(\) > 0"):
        bool(x)
    with pytest.raises(TypeError, match=r"does not turn into a NumPy array by itself; use tensor.numpy\(\)"):
        np.asarray(x)
    with pytest.raises(TypeError, match=r"cannot be changed in place; build a new one with where\(\)"):
        x[0] = 1.0
    with pytest.raises(TypeError, match=r"expected an array or numbers, got a Tensor; use .detach\(\)"):
        mg.Tensor(x)
    with pytest.raises(TypeError, match="requires_grad needs floating-point data, got int64"):
        mg.Tensor(np.arange(3), requires_grad=True)
    with pytest.raises(TypeError, match="requires_grad needs floating-point data, got complex128"):
        mg.Tensor(np.ones(3) * 1j, requires_grad=True)
    with pytest.raises(TypeError):
        np.exp(x)
    with pytest.raises(AttributeError):
        x.gradient = 1


def test_comparisons_give_plain_arrays_and_equality_is_identity(device):
    x, y = variable([1.0, 2.0, 3.0], device), variable([3.0, 2.0, 1.0], device)
    results = [x < y, x <= y, x > y, x >= y, x < 2, x > 2, x >= y.data]
    expected = [[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1], [0, 1, 1]]
    for result, truth in zip(results, expected, strict=True):
        assert type(result) is type(x.data)
        np.testing.assert_array_equal(to_host(result), np.array(truth, dtype=bool))
    assert (x == x, x == variable([1.0, 2.0, 3.0], device)) == (True, False)
    assert len({x, y, x}) == 2


def test_an_array_on_the_left_leaves_the_operation_to_the_tensor(device):
    x = variable([1.0, 2.0], device)
    left = to_device(np.array([[3.0, 4.0]]), device)
    for y, expected in ((left + x, [[4, 6]]), (left - x, [[2, 2]]), (left * x, [[3, 8]]), (left / x, [[3, 2]])):
        assert_equal(y, expected)
    assert_equal(left @ x.reshape(2, 1), [[11]])


def test_arrays_of_two_devices_do_not_mix():
    with pytest.raises(Exception, match="expected arrays of one device"):
        variable([1.0], "strict") + np.ones(1)


def test_repr_says_what_it_is():
    x = variable([1.0, 2.0], dtype="float32")
    assert repr(x) == "Tensor([1. 2.], float32[2], cpu, requires_grad=True)"
    assert repr(x * 2) == "Tensor([2. 4.], float32[2], cpu, op=multiply)"
    assert repr(mg.Tensor(np.zeros((9, 9)), device="strict")) == "Tensor(..., float64[9, 9], strict)"
    assert repr(mg.Tensor(np.zeros(2), device="strict")) == "Tensor(..., float64[2], strict)"
    shown = [n for n in range(30) if "..." not in repr(mg.Tensor(np.zeros(n)))]
    assert shown == list(range(17))


# ----------------------------------------------------------------------- grad


def test_a_gradient_by_hand(device):
    x, w = variable([1.0, 2.0], device), variable([3.0, 4.0], device)
    gx, gw = mg.grad((x * x * w).sum(), [x, w])
    assert_equal(gx, [6.0, 16.0])
    assert_equal(gw, [1.0, 4.0])
    assert not gx.requires_grad


def test_inputs_used_twice_and_shared_subexpressions(device):
    x = variable(3.0, device)
    y = x * x
    assert_equal(mg.grad(y * y + y + x, [x])[0], 4 * 27 + 6 + 1)


def test_gradients_that_share_an_array_are_not_added_in_place(device):
    """The rule of `add` hands the same array to both arguments; a's share must not change b's."""
    a, b = variable([1.0, 2.0], device), variable([3.0, 4.0], device)
    u = to_device(np.array([1.0, 10.0]), device)
    doubled = a * 2
    for create_graph in (False, True):
        ga, gb = mg.grad((a + b) + doubled, [a, b], u, create_graph)
        assert_equal(ga, [3.0, 30.0])
        assert_equal(gb, [1.0, 10.0])
    np.testing.assert_array_equal(to_host(u), [1.0, 10.0])


def test_independent_inputs_give_none_and_vanishing_derivatives_zeros(device):
    x, other = variable([1.0, 2.0], device), variable([1.0], device)
    assert mg.grad(x.sum(), [other, x])[0] is None
    assert mg.grad(mg.Tensor([1.0], device=device), [x]) == [None]
    mask = variable([1.0, -1.0], device)
    g = mg.grad(ops.leaky_mask(x, mask, slope=0.2).sum(), [mask], create_graph=True)[0]
    assert_equal(g, [0.0, 0.0])
    (first,) = mg.grad((2 * x).sum(), [x], create_graph=True)
    assert mg.grad((first * x).sum(), [x])[0] is not None
    assert_equal(mg.grad((x**0).sum(), [x])[0], [0.0, 0.0])


def test_inputs_may_be_intermediate_repeated_or_the_output_itself(device):
    x = variable([1.0, 2.0], device)
    y = x * x
    z = (y * y).sum()
    for create_graph in (False, True):
        gy, gx, gz, again = mg.grad(z, [y, x, z, y], create_graph=create_graph)
        assert_equal(gy, [2.0, 8.0])
        assert_equal(gx, [4.0, 32.0])
        assert_equal(gz, 1.0)
        assert_equal(again, [2.0, 8.0])
    assert_equal(mg.grad(x, [x], to_device(np.array([5.0, 6.0]), device))[0], [5.0, 6.0])


def test_grad_output_as_array_and_as_tensor(device):
    x = variable([1.0, 2.0], device)
    u = to_device(np.array([10.0, 100.0]), device)
    for grad_output in (u, mg.Tensor(u)):
        for create_graph in (False, True):
            assert_equal(mg.grad(x * x, [x], grad_output, create_graph)[0], [20.0, 400.0])


def test_a_recorded_gradient_is_differentiable_in_grad_output(device):
    """d <g, c> / du with g = 2 x u is 2 x c: the trick that turns two vjps into a Jacobian-vector product."""
    x, u = variable([1.0, 2.0], device), variable([10.0, 100.0], device)
    (g,) = mg.grad(x * x, [x], u, create_graph=True)
    assert_equal(mg.grad((g * 3).sum(), [u])[0], [6.0, 12.0])
    assert_equal(mg.grad(g.sum(), [x])[0], [20.0, 200.0])


def test_third_derivative_by_hand(device):
    x = variable(2.0, device)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0, 0.0):
        (y,) = mg.grad(y, [x], create_graph=True)
        assert_equal(y, expected)


def test_gradients_are_arrays_also_for_numbers():
    x = variable(2.0)
    for g in mg.grad(x * x + x, [x]) + mg.grad(x * x + x, [x], create_graph=True):
        assert isinstance(g.data, np.ndarray)


GRAD_ERRORS = {
    "not a single number": (
        lambda x: mg.grad(x * 2, [x]),
        ValueError,
        r"grad: output has shape \(2,\), not a single number; reduce it .* or pass grad_output",
    ),
    "no number at all": (
        lambda x: mg.grad(x[:0], [x]),
        ValueError,
        r"grad: output has shape \(0,\), not a single number",
    ),
    "a tensor instead of a list": (
        lambda x: mg.grad(x.sum(), x),
        TypeError,
        r"expected a list of tensors as inputs, got a single Tensor; write grad\(output, \[x\]\)",
    ),
    "no tensor": (
        lambda x: mg.grad(x.sum(), [x, x.data]),
        TypeError,
        r"expected tensors as inputs, but inputs\[1\] is ndarray",
    ),
    "no requires_grad": (
        lambda x: mg.grad(x.sum(), [x, x.detach()]),
        TypeError,
        r"inputs\[1\], float64\[2\], was made without requires_grad=True",
    ),
    "output is no tensor": (lambda x: mg.grad(2.0, [x]), TypeError, "expected a Tensor as output, got float"),
    "shape of grad_output": (
        lambda x: mg.grad(x * 2, [x], np.ones(3)),
        ValueError,
        r"grad_output is float64\[3\], output is float64\[2\]; shape and dtype must be equal",
    ),
    "dtype of grad_output": (
        lambda x: mg.grad(x * 2, [x], mg.Tensor([1, 1])),
        ValueError,
        r"grad_output is float32\[2\], output is float64\[2\]; shape and dtype must be equal",
    ),
    "grad_output is no array": (
        lambda x: mg.grad(x * 2, [x], [1.0, 1.0]),
        TypeError,
        "expected an array or a Tensor as grad_output, got list",
    ),
    "grad_output does not fit, though nothing depends on the input": (
        lambda x: mg.grad(mg.Tensor([1.0]), [x], np.ones(3)),
        ValueError,
        "must be equal",
    ),
}


@pytest.mark.parametrize("name", GRAD_ERRORS)
def test_errors_of_grad(name):
    fail, kind, message = GRAD_ERRORS[name]
    with pytest.raises(kind, match=message):
        fail(variable([1.0, 2.0]))


def test_an_error_in_a_rule_leaves_recording_as_it_was():
    x = variable([1.0, 2.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ops.exp, "rules", (lambda g, y, x: 1 / 0,))
        with pytest.raises(ZeroDivisionError):
            mg.grad(ops.exp(x).sum(), [x])
    assert (x * 2).requires_grad


# -------------------------------------------------------------------- no_grad


def test_no_grad_nests_and_survives_exceptions():
    x = variable([1.0])
    with mg.no_grad():
        with mg.no_grad():
            assert not (x * 2).requires_grad
        assert not (x * 2).requires_grad
        with pytest.raises(RuntimeError, match="on purpose"), mg.no_grad():
            raise RuntimeError("on purpose")
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_a_recorded_gradient_can_be_asked_for_within_no_grad():
    x = variable(2.0)
    y = x**3
    with mg.no_grad():
        (g,) = mg.grad(y, [x], create_graph=True)
    assert g.requires_grad


def test_nothing_is_kept_of_what_is_not_recorded(device):
    constant = mg.Tensor([1.0], device=device)
    assert (constant * 2).op is None
    x = variable([1.0], device)
    with mg.no_grad():
        assert (x * 2).args == ()


# ------------------------------------------------------------------- backward


def test_backward_sets_and_replaces_grad(device):
    x, w, unused = variable([1.0, 2.0], device), variable([3.0, 4.0], device), variable([1.0], device)
    for factor in (1.0, 10.0):
        y = x * w
        (y * factor).sum().backward()
        assert_equal(x.grad, [3 * factor, 4 * factor])
        assert_equal(w.grad, [1 * factor, 2 * factor])
    assert y.grad is None
    assert unused.grad is None
    with pytest.raises(ValueError, match="not a single number"):
        (x * w).backward()


# -------------------------------------------------------------- work and memory


def test_only_the_rules_on_the_way_to_the_inputs_run(device, monkeypatch):
    rng = np.random.default_rng(0)
    x, w1 = variable(rng.standard_normal((2, 6, 6, 1)), device), variable(rng.standard_normal((3, 3, 1, 2)), device)
    w2, b = variable(rng.standard_normal((32, 1)), device), variable([0.5], device)
    image_rule, kernel_rule = (count_calls(monkeypatch, ops.conv2d, i) for i in (0, 1))
    left_rule, right_rule = (count_calls(monkeypatch, ops.matrix_product, i) for i in (0, 1))
    bias_rule = count_calls(monkeypatch, ops.add, 1)
    counts = lambda: [len(calls) for calls in (image_rule, kernel_rule, left_rule, right_rule, bias_rule)]

    def calls_for(inputs, create_graph):
        before = counts()
        y = (ops.conv2d(x, w1).reshape(2, 32) @ w2 + b).sum()
        mg.grad(y, inputs, create_graph=create_graph)
        return [after - earlier for after, earlier in zip(counts(), before, strict=True)]

    monkeypatch.setattr(ops.conv2d, "array_rule", None)
    for create_graph in (False, True):
        assert calls_for([x], create_graph) == [1, 0, 1, 0, 0]
        assert calls_for([w1], create_graph) == [0, 1, 1, 0, 0]
        assert calls_for([w2], create_graph) == [0, 0, 0, 1, 0]
        assert calls_for([b], create_graph) == [0, 0, 0, 0, 1]
        assert calls_for([x, w1, w2, b], create_graph) == [1, 1, 1, 1, 1]


def test_a_faster_rule_is_told_which_gradients_are_wanted(device, monkeypatch):
    x, w = variable(np.ones((1, 3, 4, 1)), device), variable(np.ones((2, 2, 1, 1)), device)
    rule, asked = ops.conv2d.array_rule, []
    monkeypatch.setattr(
        ops.conv2d,
        "array_rule",
        lambda g, y, kept, wanted, *rest, **settings: (
            asked.append(list(wanted)) or rule(g, y, kept, wanted, *rest, **settings)
        ),
    )
    for inputs in ([x], [w], [x, w]):
        assert all(g is not None for g in mg.grad(ops.conv2d(x, w).sum(), inputs))
    assert asked == [[True, False], [False, True], [True, True]]


def test_constants_and_inputs_of_zero_derivative_are_not_visited(device, monkeypatch):
    x, hidden = variable([1.0, -2.0], device), variable([1.0, 2.0], device)
    exp_rule = count_calls(monkeypatch, ops.exp, 0)
    tanh_rule = count_calls(monkeypatch, ops.tanh, 0)
    y = ops.leaky_mask(x, ops.exp(hidden), slope=0.2) * ops.tanh(mg.Tensor(x.data))
    assert_equal(mg.grad(y.sum(), [hidden])[0], [0.0, 0.0])
    mg.grad(y.sum(), [x])
    assert exp_rule == tanh_rule == []


def test_an_unrecorded_backward_pass_records_nothing(monkeypatch):
    made = []
    fill = mg.autograd.tensor._fill
    monkeypatch.setattr(mg.autograd.tensor, "_fill", lambda *args: (made.append(1), fill(*args)))
    x = variable(np.ones(3))
    y = (ops.tanh(x) * x).sum()
    made.clear()
    mg.grad(y, [x])
    assert len(made) == 1  # the gradient itself


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_chain_of_20000_ops(create_graph):
    x = variable(1.0)
    y = x
    for _ in range(20_000):
        y = y + 0.5
    (g,) = mg.grad(y, [x], create_graph=create_graph)
    assert_equal(g, 1.0)
    del y, g


def network_loss(device):
    rng = np.random.default_rng(0)
    x = variable(rng.standard_normal((2, 6, 6, 1)), device)
    w = variable(rng.standard_normal((3, 3, 1, 2)), device)
    y = ops.standardize(ops.leaky_relu(ops.conv2d(x, w, stride=2, padding=1)), axes=(0, 1, 2))
    y = ops.logsumexp(ops.concatenate(y, ops.tanh(y)).reshape(4, -1)[:, 1:], axis=1)
    (g,) = mg.grad(y.sum(), [x], create_graph=True)
    return (ops.norm(g.reshape(2, -1), axis=1) ** 2).mean(), [x, w]


def test_graphs_have_no_cycles(device, without_collector):
    loss, inputs = network_loss(device)
    gradients = mg.grad(loss, inputs)
    gradients[0].detach()
    inputs[0].grad = gradients[0]
    del loss, inputs, gradients
    assert gc.collect() == 0


def test_a_gradient_does_not_keep_the_graph_alive(without_collector):
    x = variable(np.ones(1000))
    y = ops.tanh(x)
    data = y.data
    before = sys.getrefcount(data)
    gradients = mg.grad(y.sum(), [x])
    del y
    assert sys.getrefcount(data) == before - 1
    assert len(gradients) == 1


def test_a_training_step_needs_no_transfer():
    loss, inputs = network_loss("strict")
    with transfers("forbid"):
        mg.grad(loss, inputs)
        mg.grad(loss, inputs, create_graph=True)


def test_no_warning_and_no_change_of_read_only_inputs():
    array = np.linspace(-1, 1, 12).reshape(3, 4)[::-1, ::2]
    array.setflags(write=False)
    copy = array.copy()
    x = mg.Tensor(array, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = ops.softplus(x @ x.T).sum(axis=0)
        (g,) = mg.grad((y * y).sum(), [x], create_graph=True)
        mg.grad((g * g).sum(), [x])
    np.testing.assert_array_equal(array, copy)


# ----------------------------------------------------------------------- dtype


def test_float32_survives_numbers_and_numpy_scalars_at_every_order(device):
    x = variable([0.5, 1.5], device, "float32")
    y = 2 * x / 3.0 - np.float64(1.5) + x ** np.float64(2.0) * np.float64(0.1) + np.float64(2.0) / x
    y = ops.tanh(y * np.int64(2) + 1).mean()
    for _ in range(3):
        assert y.dtype == np.float32
        (g,) = mg.grad(y, [x], create_graph=True)
        assert g.dtype == np.float32
        y = (g * g).sum() * np.float64(0.5)


# ----------------------------------------------------------------- error notes


def test_errors_in_an_op_name_it_and_the_shapes(device):
    x = variable(np.ones((2, 3)), device)
    with pytest.raises(ValueError, match="shape") as caught:
        x + variable(np.ones(4), device)
    assert caught.value.__notes__ == ["in add(float64[2, 3], float64[4])"]
    with pytest.raises(ValueError, match="inner sizes 3 and 2 differ") as caught:
        x @ x
    assert caught.value.__notes__ == ["in matrix_product(float64[2, 3], float64[2, 3])"]
    with pytest.raises(Exception, match="axis") as caught:
        x.sum(axis=7)
    assert caught.value.__notes__ == ["in sum(float64[2, 3], axis=7, keepdims=False)"]
