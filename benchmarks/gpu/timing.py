"""Times of steps that take turns in one process, and their ratios, by events of the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu.machine import repeated
from benchmarks.gpu.ours import make_ours
from benchmarks.gpu.outcomes import FAILED, Ended
from benchmarks.steps.peers import OURS
from benchmarks.steps.timing import digits

WARM_UP = 3
MOST_REPEATS = 50


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """The median times of all peers in ms, and how ours compares with each of the others."""
    from benchmarks.gpu import theirs

    theirs.set_tf32(machine.tf32)
    channels_last = theirs.fastest_order(machine, what)
    peers, notes = {OURS: make_ours(machine, what)}, {"channels last": channels_last}
    for peer in (theirs.WRITTEN, theirs.EXPERT, theirs.GRAPH):
        try:
            peers[peer] = theirs.make_theirs(machine, what, peer, channels_last and peer != theirs.WRITTEN)
        except RuntimeError as error:
            if peer != theirs.GRAPH:
                raise
            notes["torch graph refused"] = f"{error}".strip().splitlines()[0][:200]
            machine.is_spoiled = True
    return compare(machine, {name: peer.step for name, peer in peers.items()}) | notes


def compare(machine: Any, steps: dict[str, Callable[[], dict[str, Any]]]) -> dict[str, Any]:
    """Medians in ms, what the host needs to ask for a step, and the ratios of the first step to the others: of each
    block to its neighbours, the median and the quartiles. Raises Ended for losses that are not finite.
    """
    times = interleaved(machine, steps)
    for name, step in steps.items():
        losses = [float(loss.item()) for loss in step().values()]
        if not all(map(math.isfinite, losses)):
            raise Ended(FAILED, f"the losses of {name} are not finite: {losses}")
    ours, *others = times
    row: dict[str, Any] = {}
    for name, (device, host) in times.items():
        row[f"{name}, ms"], row[f"{name}, host, ms"] = (digits(1e3 * np.median(x)) for x in (device, host))
    for name in others:
        low, middle, high = np.quantile(times[ours][0] / times[name][0], (0.25, 0.5, 0.75))
        row[f"to {name}"] = digits(middle)
        row[f"to {name}, quartiles"] = [digits(low), digits(high)]
    return row


def interleaved(machine: Any, steps: dict[str, Callable[[], Any]]) -> dict[str, np.ndarray]:
    """Seconds of a step by each peer, of the device and of the host: (2, blocks). Each block of one peer, of many
    steps without a pause, is followed by a block of the next.
    """
    repeats = {}
    for name, step in steps.items():
        for _ in range(WARM_UP):
            step()
        repeats[name] = int(np.clip(machine.block_seconds / machine.seconds(step).device, 1, MOST_REPEATS))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for _ in range(machine.blocks):
        for name, step in steps.items():
            n = repeats[name]
            seconds = machine.seconds(repeated(step, n))
            found[name].append((seconds.device / n, seconds.host / n))
    return {name: np.array(values).T for name, values in found.items()}
