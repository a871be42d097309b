"""Point clouds in the plane: the toys on which a GAN's habits can be seen and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from minigan.errors import DataError


@dataclass(frozen=True, eq=False)
class PointData:
    """A distribution in the plane, sampled afresh each time: it has no size and no epochs.

    A mixture of equal round Gaussians knows its `centres` `(K, 2)` and their `std`; any other shape has None.
    `draw(n, rng)` is the sampler itself, and gives `(n, 2)`.
    """

    name: str
    centres: np.ndarray | None = field(repr=False)
    std: float | None
    source: str
    draw: Callable[[int, np.random.Generator], np.ndarray] = field(repr=False)

    @property
    def shape(self) -> tuple[int]:
        """The shape of one point: `(2,)`."""
        return (2,)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` fresh points, float32 `(n, 2)`, in the units of the papers (not scaled to [-1, 1])."""
        return self.draw(n, rng).astype(np.float32)

    def scaled(self, factor: float) -> PointData:
        """The same distribution in other units: every point, centre and std times `factor`."""
        return replace(
            self,
            centres=None if self.centres is None else factor * self.centres,
            std=None if self.std is None else factor * self.std,
            source=f"{self.source}, times {factor:g}",
            draw=lambda n, rng: factor * self.draw(n, rng),
        )


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> PointData:
    """Gaussians evenly spaced on a circle, as in Unrolled GAN (arXiv:1611.02163).

    The angles are 2 pi i / modes. The popular `linspace(0, 2 * pi, 8)` counts its end twice, since 0 and 2 pi
    are one angle: it makes 7 centres, one of them twice as heavy, and scores of "8 modes" against them are
    wrong. Raises DataError without at least one mode.
    """
    _at_least_one("modes", modes)
    angles = 2 * np.pi * np.arange(modes) / modes
    centres = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return _mixture("ring", centres, std, f"{modes} Gaussians on a circle of radius {radius:g}")


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> PointData:
    """`side * side` Gaussians on a square grid about the origin, as in PacGAN (arXiv:1712.04086).

    Raises DataError without at least one mode.
    """
    _at_least_one("side", side)
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return _mixture("grid", centres, std, f"{side} x {side} Gaussians, {spacing:g} apart")


def swiss_roll(noise: float = 0.25, scale: float = 7.5) -> PointData:
    """A spiral of one and a half turns, divided by `scale`, as in WGAN-GP (arXiv:1704.00028)."""

    def draw(n, rng):
        angle = 1.5 * np.pi * (1 + 2 * rng.random(n))
        spiral = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])
        return (spiral + noise * rng.standard_normal((n, 2))) / scale

    return PointData("swiss_roll", None, None, f"a spiral with noise of {noise:g}, divided by {scale:g}", draw)


def moons(noise: float = 0.1) -> PointData:
    """Two interleaved half circles of radius 1, each as likely as the other, with Gaussian noise."""

    def draw(n, rng):
        angle = np.pi * rng.random(n)
        upper = np.column_stack([np.cos(angle), np.sin(angle)])
        is_lower = rng.integers(2, size=(n, 1)) == 1
        points = np.where(is_lower, [1.0, 0.5] - upper, upper)
        return points + noise * rng.standard_normal((n, 2))

    return PointData("moons", None, None, f"two half circles with noise of {noise:g}", draw)


def _mixture(name: str, centres: np.ndarray, std: float, source: str) -> PointData:
    """Round Gaussians of one `std` about `centres`, all equally likely."""

    def draw(n, rng):
        chosen = centres[rng.integers(len(centres), size=n)]
        return chosen + std * rng.standard_normal((n, 2))

    return PointData(name, centres, std, f"{source}, std {std:g}", draw)


def _at_least_one(what: str, count: int) -> None:
    if count < 1:
        raise DataError(f"{what} must be at least 1, not {count}.")
