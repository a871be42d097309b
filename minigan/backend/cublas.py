"""Matrix products by cuBLAS itself: the only ones that fit into a CUDA graph, since CuPy refuses to capture its own.

cuBLAS reads matrices column by column. A matrix stored row by row is, read that way, its transpose; so instead of
C = A B it is asked for C^T = B^T A^T, and C comes out row by row.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any, NamedTuple

import numpy as np

from minigan.backend.namespaces import array_namespace
from minigan.errors import DeviceError

WORKSPACE = 32 * 2**20
"""Bytes; what NVIDIA recommends for its Hopper GPUs."""

_GEMM = {
    np.dtype(np.float32): ("cublasSgemm_v2", "cublasSgemmStridedBatched", ctypes.c_float),
    np.dtype(np.float64): ("cublasDgemm_v2", "cublasDgemmStridedBatched", ctypes.c_double),
}
_AS_IT_IS, _TRANSPOSED = 0, 1  # cublasOperation_t
_TF32 = 3  # cublasMath_t


class Operand(NamedTuple):
    """A matrix, or a stack of them, as cuBLAS takes it: read column by column it is the transpose of what is meant."""

    array: Any
    operation: int
    """Whether cuBLAS must transpose what it reads."""
    leading: int
    """From one column to the next."""
    batch: int
    """From one matrix of a stack to the next."""


class CuBLAS:
    """A handle of cuBLAS that works on one stream, with memory of its own to work in.

    Without memory of its own cuBLAS would allocate some, which a capture does not permit. Make it before the capture,
    and keep it as long as the graph.
    """

    def __init__(self, library: Any, stream: int, workspace: Any, tf32: bool) -> None:
        """`library` is the loaded libcublas, `stream` the address of a stream, `workspace` WORKSPACE bytes.

        With `tf32` float32 numbers are rounded to TF32 before they are multiplied, which is faster.
        """
        self._library, self._handle, self._workspace = library, ctypes.c_void_p(), workspace
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        weakref.finalize(self, library.cublasDestroy_v2, self._handle).atexit = False
        self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream))
        # After the stream: to set a stream takes the workspace away again.
        address, size = ctypes.c_void_p(workspace.ptr), ctypes.c_size_t(WORKSPACE)
        self._call("cublasSetWorkspace_v2", self._handle, address, size)
        if tf32:
            self._call("cublasSetMathMode", self._handle, _TF32)

    def matmul(self, a: Any, b: Any) -> Any:
        """a @ b for two matrices, or two equally long stacks of them, whose sizes fit."""
        if a.dtype != b.dtype or a.dtype not in _GEMM:
            raise TypeError(
                f"matmul in a capture: expected two float32 or two float64 arrays, got {a.dtype}, {b.dtype}"
            )
        xp = array_namespace(a)
        shape = (*a.shape[:-1], b.shape[-1])
        if 0 in (*shape, a.shape[-1]):
            return xp.zeros(shape, dtype=a.dtype)
        c = xp.empty(shape, dtype=a.dtype)
        self._multiply(operand(a), operand(b), c)
        return c

    def _multiply(self, a: Operand, b: Operand, c: Any) -> None:
        single, batched, number = _GEMM[c.dtype]
        (m, n), k = c.shape[-2:], a.array.shape[-1]
        one, zero = ctypes.byref(number(1)), ctypes.byref(number(0))
        sizes = (self._handle, b.operation, a.operation, n, m, k)
        if c.ndim == 2:
            of_b, of_a, of_c = (_address(b.array), b.leading), (_address(a.array), a.leading), (_address(c), n)
            self._call(single, *sizes, one, *of_b, *of_a, zero, *of_c)
            return
        step = ctypes.c_longlong
        of_b = _address(b.array), b.leading, step(b.batch)
        of_a = _address(a.array), a.leading, step(a.batch)
        self._call(batched, *sizes, one, *of_b, *of_a, zero, _address(c), n, step(m * n), len(c))

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} failed with the status {status}; cublasStatus_t in NVIDIA's manual names it")


def operand(x: Any) -> Operand:
    """A matrix or a stack of them (..., rows, columns); copied if neither rows nor columns are contiguous."""
    by_row, by_column = (stride // x.itemsize for stride in x.strides[-2:])
    batch = x.strides[0] // x.itemsize if x.ndim == 3 else 0
    rows, columns = x.shape[-2:]
    if _is_walked(columns, by_column, rows, by_row) and batch >= 0:
        return Operand(x, _AS_IT_IS, by_row if rows > 1 else columns, batch)
    if _is_walked(rows, by_row, columns, by_column) and batch >= 0:
        return Operand(x, _TRANSPOSED, by_column, batch)
    return operand(array_namespace(x).ascontiguousarray(x))


def load_library() -> Any:
    """The libcublas that CuPy uses. DeviceError if it cannot be found."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except Exception as error:
        raise DeviceError(
            f"expected to find libcublas, which a captured step multiplies with, but: {error}; it needs CuPy 14 or "
            "newer and the CUDA libraries, as pip install 'cupy-cuda13x[ctk]' brings them"
        ) from error


def _is_walked(short: int, by_short: int, long: int, by_long: int) -> bool:
    """Whether lines of `short` numbers are contiguous, and follow each other without overlap."""
    return (short == 1 or by_short == 1) and (long == 1 or by_long >= short)


def _address(x: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data.ptr)
