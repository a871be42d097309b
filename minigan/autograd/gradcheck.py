"""Gradient checks: derivatives of any order against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.autograd.grad import grad
from minigan.autograd.op import no_grad
from minigan.autograd.tensor import Tensor
from minigan.backend import array_namespace, device_of, to_device, to_host

TOLERANCE = {1: 1e-7, 2: 1e-6, 3: 1e-5}
"""Largest relative error allowed at each order; beyond the third it is the third's."""


class GradcheckError(AssertionError):
    """A derivative that disagrees with central differences."""


def gradcheck(
    f: Callable[..., Tensor],
    inputs: Sequence[Any],
    order: int = 1,
    *,
    tolerance: float | None = None,
    rng: np.random.Generator | None = None,
) -> float:
    """Compare the derivatives of `f` up to `order` with central differences in float64.

    The output is projected on a random vector u, and the derivative with respect to each input on a random
    direction v: d/dt <u, f(x + t v)> at t = 0 against <grad, v>. The projected derivative is a function
    again, so the next order is checked in the same way. Inputs must keep away from kinks.

    Args:
        f: takes as many tensors as there are inputs, returns a tensor of any shape.
        inputs: arrays or tensors; they are copied to float64.
        order: the highest derivative to check.
        tolerance: largest relative error allowed; by default 1e-7, 1e-6, 1e-5 for orders 1, 2, 3.
        rng: draws the projections; by default `default_rng(0)`.

    Returns:
        The worst relative error met.

    Raises:
        GradcheckError: names the order, the argument, the index and both values.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    xs = [_copy(x) for x in inputs]
    f = _project(f, xs, rng)
    worst = 0.0
    for n in range(1, order + 1):
        allowed = TOLERANCE.get(n, TOLERANCE[3]) if tolerance is None else tolerance
        directions = [_unit_vector(x, rng) for x in xs]
        for i, v in enumerate(directions):
            error = _relative_error(f, xs, i, v)
            if not error <= allowed:  # also catches NaN
                raise GradcheckError(_report(f, xs, i, n, error, allowed))
            worst = max(worst, error)
        f = _directional_derivative(f, directions)
    return worst


def numerical_derivative(s: Callable[[float], float], h: float) -> float:
    """s'(0) by central differences at h and h/2, extrapolated by Richardson: error O(h^4)."""
    coarse = (s(h) - s(-h)) / (2 * h)
    fine = (s(h / 2) - s(-h / 2)) / h
    return (4 * fine - coarse) / 3


def _copy(x: Any) -> Tensor:
    data = x.data if isinstance(x, Tensor) else np.asarray(x)
    return Tensor(data.astype("float64") + 0.0, requires_grad=True)


def _project(f: Callable[..., Tensor], xs: list[Tensor], rng: np.random.Generator) -> Callable[..., Tensor]:
    with no_grad():
        y = f(*xs)
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


def _along(f: Callable[..., Tensor], xs: list[Tensor], i: int, v: Any) -> Callable[[float], float]:
    def value(t: float) -> float:
        moved = list(xs)
        moved[i] = Tensor(xs[i].data + t * v, requires_grad=True)
        return f(*moved).item()

    return value


def _step(x: Tensor) -> float:
    # Truncation h^4 and rounding eps / h are about equal at eps^(1/5).
    size = float(to_host(abs(x.data).max())) if x.size else 0.0
    return 1e-3 * max(1.0, size)


def _relative_error(f: Callable[..., Tensor], xs: list[Tensor], i: int, v: Any) -> float:
    if xs[i].size == 0:
        return 0.0
    y = f(*xs)
    (g,) = grad(y, [xs[i]])
    analytic, length = (0.0, 0.0) if g is None else (_inner(g.data, v), _inner(g.data, g.data) ** 0.5)
    numeric = numerical_derivative(_along(f, xs, i, v), _step(xs[i]))
    # <g, v> may cancel: measure against its typical size |g| / sqrt(n), and against the rounding of f itself.
    scale = max(abs(analytic), abs(numeric), length / xs[i].size ** 0.5, 1e-4 * abs(y.item()), 1e-8)
    return abs(analytic - numeric) / scale


def _inner(a: Any, b: Any) -> float:
    return float(to_host(array_namespace(a).sum(a * b)))


def _report(f: Callable[..., Tensor], xs: list[Tensor], i: int, order: int, error: float, allowed: float) -> str:
    """Find the element of argument i that disagrees most, and say so."""
    (g,) = grad(f(*xs), [xs[i]])
    analytic = np.zeros(xs[i].shape) if g is None else g.numpy()
    numeric = np.empty(xs[i].shape)
    for index in np.ndindex(*xs[i].shape):
        one_hot = np.zeros(xs[i].shape)
        one_hot[index] = 1.0
        v = to_device(one_hot, device_of(xs[i].data))
        numeric[index] = numerical_derivative(_along(f, xs, i, v), _step(xs[i]))
    difference = np.nan_to_num(abs(analytic - numeric), nan=np.inf)
    index = np.unravel_index(int(difference.argmax()), difference.shape)
    return (
        f"order {order}, argument {i}: relative error {error:.2e} exceeds {allowed:.0e}; "
        f"worst at index {tuple(int(k) for k in index)}: "
        f"derivative {analytic[index]:.10g}, central difference {numeric[index]:.10g}"
    )
