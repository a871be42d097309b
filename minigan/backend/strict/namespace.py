"""`xp`, the namespace of the strict device: NumPy computes, CuPy's surface is what exists."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from minigan.backend.namespaces import register
from minigan.backend.strict import policy
from minigan.backend.strict.array import StrictArray, describe
from minigan.backend.strict.calls import checked, run
from minigan.backend.strict.methods import attach_methods, attach_operators
from minigan.backend.strict.policy import StrictError
from minigan.backend.strict.ufunc import StrictUfunc
from minigan.backend.surface import Entry, read_surface

_VERSION, _SURFACE = read_surface()


class StrictNamespace:
    """Looks like a NumPy module; a name is wrapped when first asked for, then kept as an attribute."""

    def __init__(self, name: str, module: ModuleType, entries: dict[str, Entry], **members: Any) -> None:
        self.__name__ = name
        self._module = module
        self._entries = entries
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        if name not in self._entries:
            raise AttributeError(f"{self.__name__} has no {name!r}: CuPy {_VERSION} has no such function")
        if not hasattr(self._module, name):
            raise AttributeError(f"{self.__name__} has no {name!r}: CuPy {_VERSION} has, but not NumPy, which computes")
        member = _wrapped(name, getattr(self._module, name), self._entries[name])
        setattr(self, name, member)
        return member

    def __repr__(self) -> str:
        return f"<namespace {self.__name__}>"


def _wrapped(name: str, member: Any, entry: Entry) -> Any:
    if entry.kind == "value":
        return member
    if entry.kind == "ufunc":
        return StrictUfunc(member, entry.words)
    return checked(name, _poisoned(member) if name in ("empty", "empty_like") else member, entry)


def _poisoned(allocate: Callable) -> Callable:
    """Fresh memory holds NaN, so that reading it before writing shows."""

    def poisoned(*args: Any, **kwargs: Any) -> np.ndarray:
        memory = allocate(*args, **kwargs)
        if memory.dtype.kind in "fc":
            memory.fill(np.nan)
        return memory

    return poisoned


class StrictGenerator:
    """Random numbers drawn on the device; has the methods of `cupy.random.Generator`, not NumPy's values."""

    def __init__(self, seed: int | None = None) -> None:
        self._generator = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Callable:
        if name not in _SURFACE["cupy.random.Generator"]:
            raise AttributeError(f"random generators of CuPy {_VERSION} have no {name!r}")
        return checked(name, getattr(self._generator, name), _SURFACE["cupy.random.Generator"][name])


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None) -> StrictArray:
    """A strict array from host data (always a copy, never shared memory) or from another strict array."""
    if isinstance(a, StrictArray):
        return run("asarray", np.asarray, (a,), {"dtype": dtype, "order": order, "copy": copy})
    return _upload("asarray()", a, dtype, order)


def array(
    obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0
) -> StrictArray:
    """A new strict array from host data or from another strict array."""
    if isinstance(obj, StrictArray):
        options = {"dtype": dtype, "copy": copy or None, "order": order, "subok": subok, "ndmin": ndmin}
        return run("array", np.array, (obj,), options)
    return _upload("array()", obj, dtype, order, ndmin)


def asnumpy(a: Any) -> np.ndarray:
    """A copy on the host, explicitly; host data becomes a NumPy array."""
    return a.get() if isinstance(a, StrictArray) else np.asarray(a)


def _upload(action: str, data: Any, dtype: Any, order: str | None, ndmin: int = 0) -> StrictArray:
    policy.to_device(action, explicit=True)
    memory = np.array(data, dtype=dtype, order=order or "K", ndmin=ndmin)
    if memory.dtype.kind not in "biufc":
        raise StrictError(f"{action}: expected numbers, got {describe(data)} of dtype {memory.dtype}")
    if memory.dtype.char in "dD" and dtype is None and not isinstance(data, np.ndarray | np.generic):
        raise StrictError(f"{action}: Python numbers would become float64; pass dtype=")
    return StrictArray(memory)


def _build() -> StrictNamespace:
    strides = StrictNamespace("strict.xp.lib.stride_tricks", np.lib.stride_tricks, _SURFACE["cupy.lib.stride_tricks"])
    return StrictNamespace(
        "strict.xp",
        np,
        _SURFACE["cupy"],
        ndarray=StrictArray,
        asarray=asarray,
        array=array,
        asnumpy=asnumpy,
        fft=StrictNamespace("strict.xp.fft", np.fft, _SURFACE["cupy.fft"]),
        linalg=StrictNamespace("strict.xp.linalg", np.linalg, _SURFACE["cupy.linalg"]),
        lib=StrictNamespace("strict.xp.lib", np.lib, {}, stride_tricks=strides),
        random=StrictNamespace(
            "strict.xp.random", np.random, {}, default_rng=StrictGenerator, Generator=StrictGenerator
        ),
    )


attach_operators()
attach_methods(_SURFACE["cupy.ndarray"])
xp = _build()
register(StrictArray, xp)
