"""A training step of this library, as its trainer takes it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.steps.workloads import Workload
from minigan.data import ImageData, PointData, ring
from minigan.models import models
from minigan.training import Trainer

MODEL = "the networks of a benchmark"


def make_trainer(workload: Workload, **changes: Any) -> Trainer:
    """A trainer of the workload's networks, with its batches. It keeps no average, as PyTorch's loops keep none."""
    G, D = workload.networks()
    models[MODEL] = lambda shape, latent_size, **_: (G, D)
    try:
        trainer = Trainer(workload.config(model=MODEL, **changes), _data(workload))
    finally:
        del models[MODEL]
    trainer.batches = _Batches(workload.batches())
    trainer.average.update = lambda network, t: None
    return trainer


def _data(workload: Workload) -> ImageData | PointData:
    """What tells a trainer the shape of the samples."""
    if len(workload.shape) == 1:
        return ring()
    return ImageData("random", np.zeros((workload.batch, *workload.shape), np.uint8), None, "zeros")


class _Batches:
    """Prepared batches, over and over."""

    def __init__(self, batches: list[np.ndarray]) -> None:
        self.kept = batches
        self.next = itertools.cycle(batches).__next__
