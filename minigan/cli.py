"""The command line: `minigan train`, `minigan sample`, `minigan info`, `minigan gradcheck`."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from minigan import __version__
from minigan.book import command as book
from minigan.errors import DeviceError, MiniganError, UsageError
from minigan.gan import losses, penalties
from minigan.optim import optimizers, schedules

FAILURE, USAGE = 1, 2
FIXED = ("model", "loss", "penalty", "batch_size", "lr", "seed", "critic_steps", "updates", "optimizer", "d_lr")
FIXED += ("schedule", "lr_end", "penalty_weight", "penalty_end", "constraint", "clip", "instance_noise")
"""Settings of a run that the command line can choose, and a resumed run keeps."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for a failure, 2 for wrong usage, 128 + n after signal n."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return USAGE
    try:
        code = options.command(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of the output, such as `head`, went away; so does what is left of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except KeyboardInterrupt:
        return _fail("interrupted", 128 + signal.SIGINT)
    except MiniganError as error:
        return _fail(str(error), USAGE if isinstance(error, UsageError | DeviceError) else FAILURE)
    except MemoryError as error:
        reason = str(error) or type(error).__name__
        return _fail(f"out of memory ({reason}); ask for less, such as a smaller --batch-size or --n", FAILURE)
    except OSError as error:
        return _fail(f"cannot go on: {error}; check the path and the disk", FAILURE)


def _fail(message: str, code: int) -> int:
    print(f"minigan: {message}", file=sys.stderr)
    return code


def build_parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    parser = argparse.ArgumentParser(prog="minigan", description="GANs from scratch on NumPy.")
    parser.add_argument("--version", action="version", version=f"minigan {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands")
    _add_train(commands)
    _add_sample(commands)
    _add_info(commands)
    _add_gradcheck(commands)
    book.add_parser(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    train = commands.add_parser(
        "train",
        help="train a GAN and save a picture of what it makes",
        description="Train a GAN. Everything goes into a run folder: samples.png, losses.png, samples.gif, "
        "metrics.csv, checkpoints. Ctrl-C stops it; --resume goes on exactly where it stopped.",
    )
    train.add_argument("preset", nargs="?", help="fashion (default), digits, mnist, ring, grid, moons, swiss_roll, ...")
    train.add_argument("--data", metavar="PATH", help="your own data: a folder of images, an .npy, .npz or idx file")
    train.add_argument("--model", help="dcgan, tutorial, dense or toy")
    train.add_argument("--loss", help=", ".join(losses))
    train.add_argument("--penalty", help=", ".join(penalties))
    train.add_argument("--steps", type=int, help="generator steps; with --resume: how many more")
    train.add_argument("--batch-size", type=int)
    train.add_argument("--lr", type=float, help="learning rate, for both networks unless --d-lr is given")
    train.add_argument("--seed", type=int, help="one seed, one result (default 0)")
    train.add_argument("--device", help="cpu, cuda, cuda:1, ... or strict (default: MINIGAN_DEVICE, else cpu)")
    train.add_argument("--out", metavar="FOLDER", help="the run folder (default: runs/NAME)")
    train.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    _add_game(train.add_argument_group("the game"))
    train.set_defaults(command=_train)


def _add_game(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--critic-steps", type=int, help="steps of the discriminator for one of the generator")
    group.add_argument("--updates", help="alternating, simultaneous or extragradient")
    group.add_argument("--optimizer", help=", ".join(optimizers))
    group.add_argument("--d-lr", type=float, help="the discriminator's own learning rate (two time scales)")
    group.add_argument("--schedule", help=", ".join(schedules) + "; of the learning rate, over the whole run")
    group.add_argument("--lr-end", type=float, help="where the schedule ends")
    group.add_argument("--penalty-weight", type=float, help="lambda or gamma of the papers")
    group.add_argument("--penalty-end", type=float, help="what the weight is annealed to")
    group.add_argument("--constraint", help="on the discriminator's weights: none, clip or spectral")
    group.add_argument("--clip", type=float, help="the bound of --constraint clip (default 0.01)")
    group.add_argument("--instance-noise", type=float, help="std of noise on all samples, annealed to 0")


def _add_sample(commands: argparse._SubParsersAction) -> None:
    sample = commands.add_parser("sample", help="draw samples from a trained run")
    sample.add_argument("run", help="the run folder, such as runs/fashion")
    sample.add_argument("--n", type=int, default=64, help="how many (default 64)")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--interpolate", action="store_true", help="rows that walk from one random latent to another")
    sample.add_argument("--device", help="cpu, cuda, cuda:1, ... or strict (default: MINIGAN_DEVICE, else cpu)")
    sample.add_argument("-o", "--output", help="the PNG file (default: RUN/sample-SEED.png)")
    sample.set_defaults(command=_sample)


def _add_info(commands: argparse._SubParsersAction) -> None:
    info = commands.add_parser("info", help="show what a run is and how far it came")
    info.add_argument("run", help="the run folder, such as runs/fashion")
    info.set_defaults(command=_info)


def _add_gradcheck(commands: argparse._SubParsersAction) -> None:
    gradcheck = commands.add_parser(
        "gradcheck",
        help="prove every derivative against numerical ones",
        description="Compare the derivatives of every op, layer, loss and penalty with central differences in "
        "float64, and print the worst relative error at each order.",
    )
    gradcheck.add_argument("names", nargs="*", metavar="NAME", help="tanh, BatchNorm, wgan-gp, ...; or op, layer, ...")
    gradcheck.add_argument("--order", type=int, default=3, help="the highest order of differentiation (default 3)")
    gradcheck.add_argument("--device", help="cpu, cuda, cuda:1, ... or strict (default: MINIGAN_DEVICE, else cpu)")
    gradcheck.add_argument("--plot", metavar="FILE", help="draw the error against the step size into this PNG file")
    gradcheck.set_defaults(command=_gradcheck)


def _train(options: argparse.Namespace) -> int:
    return _start(options) if options.resume is None else _resume(options)


def _start(options: argparse.Namespace) -> int:
    from minigan.backend import get_device
    from minigan.data import PRESETS, load
    from minigan.training import new_folder, resolve
    from minigan.training.config import check_name

    if options.preset is not None and options.data is not None:
        raise UsageError(f"expected a preset or --data, got both ({options.preset} and {options.data}); leave one out")
    if options.data is not None:
        name = _absolute(options.data)
    else:
        name = "fashion" if options.preset is None else options.preset
        check_name("preset (for your own images: --data PATH)", name, PRESETS)
    chosen = {key: getattr(options, key) for key in ("steps", *FIXED)}
    config = resolve(name, device=get_device(options.device).name, **chosen)
    data = load(name)
    return _run(config, data, lambda: new_folder(data.name, options.out))


def _resume(options: argparse.Namespace) -> int:
    import dataclasses

    from minigan.backend import get_device
    from minigan.training import load_config
    from minigan.training.run import load_data, steps_done

    given = [name for name in ("preset", *FIXED, "out") if getattr(options, name) is not None]
    if given:
        raise UsageError(
            f"a resumed run keeps its settings: leave out {', '.join(given)}; --steps, --device and --data may be given"
        )
    folder = Path(options.resume)
    config = load_config(folder)
    if options.data is not None:
        config = dataclasses.replace(config, data=_absolute(options.data))
    if options.device is not None:
        config = dataclasses.replace(config, device=get_device(options.device).name)
    if options.steps is not None:
        if options.steps < 1:
            raise UsageError(f"--steps: expected at least 1 more step, got {options.steps}")
        config = dataclasses.replace(config, steps=steps_done(folder) + options.steps)
    return _run(config, load_data(config), lambda: folder)


def _absolute(path: str) -> str:
    """How a run remembers the path of its data: found from anywhere, never taken for a preset of that name."""
    return str(Path(path).absolute())


def _run(config, data, make_folder) -> int:
    from minigan.training import train
    from minigan.training.run import rehearse

    rehearse(config, data)
    folder = make_folder()
    print(data.source)
    print(f"training {config.model} ({config.loss}) for {config.steps} steps on {config.device}, in {folder}")
    trainer, stop = train(config, data, folder)
    if stop:
        print(f"stopped after step {trainer.steps}; go on with: minigan train --resume {shlex.quote(str(folder))}")
    print(f"samples: {folder / 'samples.png'}")
    return 128 + stop.signal if stop else 0


def _sample(options: argparse.Namespace) -> int:
    from minigan.backend import get_device
    from minigan.training.sampling import save_interpolation, save_samples

    if options.n < 1 or options.seed < 0:
        raise UsageError(f"expected --n of at least 1 and --seed of at least 0, got {options.n} and {options.seed}")
    folder = Path(options.run)
    path = folder / f"sample-{options.seed}.png" if options.output is None else Path(options.output)
    draw = save_interpolation if options.interpolate else save_samples
    draw(folder, path, n=options.n, seed=options.seed, device=get_device(options.device))
    print(path)
    return 0


def _info(options: argparse.Namespace) -> int:
    from minigan.training.report import describe

    print(describe(Path(options.run)))
    return 0


def _gradcheck(options: argparse.Namespace) -> int:
    from minigan.backend import get_device
    from minigan.checks import check, select, table

    if options.order < 1:
        raise UsageError(f"--order: expected at least 1, got {options.order}")
    cases, device, rows = select(options.names), get_device(options.device), []
    if options.plot is not None:
        from minigan.checks.steps import save_step_errors

        save_step_errors(options.plot)
    columns = table.widths(cases)
    print(table.header(columns, options.order))
    for case in cases:
        rows.append(check(case, options.order, device))
        print(table.line(rows[-1], columns, options.order))
    print(table.conclusion(rows))
    if options.plot is not None:
        print(f"error against step size: {options.plot}")
    return FAILURE if any(row.failure for row in rows) else 0
