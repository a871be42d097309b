"""The results file: a line of JSON for each thing measured, written as soon as it is known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.gpu.outcomes import DONE, UNREACHED
from minigan.errors import DataError
from minigan.files import atomic_write

FOLDER = Path(__file__).parent.parent / "results"
Record = dict[str, Any]
Key = tuple[str, str, bool]
NEEDED = {"part": str, "what": str, "tf32": bool, "status": str, "figures": dict, "note": str, "environment": dict}


def default_path(device: str) -> Path:
    """The file for a device: "NVIDIA H200" has gpu-nvidia-h200.jsonl."""
    return FOLDER / f"gpu-{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.jsonl"


def load(path: Path) -> dict[Key, Record]:
    """All records by part, thing and whether TF32 was allowed; none if there is no file.

    Raises DataError for a line that is none.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: expected a file of results, but: {error.strerror}; choose another file") from error
    records = {}
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if not all(isinstance(record[name], kind) for name, kind in NEEDED.items()):
                raise ValueError("another kind of value")
            records[key(record)] = record
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: expected a result, got {line[:60]!r}; remove it") from error
    return records


def key(record: Record) -> Key:
    """What tells a record from others."""
    return record["part"], record["what"], record["tf32"]


class Book:
    """The results of one device in a file, and what is still missing there."""

    def __init__(self, path: Path, device: str) -> None:
        """Raises DataError if the file is damaged or belongs to another device."""
        self.path, self.records = path, load(path)
        others = {record["environment"].get("device") for record in self.records.values()} - {device}
        if others:
            raise DataError(f"{path}: expected results of {device}, got some of {others.pop()}; choose another file")

    def is_done(self, part: str, what: str, tf32: bool) -> bool:
        """Whether the figures are there."""
        record = self.records.get((part, what, tf32))
        return record is not None and record["status"] == DONE

    def put(self, record: Record) -> None:
        """Keep a record in the place of an older one, and write the file. What was not reached replaces no figures."""
        if record["status"] == UNREACHED and self.is_done(*key(record)):
            return
        self.records[key(record)] = record
        lines = (json.dumps(record) + "\n" for record in self.records.values())
        atomic_write(self.path, "".join(lines).encode())
