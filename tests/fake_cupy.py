"""A stand-in for CuPy that says what a machine may say: how many GPUs there are, which driver, what is broken."""

import operator
import sys
from types import ModuleType, SimpleNamespace

import numpy as np


class FakeDevice:
    """Stands for `cupy.cuda.Device`: remembers which one is current."""

    current = 0

    def __init__(self, index):
        self.id = index

    def __enter__(self):
        self.outer, FakeDevice.current = FakeDevice.current, self.id

    def __exit__(self, *error):
        FakeDevice.current = self.outer


class FakeArray:
    """Stands for `cupy.ndarray`: lives on the device that was current when it was made, and meets only its like."""

    def __init__(self, values):
        self.values = np.array(values)
        self.dtype, self.shape, self.ndim = self.values.dtype, self.values.shape, self.values.ndim
        self.strides, self.flags = self.values.strides, SimpleNamespace(c_contiguous=True)
        self.device = FakeDevice(FakeDevice.current)

    def __add__(self, other):
        if not isinstance(other, FakeArray):
            raise TypeError(f"Unsupported type {type(other)}")
        return type(self)(self.values + other.values)

    def __matmul__(self, other):
        return type(self)(self.values @ other.values)

    def get(self):
        return self.values.copy()


class CUDARuntimeError(RuntimeError):
    """Stands for `cupy.cuda.runtime.CUDARuntimeError`."""


class OutOfMemoryError(MemoryError):
    """Stands for `cupy.cuda.memory.OutOfMemoryError`."""


def raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


def install_cupy(monkeypatch, gpus=1, *, driver=13020, built=13020, folder="/nowhere", matmul=None):
    """Put a module named cupy in place. `gpus`: how many, or the error that asking raises."""
    cupy = ModuleType("cupy")
    cupy.__version__ = "14.2.0"
    cupy.__file__ = f"{folder}/cupy/__init__.py"
    cupy.ndarray = type("ndarray", (FakeArray,), {"__module__": "cupy"})  # its own, since namespaces are remembered
    cupy.asarray = cupy.ndarray
    cupy.ones = lambda shape, dtype: cupy.ndarray(np.ones(shape, dtype))
    cupy.matmul = matmul or operator.matmul
    runtime = SimpleNamespace(
        getDeviceCount=raising(gpus) if isinstance(gpus, Exception) else lambda: gpus,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: built,
    )
    cupy.cuda = SimpleNamespace(runtime=runtime, Device=FakeDevice)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy
