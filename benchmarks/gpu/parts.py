"""What the command does, in the order of its worth: each part in one process, with a limit of its own."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.gpu.questions import QUESTIONS
from benchmarks.steps.workloads import WORKLOADS


class Part(NamedTuple):
    """`benchmarks.gpu.<module>.measure(machine, what, seconds)` gives the figures for each thing."""

    module: str
    limit: float
    """Seconds for one thing, the start of a process and the compilation of kernels included."""
    things: tuple[str, ...] = ("all",)
    needs_torch: bool = False
    after: str | None = None
    """The part that must be done for the same thing before."""


EACH = tuple(WORKLOADS)
PARTS = {
    "device": Part("environment", 60),
    "agreement": Part("agreement", 60, EACH, needs_torch=True),
    "questions": Part("questions", 40, tuple(QUESTIONS)),
    "time": Part("timing", 60, EACH, needs_torch=True, after="agreement"),
    "captured": Part("captured", 40, EACH),
    "memory": Part("memory", 30, EACH),
    "launches": Part("launches", 30, EACH),
    "suite": Part("suite", 600),
}


def everything() -> Iterator[tuple[str, str]]:
    """All parts with their things, in order."""
    return ((name, what) for name, part in PARTS.items() for what in part.things)


def measure(machine: Any, name: str, what: str, seconds: float) -> dict[str, Any]:
    """The figures of one thing of a part, which ends itself after about so many seconds if it can. Raises Ended."""
    module = importlib.import_module(f"benchmarks.gpu.{PARTS[name].module}")
    return module.measure(machine, what, seconds)
