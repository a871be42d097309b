"""Times of steps that take turns in one process, and their ratios."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.steps.agreement import check
from benchmarks.steps.peers import OURS, PEERS, make_steps, torch_peers
from benchmarks.steps.workloads import WORKLOADS

PAUSE = 0.08
"""Seconds before each block: the idle threads of a BLAS spin for a while, and would take cores from its successor."""
BLOCK_SECONDS = 0.25
MOST_REPEATS = 10
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each workload the median times of all peers, and how ours compares with each of the others."""
    progress.reset(total=len(options.only) * options.blocks)
    for name in options.only:
        workload = WORKLOADS[name]
        progress.set_postfix_str(f"{name}: checking")
        agreement = check(workload, torch_peers())
        progress.set_postfix_str(name)
        times = interleaved(make_steps(workload, PEERS), options.blocks, CLOCKS[options.clock], progress.update)
        yield name, summary(times) | {f"difference, {dtype}": value for dtype, value in agreement.items()}


def interleaved(
    steps: dict[str, Callable[[], Any]], blocks: int, clock: Callable[[], float], tick: Callable[[], Any]
) -> dict[str, np.ndarray]:
    """Seconds of each step, the median of each block: (blocks,). Each block of one is followed by one of the next."""
    warm = []
    for step in steps.values():
        step()
        warm.append(_timed(step, clock))
    repeats = int(np.clip(BLOCK_SECONDS / max(warm), 1, MOST_REPEATS))
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(blocks):
        for name, step in steps.items():
            time.sleep(PAUSE)
            seconds[name].append(float(np.median([_timed(step, clock) for _ in range(repeats)])))
        tick()
    return {name: np.array(values) for name, values in seconds.items()}


def summary(times: dict[str, np.ndarray]) -> dict[str, Any]:
    """Medians in ms; and of the ratios of each block of ours to its neighbours the median and the quartiles."""
    row: dict[str, Any] = {f"{name}, ms": digits(1e3 * np.median(seconds)) for name, seconds in times.items()}
    for name, seconds in times.items():
        if name != OURS:
            low, middle, high = np.quantile(times[OURS] / seconds, (0.25, 0.5, 0.75))
            row[f"to {name}"] = digits(middle)
            row[f"to {name}, quartiles"] = [digits(low), digits(high)]
    return row


def median_seconds(step: Callable[[], Any], clock: Callable[[], float], repeats: int) -> float:
    """The median time of a step alone, after one to warm up."""
    step()
    time.sleep(PAUSE)
    return float(np.median([_timed(step, clock) for _ in range(repeats)]))


def digits(x: float) -> float:
    """Three significant digits, more than a measurement has."""
    return float(f"{x:.3g}")


def _timed(step: Callable[[], Any], clock: Callable[[], float]) -> float:
    start = clock()
    step()
    return clock() - start
