"""Operations that move values and compute nothing: each one's derivative moves them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.autograd import op
from minigan.backend import array_namespace, column_sums, is_array


@op
def broadcast_to(x, *, shape):
    """Repeat x along new and length-1 axes until it has the given shape."""
    return array_namespace(x).broadcast_to(x, shape)


@op
def sum_to(x, *, shape):
    """Sum x down to the given shape: the adjoint of `broadcast_to`."""
    new = x.ndim - len(shape)
    if len(shape) == 1 and x.ndim > 1 and shape[0] == x.shape[-1] != 1 and x.size:  # the gradient of a bias
        return column_sums(x.reshape(-1, shape[0]))
    stretched = tuple(new + i for i, n in enumerate(shape) if n == 1 and x.shape[new + i] != 1)
    return x.sum(tuple(range(new)) + stretched).reshape(shape)


def fit(g: Any, x: Any) -> Any:
    """The gradient `g` of a broadcast input, summed back to the shape of that input `x`."""
    return g if g.shape == x.shape else sum_to(g, shape=x.shape)


@op
def reshape(x, *, shape):
    """The same values in another shape; one length may be -1."""
    return x.reshape(shape)


@op
def transpose(x, *, axes=None):
    """Permute the axes; reverse them if none are given."""
    return x.transpose(axes)


@op
def getitem(x, *, index):
    """x[index], with integers, slices, None, ... and arrays of integers or booleans."""
    return x[index]


@op
def put(g, *, index, shape):
    """Zeros of the given shape with g added at the index: the adjoint of `getitem`."""
    xp = array_namespace(g)
    x = xp.zeros(shape, dtype=g.dtype)
    if _is_basic(index):
        x[index] = g
    else:
        xp.add.at(x, index, g)  # an index may occur twice
    return x


@op
def concatenate(*xs, axis=0):
    """Join arrays along an axis."""
    return array_namespace(xs[0]).concatenate(xs, axis=axis)


@op
def pad(x, *, widths):
    """Surround x by zeros: `widths` holds (before, after) for each axis."""
    xp = array_namespace(x)
    y = xp.zeros(tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True)), dtype=x.dtype)
    y[_inner(x.shape, widths)] = x
    return y


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    axis %= xs[0].ndim + 1
    return concatenate(*(reshape(x, shape=x.shape[:axis] + (1,) + x.shape[axis:]) for x in xs), axis=axis)


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return not any(is_array(part) or isinstance(part, list) for part in parts)


def _inner(shape: tuple[int, ...], widths: Any) -> tuple[slice, ...]:
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


def _inverse(axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if axes is None:
        return None
    axes = [a % len(axes) for a in axes]
    return tuple(axes.index(i) for i in range(len(axes)))


def _piece(i, g, y, *xs, axis=0):
    axis %= g.ndim
    start = sum(x.shape[axis] for x in xs[:i])
    return g[(slice(None),) * axis + (slice(start, start + xs[i].shape[axis]),)]


broadcast_to.vjps(lambda g, y, x, *, shape: sum_to(g, shape=x.shape))
sum_to.vjps(lambda g, y, x, *, shape: broadcast_to(g, shape=x.shape))
reshape.vjps(lambda g, y, x, *, shape: reshape(g, shape=x.shape))
transpose.vjps(lambda g, y, x, *, axes=None: transpose(g, axes=_inverse(axes)))
getitem.vjps(lambda g, y, x, *, index: put(g, index=index, shape=x.shape))
put.vjps(lambda h, y, g, *, index, shape: h[index])
concatenate.vjp_each(_piece)
pad.vjps(lambda g, y, x, *, widths: g[_inner(x.shape, widths)])
