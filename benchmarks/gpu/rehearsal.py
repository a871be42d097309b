"""An understudy for the GPU, so that every part can run where there is none: the device "strict", tiny networks,
PyTorch on the processor, the clock of the host. Its figures mean nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.gpu.machine import Memory, Seconds
from benchmarks.steps.workloads import WORKLOADS, Workload, dcgan64
from minigan.backend import get_device

NAME = "rehearsal without a GPU"
SMALL: dict[str, dict[str, Any]] = {
    "toy": {"batch": 6},
    "dense": {"batch": 3, "shape": (4, 4, 1)},
    "dcgan28": {"batch": 3, "shape": (4, 8, 1)},
    "dcgan28-nodropout": {"batch": 3, "shape": (8, 4, 3)},
    "wgan28": {"batch": 3, "shape": (8, 8, 1)},
    "dcgan64": {"batch": 4, "shape": (32, 32, 3), "builder": functools.partial(dcgan64, width=4)},
}


class Host:
    """Has all that `Cuda` has."""

    device, torch_device = "strict", "cpu"
    suite = ("-k", "strict", "tests/test_parameters.py")
    blocks, block_seconds, size = 2, 0.0, 8
    is_spoiled = False

    def __init__(self, tf32: bool) -> None:
        self.tf32 = tf32
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are too small for more
        self.xp = get_device(self.device).namespace

    def workload(self, name: str) -> Workload:
        return dataclasses.replace(WORKLOADS[name], **SMALL[name])

    def synchronise(self) -> None:
        """All is done already."""

    def seconds(self, work: Callable[[], Any]) -> Seconds:
        begin = time.perf_counter()
        work()
        seconds = time.perf_counter() - begin
        return Seconds(seconds, seconds)

    def waits(self, work: Callable[[], Any]) -> bool:
        """Here, whether it reads from the device."""
        from minigan.backend import strict

        with strict.transfers("allow"), strict.counting() as counts:
            work()
        return counts.d2h > 0

    @contextlib.contextmanager
    def watching(self) -> Iterator[Memory]:
        memory = Memory()
        tracemalloc.start()
        try:
            yield memory
            memory.peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def torch_peak(self, work: Callable[[], Any]) -> int:
        work()
        return 0

    def forget(self) -> None:
        """Nothing is kept."""

    def captured(self, work: Callable[[], Any]) -> Callable[[], Any]:
        return work

    @contextlib.contextmanager
    def multiplying(self, tf32: bool) -> Iterator[None]:
        yield

    def facts(self) -> dict[str, Any]:
        return {"device": NAME}
