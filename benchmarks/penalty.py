"""Time of a penalty and its weight gradients, closed form beside double backward: `python -m benchmarks.penalty`.

WGAN-GP on two critics in float32: a dense one for points in the plane, and a convolutional one for 28x28 images.
First both ways must agree. Then processes of one thread take turns, each going one way alone, as a training run does:
in one process for both, the memory that one leaves behind makes the other faster or slower by up to a third. Times
are those of the processor, in which other programs count little. The medians over the turns are printed and written
to results/penalty.json, with that of the ratio of each pair of neighbours.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import minigan as mg
from minigan import nn
from minigan.gan import penalties

RESULTS = Path(__file__).parent / "results" / "penalty.json"
PENALTY = penalties["wgan-gp"]
WAYS = ("closed form", "double backward")
TURNS, WARM_UP = 5, 3
AGREEMENT = 1e-4
"""The largest difference allowed, of float32 gradients, relative to the largest of them."""

Gradients = Callable[[], list[mg.Tensor | None]]


def main() -> None:
    """Check that both ways agree, time both, write and print the medians."""
    rows = {}
    for name in CRITICS:
        check_agreement(*(gradients(name, way)() for way in WAYS))
        rows[name] = row = measure(name)
        times = ", ".join(f"{way} {row[f'{way}, ms']} ms" for way in WAYS)
        print(f"{name}: {times}, ratio {row['ratio']}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(environment() | {"critics": rows}, indent=2) + "\n")


def toy(rng: np.random.Generator) -> tuple[nn.Sequential, tuple[int, ...], int]:
    """A critic, the shape of a batch, how many calls to time."""
    layers = []
    for features in (2, 256, 256):
        layers += [nn.Dense(features, 256, rng=rng), nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Dense(256, 1, rng=rng)), (256, 2), 200


def convolutional(rng: np.random.Generator) -> tuple[nn.Sequential, tuple[int, ...], int]:
    """The same for images."""
    D = nn.Sequential(
        nn.Conv2d(1, 64, 5, stride=2, padding=2, rng=rng),
        nn.LeakyReLU(),
        nn.Conv2d(64, 128, 5, stride=2, padding=2, rng=rng),
        nn.LeakyReLU(),
        nn.Flatten(),
        nn.Dense(7 * 7 * 128, 1, rng=rng),
    )
    return D, (64, 28, 28, 1), 15


CRITICS = {"2-256-256-256-1, batch 256": toy, "28x28 convolutional, batch 64": convolutional}


def gradients(name: str, way: str) -> Gradients:
    """One way to the weight gradients, always of the same critic, samples and random numbers."""
    rng = np.random.default_rng(0)
    D, shape, _ = CRITICS[name](rng)
    real, fake = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))

    def closed_form() -> list[mg.Tensor | None]:
        return PENALTY.gradients(D, real, fake, rng=np.random.default_rng(1))[1]

    def double_backward() -> list[mg.Tensor | None]:
        return mg.grad(PENALTY(D, real, fake, rng=np.random.default_rng(1)), D.parameters())

    return closed_form if way == WAYS[0] else double_backward


def check_agreement(ours: list[mg.Tensor | None], theirs: list[mg.Tensor | None]) -> None:
    """Refuse to time two ways that give different gradients (None stands for zeros)."""
    pairs = [(g.data, 0.0 if h is None else h.data) for g, h in zip(ours, theirs, strict=True)]
    largest = max(abs(g).max() for g, _ in pairs)
    difference = max(abs(g - h).max() for g, h in pairs)
    if not difference <= AGREEMENT * largest:
        raise SystemExit(f"benchmarks: the gradients differ by {difference:.1e}, the largest being {largest:.1e}")


def measure(name: str) -> dict[str, float]:
    """Medians of the times of both ways, in ms, and of their ratio, over processes that take turns."""
    times = np.array([[milliseconds_elsewhere(name, way) for way in WAYS] for _ in range(TURNS)])
    row = {f"{way}, ms": round(float(t), 2) for way, t in zip(WAYS, np.median(times, axis=0), strict=True)}
    return row | {"ratio": round(float(np.median(times[:, 0] / times[:, 1])), 3)}


def milliseconds_elsewhere(name: str, way: str) -> float:
    """The answer of `milliseconds` in a process of its own, on one thread."""
    command = [sys.executable, "-m", "benchmarks.penalty", name, way]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return float(subprocess.run(command, env=os.environ | threads, capture_output=True, check=True).stdout)


def milliseconds(name: str, way: str) -> float:
    """Processor time of one call, the median of many."""
    function, calls = gradients(name, way), CRITICS[name](np.random.default_rng(0))[2]
    times = []
    for _ in range(WARM_UP + calls):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times[WARM_UP:]))


def environment() -> dict[str, str | int | None]:
    """What the times depend on."""
    return {
        "date": datetime.date.today().isoformat(),
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "threads": 1,
        "turns": TURNS,
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(milliseconds(*sys.argv[1:]))
    else:
        main()
