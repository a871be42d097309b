"""`StrictArray`: an array that lives in (pretended) device memory and keeps to what a CuPy array does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from minigan.backend.strict import policy
from minigan.backend.strict.policy import StrictError
from minigan.errors import DeviceError

NUMBERS = frozenset({bool, int, float, complex})


class StrictArray:
    """An array of the strict device. Make one with `xp.asarray`; operators and methods come from `methods`.

    It is no subclass of `numpy.ndarray`, so nothing turns it into one by accident. `_memory` stands for
    device memory: only this package may touch it.
    """

    __slots__ = ("_memory",)
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, memory: np.ndarray) -> None:
        self._memory = memory

    shape = property(lambda self: self._memory.shape, doc="Lengths of the axes.")
    dtype = property(lambda self: self._memory.dtype, doc="Type of the elements.")
    ndim = property(lambda self: self._memory.ndim, doc="Number of axes.")
    size = property(lambda self: self._memory.size, doc="Number of elements.")
    itemsize = property(lambda self: self._memory.itemsize, doc="Bytes of one element.")
    nbytes = property(lambda self: self._memory.nbytes, doc="Bytes of all elements.")
    strides = property(lambda self: self._memory.strides, doc="Steps in bytes along the axes.")
    flags = property(lambda self: self._memory.flags, doc="Memory layout.")
    T = property(lambda self: StrictArray(self._memory.T), doc="View with reversed axes.")
    mT = property(lambda self: StrictArray(self._memory.mT), doc="View with the last two axes swapped.")  # noqa: N815
    real = property(lambda self: StrictArray(self._memory.real), doc="Real part.")
    imag = property(lambda self: StrictArray(self._memory.imag), doc="Imaginary part.")

    def get(self) -> np.ndarray:
        """Copy to the host, explicitly."""
        policy.to_host("get()", explicit=True)
        return self._memory.copy()

    def set(self, values: np.ndarray) -> None:
        """Overwrite with a NumPy array of the same shape and dtype, explicitly."""
        if not isinstance(values, np.ndarray) or (values.dtype, values.shape) != (self.dtype, self.shape):
            raise StrictError(f"set(): expected numpy.ndarray {self.dtype}{self.shape}, got {describe(values)}")
        policy.to_device("set()", explicit=True)
        self._memory[...] = values

    def item(self) -> Any:
        """The only element as a Python number: an implicit transfer."""
        return self._read("item()").item()

    def tolist(self) -> Any:
        """The elements as Python numbers: an implicit transfer."""
        return self._read("tolist()").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        """The elements as bytes: an implicit transfer."""
        return self._read("tobytes()").tobytes(order)

    def _read(self, action: str) -> np.ndarray:
        policy.to_host(action)
        return self._memory

    def __bool__(self) -> bool:
        return bool(self._read("bool() or a condition"))

    def __int__(self) -> int:
        return int(self._read("int()"))

    def __float__(self) -> float:
        return float(self._read("float()"))

    def __complex__(self) -> complex:
        return complex(self._read("complex()"))

    def __format__(self, spec: str) -> str:
        return format(self._read("format()").item(), spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"<strict {self.dtype}{list(self.shape)}>"

    def __len__(self) -> int:
        return len(self._memory)

    def __iter__(self) -> Iterator[StrictArray]:
        return (self[i] for i in range(len(self)))

    def __copy__(self) -> StrictArray:
        return self.copy()

    def __deepcopy__(self, memo: dict) -> StrictArray:
        return self.__copy__()

    def __reduce__(self) -> tuple:
        return StrictArray, (self._read("pickle").copy(),)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"strict arrays have no {name!r}: CuPy arrays have none, or it is not supported here")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise StrictError(
            "a strict array does not turn into a NumPy array by itself; use minigan.backend.to_host(x) or x.get()"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> NoReturn:
        for value in inputs:
            if isinstance(value, np.ndarray | np.generic):
                refuse_operand(value, f"np.{ufunc.__name__}")
        _refuse_numpy(ufunc.__name__)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> NoReturn:
        _refuse_numpy(function.__name__)


def _refuse_numpy(name: str) -> NoReturn:
    raise StrictError(
        f"np.{name} got a strict array; take the function from the array's own namespace: array_namespace(x).{name}"
    )


def describe(value: Any) -> str:
    """A value in an error message: its type and, for an array, dtype and shape."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name} {value.dtype}{value.shape}" if isinstance(value, np.ndarray) else name


def refuse_operand(value: Any, action: str) -> NoReturn:
    """Raise the error that says why `value` cannot meet strict arrays in `action`."""
    if isinstance(value, np.ndarray):
        raise DeviceError(
            f"{action}: expected arrays of one device, got a strict array and {describe(value)} on the cpu; "
            "move it with minigan.backend.to_device(x, device)"
        )
    if isinstance(value, np.generic):
        raise StrictError(
            f"{action}: expected a Python number, got the NumPy scalar {describe(value)}, which can turn "
            "float32 into float64; use float(x) or int(x)"
        )
    raise StrictError(f"{action}: expected a strict array or a Python number, got {describe(value)}")


def operand(value: Any, action: str) -> Any:
    """The memory of a strict array, or a Python number as it is; everything else is refused."""
    kind = type(value)
    if kind is StrictArray:
        return value._memory
    if kind in NUMBERS:
        return value
    return refuse_operand(value, action)


def wrap(result: Any) -> Any:
    """Results of NumPy as strict arrays, also inside tuples and lists; scalars become 0-d arrays."""
    if isinstance(result, np.ndarray):
        return StrictArray(result)
    if isinstance(result, np.generic):
        return StrictArray(np.asarray(result))
    if type(result) in (tuple, list):
        return type(result)(wrap(each) for each in result)
    if isinstance(result, tuple):
        return type(result)(*map(wrap, result))
    return result
