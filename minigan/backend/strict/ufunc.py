"""Elementwise functions of the strict device."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from minigan.backend.strict.array import StrictArray, operand
from minigan.backend.strict.calls import refuse_keywords, run
from minigan.backend.strict.indexing import memory_index
from minigan.backend.strict.policy import StrictError
from minigan.backend.strict.recording import compute

_KEYWORDS = frozenset({"out", "dtype", "casting"})
_REDUCTION_KEYWORDS = {
    "reduce": frozenset({"axis", "dtype", "out", "keepdims"}),
    "accumulate": frozenset({"axis", "dtype", "out"}),
    "reduceat": frozenset({"axis", "dtype", "out"}),
}
# CuPy scatters with atomic instructions, which exist for these types only.
_AT_TYPES = {"add": "iILQefd", "subtract": "iI", "maximum": "iILQfd", "minimum": "iILQfd"}
_AT_INTEGERS = "iIlLqQ"


class StrictUfunc:
    """A NumPy ufunc reduced to what the CuPy ufunc of the same name can do."""

    def __init__(self, function: np.ufunc, methods: tuple[str, ...]) -> None:
        self._function = function
        self._methods = methods
        self.__name__ = function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply to strict arrays and Python numbers."""
        refuse_keywords(self.__name__, kwargs, _KEYWORDS)
        for value in args:
            if value is not None:
                operand(value, self.__name__)
        return run(self.__name__, self._function, args, kwargs)

    def at(self, a: StrictArray, indices: Any, b: Any = None) -> None:
        """Unbuffered `a[indices] op= b`: repeated indices count each time, in any order."""
        self._require("at")
        types = _AT_TYPES.get(self.__name__, _AT_INTEGERS)
        if operand(a, self.__name__).dtype.char not in types:
            raise StrictError(f"{self.__name__}.at: expected one of the types {types!r}, got {a.dtype}")
        values = () if b is None else (operand(b, self.__name__),)
        compute(f"{self.__name__}.at", self._function.at, (a._memory, memory_index(indices), *values))

    def reduce(self, array: StrictArray, *args: Any, **kwargs: Any) -> StrictArray:
        """Combine all elements along an axis."""
        return self._along("reduce", array, *args, **kwargs)

    def accumulate(self, array: StrictArray, *args: Any, **kwargs: Any) -> StrictArray:
        """Running results along an axis."""
        return self._along("accumulate", array, *args, **kwargs)

    def reduceat(self, array: StrictArray, indices: Any, *args: Any, **kwargs: Any) -> StrictArray:
        """Results over slices of an axis."""
        return self._along("reduceat", array, indices, *args, **kwargs)

    def _along(self, method: str, *args: Any, **kwargs: Any) -> StrictArray:
        self._require(method)
        name = f"{self.__name__}.{method}"
        refuse_keywords(name, kwargs, _REDUCTION_KEYWORDS[method])
        operand(args[0], name)
        return run(name, getattr(self._function, method), args, kwargs)

    def _require(self, method: str) -> None:
        if method not in self._methods:
            raise StrictError(f"{self.__name__}.{method}: CuPy does not implement it")

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"strict ufuncs have no {name!r}")
