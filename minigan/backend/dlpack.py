"""DLPack: one memory seen by several array libraries (https://dmlc.github.io/dlpack/latest/python_spec.html)."""

from __future__ import annotations

from typing import Any

from minigan.backend.devices import CPU, Device, get_device
from minigan.errors import DeviceError

_CPU, _CUDA = 1, 2  # kDLCPU, kDLCUDA


def capsule(array: Any, **options: Any) -> Any:
    """What `array.__dlpack__` gives: the memory of an array, for another library.

    Raises BufferError for memory that another library would misuse. PyTorch writes to read-only memory, and
    ends the process at a reversed view.
    """
    _check_shareable(array)
    if not getattr(array.flags, "writeable", True):  # CuPy has no read-only arrays
        raise BufferError("__dlpack__: a read-only array is not shared, since others could write to it; share a copy")
    if any(stride < 0 for stride in array.strides):
        raise BufferError("__dlpack__: a reversed view (negative strides) is not shared; share a copy of it")
    return array.__dlpack__(**options)


def dlpack_device(array: Any) -> tuple[int, int]:
    """Where DLPack says that an array lives: (1, 0) for the CPU, (2, n) for the n-th GPU."""
    _check_shareable(array)
    return array.__dlpack_device__()


def share(x: Any) -> Any:
    """An array on the memory of `x`, which has DLPack's two methods; nothing is copied.

    Raises TypeError if it has not, BufferError if its memory cannot be shared, DeviceError if no library here
    reads that memory.
    """
    name = type(x).__qualname__
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise TypeError(
            f"from_dlpack: expected an array with __dlpack__, such as NumPy's, CuPy's or PyTorch's, got {name}; "
            "copy it with minigan.Tensor(x)"
        )
    if getattr(x, "requires_grad", False):
        raise BufferError(f"from_dlpack: the {name} requires a gradient, which ends here; share x.detach()")
    device = _device(x)
    try:
        with device.use():
            array = device.namespace.from_dlpack(x)
    except (BufferError, RuntimeError) as error:
        raise BufferError(
            f"from_dlpack: the {name} cannot be shared ({error}); share a copy, in one of NumPy's dtypes"
        ) from error
    if array.dtype.kind not in "biufc":  # CuPy knows bfloat16
        raise BufferError(f"from_dlpack: expected numbers of one of NumPy's dtypes, got {array.dtype}; convert a copy")
    return array


def _check_shareable(array: Any) -> None:
    if not hasattr(array, "__dlpack__"):
        raise BufferError("__dlpack__: the memory of the strict device is not shared; use .numpy() for a copy")


def _device(x: Any) -> Device:
    kind, index = x.__dlpack_device__()
    if kind == _CPU:
        return CPU
    if kind == _CUDA:
        return get_device(f"cuda:{index}")
    raise DeviceError(
        f"from_dlpack: expected memory of the CPU or of an NVIDIA GPU, got DLPack's device type {int(kind)}; "
        "move it to the CPU first"
    )
