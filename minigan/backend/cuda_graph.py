"""The capture of a CUDA graph by CuPy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from minigan.backend.cublas import WORKSPACE, CuBLAS, load_library
from minigan.backend.devices import Device
from minigan.backend.products import multiplying

_COMPUTE_TYPE_TF32 = 7  # CuPy's own number for it


class CudaGraph:
    """A captured CUDA graph and the memory that it works on."""

    def __init__(self) -> None:
        self.graph: Any = None
        self.kept: tuple[Any, ...] = ()

    def replay(self) -> None:
        """Launch the graph on the current stream, so that it keeps its place among all other work there."""
        self.graph.launch()


@contextlib.contextmanager
def rehearsal(device: Device) -> Iterator[None]:
    """Multiply as in a capture, but plainly, on the current stream."""
    cupy = device.namespace
    with device.use(), multiplying(_cublas(cupy, cupy.cuda.get_current_stream()).matmul):
        yield


@contextlib.contextmanager
def capture(device: Device) -> Iterator[CudaGraph]:
    """Capture what CuPy computes on a device inside the block; nothing runs. See `minigan.backend.capture`.

    Memory comes from a pool of the graph's own: what the block frees may serve the block again, but nobody else, since
    every replay writes there.
    """
    cupy = device.namespace
    captured = CudaGraph()
    with device.use():
        stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
        with cupy.cuda.using_allocator(pool.malloc):
            cublas = _cublas(cupy, stream)
            captured.kept = cublas, pool, stream
            with stream, multiplying(cublas.matmul):
                stream.begin_capture()
                try:
                    yield captured
                except BaseException:
                    with contextlib.suppress(Exception):  # the stream must leave the capture; why it failed is known
                        stream.end_capture()
                    raise
                captured.graph = stream.end_capture()


def _cublas(cupy: Any, stream: Any) -> CuBLAS:
    """Products on a stream, in the precision of CuPy's own (CUPY_TF32)."""
    tf32 = cupy._core.get_compute_type("f") == _COMPUTE_TYPE_TF32
    return CuBLAS(load_library(), stream.ptr, cupy.cuda.alloc(WORKSPACE), tf32)
