"""A run: a folder with its settings, checkpoints, metrics and pictures, from start to end."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np

from minigan.backend import get_device
from minigan.data import ImageData, PointData, load
from minigan.errors import CheckpointError, MiniganError, TrainingError
from minigan.files import atomic_write, lock
from minigan.training import checkpoint, guard
from minigan.training.config import Config, ConfigError, from_dict
from minigan.training.interrupt import StopRequest, stoppable
from minigan.training.record import Record, is_finite
from minigan.training.trainer import Trainer

CHECKPOINT_EVERY = 100


def new_folder(data_name: str, out: str | Path | None = None) -> Path:
    """Make the folder of a new run: `out`, or the first free one of runs/NAME, runs/NAME-2, ...

    Raises TrainingError if `out` exists and holds something, or cannot be made.
    """
    folder = Path(out) if out is not None else _first_free(Path("runs"), data_name)
    _make(folder)
    if any(folder.iterdir()):
        raise TrainingError(f"the folder {folder} is not empty; go on with --resume {folder}, or choose another --out")
    return folder


def save_config(config: Config, folder: Path) -> None:
    """Write config.json."""
    atomic_write(folder / "config.json", (json.dumps(dataclasses.asdict(config), indent=2) + "\n").encode())


def load_config(folder: Path) -> Config:
    """The settings of the run in a folder; CheckpointError if there is none, or its config.json is damaged."""
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise ValueError("it holds no settings")
        return from_dict(settings)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} is not the folder of a run: it has no config.json; expected one such as runs/fashion"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot use {path}: {error}; restore it, or start a new run") from error


def load_data(config: Config) -> ImageData | PointData:
    """The data of a run: a preset, or the path that it was started with."""
    return load(config.data)


def steps_done(folder: Path) -> int:
    """The step of the newest checkpoint in the folder of a run."""
    state = checkpoint.newest(folder / "checkpoints")
    return state[1]["steps"] if state else 0


def rehearse(config: Config, data: ImageData | PointData) -> None:
    """Train one step and throw it away, so that what cannot work is refused before anything is written.

    Raises ConfigError for settings that do not go together, such as a model that does not fit the data;
    MemoryError for a batch that is too large for the device.
    """
    try:
        with get_device(config.device).use(), np.errstate(all="ignore"):
            Trainer(config, data).step()
    except MiniganError:
        raise
    except ValueError as error:
        raise ConfigError(f"these settings do not go together: {error}") from error


def train(config: Config, data: ImageData | PointData, folder: Path) -> tuple[Trainer, StopRequest]:
    """Train in a folder until `config.steps`, from its newest checkpoint if it has one.

    Ctrl-C and SIGTERM end the run after the step at hand; whatever ends it, all that is needed to go on is
    in the folder. Returns the trainer and the request to stop, if there was one.

    Raises TrainingError if a loss is no longer finite, memory runs out (the host's or the device's), or the
    folder cannot be written or is in use; CheckpointError if the newest checkpoint cannot be used.
    """
    try:
        with get_device(config.device).use():
            return _train(config, data, folder)
    except MemoryError as error:  # CuPy's OutOfMemoryError is one
        raise _out_of_memory(error, folder) from error


def _train(config: Config, data: ImageData | PointData, folder: Path) -> tuple[Trainer, StopRequest]:
    trainer = Trainer(config, data)
    for part in ("checkpoints", "frames"):
        _make(folder / part)
    with lock(folder), stoppable() as stop, np.errstate(all="ignore"):
        _go_to_newest(trainer, folder)
        save_config(config, folder)  # only now: settings that do not fit the checkpoint must not replace those that do
        record = Record(folder, trainer)
        with _progress_bar(trainer) as bar:
            while trainer.steps < config.steps and not stop:
                record.add(trainer.step())
                bar.update()
                time_to_draw = record.is_time_for_a_frame()
                time_to_save = trainer.steps % CHECKPOINT_EVERY == 0
                if time_to_draw or time_to_save or record.is_time_to_fetch():
                    _fetch(record, bar)
                if time_to_draw:
                    record.draw_frame()
                if time_to_save:
                    _save(record)
            _fetch(record, bar)
        _save(record)
        record.draw_pictures()
    return trainer, stop


def _go_to_newest(trainer: Trainer, folder: Path) -> None:
    """Put a new trainer into the state of the folder's newest checkpoint; without one it stays at the start."""
    state = checkpoint.newest(folder / "checkpoints")
    if state is not None:
        checkpoint.restore(trainer, *state)


def _fetch(record: Record, bar: object) -> None:
    """Fetch the losses and show them. What is drawn or saved afterwards is finite."""
    rows = record.fetch()
    if not all(map(is_finite, rows)) or not guard.all_finite(record.trainer):
        raise _failure(record)
    if rows:
        bar.set_postfix_str(f"D {rows[-1][1]:.3f}  G {rows[-1][2]:.3f}")


def _save(record: Record) -> None:
    record.write_metrics()
    checkpoint.save(record.trainer, record.folder / "checkpoints")


def _failure(record: Record) -> TrainingError:
    """What went wrong since the last checkpoint, found by repeating the steps from there."""
    good = Trainer(record.trainer.config, record.trainer.data)
    _go_to_newest(good, record.folder)
    saved = f"the checkpoint of step {good.steps} is good" if good.steps else "no checkpoint was written before"
    step, fault = guard.first_fault(good, record.trainer.steps)
    return TrainingError(
        f"stopped, because at step {step} {fault}; {saved}. Try a smaller --lr, or another --loss or --penalty"
    )


def _out_of_memory(error: MemoryError, folder: Path) -> TrainingError:
    """What is left of a run that found no memory, and how to go on: a step cut short is never saved."""
    saved = checkpoint.checkpoints(folder / "checkpoints")
    reason = f"out of memory ({str(error) or type(error).__name__})"
    if not saved:
        return TrainingError(f"{reason}, before a checkpoint was written; start again with a smaller --batch-size")
    return TrainingError(
        f"{reason}; {saved[-1].name} is kept: go on from it with --resume {folder}, once more memory is free or on "
        "another --device, or start a new run with a smaller --batch-size"
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(
            f"cannot make the folder {folder}: {error.strerror}; choose another place for the run"
        ) from error


def _first_free(parent: Path, name: str) -> Path:
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    names = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(folder for folder in (parent / n for n in names) if not folder.exists())


def _progress_bar(trainer: Trainer) -> object:
    from tqdm import tqdm

    return tqdm(
        total=trainer.config.steps,
        initial=trainer.steps,
        unit="step",
        desc=trainer.data.name,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
    )
