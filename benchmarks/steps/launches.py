"""How many computations a step starts on a device, where each costs microseconds: counted on the strict device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.steps.ours import make_trainer
from benchmarks.steps.workloads import WORKLOADS, Workload
from minigan.backend import strict


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each workload the launches of one step and its copies from and to the host."""
    progress.reset(total=len(options.only))
    for name in options.only:
        figures = count(WORKLOADS[name])
        progress.update()
        yield name, figures


def count(workload: Workload) -> dict[str, int]:
    """The launches and copies of one step, after another that fills what is kept."""
    step = make_trainer(workload, device="strict").step
    step()
    with strict.counting() as counts:
        step()
    return {"launches": counts.launches, "copies to the device": counts.h2d, "to the host": counts.d2h}
