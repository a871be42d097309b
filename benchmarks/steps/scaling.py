"""What a sample costs as the batch and the images grow: the tutorial's DCGAN."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from benchmarks.steps.peers import available, make_steps
from benchmarks.steps.timing import CLOCKS, digits, interleaved
from benchmarks.steps.workloads import WORKLOADS

BATCHES = (16, 32, 64, 128, 256)
SIDES = (16, 28, 32, 48, 64)
BATCH_OF_SIDES = 32
WORKLOADS_HERE = ("dcgan28",)


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each batch, and for each size of the images, ms per sample of all peers."""
    progress.reset(total=len(options.only) * (len(BATCHES) + len(SIDES)) * options.blocks)
    for name in options.only:
        workload = WORKLOADS[name]
        cases = [dataclasses.replace(workload, batch=batch) for batch in BATCHES]
        if len(workload.shape) == 3:
            colours = workload.shape[2]
            cases += [dataclasses.replace(workload, batch=BATCH_OF_SIDES, shape=(s, s, colours)) for s in SIDES]
        for case in cases:
            times = interleaved(
                make_steps(case, available()), options.blocks, CLOCKS[options.clock], lambda: progress.update()
            )
            sizes = " x ".join(map(str, case.shape))
            medians = {peer: float(sorted(seconds)[len(seconds) // 2]) for peer, seconds in times.items()}
            yield (
                f"{name}, {sizes}, batch {case.batch}",
                {f"{peer}, ms": digits(1e3 * seconds / case.batch) for peer, seconds in medians.items()},
            )
