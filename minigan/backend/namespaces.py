"""Which array library an array belongs to."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

_namespaces: dict[type, Any] = {np.ndarray: np}


def array_namespace(x: Any) -> Any:
    """The library that `x` belongs to by its type: numpy, cupy, or the namespace of the strict device."""
    try:
        return _namespaces[type(x)]
    except KeyError:
        return _learn(type(x))


def is_array(x: Any) -> bool:
    """Whether `x` is an array (or a NumPy scalar): whether `array_namespace(x)` has an answer."""
    return type(x) in _namespaces or _find(type(x)) is not None


def on_device(x: Any) -> bool:
    """Whether array `x` lives elsewhere than in the memory of the host, so that every call on it is a launch."""
    return array_namespace(x) is not np


def register(kind: type, namespace: Any) -> None:
    """Make `namespace` the answer for arrays of type `kind`."""
    _namespaces[kind] = namespace


def _learn(kind: type) -> Any:
    namespace = _find(kind)
    if namespace is None:
        raise TypeError(
            f"expected an array of numpy, cupy or the strict device, got {kind.__qualname__}; "
            "convert it with numpy.asarray or minigan.backend.to_device"
        )
    register(kind, namespace)
    return namespace


@functools.cache
def _find(kind: type) -> Any:
    """The namespace of a type not seen before. CuPy is imported only once one of its types exists."""
    if issubclass(kind, np.ndarray | np.generic):
        return np
    if any(base.__module__.partition(".")[0] == "cupy" for base in kind.__mro__):
        cupy = importlib.import_module("cupy")
        return cupy if issubclass(kind, cupy.ndarray) else None
    return None
