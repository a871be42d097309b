"""Time of a penalty and its weight gradients, closed form beside double backward: `python -m benchmarks.penalty`.

WGAN-GP on two critics in float32: a dense one for points in the plane, and a convolutional one for 28x28 images.
First both ways must agree. Then they take turns in one process of one thread, and the ratio of each pair of neighbours
is noted. A turn is a few calls after one that does not count: a training run goes one way alone, and the memory that
the other way leaves behind costs time. The times are those of the processor, in which other programs count little.
The medians are printed and written to results/penalty.json.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import minigan as mg
from minigan import nn
from minigan.gan import penalties

RESULTS = Path(__file__).parent / "results" / "penalty.json"
PENALTY = penalties["wgan-gp"]
CALLS = 5
"""How many calls make one turn."""
AGREEMENT = 1e-4
"""The largest difference allowed, of float32 gradients, relative to the largest of them."""

Gradients = Callable[[], list[mg.Tensor]]


def main() -> None:
    """Check that both ways agree, time both, write and print the medians."""
    rows = {name: measure(*ways(D, shape), turns) for name, D, shape, turns in cases(np.random.default_rng(0))}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(environment() | {"critics": rows}, indent=2) + "\n")
    for name, row in rows.items():
        print(
            f"{name}: closed form {row['closed_form_ms']} ms, double backward {row['double_backward_ms']} ms, "
            f"ratio {row['ratio']}"
        )


def cases(rng: np.random.Generator) -> list[tuple[str, nn.Sequential, tuple[int, ...], int]]:
    """(name, critic, shape of a batch, number of turns)."""
    toy = nn.Sequential(
        nn.Dense(2, 256, rng=rng),
        nn.LeakyReLU(),
        nn.Dense(256, 256, rng=rng),
        nn.LeakyReLU(),
        nn.Dense(256, 256, rng=rng),
        nn.LeakyReLU(),
        nn.Dense(256, 1, rng=rng),
    )
    convolutional = nn.Sequential(
        nn.Conv2d(1, 64, 5, stride=2, padding=2, rng=rng),
        nn.LeakyReLU(),
        nn.Conv2d(64, 128, 5, stride=2, padding=2, rng=rng),
        nn.LeakyReLU(),
        nn.Flatten(),
        nn.Dense(7 * 7 * 128, 1, rng=rng),
    )
    return [
        ("2-256-256-256-1, batch 256", toy, (256, 2), 101),
        ("28x28 convolutional, batch 64", convolutional, (64, 28, 28, 1), 15),
    ]


def ways(D: nn.Sequential, shape: tuple[int, ...]) -> tuple[Gradients, Gradients]:
    """The closed form and double backward, on the same samples and random numbers."""
    rng = np.random.default_rng(1)
    real, fake = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))

    def closed_form() -> list[mg.Tensor]:
        return PENALTY.gradients(D, real, fake, rng=np.random.default_rng(2))[1]

    def double_backward() -> list[mg.Tensor]:
        return mg.grad(PENALTY(D, real, fake, rng=np.random.default_rng(2)), D.parameters())

    return closed_form, double_backward


def measure(closed_form: Gradients, double_backward: Gradients, turns: int) -> dict[str, float]:
    """Medians of both times and of their ratio."""
    check_agreement(closed_form(), double_backward())
    times = np.array([[seconds(closed_form), seconds(double_backward)] for _ in range(turns)])
    ours, theirs = np.median(times, axis=0)
    return {
        "closed_form_ms": round(1e3 * ours, 2),
        "double_backward_ms": round(1e3 * theirs, 2),
        "ratio": round(float(np.median(times[:, 0] / times[:, 1])), 3),
    }


def check_agreement(ours: list[mg.Tensor], theirs: list[mg.Tensor | None]) -> None:
    """Refuse to time two ways that give different gradients (None stands for zeros)."""
    pairs = [(g.data, 0.0 if h is None else h.data) for g, h in zip(ours, theirs, strict=True)]
    largest = max(abs(g).max() for g, _ in pairs)
    difference = max(abs(g - h).max() for g, h in pairs)
    if not difference <= AGREEMENT * largest:
        raise SystemExit(f"benchmarks: the gradients differ by {difference:.1e}, the largest being {largest:.1e}")


def seconds(function: Gradients) -> float:
    """Processor time of one call, the mean of a turn."""
    function()
    start = time.process_time()
    for _ in range(CALLS):
        function()
    return (time.process_time() - start) / CALLS


def environment() -> dict[str, str | int | None]:
    """What the times depend on."""
    return {
        "date": datetime.date.today().isoformat(),
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "blas_threads": os.environ["OPENBLAS_NUM_THREADS"],
    }


if __name__ == "__main__":
    main()
