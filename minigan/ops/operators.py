"""Python's operators and the usual methods, attached to `Tensor`."""

from __future__ import annotations

from typing import Any

from minigan.autograd import Tensor, constant
from minigan.ops import arithmetic, elementary, products, reductions, shape

_BINARY = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "matmul": products.matmul,
}

_UNARY = {
    "__neg__": arithmetic.negative,
    "__abs__": arithmetic.absolute,
    "exp": elementary.exp,
    "log": elementary.log,
    "sqrt": elementary.sqrt,
}


def _one_or_many(values: tuple) -> tuple[int, ...]:
    """x.reshape(2, 3) and x.reshape((2, 3)) mean the same."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], tuple | list) else values


def _reshape(x: Tensor, *lengths: Any) -> Tensor:
    return shape.reshape(x, shape=_one_or_many(lengths))


def _transpose(x: Tensor, *axes: Any) -> Tensor:
    return shape.transpose(x, axes=_one_or_many(axes) or None)


def _getitem(x: Tensor, index: Any) -> Tensor:
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(constant(part) for part in parts)
    return shape.getitem(x, index=parts if isinstance(index, tuple) else parts[0])


def _swapped(function: Any) -> Any:
    return lambda self, other: function(other, self)


def _reduction(function: Any) -> Any:
    return lambda self, axis=None, keepdims=False: function(self, axis=axis, keepdims=keepdims)


def _comparison(name: str) -> Any:
    return lambda self, other: getattr(self.data, name)(constant(other))


def attach() -> None:
    """Give `Tensor` its operators and methods."""
    for name, function in _BINARY.items():
        setattr(Tensor, f"__{name}__", lambda self, other, function=function: function(self, other))
        setattr(Tensor, f"__r{name}__", _swapped(function))
    for name, function in _UNARY.items():
        setattr(Tensor, name, lambda self, function=function: function(self))
    for name in ("sum", "mean", "max", "min"):
        setattr(Tensor, name, _reduction(getattr(reductions, name)))
    for name in ("lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _comparison(f"__{name}__"))
    Tensor.__pow__ = lambda self, p: arithmetic.power(self, constant(p))
    Tensor.__getitem__ = _getitem
    Tensor.reshape = _reshape
    Tensor.transpose = _transpose
    Tensor.T = property(lambda self: shape.transpose(self))
