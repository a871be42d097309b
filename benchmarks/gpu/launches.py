"""How many computations and copies a step asks the device for: counted on the device "strict"."""

from __future__ import annotations

from typing import Any

from benchmarks.steps.launches import count


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """The counts of one step."""
    return count(machine.workload(what))
