"""PyTorch's steps on a device: as written, by an expert, and the expert's as one CUDA graph.

Its own fallback for parts of a step, `make_graphed_callables`, is of no use here: a graphed discriminator keeps the
activations of one batch, and a step needs those of two before it goes backward.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu.machine import repeated
from benchmarks.steps.theirs import Expert, Written
from benchmarks.steps.workloads import KEPT_BATCHES

EXPERT, GRAPH, WRITTEN = "torch expert", "torch graph", "torch"
WARM_UP = 3


def set_tf32(allowed: bool) -> None:
    """Let PyTorch multiply and convolve float32 arrays in TF32, or not. Left alone it would convolve so."""
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


class TunedExpert(Expert):
    """Has cuDNN try its algorithms first, since the shapes never change."""

    def step(self) -> dict[str, torch.Tensor]:
        torch.backends.cudnn.benchmark = True
        try:
            return super().step()
        finally:
            torch.backends.cudnn.benchmark = False


class Graphed(TunedExpert):
    """Its whole step is captured once, and replayed with new batches and new random numbers."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        batches = [next(self.real) for _ in range(KEPT_BATCHES)]
        self.inputs = [x.clone() for x in itertools.islice(itertools.cycle(batches), self.config.critic_steps)]
        self.source, self.real = itertools.cycle(batches), itertools.cycle(self.inputs)
        self.replay = captured(super().step, self.device)

    def optimizer(self, network: Any) -> torch.optim.Optimizer:
        """Adam in one kernel that counts its steps on the device."""
        capturable = self.device != "cpu"
        settings = {"fused": True, "capturable": capturable}
        return torch.optim.Adam(network.parameters(), self.config.lr, self.config.betas, **settings)

    def step(self) -> dict[str, torch.Tensor]:
        for place in self.inputs:
            place.copy_(next(self.source))
        return self.replay()


def captured(step: Callable[[], Any], device: str) -> Callable[[], Any]:
    """A step as a CUDA graph, after a few to warm up on another stream, as PyTorch's manual asks for. On a processor
    the step itself.
    """
    if device == "cpu":
        return step
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    with torch.cuda.graph(graph):
        shown = step()

    def replay() -> Any:
        graph.replay()
        return shown

    return replay


def make_theirs(machine: Any, name: str, peer: str, channels_last: bool = False) -> Written:
    """One of PyTorch's peers for a workload, from the same weights as ours."""
    workload = dataclasses.replace(machine.workload(name), channels_last=channels_last)
    kind = {WRITTEN: Written, EXPERT: TunedExpert, GRAPH: Graphed}[peer]
    return kind(workload, *workload.networks(), machine.torch_device)


def fastest_order(machine: Any, name: str) -> bool:
    """Whether the expert is faster with channels last, by a few steps of each order: an expert would try both."""
    if len(machine.workload(name).shape) == 1:
        return False
    seconds = []
    for channels_last in (False, True):
        step = make_theirs(machine, name, EXPERT, channels_last).step
        trials = []
        for _ in range(WARM_UP + 3):
            trials.append(machine.seconds(repeated(step, 5)).device)
        seconds.append(sorted(trials[WARM_UP:])[1])
    return seconds[1] < seconds[0]
