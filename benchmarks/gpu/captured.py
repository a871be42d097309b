"""Our steps as CUDA graphs beside our steps launched one computation after the other."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu.ours import make_ours, weights
from benchmarks.gpu.outcomes import FAILED, UNAVAILABLE, Ended
from benchmarks.gpu.timing import compare
from benchmarks.steps.timing import digits

STEPS, ALLOWED = 8, 1e-3
"""So many steps are compared; so far may their losses be apart, relative to 1 or to the loss where that is larger.

The graph multiplies through a handle of cuBLAS of its own, which may choose another algorithm, and Adam turns the
rounding of a gradient near 0 into a step of full size.
"""


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """How far losses and weights are apart after a few steps, and the times."""
    capture_step = find()
    eager, other = make_ours(machine, what), make_ours(machine, what)
    start = weights(eager)
    step = capture_step(other)
    found = {"difference of losses": digits(max(_apart(eager.step(), step()) for _ in range(STEPS)))}
    moved, there = weights(eager) - start, weights(other) - start
    found["difference of weights"] = digits(float(np.linalg.norm(moved - there) / np.linalg.norm(moved)))
    if not found["difference of losses"] <= ALLOWED:
        raise Ended(FAILED, f"the losses of captured steps differ by more than {ALLOWED:.0e}", found)
    steps = {"captured": step, "minigan": eager.step}
    if importlib.util.find_spec("torch"):
        from benchmarks.gpu import theirs

        theirs.set_tf32(machine.tf32)
        steps["torch graph"] = theirs.make_theirs(machine, what, theirs.GRAPH, theirs.fastest_order(machine, what)).step
    return found | compare(machine, steps)


def find() -> Callable[[Any], Callable[[], dict[str, Any]]]:
    """What makes a captured step of a trainer. Raises Ended where the library has none."""
    try:
        return importlib.import_module("minigan.training.capture").capture_step
    except (ModuleNotFoundError, AttributeError) as error:
        raise Ended(UNAVAILABLE, "this version of minigan has no capture_step") from error


def _apart(losses: dict[str, Any], others: dict[str, Any]) -> float:
    """The largest difference of losses by the same name."""
    pairs = [(losses[name].item(), others[name].item()) for name in losses]
    return max(abs(a - b) / max(1.0, abs(a)) for a, b in pairs)
