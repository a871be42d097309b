"""A run that was stopped, in whatever way, and gone on with is bit for bit the run that never stopped."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_cupy import OutOfMemoryError
from tiny_runs import differing, snapshot, tiny_config, tiny_data, tree

import minigan
from minigan.cli import main
from minigan.files import load_archive
from minigan.training import checkpoint, record, run, train
from minigan.training.record import read_metrics
from minigan.training.run import load_config

STEPS = 60
SETTINGS = ["digits", "--batch-size", "4", "--steps", str(STEPS)]
DRIVER = """
import sys
from minigan.cli import main
from minigan.training import record, run
run.CHECKPOINT_EVERY, record.FRAMES = 3, 20
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def no_curves(monkeypatch):
    """To draw the losses takes longer than the steps here; the runs of test_training do, and processes do."""
    monkeypatch.setattr(record, "loss_curves", lambda path, steps, series: path.touch())


def newest(folder):
    return checkpoint.checkpoints(folder / "checkpoints")[-1]


def assert_same_run(left, right):
    """Equal in every array and random state that was saved, and in every row of the metrics."""
    one, other = load_archive(newest(left)), load_archive(newest(right))
    assert differing(one[0], other[0]) == []
    assert one[1] == other[1]
    assert newest(left).read_bytes() == newest(right).read_bytes()
    assert (left / "metrics.csv").read_bytes() == (right / "metrics.csv").read_bytes()


# --- stopped at a step


RUNS = {
    "images": ("digits", {}),
    "points": ("ring", {}),
    "dropout": ("digits", {"model": "tutorial"}),
    "critic steps and penalty": ("digits", {"loss": "wasserstein", "batch_size": 3}),
}


@pytest.mark.parametrize(
    ("name", "first"),
    [("images", 1), ("images", 4), ("points", 4), ("dropout", 4), ("critic steps and penalty", 1)],
)  # images: at the middle and at the end of an epoch of two batches
def test_training_in_two_parts_is_training_in_one(tmp_path, monkeypatch, name, first):
    monkeypatch.setattr(record, "FRAMES", 1)
    data, chosen = RUNS[name]
    whole, _ = train(tiny_config(data, steps=7, **chosen), tiny_data(data), tmp_path / "whole")
    train(tiny_config(data, steps=first, **chosen), tiny_data(data), tmp_path / "parts")
    parts, _ = train(tiny_config(data, steps=7, **chosen), tiny_data(data), tmp_path / "parts")
    assert differing(snapshot(whole), snapshot(parts)) == []
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert [row[0] for row in read_metrics(tmp_path / "parts" / "metrics.csv")] == list(range(1, 8))
    pictures = [(tmp_path / name / "samples.png").read_bytes() for name in ("whole", "parts")]
    assert pictures[0] == pictures[1]
    for _ in range(2):
        assert {n: loss.item() for n, loss in whole.step().items()} == {n: v.item() for n, v in parts.step().items()}


def test_a_run_that_is_done_does_not_change_when_it_is_resumed(tmp_path):
    train(tiny_config(), tiny_data(), tmp_path)
    before = tree(tmp_path)
    train(tiny_config(), tiny_data(), tmp_path)
    del before[".lock"]  # it holds the number of the process
    assert before.items() <= tree(tmp_path).items()


def test_the_command_line_resumes_with_more_steps(tmp_path, capsys):
    settings = ["train", "digits", "--batch-size", "4"]
    assert main([*settings, "--steps", "5", "--out", str(tmp_path / "whole")]) == 0
    assert main([*settings, "--steps", "2", "--out", str(tmp_path / "parts")]) == 0
    assert main(["train", "--resume", str(tmp_path / "parts"), "--steps", "3"]) == 0
    assert load_config(tmp_path / "parts").steps == 5
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.usefixtures("one_algorithm")
@pytest.mark.parametrize(("first", "then"), [("cpu", "strict"), ("strict", "cpu")])
@pytest.mark.parametrize("name", ["images", "dropout", "critic steps and penalty"])
def test_a_run_goes_on_exactly_on_another_device(tmp_path, name, first, then):
    data, chosen = RUNS[name]
    whole, _ = train(tiny_config(data, steps=4, **chosen), tiny_data(data), tmp_path / "whole")
    train(tiny_config(data, steps=2, device=first, **chosen), tiny_data(data), tmp_path / "parts")
    assert steps_saved(tmp_path / "parts") == 2
    parts, _ = train(tiny_config(data, steps=4, device=then, **chosen), tiny_data(data), tmp_path / "parts")
    assert {p.device.name for p in parts.generator.parameters()} == {then}
    assert differing(snapshot(whole), snapshot(parts)) == []
    left, right = (load_archive(newest(tmp_path / folder))[0] for folder in ("whole", "parts"))
    assert differing(left, right) == []
    assert (tmp_path / "whole" / "metrics.csv").read_bytes() == (tmp_path / "parts" / "metrics.csv").read_bytes()


def test_steps_taken_after_the_checkpoint_leave_no_rows_or_frames_behind(tmp_path):
    train(tiny_config(steps=6), tiny_data(), tmp_path / "whole")
    train(tiny_config(steps=4), tiny_data(), tmp_path / "parts")
    rows = (tmp_path / "parts" / "metrics.csv").read_text()
    (tmp_path / "parts" / "metrics.csv").write_text(rows + "5,9.0,9.0,9.0\n6,9.0,9.0,9.0\n7,9.")
    (tmp_path / "parts" / "frames" / "step_00000099.png").write_bytes(b"of a run that was longer")
    train(tiny_config(steps=6), tiny_data(), tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert tree(tmp_path / "whole" / "frames") == tree(tmp_path / "parts" / "frames")


def test_settings_that_do_not_fit_the_checkpoint_replace_nothing(tmp_path):
    train(tiny_config(), tiny_data(), tmp_path)
    before = tree(tmp_path)
    with pytest.raises(minigan.MiniganError, match="does not fit"):
        train(tiny_config(model="dense"), tiny_data(), tmp_path)
    assert tree(tmp_path) == before


# --- memory that runs out


def without_memory_at(monkeypatch, step, error):
    """In this step no memory is left once the discriminator has moved."""
    generator_gradients = run.Trainer.generator_gradients

    def fail(trainer, real):
        if trainer.steps == step - 1:
            raise error
        return generator_gradients(trainer, real)

    monkeypatch.setattr(run.Trainer, "generator_gradients", fail)


OUT_OF_MEMORY = {
    "of a gpu": (OutOfMemoryError("Out of memory allocating 512 bytes"), "Out of memory allocating 512 bytes"),
    "of the host": (MemoryError("Unable to allocate 1. GiB"), "Unable to allocate 1. GiB"),
    "of python": (MemoryError(), "MemoryError"),
}


@pytest.mark.usefixtures("one_algorithm")
@pytest.mark.parametrize(("device", "other"), [("cpu", "strict"), ("strict", "cpu")])
@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_a_run_that_finds_no_memory_says_so_and_goes_on_exactly(tmp_path, monkeypatch, capsys, kind, device, other):
    error, reason = OUT_OF_MEMORY[kind]
    whole, folder = tmp_path / "whole", tmp_path / "run"
    monkeypatch.setattr(run, "CHECKPOINT_EVERY", 2)
    settings = ["train", "digits", "--batch-size", "4", "--steps", "7"]
    assert main([*settings, "--out", str(whole), "--device", other]) == 0
    with monkeypatch.context() as patch:
        without_memory_at(patch, 6, error)
        capsys.readouterr()
        assert main([*settings, "--out", str(folder), "--device", device]) == 1
    expected = (
        f"minigan: out of memory ({reason}); step_00000004.npz is kept: go on from it with --resume {folder}, once "
        "more memory is free or on another --device, or start a new run with a smaller --batch-size\n"
    )
    assert capsys.readouterr().err == expected
    assert steps_saved(folder) == 4
    assert len(read_metrics(folder / "metrics.csv")) == 4
    assert main(["train", "--resume", str(folder), "--device", other]) == 0
    assert_same_run(whole, folder)


def test_a_run_that_finds_no_memory_early_begins_again(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    settings = ["train", "digits", "--batch-size", "4", "--steps", "3", "--out", str(folder)]
    with monkeypatch.context() as patch:
        without_memory_at(patch, 1, MemoryError("too much"))
        assert main(settings) == 1
    expected = "minigan: out of memory (too much); ask for less, such as a smaller --batch-size or --n\n"
    assert capsys.readouterr().err == expected
    assert not folder.exists()
    with monkeypatch.context() as patch:
        without_memory_at(patch, 3, MemoryError("too much"))
        assert main(settings) == 1
    expected = "before a checkpoint was written; start again with a smaller --batch-size\n"
    assert capsys.readouterr().err == "minigan: out of memory (too much), " + expected
    assert steps_saved(folder) == 0
    assert main(["train", "--resume", str(folder)]) == 0
    assert steps_saved(folder) == 3


# --- processes that are stopped from outside


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert main(["train", *SETTINGS, "--out", str(folder)]) == 0
    return folder


@contextlib.contextmanager
def process(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(Path(minigan.__file__).parents[1])}
    command = [sys.executable, "-c", DRIVER, "train", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def steps_saved(folder):
    found = checkpoint.checkpoints(folder / "checkpoints")
    return int(found[-1].stem.removeprefix("step_")) if found else 0


def wait_for_step(folder, step, running):
    """Wait until a running process has saved a checkpoint of this step or a later one."""
    limit = time.monotonic() + 60
    while steps_saved(folder) < step:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < limit
        time.sleep(0.002)


def begin_or_resume(folder):
    started = (folder / "config.json").exists()
    return process("--resume", folder) if started else process(*SETTINGS, "--out", folder)


def kill_at_random_moments(folder, kills, rng):
    for kill in range(kills):
        with begin_or_resume(folder) as running:
            wait_for_step(folder, (kill + 1) * STEPS * 2 // (3 * kills + 3), running)
            time.sleep(rng.uniform(0, 0.04))
            assert running.poll() is None
            running.kill()
        for path in checkpoint.checkpoints(folder / "checkpoints"):
            load_archive(path)


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    kill_at_random_moments(folder, 3, np.random.default_rng(0))
    assert main(["train", "--resume", str(folder)]) == 0
    assert_same_run(folder, uninterrupted)
    assert not list(folder.rglob("*unfinished"))
    assert (folder / "samples.png").read_bytes() == (uninterrupted / "samples.png").read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"])
def test_a_signal_ends_the_step_saves_and_says_how_to_go_on(tmp_path, uninterrupted, number, code):
    folder = tmp_path / "a run"
    with process(*SETTINGS, "--out", folder) as running:
        wait_for_step(folder, 6, running)
        running.send_signal(number)
        output, errors = running.communicate(timeout=60)
    assert running.returncode == code
    assert errors == ""
    done = steps_saved(folder)
    assert f"stopped after step {done}; go on with: minigan train --resume '{folder}'\n" in output
    assert 6 <= done < STEPS
    assert [row[0] for row in read_metrics(folder / "metrics.csv")] == list(range(1, done + 1))
    assert {"samples.png", "losses.png", "samples.gif"} <= {path.name for path in folder.iterdir()}
    assert main(["train", "--resume", str(folder)]) == 0
    assert_same_run(folder, uninterrupted)


def test_a_run_that_is_still_being_written_is_left_alone(tmp_path, capsys):
    folder = tmp_path / "run"
    with process(*SETTINGS[:-1], "100000", "--out", folder) as running:
        wait_for_step(folder, 3, running)
        before = (folder / "config.json").read_bytes()
        assert main(["train", "--resume", str(folder), "--steps", "7"]) == 1
        assert running.poll() is None
        expected = f"minigan: the run {re.escape(str(folder))} is still being written by process {running.pid}; .*\n"
        assert re.fullmatch(expected, capsys.readouterr().err)
        assert (folder / "config.json").read_bytes() == before
        assert main(["info", str(folder)]) == 0
        assert main(["sample", str(folder), "-o", str(tmp_path / "a.png"), "--n", "4"]) == 0


def test_a_second_ctrl_c_does_not_wait(tmp_path, monkeypatch):
    def interrupted_twice(trainer):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(run.Trainer, "step", interrupted_twice)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config(), tiny_data(), tmp_path)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
