"""What a run is and how far it came, in words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from minigan.nn import summary
from minigan.training import checkpoint
from minigan.training.record import read_metrics
from minigan.training.run import load_config
from minigan.training.trainer import build


def describe(folder: Path) -> str:
    """Settings, progress, last losses and the two networks of a run. CheckpointError if it is none."""
    config = load_config(folder)
    state = checkpoint.newest(folder / "checkpoints")
    done = state[1]["steps"] if state else 0
    lines = [f"run {folder}: step {done} of {config.steps}"]
    lines += [f"  {name:<16}{value}" for name, value in dataclasses.asdict(config).items()]
    rows = read_metrics(folder / "metrics.csv")
    if rows:
        step, d_loss, g_loss, penalty = rows[-1]
        lines.append(f"step {step}: discriminator {d_loss:.4f}, generator {g_loss:.4f}, penalty {penalty:.4f}")
    if state:
        shape = tuple(state[1]["data"]["shape"])
        networks = build(config, shape, np.random.default_rng(0))
        inputs = (config.latent_size,), shape
        for player, network, input_shape in zip(("generator", "discriminator"), networks, inputs, strict=True):
            lines += ["", player, summary(network, input_shape)]
    return "\n".join(lines)
