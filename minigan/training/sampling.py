"""Samples and interpolations from a trained run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minigan import plotting
from minigan.backend import Device, get_device
from minigan.errors import CheckpointError
from minigan.nn import Sequential
from minigan.training import checkpoint
from minigan.training.config import Config
from minigan.training.trainer import build, generate

CHUNK = 256
"""How many samples are made at once."""


def load_generator(folder: Path, device: str | Device | None = None) -> tuple[Sequential, Config]:
    """The averaged generator of the newest checkpoint of a run, and the settings of the run.

    It may be used on any device, wherever the run was trained; without one, on that of MINIGAN_DEVICE, else the CPU.

    Raises CheckpointError if the folder has no checkpoint, or one that cannot be used.
    """
    state = checkpoint.newest(folder / "checkpoints")
    if state is None:
        raise CheckpointError(f"{folder} holds no checkpoint; expected the folder of a run, such as runs/fashion")
    arrays, meta = state
    config = checkpoint.config_of(meta)
    shape = tuple(meta["data"]["shape"])
    generator, _ = build(config, shape, np.random.default_rng(0))
    generator.to(get_device(device))
    try:
        generator.load_state_dict(checkpoint.average_state(arrays))
    except ValueError as error:
        raise CheckpointError(f"the checkpoint in {folder} does not fit the model {config.model!r}: {error}") from error
    return generator, config


def save_samples(folder: Path, path: Path, *, n: int, seed: int, device: str | Device | None = None) -> None:
    """Draw n samples of a run and save them as a PNG grid (points: as a scatter plot)."""
    generator, config = load_generator(folder, device)
    z = np.random.default_rng(seed).standard_normal((n, config.latent_size), dtype=np.float32)
    _save(path, _generate(generator, z), columns=None)


def save_interpolation(folder: Path, path: Path, *, n: int, seed: int, device: str | Device | None = None) -> None:
    """Save rows of 8 pictures that walk from one random latent to another: about n in all."""
    generator, config = load_generator(folder, device)
    columns, rows = 8, max(1, round(n / 8))
    ends = np.random.default_rng(seed).standard_normal((2, rows, config.latent_size), dtype=np.float32)
    z = np.stack([slerp(*ends, t) for t in np.linspace(0, 1, columns)], axis=1)
    _save(path, _generate(generator, z.reshape(-1, config.latent_size)), columns=columns)


def slerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """From rows of a (t = 0) to rows of b (t = 1) along a great circle, length changing evenly.

    Gaussian latents lie near a sphere; the straight line between two of them would leave it (Shoemake 1985,
    White 2016, arXiv:1609.04468). Where a and b are (anti)parallel the line is taken.
    """
    length_a, length_b = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    cosine = (a * b).sum(-1, keepdims=True) / np.maximum(length_a * length_b, 1e-30)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    straight = sine < 1e-4
    safe = np.where(straight, 1.0, sine)
    u = np.where(straight, 1 - t, np.sin((1 - t) * angle) / safe)
    v = np.where(straight, t, np.sin(t * angle) / safe)
    return (u * a + v * b).astype(a.dtype)


def _generate(generator: Sequential, z: np.ndarray) -> np.ndarray:
    return np.concatenate([generate(generator, z[i : i + CHUNK]) for i in range(0, len(z), CHUNK)])


def _save(path: Path, samples: np.ndarray, columns: int | None) -> None:
    if samples.ndim == 2:
        plotting.save_points(path, samples[:0], samples)
    else:
        plotting.save_image_grid(path, samples, columns)
