"""Reductions over one axis, several axes, or all of them (axis=None)."""

from __future__ import annotations

import math
from typing import Any

from minigan.autograd import constant, op
from minigan.backend import array_namespace
from minigan.ops.arithmetic import where
from minigan.ops.elementary import exp, sqrt
from minigan.ops.shape import broadcast_to, reshape

Axes = int | tuple[int, ...] | None


@op
def sum(x, *, axis=None, keepdims=False):  # noqa: A001 - the name that array libraries use
    """The sum."""
    return x.sum(axis=axis, keepdims=keepdims)


@op
def max(x, *, axis=None, keepdims=False):  # noqa: A001
    """The largest element; where several are largest the derivative is shared equally."""
    return x.max(axis=axis, keepdims=keepdims)


@op
def logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(exp(x))), exact for x of any size."""
    xp = array_namespace(x)
    largest = x.max(axis=axis, keepdims=True)
    y = largest + xp.log(xp.exp(x - largest).sum(axis=axis, keepdims=True))
    return y if keepdims else y.reshape(_reduced_shape(x.shape, axis))


@op
def norm(x, *, axis=None, keepdims=False):
    """The Euclidean length sqrt(sum(x^2)); its derivative where x = 0 is taken as 0 (a subgradient)."""
    return array_namespace(x).sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def mean(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """The mean: the sum over the number of elements that enter it."""
    count = math.prod(x.shape[i] for i in _axes(axis, x.ndim))
    return sum(x, axis=axis, keepdims=keepdims) / count


def min(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:  # noqa: A001
    """The smallest element."""
    return -max(-x, axis=axis, keepdims=keepdims)


def variance(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """The mean squared distance from the mean (divided by n, not n - 1)."""
    centred = x - mean(x, axis=axis, keepdims=True)
    return mean(centred * centred, axis=axis, keepdims=keepdims)


def standard_deviation(x: Any, *, axis: Axes = None, keepdims: bool = False, eps: float = 0.0) -> Any:
    """sqrt(variance + eps)."""
    return sqrt(variance(x, axis=axis, keepdims=keepdims) + eps)


def _axes(axis: Axes, ndim: int) -> set[int]:
    if axis is None:
        return set(range(ndim))
    return {i % ndim for i in ((axis,) if isinstance(axis, int) else axis)}


def _reduced_shape(shape: tuple[int, ...], axis: Axes) -> tuple[int, ...]:
    reduced = _axes(axis, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in reduced)


def _spread(g: Any, x: Any, axis: Axes) -> Any:
    """`g`, one value for each reduced group, repeated over the whole group: the shape of `x`."""
    reduced = _axes(axis, x.ndim)
    kept = tuple(1 if i in reduced else n for i, n in enumerate(x.shape))
    return broadcast_to(reshape(g, shape=kept), shape=x.shape)


def _share_of_max(y: Any, x: Any, axis: Axes) -> Any:
    is_largest = (constant(x) == constant(_spread(y, x, axis))).astype(x.dtype)
    return is_largest / is_largest.sum(axis=axis, keepdims=True)


def _direction(y: Any, x: Any, axis: Axes) -> Any:
    """x / |x|, and 0 where |x| = 0."""
    length = where(constant(y) > 0, y, 1.0)
    return x / _spread(length, x, axis)


sum.vjps(lambda g, y, x, *, axis=None, keepdims=False: _spread(g, x, axis))
max.vjps(lambda g, y, x, *, axis=None, keepdims=False: _spread(g, x, axis) * _share_of_max(y, x, axis))
logsumexp.vjps(lambda g, y, x, *, axis=None, keepdims=False: _spread(g, x, axis) * exp(x - _spread(y, x, axis)))
norm.vjps(lambda g, y, x, *, axis=None, keepdims=False: _spread(g, x, axis) * _direction(y, x, axis))
