"""Checkpoints: all that a run needs to go on exactly, in one file without pickles."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data import ImageData, PointData
from minigan.errors import CheckpointError, MiniganError
from minigan.files import load_archive, save_archive
from minigan.training.config import Config, ConfigError, from_dict
from minigan.training.trainer import Trainer

VERSION = 1
KEPT = 2
"""How many of the newest checkpoints a run keeps: one to fall back on."""


def save(trainer: Trainer, folder: Path) -> Path:
    """Write `step_XXXXXXXX.npz` into the folder, atomically, and drop all but the newest `KEPT`."""
    path = folder / f"step_{trainer.steps:08d}.npz"
    parts = _parts(trainer)
    arrays = {f"{part}/{name}": a for part, owner in parts.items() for name, a in owner.state_dict().items()}
    meta = {
        "version": VERSION,
        "config": dataclasses.asdict(trainer.config),
        "data": fingerprint(trainer.data),
        "steps": trainer.steps,
        "streams": {name: stream.bit_generator.state for name, stream in trainer.streams.items()},
        "batches": trainer.batches.state(),
    }
    save_archive(path, arrays, meta)
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    return sorted(folder.glob("step_*.npz"))


def newest(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The newest checkpoint of a folder as (arrays, meta), or None if there is none.

    Raises CheckpointError if it is damaged (naming the one before it, which stays usable) or newer than this
    version of minigan.
    """
    found = checkpoints(folder)
    if not found:
        return None
    try:
        return read(found[-1])
    except CheckpointError as error:
        if len(found) > 1:
            error.args = (f"{error}. Delete it to go on from {found[-2].name}, which was written before it",)
        raise


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One checkpoint as (arrays, meta); CheckpointError if it is damaged or not one that this version knows."""
    arrays, meta = load_archive(path)
    version = meta.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise CheckpointError(
            f"{path}: format version {version!r}, but this minigan reads up to {VERSION}; update minigan"
        )
    missing = {"config", "data", "steps", "streams", "batches"} - set(meta)
    if missing:
        raise CheckpointError(f"{path}: this is no checkpoint of a run, it lacks {sorted(missing)}")
    return arrays, meta


def restore(trainer: Trainer, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Put a trainer into the saved state: it goes on as if it had never stopped.

    Raises CheckpointError if the checkpoint is of another model or data set.
    """
    if meta["data"] != fingerprint(trainer.data):
        raise CheckpointError(
            f"the run was trained on other data ({meta['data']}), here is {fingerprint(trainer.data)}; "
            "give the same data as before with --data"
        )
    try:
        for part, owner in _parts(trainer).items():
            owner.load_state_dict(_part(arrays, part))
        for name, stream in trainer.streams.items():
            stream.bit_generator.state = meta["streams"][name]
        trainer.batches.restore(meta["batches"])
    except (KeyError, TypeError, ValueError, MiniganError) as error:
        raise CheckpointError(f"the checkpoint does not fit the model {trainer.config.model!r}: {error}") from error
    trainer.steps = meta["steps"]


def config_of(meta: dict[str, Any]) -> Config:
    """The settings that a checkpoint was written with; CheckpointError if this version does not know them."""
    try:
        return from_dict(meta["config"])
    except ConfigError as error:
        raise CheckpointError(f"cannot use the settings in the checkpoint: {error}") from error


def average_state(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state of the averaged generator, which samples are drawn from."""
    return _part(arrays, "average")


def fingerprint(data: ImageData | PointData) -> dict[str, Any]:
    """What tells one data set from another: the name of a distribution, the size and digest of images."""
    if isinstance(data, PointData):
        return {"name": data.name, "shape": list(data.shape)}
    digest = hashlib.sha256(np.ascontiguousarray(data.images)).hexdigest()
    return {"shape": list(data.shape), "images": len(data), "sha256": digest}


def _parts(trainer: Trainer) -> dict[str, Any]:
    return {
        "generator": trainer.generator,
        "discriminator": trainer.discriminator,
        "average": trainer.average.network,
        "generator optimizer": trainer.g_optimizer,
        "discriminator optimizer": trainer.d_optimizer,
        "loss": trainer.loss,
    }


def _part(arrays: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    return {name.partition("/")[2]: a for name, a in arrays.items() if name.partition("/")[0] == part}
