"""What the command line does once the threads are set."""

from __future__ import annotations

import argparse
import importlib
import sys

from tqdm import tqdm

from benchmarks.steps import figure, report, results
from benchmarks.steps.workloads import WORKLOADS
from minigan.errors import MiniganError

MODULES = {"time": "timing", "profile": "profiling"}
"""Where a study lives, if not in the file of its name: the standard library has modules `time` and `profile`."""


def run(options: argparse.Namespace) -> int:
    """Measure what is asked for, keep each result as it comes, print the tables; or report what was kept."""
    try:
        if options.report:
            records = results.load(options.results)
        else:
            records = measure(options)
        if records:
            print(report.markdown(records))
        if options.figure:
            figure.draw(options.figure, results.load(options.results))
    except MiniganError as error:
        sys.exit(f"benchmarks.steps: {error}")
    except KeyboardInterrupt:
        sys.exit("benchmarks.steps: stopped; what was measured is kept")
    return 0


def measure(options: argparse.Namespace) -> list[results.Record]:
    """The new records of one study."""
    module = importlib.import_module(f"benchmarks.steps.{MODULES.get(options.study, options.study)}")
    check_names(options, getattr(module, "WORKLOADS_HERE", tuple(WORKLOADS)))
    environment, records = results.environment(options.threads, options.clock), []
    with tqdm(leave=False, disable=None) as progress:
        for what, figures in module.study(options, progress):
            record = {"study": options.study, "what": what, "figures": figures, "environment": environment}
            results.append(options.results, record)
            records.append(record)
    return records


def check_names(options: argparse.Namespace, default: tuple[str, ...]) -> None:
    """Fill in the workloads if none are named; end the program for one that does not exist."""
    options.only = options.only or list(default)
    unknown = [name for name in options.only if name not in WORKLOADS]
    if unknown:
        sys.exit(f"benchmarks.steps: --only: expected some of {', '.join(WORKLOADS)}, got {', '.join(unknown)}")
