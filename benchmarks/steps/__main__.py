"""Whole training steps beside PyTorch's, and what they are made of: `python -m benchmarks.steps [STUDY]`.

Results are added to a file; `--report` measures nothing and prints it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

STUDIES = ("time", "compiled", "imports", "memory", "profile", "scaling", "limits", "convolutions", "launches")
RESULTS = Path(__file__).parent.parent / "results" / "steps.jsonl"


def main(arguments: list[str] | None = None) -> int:
    """Measure, or report."""
    options = parser().parse_args(arguments)
    if options.clock == "cpu":
        options.threads = 1
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    # Not before: the libraries read the number of threads when they are loaded.
    from benchmarks.steps import command

    return command.run(options)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser("python -m benchmarks.steps", description=__doc__.partition("\n")[0])
    result.add_argument("study", nargs="?", choices=STUDIES, default="time", help="what to measure (default: time)")
    result.add_argument("--only", nargs="+", metavar="NAME", help="of the workloads; default: all, or those it is for")
    result.add_argument("--blocks", type=int, default=15, help="how often the peers take turns (default: 15)")
    result.add_argument("--threads", type=int, default=os.cpu_count(), help="of the BLAS and of PyTorch (default: all)")
    clock = {"dest": "clock", "action": "store_const", "const": "cpu", "default": "wall"}
    result.add_argument("--cpu-time", **clock, help="time of the processor with one thread, for a busy machine")
    result.add_argument("--report", action="store_true", help="measure nothing, print all results")
    result.add_argument("--figure", type=Path, metavar="FILE", help="draw the ratios of the time study as PNG")
    result.add_argument("--results", type=Path, default=RESULTS, help="the file of results")
    return result


if __name__ == "__main__":
    sys.exit(main())
