"""Mode collapse: a generator that learns faster than its discriminator puts all it has on one mode.

Five steps of the generator for each of a slow discriminator let it move every point to where the discriminator says
"real" loudest. By the time the discriminator has learnt that this mode comes too often, the points have gone to
another, and so on round the ring (Metz, Poole, Pfau, Sohl-Dickstein 2016, Unrolled GANs, arXiv:1611.02163, figure 2).
With one step each, at one rate, the same networks find all eight modes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

import minigan as mg
from benchmarks.failures.networks import dense_network, panels
from minigan import nn, optim
from minigan.data import ring
from minigan.plotting import GENERATED, REAL

DATA = ring(std=0.02)
BATCH = 128
SHOWN = 1000


@dataclasses.dataclass(frozen=True)
class Run:
    """Snapshots of a training: at each step, `points` `(N, 2)` of the generator."""

    name: str
    steps: list[int]
    points: list[np.ndarray]

    def modes(self) -> list[int]:
        """How many modes are the nearest to at least 2 % of the points, at each snapshot: a moving target may miss."""
        return [int((shares >= 0.02).sum()) for shares in map(_shares, self.points)]

    def largest(self) -> list[float]:
        """The share of the points nearest to the mode that has most of them; 1/8 if all have equally many."""
        return [float(_shares(points).max()) for points in self.points]


def train(name: str, d_lr: float, g_steps: int, *, steps: int, snapshots: int, width: int) -> Run:
    """Train with the non-saturating loss, Adam (0.5, 0.999), the generator at rate 1e-3."""
    rng = np.random.default_rng(0)
    G, D = dense_network(2, width, 2, nn.ReLU, rng), dense_network(2, width, 1, nn.ReLU, rng)
    g_optimizer = optim.Adam(G.parameters(), 1e-3, betas=(0.5, 0.999))
    d_optimizer = optim.Adam(D.parameters(), d_lr, betas=(0.5, 0.999))
    loss = mg.gan.losses["non-saturating"]

    def z(n=BATCH):
        return rng.standard_normal((n, 2), dtype=np.float32)

    run = Run(name, [], [])
    for step in range(1, steps + 1):
        real, fake = DATA.sample(BATCH, rng), G(z()).detach()
        d_optimizer.step(mg.grad(loss.discriminator(D(real), D(fake)), D.parameters()))
        for _ in range(g_steps):
            with nn.freezing(D):
                g_optimizer.step(mg.grad(loss.generator(D(G(z()))), G.parameters()))
        if step % (steps // snapshots) == 0:
            run.steps.append(step)
            run.points.append(G(z(SHOWN)).numpy())
    return run


def show(steps: int = 1500, snapshots: int = 6, width: int = 128) -> list[Run]:
    """The collapse, and the same networks with one step of each player at one rate."""
    return [
        train(name, d_lr, g_steps, steps=steps, snapshots=snapshots, width=width)
        for name, d_lr, g_steps in (("five steps of G, slow D", 3e-4, 5), ("one step each", 1e-3, 1))
    ]


def describe(runs: list[Run]) -> str:
    """A line for each snapshot."""
    lines = []
    for run in runs:
        lines.append(f"{run.name}:")
        for step, modes, largest in zip(run.steps, run.modes(), run.largest(), strict=True):
            lines.append(f"  step {step:>5}: {modes} of 8 modes, {largest:.0%} of the points at the largest")
    return "\n".join(lines)


def draw(runs: list[Run]):
    """The snapshots of each run in a row."""
    figure, axes = panels(len(runs), len(runs[0].steps), size=1.6)
    for row, run in zip(axes, runs, strict=True):
        row[0].set_ylabel(run.name, fontsize=8)
        for panel, step, points, modes in zip(row, run.steps, run.points, run.modes(), strict=True):
            panel.scatter(*DATA.centres.T, s=40, color=REAL, alpha=0.35, linewidths=0)
            panel.scatter(*points.T, s=1.5, color=GENERATED, alpha=0.5, linewidths=0)
            panel.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), aspect="equal", xticks=[], yticks=[])
            panel.set_title(f"step {step}: {modes} of 8", fontsize=8)
            panel.spines[:].set_color("0.85")
    return figure


def _shares(points):
    """For each mode, the share of the points to which it is the nearest: (8,)."""
    nearest = np.linalg.norm(points[:, None] - DATA.centres, axis=2).argmin(axis=1)
    return np.bincount(nearest, minlength=len(DATA.centres)) / len(points)
