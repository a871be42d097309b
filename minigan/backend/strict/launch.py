"""Launching a kernel on the strict device: its NumPy reference, under the rules of `cupy.ElementwiseKernel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minigan.backend.strict.array import describe, operand, wrap
from minigan.backend.strict.policy import StrictError
from minigan.backend.strict.recording import compute

if TYPE_CHECKING:
    from minigan.backend.kernel import Argument, Kernel


def launch(kernel: Kernel, *args: Any) -> Any:
    """One launch. Raises StrictError for arguments that CuPy refuses, DeviceError for arrays of another device."""
    memories = [operand(value, kernel.name) for value in args]
    given = list(zip(kernel.taken, kernel.ordered(memories), strict=True))
    dtypes = _dtypes(kernel, given)
    shape = np.broadcast_shapes(*(a.shape for p, a in given if isinstance(a, np.ndarray) and not p.raw))
    for parameter, value in given[len(kernel.inputs) :]:
        if value.shape != shape:
            _refuse(kernel, parameter, f"an array of shape {shape} to write into", value)
    result = compute(kernel.name, kernel.reference, memories)
    if kernel.in_place:
        return None
    results = result if isinstance(result, tuple) else (result,)
    for parameter, value in zip(kernel.outputs, results, strict=True):
        wanted = np.dtype(dtypes.get(parameter.kind, parameter.kind))
        if (value.shape, value.dtype) != (shape, wanted):
            _refuse(kernel, parameter, f"{wanted}{shape} from its reference", value)
    return wrap(result)


def _dtypes(kernel: Kernel, given: list[tuple[Argument, Any]]) -> dict[str, np.dtype]:
    """What each letter stands for. CuPy converts numbers to it, but no arrays."""
    dtypes: dict[str, np.dtype] = {}
    for parameter, value in given:
        if isinstance(value, np.ndarray):
            generic = len(parameter.kind) == 1
            wanted = dtypes.setdefault(parameter.kind, value.dtype) if generic else np.dtype(parameter.kind)
            if value.dtype != wanted:
                _refuse(kernel, parameter, f"an array of {wanted}", value)
        elif parameter.raw or parameter in kernel.outputs:
            _refuse(kernel, parameter, "an array", value)
    return dtypes


def _refuse(kernel: Kernel, parameter: Argument, expected: str, value: Any) -> NoReturn:
    raise StrictError(f"kernel {kernel.name}: {parameter.name}: expected {expected}, got {describe(value)}")
