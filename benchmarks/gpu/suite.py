"""The property suite on the device: every operation, layer, loss and optimizer, its derivatives by differences."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.gpu.outcomes import FAILED, UNFINISHED, Ended

ROOT = Path(__file__).parent.parent.parent
OUTCOME = re.compile(r"\b(PASSED|FAILED|ERROR|SKIPPED)\b")
BESIDE = re.compile(r"\[ *\d+%\]|\[gw\d+\]|" + OUTCOME.pattern)
SELECTED = re.compile(r"\b(\d+) selected")
MARGIN = 8.0
"""Seconds before the limit at which the suite is stopped, so that what it found is still reported."""
MOST_NAMED = 5
MOST_PROCESSES = 8


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """How many tests passed, failed and were skipped. Raises Ended if any failed, or time ran out."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        code = _run(machine.suite, max(0.1, seconds - MARGIN), output)
        output.seek(0)
        lines = output.read().splitlines()
    figures, failed = counts(lines)
    figures["seconds"] = round(time.monotonic() - begin, 1)
    named = f": {', '.join(failed[:MOST_NAMED])}" if failed else ""
    if code is None:
        raise Ended(FAILED if failed else UNFINISHED, f"stopped after {figures['seconds']} s{named}", figures)
    if code:
        last = lines[-1].strip("= ") if lines else "no output"
        raise Ended(FAILED, f"pytest ended with status {code}{named or ': ' + last}", figures)
    return figures


def counts(lines: list[str]) -> tuple[dict[str, Any], list[str]]:
    """From what `pytest -v` prints: how many tests ended in which way, and the names of those that failed."""
    outcomes: dict[str, str] = {}
    for line in lines:
        found = OUTCOME.search(line)
        if found and "::" in line and not line.startswith(("FAILED", "ERROR")):  # as the lines of the summary do
            outcomes[BESIDE.sub("", line).strip()] = found[1]
    tally = Counter(outcomes.values())
    figures: dict[str, Any] = {outcome.lower(): tally[outcome] for outcome in ("PASSED", "FAILED", "ERROR", "SKIPPED")}
    selected = next((int(m[1]) for line in lines if (m := SELECTED.search(line))), None)
    failed = [name for name, outcome in outcomes.items() if outcome in ("FAILED", "ERROR")]
    return figures | ({"selected": selected} if selected else {}), failed


def _run(choice: tuple[str, ...], seconds: float, output: Any) -> int | None:
    """The status of pytest, None if it was stopped. Warnings of libraries are no failures here."""
    command = [sys.executable, "-m", "pytest", *choice, "-o", "addopts=", "-v", "--tb=line", "-W", "default"]
    command += ["-p", "no:cacheprovider"]
    if importlib.util.find_spec("xdist") and (os.cpu_count() or 1) >= 4:
        command += ["-n", str(min(MOST_PROCESSES, os.cpu_count() // 2))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()
