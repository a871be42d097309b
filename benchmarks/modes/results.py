"""The results file: one line of JSON for each finished run, written as it finishes, so that nothing is run twice."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import DataError
from minigan.files import load_archive, save_archive

Key = tuple[str, str, int, str]
"""Recipe, data set, seed, and the digest of the settings: a run whose settings changed is another run."""


def digest(settings: dict[str, Any]) -> str:
    """Eight hexadecimal digits that stand for the settings of a recipe."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def key(record: dict[str, Any]) -> Key:
    """What identifies a record."""
    return record["recipe"], record["data"], record["seed"], record["settings"]


def load(path: Path) -> dict[Key, dict[str, Any]]:
    """The finished runs of a results file, none if there is no file. A last line cut short does not count.

    Raises DataError for any other damage.
    """
    if not path.exists():
        return {}
    records = {}
    whole_lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline was cut short, or is nothing
    for number, line in enumerate(whole_lines, start=1):
        try:
            record = json.loads(line)
            records[key(record)] = record
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: expected a finished run, got {line[:60]!r}; remove it") from error
    return records


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a finished run, and make it last. A last line that was cut short before makes room for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


class Points:
    """The points to draw, by data set, recipe and digest of the settings, in one `.npz` file.

    They are kept as whole ten-thousandths of the unit of length, a hundredth of a std at the ring.
    """

    UNIT = 1e-4

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays = load_archive(path)[0] if path.exists() else {}

    def get(self, recipe: str, data: str, digest: str) -> np.ndarray | None:
        """Points `(N, 2)`, if they were kept."""
        array = self._arrays.get(f"{data}/{recipe}/{digest}")
        return None if array is None else array * self.UNIT

    def put(self, recipe: str, data: str, digest: str, points: np.ndarray) -> None:
        """Keep points in place of those of the same recipe and data set, and write the file."""
        place = f"{data}/{recipe}/"
        self._arrays = {name: array for name, array in self._arrays.items() if not name.startswith(place)}
        finite = np.nan_to_num(points / self.UNIT, nan=np.inf)
        self._arrays[f"{place}{digest}"] = np.rint(np.clip(finite, -32767, 32767)).astype(np.int16)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        save_archive(self.path, self._arrays, {"unit": self.UNIT})
