"""The process that measures. It is stopped when a part takes too long, and started anew after it failed."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.gpu import machine, parts
from benchmarks.gpu.environment import environment
from benchmarks.gpu.outcomes import DONE, FAILED, UNFINISHED, Ended
from minigan.errors import DeviceError, MiniganError

START_SECONDS, STOP_SECONDS = 90.0, 3.0
Answer = tuple[str, str, dict[str, Any]]
"""Status, note and figures."""


class Worker:
    """`with Worker(...) as worker` measures parts in a process of its own."""

    def __init__(self, rehearse: bool, tf32: bool) -> None:
        self.settings = rehearse, tf32
        self.process: Any = None
        self.pipe: Any = None
        self.is_waiting = False
        """Whether an answer is still to come."""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> dict[str, Any]:
        """Start the process. Returns what it runs on; raises DeviceError if it cannot, and why."""
        context = multiprocessing.get_context("spawn")  # a copy of a process that uses a GPU cannot use it
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, *self.settings), daemon=True)
        self.process.start()
        theirs.close()
        try:
            status, note, found = self._receive(START_SECONDS)
        except (EOFError, ConnectionResetError):
            status, note = FAILED, f"the process that uses the GPU ended with status {self._end()}"
        if status != DONE:
            self.stop()
            raise DeviceError(note)
        return found

    def run(self, name: str, what: str, seconds: float) -> Answer:
        """Measure one thing of a part, within so many seconds."""
        end = time.monotonic() + seconds
        try:
            if self.process is None:
                self.start()
            left = max(0.0, end - time.monotonic())
            self.pipe.send((name, what, left))
            status, note, figures = self._receive(left)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            status, note, figures = FAILED, f"the process ended with status {self._end()}", {}
        except DeviceError as error:
            return FAILED, str(error), {}
        is_spoiled = figures.pop(SPOILED, False)
        if is_spoiled or status in (FAILED, UNFINISHED):
            self.stop()
        return status, note, figures

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self.process is not None:
            self.pipe.close()  # which ends an idle one
            if self.is_waiting:
                self.process.terminate()
            self.process.join(STOP_SECONDS)
            self.process.kill()
            self.process.join()
            self.process, self.is_waiting = None, False

    def _receive(self, seconds: float) -> Answer:
        self.is_waiting = True
        if not self.pipe.poll(seconds):
            return UNFINISHED, f"stopped after {seconds:.0f} s", {}
        answer = self.pipe.recv()
        self.is_waiting = False
        return answer

    def _end(self) -> int | None:
        self.process.join(STOP_SECONDS)
        return self.process.exitcode


SPOILED = "spoiled"
"""Marks figures of a process that is of no more use."""


class Stopped(BaseException):
    """The process was asked to end: a part that runs programs of its own ends them first."""


def work(pipe: Connection, rehearse: bool, tf32: bool) -> None:
    """What the process does: answer one request after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    signal.signal(signal.SIGTERM, _stop)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, Stopped):
        _serve(pipe, rehearse, tf32)


def _serve(pipe: Connection, rehearse: bool, tf32: bool) -> None:
    try:
        here = machine.make(rehearse, tf32)
        facts = environment(here)
    except Exception as error:
        pipe.send((FAILED, str(error) if isinstance(error, MiniganError) else in_a_line(error), {}))
        return
    pipe.send((DONE, "", facts))
    while True:
        name, what, seconds = pipe.recv()
        status, note, figures = answer(here, name, what, seconds)
        pipe.send((status, note, figures | {SPOILED: here.is_spoiled}))


def answer(here: Any, name: str, what: str, seconds: float) -> Answer:
    """How a part ended, whatever happened."""
    try:
        return DONE, "", parts.measure(here, name, what, seconds)
    except Ended as end:
        return end.status, end.note, end.figures
    except (Exception, SystemExit) as error:
        return FAILED, in_a_line(error), {}


def in_a_line(error: BaseException) -> str:
    """The kind of an error and the beginning of what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _stop(*_: object) -> None:
    raise Stopped
