"""Normalisation: batch, layer and instance norm standardize over different axes, then scale and shift."""

from __future__ import annotations

import math
from typing import Any

from minigan.autograd import keeping_op
from minigan.backend import array_namespace, column_sums, kernels
from minigan.ops.reductions import mean, standard_deviation
from minigan.ops.shape import fit


@keeping_op
def standardize(x, *, axes, eps=1e-5):
    """(x - mean) / sqrt(variance + eps), mean and variance taken over `axes`.

    Keeps the standard deviation for the backward pass.
    """
    m = _array_mean(x, axes)
    y = x - m
    v = _array_mean(y * y, axes)
    s = array_namespace(x).sqrt(v + eps)
    y *= 1 / s
    return y, s


@keeping_op
def batch_norm(x, scale, shift, *, eps=1e-5):
    """Standardize each channel (last axis) over the batch and all positions, then scale and shift.

    Ioffe and Szegedy 2015, algorithm 1. x (N, ..., C), `scale` (gamma) and `shift` (beta) (C,). Keeps for each channel
    the sum of x and that of (x - mean)^2, both (C,), for the backward pass and for running statistics.
    """
    count = math.prod(x.shape[:-1])
    total = _channel_sums(x)
    squares = _channel_sums(kernels.squared_deviation(x, total, count))
    return kernels.batch_norm(x, total, squares, scale, shift, count, eps), (total, squares)


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
    dx *= 1 / kept
    return (dx,)


batch_norm.vjps(
    lambda g, y, x, scale, shift, *, eps=1e-5: standardize.vjp(
        0, g * scale, _standardized(x, eps), (x,), _over(x, eps)
    ),
    lambda g, y, x, scale, shift, *, eps=1e-5: fit(g * _standardized(x, eps), scale),
    lambda g, y, x, scale, shift, *, eps=1e-5: fit(g, shift),
)


@batch_norm.array_vjp
def _(g, y, kept, wanted, x, scale, shift, *, eps=1e-5):
    """The sums that the gradient in x needs are the gradients of the scale and the shift."""
    total, squares = kept
    count = math.prod(x.shape[:-1])
    of_shift = _channel_sums(g)
    of_scale = _channel_sums(kernels.along_standardized(g, x, total, squares, count, eps))
    if not wanted[0]:
        return None, of_scale, of_shift
    dx = kernels.batch_norm_vjp(g, x, total, squares, of_shift, of_scale, scale, count, eps)
    return dx, of_scale, of_shift


def _over(x: Any, eps: float) -> dict[str, Any]:
    """The settings of `standardize` for a batch norm."""
    return {"axes": tuple(range(x.ndim - 1)), "eps": eps}


def _standardized(x: Any, eps: float) -> Any:
    return standardize(x, **_over(x, eps))


def _channel_sums(x: Any) -> Any:
    """Over all axes but the last: (C,)."""
    return column_sums(x.reshape(-1, x.shape[-1]))


def _array_mean(x: Any, axes: tuple[int, ...]) -> Any:
    """The mean of an array over the axes, which are kept with length 1."""
    if x.ndim > 1 and axes == tuple(range(x.ndim - 1)) and x.size:
        return _channel_sums(x).reshape((1,) * (x.ndim - 1) + (-1,)) / math.prod(x.shape[:-1])
    return x.mean(axis=axes, keepdims=True)
