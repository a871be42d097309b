"""What the figures depend on beside the code."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
from typing import Any

from benchmarks.steps.results import processor


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """The device in more detail: its driver too."""
    return machine.facts() | {"driver": driver()}


def environment(machine: Any) -> dict[str, Any]:
    """The device, the date and all versions, PyTorch's if there is one."""
    facts = machine.facts()
    found = {"date": datetime.datetime.now().isoformat(timespec="seconds"), "device": facts["device"]}
    found |= {"processor": processor(), "python": platform.python_version()}
    found |= {name: facts[name] for name in ("CUDA of CuPy", "cupy") if name in facts}
    return found | {n: importlib.metadata.version(n) for n in ("numpy", "torch") if importlib.util.find_spec(n)}


def driver() -> str | None:
    """The version of NVIDIA's driver, as its own tool gives it."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = [command, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False).stdout.split()
    except subprocess.TimeoutExpired:
        lines = []
    return lines[0] if lines else None
