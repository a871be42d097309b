"""Devices: their names, what exists here, and moving arrays between them."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from minigan.backend.namespaces import array_namespace, is_array
from minigan.errors import DeviceError

VARIABLE = "MINIGAN_DEVICE"
_CUDA = re.compile(r"cuda(?::([0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Device:
    """A place where arrays live: "cpu", "strict" or "cuda:0". Get one from `get_device`."""

    name: str

    @property
    def namespace(self) -> Any:
        """The array library that computes there."""
        if self.name == "cpu":
            return np
        if self.name == "strict":
            return importlib.import_module("minigan.backend.strict").xp
        return importlib.import_module("cupy")

    def use(self) -> contextlib.AbstractContextManager:
        """A block in which new arrays are made on this device; matters only with several GPUs."""
        if self.name.startswith("cuda"):
            return self.namespace.cuda.Device(int(self.name.partition(":")[2]))
        return contextlib.nullcontext()


CPU = Device("cpu")
STRICT = Device("strict")
_PLAIN = {"cpu": CPU, "strict": STRICT}


def get_device(name: str | Device | None = None) -> Device:
    """The device of that name; without one, that of the environment variable MINIGAN_DEVICE, else the CPU.

    Names are "cpu", "cuda" (the same as "cuda:0"), "cuda:1", ..., and "strict". A `Device` is returned as is.
    """
    if isinstance(name, Device):
        return name
    origin = ""
    if name is None:
        name = os.environ.get(VARIABLE) or "cpu"
        origin = f" in the environment variable {VARIABLE}" if name != "cpu" else ""
    plain = _PLAIN.get(name) if isinstance(name, str) else None
    return plain or _cuda_device(name, origin)


def available_devices() -> list[str]:
    """Names of the devices that work here."""
    try:
        count = _gpu_count(_import_cupy("cuda"))
    except DeviceError:
        count = 0
    return [*_PLAIN, *(f"cuda:{index}" for index in range(count))]


def device_of(x: Any) -> Device:
    """The device that holds array `x`."""
    namespace = array_namespace(x)
    if namespace is np:
        return CPU
    return STRICT if namespace is STRICT.namespace else Device(f"cuda:{x.device.id}")


def to_device(array: Any, device: str | Device) -> Any:
    """An array on `device`: a copy if it lives elsewhere, the array itself if it is there already.

    Python numbers and nested lists of them become arrays first; floats become float32.
    """
    device = get_device(device)
    if not is_array(array):
        array = _from_numbers(array)
    if device_of(array) == device:
        return array
    host = to_host(array)
    with device.use():
        return device.namespace.asarray(host)


def to_host(array: Any) -> Any:
    """A NumPy array with the values of `array`: itself if it is one, else a copy from its device."""
    return array if array_namespace(array) is np else array.get()


def _from_numbers(numbers: Any) -> np.ndarray:
    array = np.asarray(numbers)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"to_device: expected an array or Python numbers, got {type(numbers).__qualname__}")
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _cuda_device(name: Any, origin: str) -> Device:
    match = _CUDA.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise DeviceError(
            f"expected the device 'cpu', 'cuda', 'cuda:N' or 'strict', got {name!r}{origin}; use one of these"
        )
    count = _gpu_count(_import_cupy(name + origin))
    index = int(match[1] or 0)
    if count == 0:
        raise DeviceError(
            f"expected a GPU for device {name!r}{origin}, but CuPy finds no usable GPU or driver; "
            "check that nvidia-smi lists one, or use device 'cpu'"
        )
    if index >= count:
        there = "is 1 GPU" if count == 1 else f"are {count} GPUs"
        raise DeviceError(
            f"expected an existing GPU, got device {name!r}{origin}, but there {there} here; "
            f"use a number from 0 to {count - 1}"
        )
    return Device(f"cuda:{index}")


def _import_cupy(name: str) -> ModuleType:
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        raise DeviceError(
            f"expected CuPy to be installed for device {name}, but importing it failed ({error}); "
            "run pip install 'minigan[cuda12]' or pip install 'minigan[cuda13]', whichever fits the driver"
        ) from error


def _gpu_count(cupy: ModuleType) -> int:
    """How many GPUs CuPy can use. Importing CuPy proves nothing: it succeeds without a driver."""
    try:
        return cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0
    except RuntimeError:  # CuPy 13 raises where the driver is missing or too old
        return 0
