"""Normalisation: batch, layer and instance norm are one op over different axes."""

from __future__ import annotations

import math
from typing import Any

from minigan.autograd import keeping_op
from minigan.backend import array_namespace, column_sums
from minigan.ops.reductions import mean, standard_deviation


@keeping_op
def standardize(x, *, axes, eps=1e-5):
    """(x - mean) / sqrt(variance + eps), mean and variance taken over `axes`.

    Keeps (mean, variance, standard deviation) for the backward pass and for running statistics.
    """
    m = _array_mean(x, axes)
    y = x - m
    v = _array_mean(y * y, axes)
    s = array_namespace(x).sqrt(v + eps)
    y *= 1 / s
    return y, (m, v, s)


def batch_norm(x: Any, scale: Any, shift: Any, *, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """Standardize each channel (last axis) over the batch and all positions, then scale and shift.

    Ioffe and Szegedy 2015, algorithm 1. `scale` (gamma) and `shift` (beta) have shape (C,). Returns the
    output and, as plain arrays (C,), the mean and the variance of the batch for running statistics.
    """
    y = standardize(x, axes=tuple(range(x.ndim - 1)), eps=eps)
    m, v, _ = y.kept
    return y * scale + shift, m.reshape(-1), v.reshape(-1)


def layer_norm(x: Any, scale: Any, shift: Any, *, eps: float = 1e-5) -> Any:
    """Standardize each sample over the trailing axes that `scale` and `shift` have (Ba, Kiros, Hinton 2016)."""
    return standardize(x, axes=tuple(range(x.ndim - scale.ndim, x.ndim)), eps=eps) * scale + shift


def _standardize_vjp(g, y, s, axes):
    return (g - mean(g, axis=axes, keepdims=True) - y * mean(g * y, axis=axes, keepdims=True)) / s


standardize.vjps(
    lambda g, y, x, *, axes, eps=1e-5: _standardize_vjp(
        g, y, standard_deviation(x, axis=axes, keepdims=True, eps=eps), axes
    )
)


@standardize.array_vjp
def _(g, y, kept, wanted, x, *, axes, eps=1e-5):
    """`_standardize_vjp` with few passes over memory."""
    along_y = g * y
    shift, tilt = _array_mean(g, axes), _array_mean(along_y, axes)
    away = array_namespace(y).multiply(y, tilt, out=along_y)
    away += shift
    dx = array_namespace(g).subtract(g, away, out=away)
    dx *= 1 / kept[2]
    return (dx,)


def _array_mean(x: Any, axes: tuple[int, ...]) -> Any:
    """The mean of an array over the axes, which are kept with length 1."""
    if x.ndim > 1 and axes == tuple(range(x.ndim - 1)) and x.size:
        rows = math.prod(x.shape[:-1])
        return column_sums(x.reshape(rows, x.shape[-1])).reshape((1,) * (x.ndim - 1) + (-1,)) / rows
    return x.mean(axis=axes, keepdims=True)
