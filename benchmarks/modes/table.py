"""The table: for each recipe the median over seeds [least, most], beside the published figures, as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.modes.published import PUBLISHED
from benchmarks.modes.recipes import DATA

Record = dict[str, Any]

COLUMNS: dict[str, tuple[Callable[[Record], float | None], str]] = {
    "modes": (lambda r: r["averaged"]["2500"]["modes"], ".0f"),
    "HQ %": (lambda r: 100 * r["averaged"]["2500"]["high_quality"], ".1f"),
    "KL": (lambda r: r["averaged"]["2500"]["reverse_kl"], ".3f"),
    "KL, 25,000": (lambda r: r["averaged"]["25000"]["reverse_kl"], ".4f"),
    "spread": (lambda r: r["averaged"]["25000"]["spread"], ".2f"),
    "KL, K + 1 bins": (lambda r: r["averaged"]["25000"]["off_mode_kl"], ".3f"),
    "CPU s": (lambda r: r["cpu_seconds"], ".0f"),
}
"""Heading of each column, where its number is found in a record, and how it is printed."""

ORDER = "KL, K + 1 bins"
"""The column to sort by: the one number that counts modes missed, uneven modes and samples astray alike."""


def markdown(data: str, records: Iterable[Record]) -> str:
    """The table of a data set: recipes, best first, then what papers report."""
    by_recipe: dict[str, list[Record]] = {}
    for record in records:
        by_recipe.setdefault(record["recipe"], []).append(record)
    centres = len(DATA[data].centres)
    rows = [[f"{data}, {centres} modes", "seeds", *COLUMNS]]
    for name in sorted(by_recipe, key=lambda name: _median(by_recipe[name], COLUMNS[ORDER][0])):
        runs = by_recipe[name]
        rows.append([name, str(len(runs)), *(_cell(runs, value, form) for value, form in COLUMNS.values())])
    for row in PUBLISHED[data]:
        figures = {"modes": row.modes, "HQ %": row.high_quality, "KL": row.reverse_kl}
        rows.append([f"{row.method} ({row.source})", "", *(figures.get(column, "") for column in COLUMNS)])
    return _aligned(rows)


def _cell(runs, value, form):
    """Median [least, most]; one number where all print alike. A run without a number counts as worst."""
    shown = [format(x, form) if math.isfinite(x) else "–" for x in (f(runs, value) for f in (_median, _least, _most))]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _values(runs, value):
    return [math.inf if value(run) is None else value(run) for run in runs]


def _median(runs, value):
    return statistics.median_low(_values(runs, value))


def _least(runs, value):
    return min(_values(runs, value))


def _most(runs, value):
    return max(_values(runs, value))


def _aligned(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = ("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows)
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([head, rule, *body])
