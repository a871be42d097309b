"""How long `import minigan` takes, beside NumPy alone and PyTorch, in fresh processes that take turns."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.steps.elsewhere import evaluate
from benchmarks.steps.timing import digits

CODE = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print([time.perf_counter() - wall, time.process_time() - cpu])
"""


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each library the median seconds. The first turn, which fills the file cache, does not count."""
    names = [name for name in ("numpy", "minigan", "torch") if importlib.util.find_spec(name)]
    progress.reset(total=options.blocks)
    turns = []
    for turn in range(options.blocks + 1):
        seconds = [evaluate(CODE, name) for name in names]
        if turn:
            turns.append(seconds)
            progress.update()
    for name, (wall, cpu) in zip(names, np.median(turns, axis=0), strict=True):
        yield f"import {name}", {"wall, s": digits(wall), "processor, s": digits(cpu)}
