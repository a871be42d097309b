"""How far a step is from the limit: its matrix products at the speed of the largest ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.steps import products
from benchmarks.steps.ours import make_trainer
from benchmarks.steps.timing import CLOCKS, digits, median_seconds
from benchmarks.steps.workloads import WORKLOADS
from minigan.backend import matmul
from minigan.ops import conv_algorithms

SIZE = 1024
CHOOSER = "minigan.ops.convolution.choose"


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each workload the operations of a step in 10^9, the time they would take at the peak, and what it takes."""
    clock = CLOCKS[options.clock]
    progress.reset(total=len(options.only))
    for name in options.only:
        peak = peak_speed(options)
        step = make_trainer(WORKLOADS[name]).step
        step()
        with mock.patch(CHOOSER, lambda name, *rest: conv_algorithms.choose("direct", *rest)):
            plain = products.count(step)
        done, seconds = products.count(step), median_seconds(step, clock, options.blocks)
        progress.update()
        yield (
            name,
            {
                "10^9 operations, plain convolution": digits(plain / 1e9),
                "10^9 operations": digits(done / 1e9),
                "peak, 10^9/s": digits(peak / 1e9),
                "at the peak, ms": digits(1e3 * done / peak),
                "measured, ms": digits(1e3 * seconds),
                "part of the limit": digits(done / peak / seconds),
            },
        )


def peak_speed(options: Any) -> float:
    """Operations in a second of the product of two matrices of 1024 x 1024."""
    a = np.random.default_rng(0).standard_normal((SIZE, SIZE), dtype=np.float32)
    return products.operations(a, a) / median_seconds(lambda: matmul(a, a), CLOCKS[options.clock], options.blocks)
