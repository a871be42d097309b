"""The most memory that ten steps ever hold, each peer in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.steps.elsewhere import evaluate
from benchmarks.steps.peers import available, make_step
from benchmarks.steps.workloads import WORKLOADS

STEPS = 10
CODE = "import sys; from benchmarks.steps.memory import main; main(*sys.argv[1:])"


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each workload and peer the peak of the resident memory in MB, libraries included."""
    progress.reset(total=len(options.only) * len(available()))
    for name in options.only:
        figures = {}
        for peer in available():
            progress.set_postfix_str(f"{name}, {peer}")
            figures[f"{peer}, MB"] = evaluate(CODE, name, peer)
            progress.update()
        yield name, figures


def main(name: str, peer: str, steps: int = STEPS) -> None:
    """In the process itself: take the steps, print the peak in MB."""
    import resource  # not on Windows

    step = make_step(WORKLOADS[name], peer)
    for _ in range(steps):
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(round(peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024))))
