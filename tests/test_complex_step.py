"""The complex step: derivatives to the last digit where a function is analytic, a refusal where it is not."""

import numpy as np
import pytest
from helpers import as_function, normal, rng, scatter, tensor

import minigan as mg
from minigan import nn, ops
from minigan.autograd import GradcheckError, NotAnalyticError, complex_step_derivative, constant, op, registry
from minigan.autograd.gradcheck import COMPLEX_TOLERANCE, errors_by_order
from minigan.backend import to_device, to_host
from minigan.gan import gradient_penalty

ROWS, OTHER = rng(1).uniform(0.5, 2.0, (3, 4)), rng(2).standard_normal((4, 2))
IMAGE, KERNEL, FEATURES = (rng(i).standard_normal(s) for i, s in enumerate([(2, 5, 4, 2), (3, 3, 2, 3), (2, 3, 2, 3)]))
STRIDED = {"stride": 2, "padding": 1}

ANALYTIC = {
    "exp": (ops.exp, [ROWS]),
    "log": (ops.log, [ROWS]),
    "sqrt": (ops.sqrt, [ROWS]),
    "tanh": (ops.tanh, [ROWS]),
    "power": (lambda x: x**2.5, [ROWS]),
    "divide": (ops.divide, [ROWS, ROWS[:1] + 1]),
    "matmul": (ops.matmul, [ROWS, OTHER]),
    "conv2d": (lambda x, w: ops.conv2d(x, w, **STRIDED), [IMAGE, KERNEL]),
    "conv_transpose2d": (lambda g, w: ops.conv_transpose2d(g, w, output_padding=(0, 1), **STRIDED), [FEATURES, KERNEL]),
    "conv2d_weight": (lambda x, g: ops.conv2d_weight(x, g, kernel_size=3, **STRIDED), [IMAGE, FEATURES]),
    "standardize": (lambda x: ops.standardize(x, axes=(0,)), [ROWS]),
    "norm": (lambda x: ops.norm(x, axis=1), [ROWS]),
    "softmax": (ops.softmax, [ROWS]),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=1), [ROWS]),
}

CHOICES = {  # analytic away from their kinks
    "max": lambda x: ops.max(x, axis=1),
    "maximum": lambda x: ops.maximum(x, 1.2),
    "minimum": lambda x: ops.minimum(x, 1.2 * x**2),
    "leaky_relu": lambda x: ops.leaky_relu(x - 1.2),
    "where": lambda x: ops.where(constant(x) > 1.2, x * x, ops.exp(x)),
}

NOT_ANALYTIC = {
    "absolute": ops.absolute,
    "absolute among others": lambda x: ops.exp(x) + 0.01 * ops.absolute(x),
    "sigmoid": ops.sigmoid,
    "softplus": ops.softplus,
    "real part": lambda x: mg.Tensor(constant(x).real.astype("float64")),
    "conjugate": op(lambda x: x.conj()).vjps(lambda g, y, x: g),
}
registry.pop("<lambda>")


def bent(f):
    """Curved, so that no derivative is trivially zero."""
    return lambda *xs: (lambda y: y + y * y)(f(*(x + x**3 / 8 for x in xs)))


def on(device, arrays):
    return [tensor(x, device) for x in arrays]


# ---------------------------------------------------------------- the derivative


def test_the_derivative_of_a_function_of_arrays(device):
    x, v = (to_device(a, device) for a in (ROWS, OTHER @ OTHER.T @ ROWS.T))
    v = v.T
    derivative = complex_step_derivative(ops.tanh, x, v)
    assert derivative.dtype == np.dtype("float64")
    np.testing.assert_allclose(to_host(derivative), to_host(v) / np.cosh(ROWS) ** 2, rtol=1e-14)


def test_its_error_does_not_grow_as_the_step_shrinks():
    for h in (1e-10, 1e-30, 1e-200):
        derivative = complex_step_derivative(np.exp, np.array(1.0), np.array(1.0), h)
        assert derivative == pytest.approx(np.e, rel=1e-15)
    coarse = complex_step_derivative(np.exp, np.array(1.0), np.array(1.0), 1e-4)
    assert coarse == pytest.approx(np.e * (1 - 1e-8 / 6), rel=1e-14)


@pytest.mark.parametrize("name", ANALYTIC)
def test_three_orders_to_the_last_digits(name, device):
    f, inputs = ANALYTIC[name]
    assert COMPLEX_TOLERANCE == 1e-13
    assert mg.gradcheck(bent(f), on(device, inputs), order=3, method="complex") < 1e-14


@pytest.mark.parametrize("name", CHOICES)
def test_choices_count_where_they_are_smooth(name, device):
    assert mg.gradcheck(bent(CHOICES[name]), on(device, [ROWS]), order=3, method="complex") < 1e-14


def test_a_network_and_its_gradient_penalty(device):
    layers = [nn.Conv2d(1, 2, 3, 2, 1, rng=rng(0)), nn.LayerNorm((2, 2, 2)), nn.Tanh(), nn.Flatten()]
    critic = nn.Sequential(*layers, nn.Dense(8, 1, rng=rng(1)))
    weights = scatter(critic.to(device, np.float64), device).parameters()
    score = as_function(critic)
    real, fake = (normal((3, 4, 4, 1), device, seed) for seed in (1, 2))

    def penalty(*values):
        return gradient_penalty(lambda x: score(x, *values), real, fake, rng=rng(3))

    assert mg.gradcheck(penalty, weights, order=3, method="complex") < COMPLEX_TOLERANCE


def test_there_is_no_derivative_without_values():
    assert complex_step_derivative(np.exp, np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", NOT_ANALYTIC)
def test_what_is_not_analytic_is_refused(name, device):
    f = NOT_ANALYTIC[name]
    with pytest.raises(NotAnalyticError, match=r"^complex step: .*use central differences"):
        mg.gradcheck(f, on(device, [ROWS - 1.2]), method="complex")


@pytest.mark.parametrize(("x", "size"), [([0.3, -0.4], 1), ([3.0], 3), ([1.5, 1.5, -1.5], 1.5), ([0, 0, 80, 0], 40)])
def test_the_step_along_the_real_axis_grows_with_the_root_mean_square(x, size):
    points = []
    complex_step_derivative(lambda x: points.append(x) or x * x, np.array(x), np.ones(len(x)))
    _, ahead, behind = points
    np.testing.assert_allclose(ahead - x, 1e-5 * size, rtol=1e-8)
    np.testing.assert_allclose(x - np.array(behind), 1e-5 * size, rtol=1e-8)


@pytest.mark.parametrize(
    ("slope", "constant", "allowed"),
    [(1.0, 0.0, 1e-5), (100.0, 0.0, 1e-3), (0.0, 1.0, 1e-8), (0.0, 4.0, 4e-8), (0.0, 0.0, 1e-13), (1e-6, 0.0, 1e-11)],
)
def test_slopes_along_both_axes_agree_within_a_bound(slope, constant, allowed):
    """1e-5 of the largest of both, of a thousandth of the value, and of 1e-8."""

    def along(excess):
        def f(z):
            y = slope * np.real(z) + constant
            return y + 1j * (slope + excess) * np.imag(z) if np.iscomplexobj(z) else y

        return complex_step_derivative(f, np.zeros(1), np.ones(1))

    assert along(0.5 * allowed) == pytest.approx(slope + 0.5 * allowed, rel=1e-12)
    with pytest.raises(NotAnalyticError, match="not analytic"):
        along(2 * allowed)


def test_refusals_on_plain_arrays():
    for f in (abs, np.real, lambda x: x.astype(float) if x.dtype.kind == "c" else x):
        with pytest.raises(NotAnalyticError, match="use central differences"):
            complex_step_derivative(f, ROWS, ROWS)


def test_a_cast_that_discards_the_imaginary_part_is_named():
    with pytest.raises(NotAnalyticError, match="discards the imaginary part within the function"):
        complex_step_derivative(lambda x: x.astype(float), ROWS, ROWS)


def test_a_constant_function_has_derivative_zero():
    assert (complex_step_derivative(lambda x: np.ones(3), ROWS, ROWS) == 0).all()


def test_other_methods_do_not_exist():
    with pytest.raises(ValueError, match="expected the method 'central' or 'complex', got 'forward'"):
        mg.gradcheck(ops.tanh, [ROWS], method="forward")


# ----------------------------------------------------------------- wrong rules


def test_a_wrong_rule_fails_however_slightly(device):
    f = op(lambda x: x * x).vjps(lambda g, y, x: g * x * (2 + 1e-11))
    registry.pop("<lambda>")
    x = on(device, [ROWS])
    mg.gradcheck(f, x)  # central differences do not see it
    with pytest.raises(GradcheckError, match=r"^order 1, argument 0: .* complex step \S+$"):
        mg.gradcheck(f, x, method="complex")


def test_a_rule_that_is_right_at_first_order_only():
    f = op(lambda x: x * x).vjps(lambda g, y, x: 2 * g * constant(x))
    registry.pop("<lambda>")
    with pytest.raises(GradcheckError, match=r"^order 2, argument 0"):
        mg.gradcheck(f, [ROWS], order=3, method="complex")


# -------------------------------------------------------------- order by order


@pytest.mark.parametrize("method", ["central", "complex"])
def test_the_worst_error_is_that_of_one_order(method):
    errors = list(errors_by_order(bent(ops.tanh), [ROWS], 3, method=method))
    assert len(errors) == 3
    assert errors[2] < max(errors)
    assert max(errors) == mg.gradcheck(bent(ops.tanh), [ROWS], 3, method=method)
    assert list(errors_by_order(bent(ops.tanh), [ROWS], 0, method=method)) == []
