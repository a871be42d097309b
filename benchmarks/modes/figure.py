"""The figure: for each recipe the points that its generator makes, over the centres of both data sets."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from benchmarks.modes.recipes import DATA
from minigan.plotting import GENERATED, REAL, save_figure

PAIRS = 6
"""How many recipes stand side by side, each with a panel for the ring and one for the grid."""

PANEL = 1.05
MARGIN = 1.3


def draw(path: Path, points: dict[str, dict[str, np.ndarray]]) -> None:
    """Draw `points[recipe][data]`, each `(N, 2)`, in the order given, and save the figure as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(PAIRS, len(points))
    rows = math.ceil(len(points) / columns)
    figure = Figure(figsize=(columns * (2 * PANEL + 0.15), rows * (PANEL + 0.3)), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subfigures(rows, columns, squeeze=False).flat
    for place, (recipe, clouds) in zip(places, points.items(), strict=False):
        place.suptitle(recipe, fontsize=8)
        for axes, data in zip(place.subplots(1, len(DATA)), DATA, strict=True):
            _panel(axes, data, clouds.get(data))
    save_figure(path, figure)


def _panel(axes, data, points):
    centres = DATA[data].centres
    edge = MARGIN * np.abs(centres).max()
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_color("0.85")
    axes.scatter(*centres.T, s=26, color=REAL, alpha=0.35, linewidths=0)
    if points is not None:
        axes.scatter(*points.T, s=1.2, color=GENERATED, alpha=0.5, linewidths=0)
