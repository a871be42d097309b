"""Running one NumPy function as the device would: arguments checked, results kept on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType, NoneType
from typing import Any, NoReturn

import numpy as np

from minigan.backend.strict import policy
from minigan.backend.strict.array import NUMBERS, StrictArray, describe, refuse_operand, wrap
from minigan.backend.strict.names import (
    ALLOCATIONS,
    ANSWERS,
    ARRAY_PARAMETERS,
    DATA_DEPENDENT,
    HOST_PARAMETERS,
    VIEWS,
)
from minigan.backend.strict.policy import StrictError
from minigan.backend.strict.recording import compute
from minigan.backend.surface import Entry

_PLAIN = NUMBERS | {NoneType, EllipsisType, str, slice}


def checked(name: str, function: Callable, entry: Entry) -> Callable:
    """`function` with CuPy's parameters instead of NumPy's, for strict arrays only."""
    check = _Signature(name, entry.words).check
    waits = name in DATA_DEPENDENT

    def call(*args: Any, **kwargs: Any) -> Any:
        check(args, kwargs)
        if waits or (name == "where" and len(args) + len(kwargs) == 1):
            policy.to_host(f"{name}() needs the values on the host, which")
        return run(name, function, args, kwargs)

    call.__name__ = name
    return call


def run(name: str, function: Callable, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Apply a NumPy function to the memory of strict arrays; `out=` is returned as the object it is."""
    values = [_memory_of(value, name) for value in args]
    options = {key: _memory_of(value, name) for key, value in kwargs.items()}
    if name in ANSWERS:
        function = _answering_with_an_array(function)
    launches = lambda result: name not in ALLOCATIONS and not _is_view(name, result, values)
    result = compute(name, function, values, options, launches)
    if isinstance(result, np.ndarray):
        if result.dtype.char in "dD":
            refuse_unasked_float64(name, (*values, *options.values()))
        for given in (*args, *kwargs.values()):
            if type(given) is StrictArray and given._memory is result:
                return given
    return wrap(result)


def _answering_with_an_array(function: Callable) -> Callable:
    return lambda *args, **kwargs: np.asarray(function(*args, **kwargs))


def refuse_unasked_float64(name: str, values: Sequence[Any]) -> None:
    """Raise unless an argument is float64 or asks for it: one such array makes all that follows slow."""
    if not any(_mentions_float64(value) for value in values):
        raise StrictError(
            f"{name}: the result would be float64, which no argument asked for; pass dtype=, or convert "
            "integer and boolean arrays with astype() first"
        )


def refuse_keywords(name: str, given: dict[str, Any], allowed: frozenset[str]) -> None:
    """Raise if a keyword is not among those that CuPy has."""
    if not allowed.issuperset(given):
        unknown = ", ".join(f"{key}=" for key in given if key not in allowed)
        raise StrictError(f"{name}: CuPy has no {unknown}; it takes {', '.join(sorted(allowed - {'self'}))}")


class _Signature:
    """The parameters of a CuPy function, to check arguments against."""

    def __init__(self, name: str, parameters: tuple[str, ...]) -> None:
        names = tuple(each.lstrip("*") for each in parameters)
        stars = [each.count("*") for each in parameters]
        self.name = name
        self.names = names
        self.keywords = None if 2 in stars else frozenset(names)  # None: any
        self.star = stars.index(1) if 1 in stars else None
        self.array_first = bool(names) and names[0] in ARRAY_PARAMETERS
        positional = names if self.star is None else names[: self.star + 1]
        self.host = [position for position, each in enumerate(positional) if each in HOST_PARAMETERS]

    def check(self, args: tuple, kwargs: dict[str, Any]) -> None:
        """Raise if arguments do not fit."""
        if self.keywords is not None:
            refuse_keywords(self.name, kwargs, self.keywords)
        if self.star is None and len(args) > len(self.names):
            takes = f"{len(self.names)} arguments ({', '.join(self.names)})"
            raise StrictError(f"{self.name}: CuPy takes at most {takes}, got {len(args)}")
        if self.array_first and args and type(args[0]) is not StrictArray:
            _refuse_array_like(args[0], self.name)
        for position in self.host:
            if position < len(args):
                value = args[position:] if position == self.star else args[position]
                _refuse_device_value(self.name, self.names[position], value)
        for key, value in kwargs.items():
            if key in HOST_PARAMETERS:
                _refuse_device_value(self.name, key, value)


def _refuse_array_like(value: Any, name: str) -> NoReturn:
    if isinstance(value, np.ndarray | np.generic):
        refuse_operand(value, name)
    raise StrictError(f"{name}: expected a strict array first, got {describe(value)}; make one with xp.asarray")


def _refuse_device_value(name: str, parameter: str, value: Any) -> None:
    kind = type(value)
    if kind is StrictArray or (kind in (tuple, list) and any(type(each) is StrictArray for each in value)):
        policy.to_host(f"{name}: {parameter} is a device array, and reading it")


def _memory_of(value: Any, name: str) -> Any:
    """An argument as NumPy takes it; refused if CuPy would not take it."""
    kind = type(value)
    if kind is StrictArray:
        return value._memory
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return kind([_memory_of(each, name) for each in value])
    if isinstance(value, np.integer | np.bool | np.dtype | type):
        return value
    return refuse_operand(value, name)


def _is_view(name: str, result: Any, values: Sequence[Any]) -> bool:
    if name not in VIEWS:
        return False
    return not isinstance(result, np.ndarray) or np.may_share_memory(result, values[0])


def _mentions_float64(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.char in "dD"
    if isinstance(value, tuple | list):
        return any(_mentions_float64(each) for each in value)
    if isinstance(value, str | type | np.dtype):
        try:
            return np.dtype(value).char in "dD"
        except TypeError:
            return False
    return False
