"""Do we compute what PyTorch does? Losses and gradients of a step on the device beside PyTorch's in float64.

PyTorch computes on the processor, in double precision, so its own rounding on the device plays no part.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.gpu.outcomes import FAILED, Ended
from benchmarks.steps.agreement import SAMPLES, difference
from benchmarks.steps.peers import torch_peers

ALLOWED = {"float64": 1e-9, "float32": 1e-4}
"""The largest differences allowed. Products in TF32 err by about 3e-4: where nobody asked for them they are found."""
ALLOWED_TF32 = {"float64": 1e-9, "float32": 2e-2}


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """The differences by our dtype, the largest over all peers. Raises Ended if they are too large."""
    workload = machine.workload(what)
    workload = dataclasses.replace(workload, batch=min(workload.batch, SAMPLES))
    allowed = ALLOWED_TF32 if machine.tf32 else ALLOWED
    found = {
        dtype: max(difference(workload, peer, dtype, machine.device) for peer in torch_peers().values())
        for dtype in allowed
    }
    if not all(found[dtype] <= allowed[dtype] for dtype in allowed):
        bounds = " and ".join(f"{bound:.0e} in {dtype}" for dtype, bound in allowed.items())
        raise Ended(FAILED, f"losses and gradients differ from PyTorch's by more than {bounds}", found)
    return found
