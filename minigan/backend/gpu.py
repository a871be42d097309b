"""GPUs through CuPy: how many work here and, where none does, what to install or change."""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from minigan.errors import DeviceError

INSTALL = "pip install 'minigan[cuda12]' or pip install 'minigan[cuda13]', whichever fits the driver"


def check_gpu(index: int, asked: str) -> None:
    """Make sure that CuPy computes on GPU number `index`; `asked` is how the user named it.

    Raises DeviceError, with what to install or change, if it does not. After the first success for a GPU this
    costs nothing.
    """
    _check(_import_cupy(asked), index, asked)


def working_gpus() -> list[int]:
    """The numbers of the GPUs that CuPy computes on."""
    try:
        count = _count(_import_cupy("cuda"), "cuda")
    except DeviceError:
        return []
    return [index for index in range(count) if _works(index)]


@functools.cache
def _check(cupy: ModuleType, index: int, asked: str) -> None:
    packages = _packages(cupy)
    if len(packages) > 1:
        raise DeviceError(
            f"expected one CuPy package for device {asked}, got {' and '.join(packages)}, which overwrite each other; "
            f"run pip uninstall {' '.join(packages)}, then {INSTALL}"
        )
    count = _count(cupy, asked)
    if index >= count:
        there = "is 1 GPU" if count == 1 else f"are {count} GPUs"
        raise DeviceError(
            f"expected an existing GPU, got device {asked}, but there {there} here; use a number from 0 to {count - 1}"
        )
    try:
        _compute(cupy, index)
    except MemoryError as error:
        raise DeviceError(
            f"expected some free memory on the GPU for device {asked}, but there is none ({_line(error)}); "
            "see with nvidia-smi which program holds it, or use device 'cpu'"
        ) from error
    except Exception as error:
        raise DeviceError(
            f"expected a working GPU for device {asked}, but a first small product there failed ({_line(error)}); "
            f"for a missing library run {_libraries(cupy)}, else compare nvidia-smi with CuPy {cupy.__version__}, "
            "or use device 'cpu'"
        ) from error


def _works(index: int) -> bool:
    try:
        check_gpu(index, "cuda")
    except DeviceError:
        return False
    return True


def _import_cupy(asked: str) -> ModuleType:
    if sys.modules.get("cupy"):
        return sys.modules["cupy"]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*multiple CuPy packages")  # ours is an error, on one line
            return importlib.import_module("cupy")
    except ModuleNotFoundError as error:
        raise DeviceError(
            f"expected CuPy to be installed for device {asked}, but importing it failed ({error}); run {INSTALL}"
        ) from error
    except Exception as error:  # libraries of another CUDA, remains of another CuPy, a NumPy that it was not built for
        raise DeviceError(
            f"expected a working CuPy for device {asked}, but importing it failed ({_line(error.__cause__ or error)}); "
            f"remove every package named cupy (pip list shows them) with pip uninstall, then run {INSTALL}"
        ) from error


def _count(cupy: ModuleType, asked: str) -> int:
    """How many GPUs the driver shows. Importing CuPy proves nothing: it succeeds without a driver."""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except RuntimeError as error:
        raise DeviceError(_without_gpu(cupy, asked, _line(error))) from error
    if count == 0:
        raise DeviceError(_without_gpu(cupy, asked, "it lists none"))
    return count


def _without_gpu(cupy: ModuleType, asked: str, reason: str) -> str:
    """Why the driver shows no GPU: it is missing, too old for this CuPy, or was told to hide them."""
    driver, built = (_version(v()) for v in (cupy.cuda.runtime.driverGetVersion, cupy.cuda.runtime.runtimeGetVersion))
    if driver == "0.0":
        return (
            f"expected a GPU for device {asked}, but CuPy finds no NVIDIA driver here; "
            f"check that nvidia-smi lists a GPU, or use device 'cpu'"
        )
    if "InsufficientDriver" in reason:
        packages = " ".join(_packages(cupy)) or "cupy"
        return (
            f"expected a newer driver for device {asked}: CuPy {cupy.__version__} is built for CUDA {built}, the "
            f"driver knows CUDA only up to {driver}; update it, or run pip uninstall {packages}, then {INSTALL}"
        )
    return (
        f"expected a GPU for device {asked}, but the driver shows none ({reason}); check that nvidia-smi lists one and "
        "that CUDA_VISIBLE_DEVICES does not hide it, or use device 'cpu'"
    )


def _compute(cupy: ModuleType, index: int) -> None:
    """Compile a kernel, run it and multiply two matrices: what fails where libraries of CUDA are missing."""
    with cupy.cuda.Device(index):
        x = cupy.ones((2, 2), dtype="float32")
        (cupy.matmul(x, x) + x).get()


def _packages(cupy: ModuleType) -> list[str]:
    """The installed packages that bring a module named cupy, by the records that pip leaves beside it."""
    folder = Path(cupy.__file__).parent.parent
    return sorted(path.name.partition("-")[0].replace("_", "-") for path in folder.glob("cupy*.dist-info"))


def _libraries(cupy: ModuleType) -> str:
    major = _version(cupy.cuda.runtime.runtimeGetVersion()).partition(".")[0]
    return f"pip install 'cupy-cuda{major}x[ctk]'"


def _version(number: int) -> str:
    """The form in which CUDA's functions give a version, 13020, as people write it, 13.2."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _line(error: Any) -> str:
    """The kind of an error and what it says, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
