"""Training steps of this library on the device, from batches that lie there: reading data is not part of a step.

Latents, interpolation weights and dropout masks are drawn on the host and sent, as always; that is part of the step.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.steps.ours import make_trainer
from minigan.backend import to_device
from minigan.nn import ParameterBuffer
from minigan.training import Trainer


def make_ours(machine: Any, name: str) -> Trainer:
    """The trainer of a workload, always from the same weights."""
    trainer = make_trainer(machine.workload(name), device=machine.device)
    batches = [to_device(x, machine.device) for x in trainer.batches.kept]
    trainer.batches.next = itertools.cycle(batches).__next__
    return trainer


def weights(trainer: Trainer) -> np.ndarray:
    """All weights of both networks, on the host: (n,)."""
    networks = (trainer.generator, trainer.discriminator)
    return np.concatenate([ParameterBuffer.of(network.parameters()).data.get() for network in networks])


def same_weights(one: Trainer, other: Trainer) -> bool:
    """Whether two trainers ended at the same place, bit for bit."""
    return weights(one).tobytes() == weights(other).tobytes()
