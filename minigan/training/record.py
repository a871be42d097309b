"""What a run writes for people: metrics.csv, sample grids over time, curves, an animation."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import numpy as np

from minigan.autograd import Tensor
from minigan.backend import array_namespace, to_host
from minigan.data import PointData
from minigan.files import atomic_write
from minigan.plotting import animation, image_grid, loss_curves, save_image_grid, save_png, save_points
from minigan.training.trainer import Trainer

COLUMNS = ("step", "d_loss", "g_loss", "penalty")
FETCH_EVERY = 10
FRAMES = 24
GIF_SIZE = 320


class Record:
    """The metrics and pictures of a run, in its folder."""

    def __init__(self, folder: Path, trainer: Trainer) -> None:
        self.folder = folder
        self.trainer = trainer
        self.frame_every = max(1, trainer.config.steps // FRAMES)
        self.rows = [row for row in read_metrics(folder / "metrics.csv") if row[0] <= trainer.steps]
        self._pending: list[dict[str, Tensor]] = []
        for frame in self.frames():
            if _step_of(frame) > trainer.steps:
                frame.unlink()

    def add(self, losses: dict[str, Tensor]) -> None:
        """Note the losses of a step, on their device."""
        self._pending.append(losses)

    def is_time_to_fetch(self) -> bool:
        """Whether so many losses are noted that it pays to fetch them."""
        return len(self._pending) >= FETCH_EVERY

    def fetch(self) -> list[tuple[float, ...]]:
        """Bring the noted losses to the host in one transfer: the new rows (step, d_loss, g_loss, penalty)."""
        if not self._pending:
            return []
        scalars = [losses[name].data.reshape(()) for losses in self._pending for name in COLUMNS[1:]]
        values = to_host(array_namespace(scalars[0]).stack(scalars)).reshape(len(self._pending), -1)
        first = self.trainer.steps - len(self._pending) + 1
        new = [(first + i, *map(float, row)) for i, row in enumerate(values)]
        self._pending.clear()
        self.rows += new
        return new

    def write_metrics(self) -> None:
        """Write metrics.csv, whole and atomically."""
        lines = [",".join(COLUMNS)] + [",".join(map(repr, row)) for row in self.rows]
        atomic_write(self.folder / "metrics.csv", ("\n".join(lines) + "\n").encode())

    def is_time_for_a_frame(self) -> bool:
        """Whether the step just done is one of the about 24 that are shown."""
        return self.trainer.steps % self.frame_every == 0

    def draw_frame(self) -> None:
        """Save what the generator makes of the fixed latents now."""
        path = self.folder / "frames" / f"step_{self.trainer.steps:08d}.png"
        samples = self.trainer.samples()
        if isinstance(self.trainer.data, PointData):
            self._draw_points(path, samples)
        else:
            save_png(path, image_grid(samples))

    def draw_pictures(self) -> Path:
        """Draw samples.png, losses.png and samples.gif; returns the path of samples.png."""
        path = self.folder / "samples.png"
        samples = self.trainer.samples()
        if isinstance(self.trainer.data, PointData):
            self._draw_points(path, samples)
        else:
            save_image_grid(path, samples)
        self._draw_losses()
        self._animate()
        return path

    def frames(self) -> list[Path]:
        """The saved frames, oldest first."""
        return sorted((self.folder / "frames").glob("step_*.png"))

    def _draw_points(self, path: Path, samples: np.ndarray) -> None:
        rng = np.random.default_rng(0)
        real = self.trainer.data.sample(1000, rng)
        edge = 1.3 * float(np.abs(real).max())  # the same axes in every frame, or the animation would jump
        title = f"{self.trainer.data.name}, step {self.trainer.steps}"
        save_points(path, real, samples, title=title, limits=(-edge, edge))

    def _draw_losses(self) -> None:
        columns = list(zip(*self.rows, strict=True)) or [()] * len(COLUMNS)
        series = {"discriminator": columns[1], "generator": columns[2]}
        if any(columns[3]):
            series["penalty"] = columns[3]
        loss_curves(self.folder / "losses.png", columns[0], series)

    def _animate(self) -> None:
        from PIL import Image  # a dependency of matplotlib

        frames = []
        for path in self.frames():
            with Image.open(path) as image:
                pixels = np.array(image if image.mode == "L" else image.convert("RGB"))
            frames.append(_enlarged(pixels if pixels.ndim == 3 else pixels[..., None]))
        if frames:
            animation(self.folder / "samples.gif", frames)


def read_metrics(path: Path) -> list[tuple[float, ...]]:
    """The rows of a metrics.csv, none if there is no file; lines that are not whole rows are left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):  # the header, and damaged lines
            step, d_loss, g_loss, penalty = line.split(",")
            rows.append((int(step), float(d_loss), float(g_loss), float(penalty)))
    return rows


def is_finite(row: tuple[float, ...]) -> bool:
    """Whether all losses of a row are finite."""
    return all(map(math.isfinite, row))


def _enlarged(pixels: np.ndarray) -> np.ndarray:
    scale = max(1, GIF_SIZE // max(pixels.shape[:2]))
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def _step_of(frame: Path) -> int:
    return int(frame.stem.removeprefix("step_"))
