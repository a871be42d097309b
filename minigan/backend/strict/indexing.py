"""Reading and writing parts of a strict array."""

from __future__ import annotations

import operator
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from minigan.backend.strict import policy
from minigan.backend.strict.array import StrictArray, describe, operand
from minigan.backend.strict.policy import StrictError
from minigan.backend.strict.recording import compute

_PLAIN = (int, slice, NoneType, EllipsisType, np.integer)


def memory_index(key: Any) -> Any:
    """An index made of strict arrays as one that NumPy understands; host arrays and lists are refused."""
    if isinstance(key, tuple):
        return tuple(_index_part(part) for part in key)
    return _index_part(key)


def _index_part(part: Any) -> Any:
    if isinstance(part, StrictArray):
        if part.dtype.kind == "b":
            policy.to_host("x[mask] (unlike xp.where and xp.putmask) counts the true elements, which")
        return part._memory
    if isinstance(part, _PLAIN):
        return part
    if isinstance(part, list | np.ndarray):
        policy.to_device(f"indexing with {describe(part)}")
        return part
    raise StrictError(f"index: expected integers, slices, None, ... or strict arrays, got {describe(part)}")


def get_item(array: StrictArray, key: Any) -> StrictArray:
    """`array[key]`: a view for integers and slices (also where NumPy gives a scalar), else a new array."""
    index = memory_index(key)
    if _is_advanced(index):
        return StrictArray(compute("x[index]", operator.getitem, (array._memory, index)))
    found = array._memory[index]
    if not isinstance(found, np.ndarray):
        index = index if isinstance(index, tuple) else (index,)
        found = array._memory[(*index, ...)]
    return StrictArray(found)


def set_item(array: StrictArray, key: Any, value: Any) -> None:
    """`array[key] = value`, with each element written at most once."""
    index = memory_index(key)
    written = operand(value, "x[...] = value")
    if _is_advanced(index):
        _refuse_duplicates(array.shape, index)
    compute("x[index] = value", operator.setitem, (array._memory, index, written))


def _is_advanced(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, list | np.ndarray) for part in parts)


def _refuse_duplicates(shape: tuple[int, ...], index: Any) -> None:
    written = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    if written.size != np.unique(written).size:
        raise StrictError(
            "x[index] = value: expected each element once, got duplicate indices, whose order is undefined "
            "on a GPU; use xp.add.at to sum them"
        )


StrictArray.__getitem__ = get_item
StrictArray.__setitem__ = set_item
