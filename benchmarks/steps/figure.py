"""The figure: how long a step takes beside PyTorch's, for each workload."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.steps.peers import EXPERT, WRITTEN
from benchmarks.steps.results import Record, latest, setting
from benchmarks.steps.workloads import WORKLOADS
from minigan.errors import DataError
from minigan.plotting import DISCRIMINATOR, GENERATED, add_legend, new_figure, save_figure

BARS = {WRITTEN: (GENERATED, "as people write it"), EXPERT: (DISCRIMINATOR, "as an expert would")}
HEIGHT = 0.36


def draw(path: Path, records: list[Record]) -> None:
    """Draw bars of the newest ratios of each workload, with their quartiles, and save the figure as PNG: of the
    machine, threads and clock of the last measurement.

    Raises DataError if there are none.
    """
    times = [record for record in records if record["study"] == "time"]
    newest = {r["what"]: r for r in latest(times) if setting(r) == setting(times[-1])}
    names = [name for name in WORKLOADS if name in newest]
    if not names:
        raise DataError(f"{path}: expected results of the study 'time' to draw, got none; measure first")
    figure, axes = new_figure(7.5, 0.9 + 0.62 * len(names))
    places = np.arange(len(names))
    for k, (peer, (colour, label)) in enumerate(BARS.items()):
        figures = [newest[name]["figures"] for name in names]
        ratios = np.array([f[f"to {peer}"] for f in figures])
        quartiles = np.array([f[f"to {peer}, quartiles"] for f in figures]).T
        spread = np.maximum(0, [ratios - quartiles[0], quartiles[1] - ratios])
        at = places + (k - 0.5) * HEIGHT
        axes.barh(at, ratios, HEIGHT * 0.92, color=colour, label=f"PyTorch {label}")
        axes.errorbar(ratios, at, xerr=spread, fmt="none", ecolor="0.25", elinewidth=1, capsize=2)
        for y, ratio in zip(at, ratios, strict=True):
            axes.text(0.012, y, f"{ratio:.2f}", va="center", fontsize=8, color="white")
    axes.axvline(1, color="0.25", linewidth=1)
    axes.set(yticks=places, yticklabels=[WORKLOADS[name].title for name in names], xlim=(0, None))
    axes.set_xlabel(f"time of a training step, PyTorch = 1\n{_described(newest[names[-1]]['environment'])}", fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    add_legend(axes, 2)
    save_figure(path, figure)


def _described(environment: dict) -> str:
    threads = environment["threads"]
    return (
        f"{environment['processor']}, {threads} thread{'s' * (threads > 1)}, {environment['clock']} time, "
        f"PyTorch {environment['torch'].partition('+')[0]}, {environment['date'][:10]}"
    )
