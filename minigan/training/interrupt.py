"""Ctrl-C and SIGTERM end a run after the step at hand, not in the middle of it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class StopRequest:
    """Whether a signal asked to stop, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def receive(self, number: int, frame: object) -> None:
        """Note the first signal; a second one interrupts at once."""
        if self:
            raise KeyboardInterrupt
        self.signal = number


@contextlib.contextmanager
def stoppable() -> Iterator[StopRequest]:
    """Inside the `with` block SIGINT and SIGTERM set the request; afterwards they do what they did before."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield request
        return
    former = {number: signal.signal(number, request.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
