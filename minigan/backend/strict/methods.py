"""Operators and methods of `StrictArray`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigan.backend.strict.array import NUMBERS, StrictArray, operand, wrap
from minigan.backend.strict.calls import checked, refuse_unasked_float64
from minigan.backend.strict.recording import compute
from minigan.backend.surface import Entry

_ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
)
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_UNARY = ("neg", "pos", "abs", "invert")


def _leaves_to(other: Any) -> bool:
    """Whether `other` wants its own reflected operator to run, as CuPy and NumPy decide it."""
    kind = type(other)
    if kind is StrictArray or kind in NUMBERS:
        return False
    missing = object()
    choice = getattr(kind, "__array_ufunc__", missing)
    if choice is not missing:
        return choice is None
    return getattr(other, "__array_priority__", 0) > StrictArray.__array_priority__


def _apply(name: str, function: Callable, *memories: Any) -> Any:
    result = compute(name, function, memories)
    if result.dtype.char in "dD":
        refuse_unasked_float64(name, memories)
    return wrap(result)


def _binary(name: str, function: Callable) -> Callable:
    def forward(self: StrictArray, other: Any) -> Any:
        if _leaves_to(other):
            return NotImplemented
        return _apply(name, function, self._memory, operand(other, name))

    return forward


def _reflected(name: str, function: Callable) -> Callable:
    def backward(self: StrictArray, other: Any) -> Any:
        return _apply(name, function, operand(other, name), self._memory)

    return backward


def _in_place(name: str, function: Callable) -> Callable:
    def update(self: StrictArray, other: Any) -> StrictArray:
        value = operand(other, name)
        compute(name, function, (self._memory, value))
        return self

    return update


def _unary(name: str, function: Callable) -> Callable:
    return lambda self: _apply(name, function, self._memory)


def attach_operators() -> None:
    """Give `StrictArray` the operators that CuPy arrays have (there is no in-place `@=`)."""
    for name in [*_ARITHMETIC, "matmul", *_COMPARISONS]:
        setattr(StrictArray, f"__{name}__", _binary(name, _function(name)))
    for name in [*_ARITHMETIC, "matmul"]:
        setattr(StrictArray, f"__r{name}__", _reflected(name, _function(name)))
    for name in _ARITHMETIC:
        setattr(StrictArray, f"__i{name}__", _in_place(f"i{name}", getattr(operator, f"i{name}")))
    for name in _UNARY:
        setattr(StrictArray, f"__{name}__", _unary(name, _function(name)))


def attach_methods(entries: dict[str, Entry]) -> None:
    """Give `StrictArray` the methods that CuPy and NumPy arrays share, with CuPy's parameters."""
    for name, entry in entries.items():
        if entry.kind == "method" and name not in vars(StrictArray) and name in _NUMPY_METHODS:
            with_self = Entry("method", ("self", *entry.words))
            setattr(StrictArray, name, checked(name, getattr(np.ndarray, name), with_self))


_NUMPY_METHODS = frozenset(dir(np.ndarray)) - {"dump", "dumps", "tofile"}


def _function(name: str) -> Callable:
    return getattr(operator, f"{name}_" if name in ("and", "or") else name)
