"""The results file: a line of JSON for each figure measured, with what it depends on."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.modes.results import append
from minigan.errors import DataError

Record = dict[str, Any]
__all__ = ["Record", "append", "environment", "latest", "load"]


def environment(threads: int, clock: str) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "date": datetime.datetime.now().isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "clock": clock,
        "python": platform.python_version(),
    } | {name: importlib.metadata.version(name) for name in ("numpy", "torch") if importlib.util.find_spec(name)}


def processor() -> str:
    """Its name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load(path: Path) -> list[Record]:
    """All records, none if there is no file. Raises DataError for a line that is none."""
    if not path.exists():
        return []
    records = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            record = json.loads(line)
            record["study"], record["what"], record["figures"], record["environment"]["threads"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: expected a result, got {line[:60]!r}; remove it") from error
        records.append(record)
    return records


def latest(records: list[Record]) -> list[Record]:
    """Of all runs of a study for one thing on one kind of machine the last. Things are told apart by what stands
    before the colon: after it come the parts of one run.
    """
    kept: dict[tuple, list[Record]] = {}
    for record in records:
        run = kept.setdefault((record["study"], record["what"].partition(":")[0], setting(record)), [])
        if run and run[-1]["environment"] != record["environment"]:
            run.clear()
        run.append(record)
    return [record for run in kept.values() for record in run]


def setting(record: Record) -> tuple:
    """On what, and how, a figure was measured: only equal ones may be compared."""
    return tuple(record["environment"].get(key) for key in ("processor", "cores", "threads", "clock"))
