"""Trials: the tests run on a changed copy of the project, each in a process forked from one that is warm.

A fresh interpreter would spend more time on importing NumPy, hypothesis and pytest than on the tests.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis.extra.numpy  # noqa: F401 - imported here so that the forked processes have it
import numpy  # noqa: F401
import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "runs", "chapters", "benchmarks", "figures", "build", "dist")
ONE_PROCESS = ("-o", "addopts=", "-q")
PYTEST = (*ONE_PROCESS, "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""The warning says that hypothesis was imported before pytest began, which is the purpose here."""
MEMORY = 6 << 30
"""Bytes a trial may take: a changed size can ask for any amount."""


@dataclass(frozen=True)
class Trial:
    """A file of the project replaced by `source`, and the arguments of pytest."""

    file: str
    source: str
    arguments: tuple[str, ...]
    timeout: int


def prepare(folder: Path) -> Path:
    """A copy of the project with the byte code of everything, tests too: collecting them compiles them."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    command = [sys.executable, "-m", "pytest", *ONE_PROCESS, "--collect-only", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)  # a failure shows in the first trial
    return folder


class Copy:
    """A copy of the project in which one file at a time is replaced."""

    def __init__(self, folder: Path, original: Path) -> None:
        self.folder, self.original = folder, original
        shutil.copytree(original, folder)

    def start(self, trial: Trial) -> int:
        """Replace the file and run pytest in a forked process, whose id is returned."""
        self.replace(trial.file, trial.source)
        process = os.fork()
        if process == 0:
            os._exit(_run(self.folder, trial))
        return process

    def restore(self, trial: Trial) -> None:
        """Put the original back; that of the copy, for the project may have moved on."""
        self.replace(trial.file, (self.original / trial.file).read_text())

    def replace(self, file: str, source: str) -> None:
        """Write a file, and remove its byte code, which could be taken for that of the new source."""
        path = self.folder / file
        path.write_text(source)
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)


def run_all(trials: Iterable[Trial], copies: list[Copy]) -> Iterator[tuple[Trial, bool]]:
    """Run the trials, as many at once as there are copies; yields (trial, whether the tests passed)."""
    idle = list(copies)
    running: dict[int, tuple[Copy, Trial]] = {}
    try:
        for trial in trials:
            if not idle:
                yield _finished(running, idle)
            copy = idle.pop()
            running[copy.start(trial)] = copy, trial
        while running:
            yield _finished(running, idle)
    finally:
        for process in running:
            os.kill(process, signal.SIGKILL)


def _finished(running: dict[int, tuple[Copy, Trial]], idle: list[Copy]) -> tuple[Trial, bool]:
    process, status = os.wait()
    copy, trial = running.pop(process)
    copy.restore(trial)
    idle.append(copy)
    return trial, status == 0


def _run(folder: Path, trial: Trial) -> int:
    """In the forked process: run pytest in the copy; 0 if all tests pass."""
    resource.setrlimit(resource.RLIMIT_CPU, (trial.timeout, trial.timeout))  # seconds of work, however busy the machine
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
        del sys.modules[name]
    sys.path = [str(folder), *(path for path in sys.path if path and Path(path) != ROOT)]
    sys.dont_write_bytecode = True
    code = int(pytest.main([*PYTEST, *trial.arguments]))
    sys.stdout.flush()
    return code
