"""The checker itself: it must pass right rules, fail wrong ones, and say where."""

import math
import re

import numpy as np
import pytest
from helpers import restored

import minigan as mg
from minigan import ops
from minigan.autograd import GradcheckError, constant, op, registry
from minigan.autograd.gradcheck import STEP, TOLERANCE, errors_by_order, numerical_derivative

MESSAGE = re.compile(
    r"order (\d), argument (\d): relative error (\S+) exceeds (\S+); "
    r"worst at index (\(.*\)): derivative (\S+), central difference (\S+)"
)


@pytest.fixture(autouse=True)
def _scratch_registry():
    """Ops made in a test vanish with it."""
    yield from restored(registry)


def made(forward, *rules):
    return op(forward).vjps(*rules)


def square(x):
    return x * x


def product(a, b):
    return a * b


def matrix_product(a, b):
    return a @ b


def sine_like(x):
    """x - x^3 / 6: three derivatives that all differ."""
    return x - x * x * x / 6


X = np.array([[0.5, -1.5, 2.0], [1.0, 0.7, -0.3]])
ROW = np.array([2.0, -1.0, 0.5])


# ---------------------------------------------------------------- right and wrong


def test_right_rules_pass_and_the_worst_error_is_returned(device):
    f = made(square, lambda g, y, x: 2 * g * x)
    x = mg.Tensor(X, device=device)
    for order in (1, 2, 3):
        worst = mg.gradcheck(f, [x], order)
        assert 0 <= worst < TOLERANCE[order]
    mg.gradcheck(made(product, *ops.multiply.rules), [x, mg.Tensor(ROW, device=device)], order=3)


WRONG_AT_FIRST = {  # the op, its rules, the inputs, the argument to be blamed
    "factor 2 dropped": (square, [lambda g, y, x: g * x], [X], 0),
    "sign": (square, [lambda g, y, x: -2 * g * x], [X], 0),
    "output for input": (square, [lambda g, y, x: 2 * g * y], [X], 0),
    "gradient ignored": (square, [lambda g, y, x: 2 * x], [X], 0),
    "derivative said to be zero": (product, [lambda g, y, a, b: g * b, None], [X, X + 1], 1),
    "arguments exchanged": (product, [lambda g, y, a, b: g * a, lambda g, y, a, b: g * b], [X, X + 1], 0),
    "mean for sum": (np.sum, [lambda g, y, x: ops.broadcast_to(g / x.size, shape=x.shape)], [X], 0),
    "operand not transposed": (
        matrix_product,
        [lambda g, y, a, b: g @ b, lambda g, y, a, b: a.T @ g],
        [X @ X.T, X @ X.T + [[0, 1], [2, 0]]],
        0,
    ),
    "one element only": (square, [lambda g, y, x: 2 * g * x * np.array([[1, 1, 1], [1, 1, 0.99]])], [X], 0),
    "NaN": (square, [lambda g, y, x: g * np.nan], [X], 0),
    "infinity": (square, [lambda g, y, x: g * np.inf], [X], 0),
}


@pytest.mark.parametrize("fault", WRONG_AT_FIRST)
@pytest.mark.parametrize("order", [1, 3])
def test_wrong_rules_fail_at_the_first_order(fault, order):
    forward, rules, inputs, argument = WRONG_AT_FIRST[fault]
    with pytest.raises(GradcheckError, match=rf"^order 1, argument {argument}: "):
        mg.gradcheck(made(forward, *rules), inputs, order)


def test_a_missing_sum_over_broadcast_axes_is_a_shape_error(device):
    """Only the shape tells: projected on a direction, the gradient is summed by accident."""
    f = made(product, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
    for row in (ROW, ROW[None]):
        shape = re.escape(str(row.shape))
        message = rf"^order 1, argument 1: the gradient has shape \(2, 3\), the argument {shape}$"
        with pytest.raises(GradcheckError, match=message):
            mg.gradcheck(f, [mg.Tensor(x, device=device) for x in (X, row)], order=3)


def test_faults_of_second_order_only():
    detached = made(square, lambda g, y, x: 2 * g * constant(x))
    one_term_lost = made(sine_like, lambda g, y, x: g * (1 - x * constant(x) / 2))
    for f in (detached, one_term_lost):
        mg.gradcheck(f, [X], order=1)
        with pytest.raises(GradcheckError, match=r"^order 2, argument 0: "):
            mg.gradcheck(f, [X], order=3)


def test_a_fault_of_third_order_only():
    slope = made(lambda x: 1 - x * x / 2, lambda g, y, x: -g * constant(x))
    f = made(sine_like, lambda g, y, x: g * slope(x))
    assert mg.gradcheck(f, [X], order=2) < TOLERANCE[2]
    with pytest.raises(GradcheckError, match=r"^order 3, argument 0: "):
        mg.gradcheck(f, [X], order=3)


def test_a_fault_of_fourth_order_only():
    curvature = made(np.negative, lambda g, y, x: -g)
    bend = made(lambda x: -x * x / 2, lambda g, y, x: g * curvature(constant(x)))
    slope = made(lambda x: -x * x * x / 6, lambda g, y, x: g * bend(x))
    f = made(lambda x: -x * x * x * x / 24, lambda g, y, x: g * slope(x))
    mg.gradcheck(f, [X], order=3)
    with pytest.raises(GradcheckError, match=r"^order 4, .* exceeds 1e-05"):
        mg.gradcheck(f, [X], order=4)


def test_a_cross_derivative_that_is_missing():
    f = made(product, lambda g, y, a, b: g * constant(b), lambda g, y, a, b: g * a)
    mg.gradcheck(f, [X, X + 1])
    with pytest.raises(GradcheckError, match=r"^order 2, "):
        mg.gradcheck(f, [X, X + 1], order=2)


def test_a_second_derivative_of_the_last_argument_alone():
    f = made(lambda a, b: a * b * b, lambda g, y, a, b: g * b * b, lambda g, y, a, b: 2 * g * a * constant(b))
    mg.gradcheck(f, [X, X + 1])
    with pytest.raises(GradcheckError, match=r"^order 2, argument 1: "):
        mg.gradcheck(f, [X, X + 1], order=2)


# -------------------------------------------------------------- the relative error


@pytest.mark.parametrize(
    ("k", "c"), [(1.0, 0.0), (100.0, 0.0), (1e-3, 0.0), (1e-3, 100.0), (1e-6, 3.0), (1e-10, 0.0), (1e-13, 1e-3)]
)
@pytest.mark.parametrize("seed", range(4))
def test_the_error_of_a_rule_that_gives_k_for_the_derivative_of_a_constant(k, c, seed):
    """|<g, v>| in proportion to the largest of itself, |g| / sqrt(n), 1e-4 |f| and 1e-8."""
    f = made(lambda x: 0 * x + c, lambda g, y, x: k * g)
    rng = np.random.default_rng(seed)
    u, v = rng.standard_normal(X.shape), rng.standard_normal(X.shape)
    found = abs(k * (u * v).sum() / np.linalg.norm(v))
    scale = max(found, k * np.linalg.norm(u) / math.sqrt(X.size), 1e-4 * abs(c * u.sum()), 1e-8)
    error = mg.gradcheck(f, [X], tolerance=math.inf, rng=np.random.default_rng(seed))
    assert error == pytest.approx(found / scale, rel=1e-9)


def test_a_small_derivative_said_to_be_zero_is_an_error_of_one():
    assert mg.gradcheck(made(product, lambda g, y, a, b: g * b, None), [X * 1e-6, X + 1], tolerance=math.inf) == 1
    assert mg.gradcheck(lambda a, b: a * constant(b), [X * 1e-6, X + 1], tolerance=math.inf) == 1


# ----------------------------------------------------------------------- report


def test_the_message_names_order_argument_index_and_both_values(device):
    wrong = np.array([[1, 1, 1], [1, 1.25, 1]])
    f = made(product, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a * mg.backend.to_device(wrong, device))
    inputs = [mg.Tensor(x, device=device) for x in (X, X + 1)]
    with pytest.raises(GradcheckError) as caught:
        mg.gradcheck(lambda a, b: f(a, b).sum(), inputs)
    order, argument, error, allowed, index, derivative, difference = MESSAGE.fullmatch(str(caught.value)).groups()
    assert (order, argument, allowed, index) == ("1", "1", "1e-07", "(1, 1)")
    assert float(error) > 1e-7
    assert float(derivative) == pytest.approx(1.25 * float(difference), rel=1e-8)
    assert issubclass(GradcheckError, AssertionError)


def test_the_message_for_a_number():
    with pytest.raises(GradcheckError) as caught:
        mg.gradcheck(made(square, lambda g, y, x: g * np.nan), [np.array(3.0)])
    _, _, error, _, index, derivative, difference = MESSAGE.fullmatch(str(caught.value)).groups()
    assert (error, index, derivative) == ("nan", "()", "nan")
    assert np.isfinite(float(difference))


# ---------------------------------------------------------------------- settings


def test_tolerances():
    assert TOLERANCE == {1: 1e-7, 2: 1e-6, 3: 1e-5}
    almost = made(square, lambda g, y, x: 2.000002 * g * x)
    with pytest.raises(GradcheckError, match=r"relative error \S+e-07 exceeds 1e-07"):
        mg.gradcheck(almost, [X])
    mg.gradcheck(almost, [X], tolerance=1e-5)
    with pytest.raises(GradcheckError):
        mg.gradcheck(ops.tanh, [X], tolerance=0.0)


def test_the_same_numbers_in_every_run_unless_rng_is_given():
    first, second = (mg.gradcheck(ops.tanh, [X], order=2) for _ in range(2))
    other = mg.gradcheck(ops.tanh, [X], order=2, rng=np.random.default_rng(1))
    assert first == second != other


def test_inputs_are_copied_to_float64(device):
    x = mg.Tensor(X.astype("float32"), device=device)
    for given in (x, x.data, x.numpy(), X.tolist()):
        seen = []
        mg.gradcheck(lambda x, seen=seen: seen.append(x) or ops.tanh(x), [given])
        assert {t.dtype for t in seen} == {np.dtype("float64")}
        assert {t.device for t in seen} == {device if given is x or given is x.data else mg.backend.get_device("cpu")}
    np.testing.assert_array_equal(x.numpy(), X.astype("float32"))
    assert not x.requires_grad


def test_empty_constant_and_unused_inputs():
    assert mg.gradcheck(ops.tanh, [np.zeros((0, 3))], order=3, tolerance=0.0) == 0.0
    assert mg.gradcheck(lambda: mg.Tensor(2.0), []) == 0.0
    assert mg.gradcheck(lambda a, b: a * a, [X, ROW], order=3) < 1e-6
    assert mg.gradcheck(lambda a: 3 * a, [X], order=3) < 1e-7


def test_nothing_but_the_first_order_unless_asked():
    assert mg.gradcheck(ops.tanh, [X], order=0) == 0.0
    assert len(list(errors_by_order(ops.tanh, [X]))) == 1


@pytest.mark.parametrize(("x", "size"), [([0.3, -0.2, 0.5], 1), ([1.5], 1.5), ([0.25, -40.0], 40)])
@pytest.mark.parametrize("seed", range(4))
def test_steps_along_a_unit_vector_grow_with_the_largest_value(x, size, seed):
    steps = set()

    def f(t):
        steps.add(float(np.linalg.norm(t.data - x)).__round__(12))
        return t * t

    mg.gradcheck(f, [x], rng=np.random.default_rng(seed))
    assert sorted(steps) == pytest.approx([0, STEP * size / 2, STEP * size], rel=1e-8)


def test_a_derivative_may_cancel_along_the_direction():
    """<g, v> near zero must not count as a large relative error."""
    for seed in range(20):
        mg.gradcheck(lambda a: ops.exp(a) - 1, [X * 1e-3], order=2, rng=np.random.default_rng(seed))


def test_inputs_of_any_magnitude():
    for scale in (1.0, 1e3, 1e6):
        mg.gradcheck(lambda a, scale=scale: ops.tanh(a / scale), [X * scale])


def test_functions_that_differentiate_within():
    def penalty(x, w):
        score = ops.tanh(x @ w).sum()
        (g,) = mg.grad(score, [x], create_graph=True)
        return (ops.norm(g, axis=1) - 1) ** 2

    rng = np.random.default_rng(0)
    mg.gradcheck(penalty, [rng.standard_normal((4, 3)), rng.standard_normal((3, 2))], order=2)


# ------------------------------------------------------------ the numerical side


def test_the_numerical_derivative_is_of_fourth_order():
    errors = [abs(numerical_derivative(lambda t: np.exp(1 + t), h) - np.e) for h in (0.4, 0.2, 0.1)]
    ratios = [errors[0] / errors[1], errors[1] / errors[2]]
    assert ratios == pytest.approx([16, 16], rel=0.05)


def test_the_numerical_derivative_is_exact_for_polynomials_to_fourth_degree():
    s = lambda t: 1 + 3 * t - 2 * t**2 + 5 * t**3 + 7 * t**4
    assert numerical_derivative(s, 0.5) == pytest.approx(3, rel=1e-14)
