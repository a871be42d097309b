"""Python run in a fresh process, which prints one JSON value."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def evaluate(code: str, *arguments: str) -> Any:
    """What the code prints. The process has the environment of this one, and so its number of threads."""
    command = [sys.executable, "-c", code, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
