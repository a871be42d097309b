"""Whether `torch.compile` makes PyTorch a faster peer than its eager step: on the tutorial's DCGAN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.steps.peers import OURS, WRITTEN, make_steps, torch_peers
from benchmarks.steps.timing import CLOCKS, interleaved, summary
from benchmarks.steps.workloads import WORKLOADS

COMPILED = "torch compiled"
WORKLOADS_HERE = ("dcgan28",)


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each workload what the time study gives, with the compiled networks in the expert's place."""
    torch_peers()
    from benchmarks.steps.theirs import Compiled

    progress.reset(total=len(options.only) * options.blocks)
    for name in options.only:
        workload = WORKLOADS[name]
        steps = make_steps(workload, (OURS, WRITTEN))
        steps[COMPILED] = Compiled(workload, *workload.networks()).step
        yield name, summary(interleaved(steps, options.blocks, CLOCKS[options.clock], progress.update))
