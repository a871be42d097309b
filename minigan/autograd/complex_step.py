"""Derivatives by a step into the complex plane: no difference is taken, so no digits are lost.

For an analytic f with real values on real numbers, f(x + i h v) = f(x) + i h f'(x) v - h^2 ..., hence

    Im f(x + i h v) / h  =  f'(x) v  +  O(h^2),

and h may be 1e-30: the result is as exact as f itself (Squire and Trapp 1998, doi:10.1137/S003614459631241X).
A central difference loses half its digits to the subtraction f(x + h) - f(x - h).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minigan.backend import array_namespace, to_host

STEP = 1e-30

_REAL_STEP = 1e-5
_AGREEMENT = 1e-5


class NotAnalyticError(ValueError):
    """A function whose complex step is not its derivative."""


def complex_step_derivative(f: Callable[[Any], Any], x: Any, v: Any, h: float = STEP) -> Any:
    """The derivative of f at x in the direction v, Im f(x + i h v) / h.

    Args:
        f: takes an array, real or complex, and returns an array; made of analytic functions (`exp`, `tanh`,
            products, convolutions, norms). Choices by comparison (`maximum`, `where(x > 0, ...)`) are analytic
            away from their kinks, since complex numbers are compared by their real parts first. The modulus
            is not analytic anywhere: `abs`, and with it `sigmoid` and `softplus`, which use it.
        x: a float array of any shape.
        v: the direction, in the shape of x and on its device.
        h: the step.

    Returns:
        A real array in the shape of f(x).

    Raises:
        NotAnalyticError: f loses or distorts the imaginary part. Noticed by a central difference along the
            real axis, with which the derivative of an analytic function agrees.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            y = f(x + 1j * h * v)
        except np.exceptions.ComplexWarning as warning:
            raise NotAnalyticError(f"complex step: {warning} within the function; use central differences") from None
    derivative = y.imag / h
    _check_real_axis(f, x, v, y.real, derivative)
    return derivative


def _check_real_axis(f: Callable[[Any], Any], x: Any, v: Any, y: Any, derivative: Any) -> None:
    """An analytic function changes along the imaginary axis as it does along the real one (Cauchy, Riemann)."""
    h = _REAL_STEP * max(1.0, _length(x) / max(1.0, math.sqrt(x.size)))
    along_real = (f(x + h * v) - f(x - h * v)) / (2 * h)
    scale = max(_length(along_real), _length(derivative), 1e-3 * _length(y), 1e-8)
    difference = _length(along_real - derivative)
    if not difference <= _AGREEMENT * scale:  # also catches NaN
        raise NotAnalyticError(
            f"complex step: the function is not analytic, its slope along the imaginary axis and along the real one "
            f"differ by {difference:.2e} (of {scale:.2e}); abs, and with it sigmoid and softplus, is not: "
            "use central differences"
        )


def _length(a: Any) -> float:
    return float(to_host(array_namespace(a).sqrt((a * a).sum())))
