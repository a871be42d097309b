"""Cycling: gradient descent in a game does not go down to the equilibrium but round it, on the smallest GAN.

The Dirac-GAN (Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406): the generator is one number theta, the data
are 0, the discriminator is one weight psi. The field of both gradients is a rotation about (0, 0):

    simultaneous steps go outward,       r_{k+1}^2 = r_k^2 (1 + h^2 f'(theta_k psi_k)^2), for every rate h
    alternating steps go round for ever  (both eigenvalues have modulus 1 while h f'(0) <= 2)
    R1, instance noise, or a look ahead (extragradient) turn the rotation into an inward spiral
"""

from __future__ import annotations

import functools

import numpy as np

import minigan as mg
from benchmarks.failures.networks import panels
from minigan import optim
from minigan.gan import Game, dirac_gan
from minigan.plotting import GENERATED, GRADIENT

RATE = 0.2
GAMMA = 0.3
NOISE = 0.7
START = (1.0, 1.0)


def show(steps: int = 500) -> dict[str, np.ndarray]:
    """For each way to play, the path of (theta, psi): `(steps + 1, 2)`."""
    game = functools.partial(dirac_gan, mg.gan.losses["minimax"], start=START)
    sgd, extra = (functools.partial(kind, lr=RATE) for kind in (optim.SGD, optim.ExtraSGD))
    penalty = functools.partial(mg.gan.penalties["r1"], rng=np.random.default_rng(0), weight=GAMMA)
    return {
        "simultaneous": path(game(sgd), Game.simultaneous_step, steps),
        "alternating": path(game(sgd), Game.alternating_step, steps),
        "extragradient": path(game(extra), Game.extragradient_step, steps),
        f"simultaneous, R1 {GAMMA}": path(game(sgd, penalty=penalty), Game.simultaneous_step, steps),
        f"simultaneous, noise {NOISE}": path(game(sgd, noise=NOISE), Game.simultaneous_step, steps),
    }


def path(game: Game, step, steps: int) -> np.ndarray:
    """Where the game is at the start and after each step: `(steps + 1, 2)`."""
    points = [game.point()]
    for _ in range(steps):
        step(game)
        points.append(game.point())
    return np.array(points)


def turns(points: np.ndarray) -> float:
    """How many times a path goes round (0, 0)."""
    return abs(np.diff(np.unwrap(np.arctan2(points[:, 1], points[:, 0]))).sum()) / (2 * np.pi)


def describe(paths: dict[str, np.ndarray]) -> str:
    """A line for each way to play."""
    lines = []
    for name, points in paths.items():
        first, last = np.linalg.norm(points[[0, -1]], axis=1)
        steps = len(points) - 1
        lines.append(f"{name:<25} distance {first:.3f} -> {last:.3g} in {steps} steps, {turns(points):.1f} turns")
    return "\n".join(lines)


def draw(paths: dict[str, np.ndarray]):
    """The paths side by side, on the same axes; the equilibrium is the dot in the middle."""
    figure, (row,) = panels(1, len(paths), size=2.2)
    edge = 1.1 * max(np.abs(points).max() for points in paths.values())
    for panel, (name, points) in zip(row, paths.items(), strict=True):
        panel.plot(*points.T, color=GENERATED, linewidth=0.8)
        panel.plot(*points[0], "o", color=GENERATED, markersize=4)
        panel.plot(0, 0, "o", color=GRADIENT, markersize=4)
        panel.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        panel.set_xlabel("θ (generator)")
        panel.set_title(name, fontsize=9)
        panel.grid(color="0.92", linewidth=0.8)
        panel.spines[:].set_color("0.85")
    row[0].set_ylabel("ψ (discriminator)")
    return figure
