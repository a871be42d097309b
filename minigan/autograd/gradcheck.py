"""Gradient checks: derivatives of any order against central differences, or against the complex step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigan.autograd.complex_step import complex_step_derivative
from minigan.autograd.grad import grad
from minigan.autograd.tensor import Tensor, constant, node
from minigan.backend import array_namespace, device_of, is_array, to_device, to_host

TOLERANCE = {1: 1e-7, 2: 1e-6, 3: 1e-5}
"""Largest relative error allowed at each order; beyond the third it is the third's."""

COMPLEX_TOLERANCE = 1e-13
"""Largest relative error allowed with the complex step, at every order."""

STEP = 1e-3
"""Of the central differences. Truncation h^4 and rounding eps / h are about equal at eps^(1/5)."""


class GradcheckError(AssertionError):
    """A derivative that disagrees with its numerical value."""


def gradcheck(
    f: Callable[..., Tensor],
    inputs: Sequence[Any],
    order: int = 1,
    *,
    tolerance: float | None = None,
    rng: np.random.Generator | None = None,
    method: str = "central",
) -> float:
    """Compare the derivatives of `f` up to `order` with numerical ones in float64.

    The output is projected on a random vector u, and the derivative with respect to each input on a random
    direction v: d/dt <u, f(x + t v)> at t = 0 against <grad, v>. The projected derivative is a function
    again, so the next order is checked in the same way. Inputs must keep away from kinks.

    Args:
        f: takes as many tensors as there are inputs, returns a tensor of any shape.
        inputs: arrays or tensors; they are copied to float64.
        order: the highest derivative to check.
        tolerance: largest relative error allowed; by default 1e-7, 1e-6, 1e-5 for orders 1, 2, 3, and 1e-13
            with the complex step.
        rng: draws the projections; by default `default_rng(0)`.
        method: "central" differences, for every function; or "complex", the complex step, for analytic ones,
            with errors near 1e-15 (`complex_step_derivative`).

    Returns:
        The worst relative error met.

    Raises:
        GradcheckError: names the order, the argument, the index and both values.
        NotAnalyticError: the complex step does not give the derivative of `f`.
    """
    return max(errors_by_order(f, inputs, order, tolerance=tolerance, rng=rng, method=method), default=0.0)


def errors_by_order(
    f: Callable[..., Tensor],
    inputs: Sequence[Any],
    order: int = 1,
    *,
    tolerance: float | None = None,
    rng: np.random.Generator | None = None,
    method: str = "central",
) -> Iterator[float]:
    """The worst relative error at order 1, then at order 2, and so on: `gradcheck` one order at a time."""
    if method not in _NUMERICAL:
        raise ValueError(f"gradcheck: expected the method 'central' or 'complex', got {method!r}")
    rng = np.random.default_rng(0) if rng is None else rng
    xs = [_copy(x) for x in inputs]
    f = _project(f, xs, rng)
    for n in range(1, order + 1):
        allowed = _allowed(n, method) if tolerance is None else tolerance
        directions = [_unit_vector(x, rng) for x in xs]
        worst = 0.0
        for i, v in enumerate(directions):
            error = _relative_error(f, xs, i, v, method)
            if not error <= allowed:  # also catches NaN
                raise GradcheckError(_report(f, xs, i, n, error, allowed, method))
            worst = max(worst, error)
        yield worst
        f = _directional_derivative(f, directions)


def numerical_derivative(s: Callable[[float], float], h: float) -> float:
    """s'(0) by central differences at h and h/2, extrapolated by Richardson: error O(h^4)."""
    coarse = (s(h) - s(-h)) / (2 * h)
    fine = (s(h / 2) - s(-h / 2)) / h
    return (4 * fine - coarse) / 3


def _allowed(order: int, method: str) -> float:
    return COMPLEX_TOLERANCE if method == "complex" else TOLERANCE.get(order, TOLERANCE[3])


def _copy(x: Any) -> Tensor:
    data = constant(x)
    if not is_array(data):
        data = np.asarray(data)
    return Tensor(data.astype("float64"), requires_grad=True, device=x.device if isinstance(x, Tensor) else None)


def _project(f: Callable[..., Tensor], xs: list[Tensor], rng: np.random.Generator) -> Callable[..., Tensor]:
    y = f(*xs)  # recorded, since f may differentiate within, as gradient penalties do
    u = to_device(rng.standard_normal(y.shape), device_of(y.data))
    return lambda *args: (f(*args) * u).sum()


def _directional_derivative(f: Callable[..., Tensor], directions: list[Any]) -> Callable[..., Tensor]:
    def derivative(*args: Tensor) -> Tensor:
        total = args[0].sum() * 0.0
        for g, v in zip(grad(f(*args), args, create_graph=True), directions, strict=True):
            if g is not None:
                total = total + (g * v).sum()
        return total

    return derivative


def _unit_vector(x: Tensor, rng: np.random.Generator) -> Any:
    v = rng.standard_normal(x.shape)
    return to_device(v / max(float(np.sqrt((v * v).sum())), 1e-300), device_of(x.data))


def _with_argument(f: Callable[..., Tensor], xs: list[Tensor], i: int) -> Callable[[Any], Any]:
    """`f` as a function of argument `i` alone, from array to array, real or complex."""

    def value(data: Any) -> Any:
        arrays = [data if k == i else x.data.astype(data.dtype) for k, x in enumerate(xs)]
        return f(*map(_leaf, arrays)).data

    return value


def _leaf(data: Any) -> Tensor:
    # Tensor(data, requires_grad=True) refuses complex numbers: nobody trains them.
    tensor = node(data)
    tensor.requires_grad = True
    return tensor


def _central(f: Callable[..., Tensor], xs: list[Tensor], i: int, v: Any) -> float:
    value = _with_argument(f, xs, i)
    return numerical_derivative(lambda t: float(to_host(value(xs[i].data + t * v))), _step(xs[i]))


def _complex(f: Callable[..., Tensor], xs: list[Tensor], i: int, v: Any) -> float:
    return float(to_host(complex_step_derivative(_with_argument(f, xs, i), xs[i].data, v)))


_NUMERICAL = {"central": _central, "complex": _complex}
_SHOWN = {"central": "central difference", "complex": "complex step"}


def _step(x: Tensor) -> float:
    size = float(to_host(abs(x.data).max())) if x.size else 0.0
    return STEP * max(1.0, size)


def _relative_error(f: Callable[..., Tensor], xs: list[Tensor], i: int, v: Any, method: str) -> float:
    if xs[i].size == 0:
        return 0.0
    y = f(*xs)
    (g,) = grad(y, [xs[i]])
    if g is not None and g.shape != xs[i].shape:  # not summed over broadcast axes, it may still have the right <g, v>
        return math.inf
    analytic, length = (0.0, 0.0) if g is None else (_inner(g.data, v), _inner(g.data, g.data) ** 0.5)
    numeric = _NUMERICAL[method](f, xs, i, v)
    # <g, v> may cancel: measure against its typical size |g| / sqrt(n), and against the rounding of f itself.
    scale = max(abs(analytic), abs(numeric), length / xs[i].size ** 0.5, 1e-4 * abs(y.item()), 1e-8)
    return abs(analytic - numeric) / scale


def _inner(a: Any, b: Any) -> float:
    with np.errstate(invalid="ignore"):  # infinities of both signs; the comparison catches the NaN
        return float(to_host(array_namespace(a).sum(a * b)))


def _report(
    f: Callable[..., Tensor], xs: list[Tensor], i: int, order: int, error: float, allowed: float, method: str
) -> str:
    """Find the element of argument i that disagrees most, and say so."""
    (g,) = grad(f(*xs), [xs[i]])
    if g is not None and g.shape != xs[i].shape:
        return f"order {order}, argument {i}: the gradient has shape {g.shape}, the argument {xs[i].shape}"
    analytic = np.zeros(xs[i].shape) if g is None else g.numpy()
    numeric = np.empty(xs[i].shape)
    for index in np.ndindex(*xs[i].shape):
        one_hot = np.zeros(xs[i].shape)
        one_hot[index] = 1.0
        v = to_device(one_hot, device_of(xs[i].data))
        numeric[index] = _NUMERICAL[method](f, xs, i, v)
    difference = np.nan_to_num(abs(analytic - numeric), nan=np.inf)
    index = np.unravel_index(int(difference.argmax()), difference.shape)
    return (
        f"order {order}, argument {i}: relative error {error:.2e} exceeds {allowed:.0e}; "
        f"worst at index {tuple(int(k) for k in index)}: "
        f"derivative {analytic[index]:.10g}, {_SHOWN[method]} {numeric[index]:.10g}"
    )
