"""The machine that is measured: what every part asks of it, and a GPU that gives it through CuPy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.steps.workloads import WORKLOADS, Workload
from minigan.backend import get_device


class Seconds(NamedTuple):
    """How long some work took: on the device, and until the host had asked for all of it."""

    device: float
    host: float


class Memory:
    """What is allocated while one looks, in bytes, beyond what was held before."""

    def __init__(self) -> None:
        self.held = self.peak = self.requests = 0
        """`requests` are those that the pool could not serve, and passed on to the driver."""

    def take(self, size: int) -> None:
        """Note an allocation, or one that ends (below 0)."""
        self.held += size
        self.peak = max(self.peak, self.held)


class Cuda:
    """The first NVIDIA GPU, through CuPy, in float32 or in TF32. DeviceError if there is none."""

    device, torch_device = "cuda:0", "cuda"
    suite = ("-k", device)
    blocks, block_seconds, size = 15, 0.1, 4096

    def __init__(self, tf32: bool) -> None:
        self.tf32 = tf32
        get_device(self.device)
        import cupy

        self.xp, self.cuda = cupy, cupy.cuda
        self.is_spoiled = False
        """Whether a capture went wrong, after which a process may be of no more use."""
        self._multiply_in(tf32)

    def workload(self, name: str) -> Workload:
        """The networks of that name, their batch and how they are trained."""
        return WORKLOADS[name]

    def synchronise(self) -> None:
        """Wait until the device has done all it was asked for, on every stream."""
        self.cuda.Device().synchronize()

    def seconds(self, work: Callable[[], Any]) -> Seconds:
        """By events of the device, around all work on all streams."""
        start, end = self.cuda.Event(), self.cuda.Event()
        self.synchronise()
        begin = time.perf_counter()
        start.record()
        work()
        host = time.perf_counter() - begin
        self.synchronise()
        end.record()
        end.synchronize()
        return Seconds(self.cuda.get_elapsed_time(start, end) / 1e3, host)

    def waits(self, work: Callable[[], Any]) -> bool:
        """Whether some work returns only after the device has done what it was asked for before."""
        xp, event = self.xp, self.cuda.Event(disable_timing=True)
        a = xp.full((self.size, self.size), 1 / self.size, dtype="float32")
        b = xp.empty_like(a)
        work()  # the first time kernels are compiled, which may wait
        xp.matmul(a, a, out=b)
        self.synchronise()
        for _ in range(20):
            xp.matmul(a, a, out=b)
        event.record()
        work()
        has_waited = event.done
        self.synchronise()
        return has_waited

    @contextlib.contextmanager
    def watching(self) -> Iterator[Memory]:
        """What CuPy's pool gives out inside the block."""
        memory = Memory()

        class Hook(self.cuda.MemoryHook):
            name = "benchmarks.gpu"

            def malloc_postprocess(self, **event: int) -> None:
                memory.take(event["mem_size"])

            def free_postprocess(self, **event: int) -> None:
                memory.take(-event["mem_size"])

            def alloc_preprocess(self, **event: int) -> None:
                memory.requests += 1

        with Hook():
            yield memory

    def torch_peak(self, work: Callable[[], Any]) -> int:
        """The most bytes that PyTorch's allocator gives out during some work, beyond those that are in use before."""
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before

    def forget(self) -> None:
        """Give back to the driver what the pool keeps for later."""
        self.xp.get_default_memory_pool().free_all_blocks()

    def captured(self, work: Callable[[], Any]) -> Callable[[], Any]:
        """Some work as a CUDA graph, and what launches it. Whatever CuPy raises if it cannot be captured."""
        stream, pool = self.cuda.Stream(non_blocking=True), self.cuda.MemoryPool()
        with stream, self.cuda.using_allocator(pool.malloc):
            work()
            stream.synchronize()
            stream.begin_capture()
            try:
                work()
                graph = stream.end_capture()
            except BaseException:
                self.is_spoiled = True
                with contextlib.suppress(Exception):
                    stream.end_capture()
                raise

        def replay(kept: Any = pool) -> None:  # every replay writes into the memory of the pool
            graph.launch(stream)

        return replay

    @contextlib.contextmanager
    def multiplying(self, tf32: bool) -> Iterator[None]:
        """Inside the block float32 matrices are multiplied in TF32, or not."""
        self._multiply_in(tf32)
        try:
            yield
        finally:
            self._multiply_in(self.tf32)

    def _multiply_in(self, tf32: bool) -> None:
        """CuPy's own switch is for 2-D products; those of stacks obey the handle of cuBLAS."""
        from cupy._core import _routines_linalg, set_compute_type
        from cupy.cuda import cublas, device

        set_compute_type("f", _routines_linalg.COMPUTE_TYPE_TF32 if tf32 else _routines_linalg.COMPUTE_TYPE_DEFAULT)
        cublas.setMathMode(device.get_cublas_handle(), 3 if tf32 else 0)  # CUBLAS_TF32_TENSOR_OP_MATH or the default

    def facts(self) -> dict[str, Any]:
        """Name, memory, and the versions of all that drives it."""
        runtime, properties = self.cuda.runtime, self.cuda.runtime.getDeviceProperties(0)
        return {
            "device": properties["name"].decode(),
            "memory, GB": round(properties["totalGlobalMem"] / 1e9, 1),
            "multiprocessors": properties["multiProcessorCount"],
            "capability": f"{properties['major']}.{properties['minor']}",
            "driver, CUDA up to": _version(runtime.driverGetVersion()),
            "CUDA of CuPy": _version(self.cuda.get_local_runtime_version()),
            "cupy": self.xp.__version__,
        }


def repeated(call: Callable[[], Any], times: int) -> Callable[[], None]:
    """A call many times, whose results are let go at once."""

    def many() -> None:
        for _ in range(times):
            call()

    return many


def _version(number: int) -> str:
    """13020, as CUDA has it, is 13.2."""
    return f"{number // 1000}.{number % 1000 // 10}"


def make(rehearse: bool, tf32: bool) -> Any:
    """The GPU, or its understudy. DeviceError if there is no GPU."""
    if rehearse:
        from benchmarks.gpu.rehearsal import Host

        return Host(tf32)
    return Cuda(tf32)
