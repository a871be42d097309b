"""What the command line does: all parts in order, each kept as it ends; then the report."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from benchmarks.gpu import figure, report
from benchmarks.gpu.outcomes import DISAGREEING, DONE, TORCHLESS, UNAVAILABLE, UNREACHED
from benchmarks.gpu.parts import PARTS, everything
from benchmarks.gpu.results import FOLDER, Book, default_path, load
from benchmarks.gpu.worker import Answer, Worker
from minigan.errors import DataError, MiniganError

LEAST_SECONDS = 5.0
"""With less time left nothing more is started."""


def run(options: argparse.Namespace) -> int:
    """Measure what is missing, or report what was kept. Returns the exit status."""
    try:
        if options.report or options.figure:
            return show(options)
        return measure(options)
    except MiniganError as error:
        sys.exit(f"benchmarks.gpu: {error}")
    except KeyboardInterrupt:
        sys.exit("benchmarks.gpu: stopped; what was measured is kept")


def show(options: argparse.Namespace) -> int:
    """Print and draw the results of a file, or of every device there is a file of."""
    paths = [options.results] if options.results else sorted(FOLDER.glob("gpu-*.jsonl"))
    books = [load(path) for path in paths]
    records = [list(book.values()) for book in books if book]
    if not records:
        place = options.results or FOLDER
        raise DataError(
            f"{place}: expected results of a GPU, got none; run python -m benchmarks.gpu on a machine with one"
        )
    if options.report:
        print("\n\n".join(map(report.markdown, records)))
    if options.figure:
        if len(records) > 1:
            raise DataError(f"expected one device to draw, got {len(records)}; choose its file with --results")
        figure.draw(options.figure, records[0])
    return 0


def measure(options: argparse.Namespace) -> int:
    """Measure all parts that are missing, until the time is over. 1 if some are missing even then."""
    deadline = time.monotonic() + 60 * options.minutes
    with Worker(options.rehearse, options.tf32) as worker:
        environment = worker.start()
        book = Book(options.results or default_path(environment["device"]), environment["device"])
        say(f"{environment['device']}: results go to {book.path}")
        if "torch" not in environment:
            say("PyTorch is not installed, so nothing is compared with it; run pip install -e '.[bench]'")
        for part, what in everything():
            if options.again or not book.is_done(part, what, options.tf32):
                begin = time.monotonic()
                status, note, figures = attempt(worker, book, part, what, deadline, environment, options.tf32)
                seconds = round(time.monotonic() - begin, 1)
                record = {"part": part, "what": what, "tf32": options.tf32, "status": status, "note": note}
                book.put(record | {"figures": figures, "seconds": seconds, "environment": environment})
                say(f"{part}, {what}: {status}, {seconds} s{note and f' ({note})'}")
    print(report.markdown(list(book.records.values())))
    return conclusion(book, options.tf32)


def attempt(
    worker: Worker, book: Book, part: str, what: str, deadline: float, environment: dict[str, Any], tf32: bool
) -> Answer:
    """Measure one thing, unless something that it needs is missing."""
    wanted = PARTS[part]
    if wanted.needs_torch and "torch" not in environment:
        return TORCHLESS, "", {}
    if wanted.after and not book.is_done(wanted.after, what, tf32):
        return DISAGREEING, f"first the part '{wanted.after}' must be done", {}
    left = deadline - time.monotonic()
    if left < LEAST_SECONDS:
        return UNREACHED, "", {}
    return worker.run(part, what, min(wanted.limit, left))


def conclusion(book: Book, tf32: bool) -> int:
    """Say what is missing."""
    places = [(part, what, tf32) for part, what in everything()]
    missing = [p for p in places if p not in book.records or book.records[p]["status"] not in (DONE, UNAVAILABLE)]
    if missing:
        say(f"{len(missing)} of {len(places)} parts are missing or failed; the same command tries them again")
    return int(bool(missing))


def say(line: str) -> None:
    """For who waits; the report alone goes to the standard output."""
    print(f"benchmarks.gpu: {line}", file=sys.stderr, flush=True)
