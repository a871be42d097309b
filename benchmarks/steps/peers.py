"""Who is compared: this library, and PyTorch in two hands."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.steps.ours import make_trainer
from benchmarks.steps.workloads import Workload

OURS, WRITTEN, EXPERT = "minigan", "torch", "torch expert"
PEERS = (OURS, WRITTEN, EXPERT)


def available() -> tuple[str, ...]:
    """All of them, or ours alone where there is no PyTorch."""
    return PEERS if importlib.util.find_spec("torch") else (OURS,)


def torch_peers() -> dict[str, Callable]:
    """What makes PyTorch's steps: `peer(workload, G, D).step()`. Ends the program where there is no PyTorch."""
    if available() != PEERS:
        raise SystemExit("benchmarks.steps: expected PyTorch to compare with; run pip install -e '.[bench]'")
    from benchmarks.steps.theirs import Expert, Written

    return {WRITTEN: Written, EXPERT: Expert}


def make_step(workload: Workload, peer: str) -> Callable[[], Any]:
    """What trains the workload's networks once."""
    if peer == OURS:
        return make_trainer(workload).step
    return torch_peers()[peer](workload, *workload.networks()).step


def make_steps(workload: Workload, peers: Iterable[str]) -> dict[str, Callable[[], Any]]:
    """One for each peer, all from the same weights."""
    return {peer: make_step(workload, peer) for peer in peers}
