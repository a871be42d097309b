"""One run: train by a recipe, and score the averaged generator and the last one."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np

from benchmarks.modes.recipes import DATA
from minigan.data import PointData
from minigan.metrics import count_modes
from minigan.training import Config, Trainer, generate

SAMPLE_SIZES = (2_500, 25_000)
"""What the papers take, and ten times as many, so that chance hides less."""

SHOWN = 1000
CHECK_EVERY = 100
EVALUATION = 1
"""Keeps the latents of the evaluation apart from those of the training, which descend from the seed alone."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run gives: a record for the results file, and points of the averaged generator `(1000, 2)`."""

    record: dict[str, Any]
    points: np.ndarray


def run(recipe: str, settings: dict[str, Any], seed: int) -> Result:
    """Train with the settings of a recipe and a seed, then score. A run whose losses are not finite ends early."""
    data = DATA[settings["data"]]
    start = time.process_time()
    with np.errstate(all="ignore"):  # what diverges is reported, once
        trainer = Trainer(Config(**settings, seed=seed), data)
        diverged = train(trainer)
        seconds = time.process_time() - start
        latents = trainer.latents(max(SAMPLE_SIZES), np.random.default_rng([seed, EVALUATION]))
        averaged = generate(trainer.average.network, latents)
        raw = generate(trainer.generator, latents)
    record = {
        "recipe": recipe,
        "data": settings["data"],
        "seed": seed,
        "cpu_seconds": round(seconds, 1),
        "diverged": diverged,
        "averaged": scores(averaged, data),
        "raw": scores(raw, data),
    }
    return Result(record, averaged[:SHOWN])


def train(trainer: Trainer) -> int | None:
    """All steps of the configuration; the step at which the losses were seen not to be finite, or None."""
    for step in range(1, trainer.config.steps + 1):
        losses = trainer.step()
        if step % CHECK_EVERY == 0 and not all(math.isfinite(loss.item()) for loss in losses.values()):
            return step
    return None


def scores(samples: np.ndarray, data: PointData) -> dict[str, dict[str, Any]]:
    """The mode report of the first 2,500 samples and of all 25,000, as JSON holds it: None for NaN."""
    reports = (dataclasses.asdict(count_modes(samples[:n], data.centres, data.std)) for n in SAMPLE_SIZES)
    return {str(report["n"]): {name: _rounded(value) for name, value in report.items()} for report in reports}


def _rounded(value):
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value
