"""A study: the runs that are asked for, done in several processes, and the files of their results."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from benchmarks.modes import figure, table
from benchmarks.modes.recipes import DATA, settings
from benchmarks.modes.results import Key, Points, append, digest, load
from benchmarks.modes.runs import Result, run
from minigan.errors import TrainingError


class Study:
    """The runs that are asked for, those that are done, and the files of both."""

    def __init__(self, folder: Path, recipes: list[str], data: list[str], seeds: int, steps: int | None) -> None:
        name = "modes" if steps is None else f"modes-{steps}-steps"
        self.file, self.picture = folder / f"{name}.jsonl", folder / f"{name}.png"
        self.points = Points(folder / f"{name}.npz")
        self.settings = {(recipe, d): settings(recipe, d, steps) for recipe in recipes for d in data}
        self.keys: list[Key] = [
            (*place, seed, digest(chosen)) for seed in range(seeds) for place, chosen in self.settings.items()
        ]
        self.records = load(self.file)

    def missing(self) -> list[Key]:
        """What is still to run: all recipes with one seed before the next seed."""
        return [key for key in self.keys if key not in self.records]

    def run(self, jobs: int) -> list[str]:
        """Run what is missing in that many processes, and keep each result as it comes. Returns what failed."""
        from tqdm import tqdm

        failures = []
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the processes to come: the matrices are small
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, context, _die_quietly) as pool, tqdm(total=len(self.missing())) as progress:
            waiting = {pool.submit(run, key[0], self.settings[key[:2]], key[2]): key for key in self.missing()}
            try:
                for future in as_completed(waiting):
                    key = waiting[future]
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        raise TrainingError(
                            "a process was killed (is memory short?); the same command goes on from here"
                        )
                    if error:
                        failures.append(f"{key[0]} on {key[1]}, seed {key[2]}: {error!r}")
                    else:
                        self.keep(key, future.result())
                    progress.set_postfix_str(f"{key[0]} on {key[1]}")
                    progress.update()
            except KeyboardInterrupt:
                for process in multiprocessing.active_children():
                    process.terminate()
                raise
        return failures

    def keep(self, key: Key, result: Result) -> None:
        """Write a result: the points first, so that a record never lacks them."""
        recipe, data, seed, settings_digest = key
        if seed == 0:
            self.points.put(recipe, data, settings_digest, result.points)
        self.records[key] = result.record | {"settings": settings_digest}
        append(self.file, self.records[key])

    def report(self) -> None:
        """Print the tables of the runs that are done, and draw their points."""
        done = [self.records[key] for key in self.keys if key in self.records]
        for data in DATA:
            if records := [record for record in done if record["data"] == data]:
                print(table.markdown(data, records), end="\n\n")
        points: dict[str, dict] = {}
        for (recipe, data), chosen in self.settings.items():
            if (cloud := self.points.get(recipe, data, digest(chosen))) is not None:
                points.setdefault(recipe, {})[data] = cloud
        if points:
            figure.draw(self.picture, points)
            print(f"figure: {self.picture}")


def _die_quietly():
    """In a worker: Ctrl-C, which reaches it too, ends it without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
