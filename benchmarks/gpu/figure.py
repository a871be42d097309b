"""The figure: how long a step on the device takes beside PyTorch's, for each workload."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.gpu.outcomes import DONE
from benchmarks.gpu.results import Record
from benchmarks.steps.workloads import WORKLOADS
from minigan.errors import DataError
from minigan.plotting import DISCRIMINATOR, GENERATED, GRADIENT, add_legend, new_figure, save_figure

BARS = {
    "torch": (GENERATED, "as people write it"),
    "torch expert": (DISCRIMINATOR, "as an expert would"),
    "torch graph": (GRADIENT, "as one CUDA graph"),
}
HEIGHT = 0.26


def draw(path: Path, records: list[Record]) -> None:
    """Draw bars of the ratios of each workload, with their quartiles, in float32, and save the figure as PNG.

    Raises DataError if there are none.
    """
    times = {r["what"]: r for r in records if r["part"] == "time" and r["status"] == DONE and not r["tf32"]}
    names = [name for name in WORKLOADS if name in times]
    if not names:
        raise DataError(f"{path}: expected times of steps in float32 to draw, got none; measure first")
    figure, axes = new_figure(7.5, 1.1 + 0.8 * len(names))
    for k, (peer, (colour, label)) in enumerate(BARS.items()):
        shown = [(place, times[name]["figures"]) for place, name in enumerate(names)]
        shown = [(place, f) for place, f in shown if f"to {peer}" in f]
        if not shown:
            continue
        at = np.array([place for place, _ in shown]) + (k - 1) * HEIGHT
        ratios = np.array([f[f"to {peer}"] for _, f in shown])
        low, high = np.array([f[f"to {peer}, quartiles"] for _, f in shown]).T
        axes.barh(at, ratios, HEIGHT * 0.92, color=colour, label=f"PyTorch {label}")
        spread = np.maximum(0, [ratios - low, high - ratios])
        axes.errorbar(ratios, at, xerr=spread, fmt="none", ecolor="0.25", elinewidth=1, capsize=2)
        for y, ratio in zip(at, ratios, strict=True):
            axes.text(0.012, y, f"{ratio:.2f}", va="center", fontsize=8, color="white")
    axes.axvline(1, color="0.25", linewidth=1)
    axes.set(yticks=range(len(names)), yticklabels=[WORKLOADS[name].title for name in names], xlim=(0, None))
    e = times[names[-1]]["environment"]
    about = f"{e['device']}, CuPy {e.get('cupy', '')}, PyTorch {e['torch'].partition('+')[0]}, {e['date'][:10]}"
    axes.set_xlabel(f"time of a training step, PyTorch = 1\n{about}", fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    add_legend(axes, 3)
    save_figure(path, figure)
