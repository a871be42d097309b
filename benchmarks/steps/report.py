"""The results as Markdown tables, one for each study and setting."""

from __future__ import annotations

from typing import Any

from benchmarks.steps.results import Record, latest, setting

HEADINGS = {
    "time": "Time of a training step",
    "compiled": "Time of a training step, PyTorch compiled",
    "imports": "Time to import",
    "memory": "Peak memory of ten steps",
    "profile": "Where the time of a step goes",
    "scaling": "Cost per sample",
    "limits": "Distance to the limit of the processor",
    "convolutions": "Convolution algorithms",
    "launches": "Launches on a device",
}


def markdown(records: list[Record]) -> str:
    """All tables, in the order of the studies."""
    tables: dict[tuple, list[Record]] = {}
    for record in latest(records):
        tables.setdefault((record["study"], *setting(record)), []).append(record)
    order = list(HEADINGS)
    return "\n\n".join(_table(*item) for item in sorted(tables.items(), key=lambda item: order.index(item[0][0])))


def _table(place: tuple, records: list[Record]) -> str:
    study, processor, cores, threads, clock = place
    e = records[-1]["environment"]
    versions = ", ".join(f"{name} {e[name]}" for name in ("numpy", "torch") if name in e)
    machine = f"{processor}, {cores} cores, {threads} thread{'s' * (threads > 1)}, {clock} time"
    head = f"**{HEADINGS[study]}** ({machine}; {versions}; {e['date'][:10]})"
    columns = list(dict.fromkeys(name for record in records for name in record["figures"]))
    rows = [["", *columns]]
    rows += [[record["what"], *(_cell(record["figures"].get(name)) for name in columns)] for record in records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    top, *body = ("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows)
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([head, "", top, rule, *body])


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case [low, high]:
            return f"{low:.2f} to {high:.2f}"
        case float():
            return (
                f"{value:.1e}"
                if value and abs(value) < 1e-3
                else f"{value:.3g}"
                if abs(value) < 1000
                else f"{value:,.0f}"
            )
        case int():
            return f"{value:,}"
    return str(value)
