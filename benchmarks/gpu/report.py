"""The results of one device as Markdown: the table of times, then the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.outcomes import DONE, UNAVAILABLE
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.results import Record
from benchmarks.steps.workloads import WORKLOADS

Rows = list[list[str]]
PEERS = {"torch": "PyTorch", "torch expert": "an expert's", "torch graph": "as a CUDA graph"}


def markdown(records: list[Record]) -> str:
    """All tables, float32 first, then TF32 if it was measured."""
    return "\n\n".join(block for tf32 in (False, True) for block in _blocks([r for r in records if r["tf32"] is tf32]))


def _blocks(records: list[Record]) -> Iterator[str]:
    if not records:
        return
    done = {(r["part"], r["what"]): r["figures"] for r in records if r["status"] == DONE}
    yield _head(records)
    for rows in (_times(done), _captured(done), _memory(done), _questions(done)):
        if len(rows) > 1:
            yield table(rows)
    suite = next((r for r in records if r["part"] == "suite" and r["figures"]), None)
    if suite:
        counts = ", ".join(
            f"{suite['figures'].get(name, 0)} {name}" for name in ("passed", "failed", "error", "skipped")
        )
        yield f"Property suite on the device: {counts}."
    rest = [_ending(r) for r in records if r["status"] not in (DONE, UNAVAILABLE)]
    rest += [f"{part}, {what}: missing" for part, what in _absent(records)]
    if rest:
        yield "\n".join(["Without figures:", "", *(f"- {line}" for line in rest)])


def _head(records: list[Record]) -> str:
    device = next((r["figures"] for r in records if r["part"] == "device"), {})
    e = records[-1]["environment"]
    versions = [
        f"{name} {e[k]}" for k, name in (("cupy", "CuPy"), ("CUDA of CuPy", "CUDA"), ("torch", "PyTorch")) if k in e
    ]
    driver = [f"driver {device['driver']}"] if device.get("driver") else []
    products = "TF32 allowed" if records[0]["tf32"] else "float32 without TF32"
    return f"**{e['device']}** ({', '.join([*driver, *versions])}; {products}; {e['date'][:10]})"


def _times(done: dict) -> Rows:
    rows = [["a step of, batch", "minigan", *PEERS.values(), "ratio", "to an expert's", "to the graph", "launches"]]
    for name, workload in WORKLOADS.items():
        f = done.get(("time", name))
        if f:
            times = [_cell(f.get(f"{peer}, ms"), " ms") for peer in ("minigan", *PEERS)]
            ratios = [_ratio(f, peer) for peer in PEERS]
            launches = _cell(done.get(("launches", name), {}).get("launches"))
            rows.append([f"{workload.title}, {workload.batch}", *times, *ratios, launches])
    return rows


def _captured(done: dict) -> Rows:
    rows = [["as CUDA graphs", "minigan", "launched one by one", "ratio", "PyTorch", "ratio", "weights apart"]]
    for name, workload in WORKLOADS.items():
        f = done.get(("captured", name))
        if f:
            own = [_cell(f["captured, ms"], " ms"), _cell(f["minigan, ms"], " ms"), _ratio(f, "minigan")]
            other = [_cell(f.get("torch graph, ms"), " ms"), _ratio(f, "torch graph")]
            rows.append([workload.title, *own, *other, _cell(f["difference of weights"])])
    return rows


def _memory(done: dict) -> Rows:
    rows = [["memory of ten steps", "minigan", "PyTorch", "an expert's", "gradients differ by"]]
    for name, workload in WORKLOADS.items():
        f, agreement = done.get(("memory", name), {}), done.get(("agreement", name), {})
        if f or agreement:
            held = [_cell(f.get(f"{peer}, MB"), " MB") for peer in ("minigan", "torch", "torch expert")]
            rows.append([workload.title, *held, _cell(agreement.get("float32"))])
    return rows


def _questions(done: dict) -> Rows:
    rows = [["question", "", ""]]
    for question in PARTS["questions"].things:
        figures = done.get(("questions", question), {})
        for i, (name, value) in enumerate(figures.items()):
            rows.append([question if i == 0 else "", name.replace("|", "\\|"), _cell(value).replace("|", "\\|")])
    return rows


def _ending(record: Record) -> str:
    note = f" ({record['note']})" if record["note"] else ""
    return f"{record['part']}, {record['what']}: {record['status']}{note}"


def _absent(records: list[Record]) -> list[tuple[str, str]]:
    known = {(r["part"], r["what"]) for r in records}
    return [(name, what) for name, part in PARTS.items() for what in part.things if (name, what) not in known]


def table(rows: Rows) -> str:
    """Rows as a Markdown table, the first one its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    top, *body = ("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows)
    return "\n".join([top, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body])


def _ratio(figures: dict, peer: str) -> str:
    if f"to {peer}" not in figures:
        return "–"
    low, high = figures[f"to {peer}, quartiles"]
    return f"{figures[f'to {peer}']:.2f} [{low:.2f}, {high:.2f}]"


def _cell(value: Any, unit: str = "") -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float() if value and abs(value) < 1e-3:
            return f"{value:.1e}{unit}"
        case float() if abs(value) < 1000:
            return f"{value:.3g}{unit}"
        case int() | float():
            return f"{value:,.0f}{unit}"
    return str(value)
