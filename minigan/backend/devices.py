"""Devices: their names, what exists here, and moving arrays between them."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.backend.gpu import check_gpu, working_gpus
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
        """A block in which new arrays are made on this device.

        With several GPUs everything for "cuda:1" has to be computed in `with get_device("cuda:1").use():`, since CuPy
        puts results on the current GPU. Training, sampling and checks do so by themselves.
        """
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
    return [*_PLAIN, *(f"cuda:{index}" for index in working_gpus())]


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
    index = int(match[1] or 0)
    check_gpu(index, repr(name) + origin)
    return Device(f"cuda:{index}")
