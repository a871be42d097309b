"""Every recipe on the 2-D ring and grid: `python -m benchmarks.modes`.

Only what is missing from the results file is run; stopped at any moment, it goes on where it was. `--report`
runs nothing, prints the tables and draws the figure.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.modes.recipes import DATA, RECIPES
from benchmarks.modes.study import Study
from minigan.errors import MiniganError
from minigan.files import lock

RESULTS = Path(__file__).parent.parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing, then report; 1 if a run failed."""
    options = parser().parse_args(arguments)
    try:
        options.results.mkdir(parents=True, exist_ok=True)
        with lock(options.results):
            study = Study(options.results, options.only, options.data, options.seeds, options.steps)
            failures = [] if options.report else study.run(options.jobs)
            study.report()
    except MiniganError as error:
        sys.exit(f"benchmarks.modes: {error}")
    except KeyboardInterrupt:
        sys.exit("benchmarks.modes: stopped; the same command goes on from here")
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser("python -m benchmarks.modes", description=__doc__.partition("\n")[0])
    result.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NAME")
    result.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    result.add_argument("--seeds", type=int, default=5)
    result.add_argument("--jobs", type=int, default=1, help="processes, each with one BLAS thread")
    result.add_argument("--steps", type=int, help="shorten every run, into files of their own: for a try")
    result.add_argument("--report", action="store_true", help="run nothing: print the tables, draw the figure")
    result.add_argument("--results", type=Path, default=RESULTS, help="the folder of results")
    return result


if __name__ == "__main__":
    sys.exit(main())
