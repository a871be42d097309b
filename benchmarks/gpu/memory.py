"""The most memory of the device that ten steps hold beyond what was held before: weights, optimizers, activations.

Both libraries count in pieces of 512 bytes. What cuBLAS works in is PyTorch's own memory, and not CuPy's; each
multiplies once before, so that it counts for neither.
"""

from __future__ import annotations

import gc
import importlib.util
from typing import Any

from benchmarks.gpu.ours import make_ours
from benchmarks.steps.timing import digits

STEPS = 10


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """Peaks in MB, of PyTorch too where there is one."""
    found = {"minigan, MB": digits(_ours(machine, what) / 1e6)}
    if importlib.util.find_spec("torch"):
        from benchmarks.gpu import theirs

        theirs.set_tf32(machine.tf32)
        for peer in (theirs.WRITTEN, theirs.EXPERT):
            found[f"{peer}, MB"] = digits(_theirs(machine, what, peer) / 1e6)
    return found


def _ours(machine: Any, name: str) -> float:
    gc.collect()
    machine.forget()
    with machine.watching() as memory:
        trainer = make_ours(machine, name)
        for _ in range(STEPS):
            trainer.step()
        machine.synchronise()
    return memory.peak


def _theirs(machine: Any, name: str, peer: str) -> float:
    import torch

    from benchmarks.gpu.theirs import make_theirs

    x = torch.ones(2, 2, device=machine.torch_device)
    torch.mm(x, x)
    gc.collect()

    def work() -> None:
        step = make_theirs(machine, name, peer).step
        for _ in range(STEPS):
            step()

    return machine.torch_peak(work)
