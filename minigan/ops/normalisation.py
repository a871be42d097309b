"""Normalisation: batch, layer and instance norm standardize over different axes, then scale and shift."""

from __future__ import annotations

import math
from typing import Any

from minigan.autograd import keeping_op
from minigan.backend import array_namespace, column_sums, kernels
from minigan.ops.activations import leaky_mask
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
def batch_norm(x, scale, shift, *, eps=1e-5, slope=1.0):
    """Standardize each channel (last axis) over the batch and all positions, then scale and shift.

    Ioffe and Szegedy 2015, algorithm 1. x (N, ..., C), `scale` (gamma) and `shift` (beta) (C,). The leaky ReLU that
    mostly comes next is taken in the same pass if its `slope` is given. Keeps for each channel the sum of x and that
    of (x - mean)^2, both (C,), for the backward pass and for running statistics.
    """
    count = math.prod(x.shape[:-1])
    total = _channel_sums(x)
    squares = _channel_sums(kernels.squared_deviation(x, total, count))
    return kernels.batch_norm(x, total, squares, scale, shift, count, eps, slope), (total, squares)


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


def _batch_norm_vjp(g, y, x, scale, shift, *, eps=1e-5, slope=1.0):
    g, axes = _unbent(g, y, slope) * scale, tuple(range(x.ndim - 1))
    return standardize.vjp(0, g, standardize(x, axes=axes, eps=eps), (x,), {"axes": axes, "eps": eps})


def _scale_vjp(g, y, x, scale, shift, *, eps=1e-5, slope=1.0):
    return fit(_unbent(g, y, slope) * standardize(x, axes=tuple(range(x.ndim - 1)), eps=eps), scale)


def _shift_vjp(g, y, x, scale, shift, *, eps=1e-5, slope=1.0):
    return fit(_unbent(g, y, slope), shift)


def _unbent(g, y, slope):
    """The gradient before the leaky ReLU, which bends where y does, since it keeps signs."""
    return g if slope == 1 else leaky_mask(g, y, slope=slope)


batch_norm.vjps(_batch_norm_vjp, _scale_vjp, _shift_vjp)


@batch_norm.array_vjp
def _(g, y, kept, wanted, x, scale, shift, *, eps=1e-5, slope=1.0):
    """The sums that the gradient in x needs are the gradients of the scale and the shift."""
    total, squares = kept
    count = math.prod(x.shape[:-1])
    g, along = kernels.along_standardized(g, x, y, total, squares, count, eps, slope)
    of_scale, of_shift = _channel_sums(along), _channel_sums(g)
    if not wanted[0]:
        return None, of_scale, of_shift
    dx = kernels.batch_norm_vjp(g, x, total, squares, of_shift, of_scale, scale, count, eps)
    return dx, of_scale, of_shift


def _channel_sums(x: Any) -> Any:
    """Over all axes but the last: (C,)."""
    return column_sums(x.reshape(-1, x.shape[-1]))


def _array_mean(x: Any, axes: tuple[int, ...]) -> Any:
    """The mean of an array over the axes, which are kept with length 1."""
    if x.ndim > 1 and axes == tuple(range(x.ndim - 1)) and x.size:
        return _channel_sums(x).reshape((1,) * (x.ndim - 1) + (-1,)) / math.prod(x.shape[:-1])
    return x.mean(axis=axes, keepdims=True)
