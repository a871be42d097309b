"""The commands as a user runs them: what they print, what they leave on the disk, and how they refuse bad input."""

import errno
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import tree

import minigan
from minigan import cli, files
from minigan.backend.strict import counting
from minigan.cli import main
from minigan.files import load_archive, save_archive
from minigan.training import checkpoint, run

TRAIN = ["train", "digits", "--model", "dcgan", "--loss", "non-saturating", "--batch-size", "4", "--steps", "3"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that is done; not to be written to."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert main([*TRAIN, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, finished):
    """The current folder, with a run in it and a file of the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIGAN_DEVICE", raising=False)
    shutil.copytree(finished, "run")
    Path("precious").write_text("of the user")
    return tmp_path


def refused(capsys, place, arguments, code, *parts):
    """Assert that a command ends with this code and one clear line, and leaves every file as it was."""
    before = tree(place)
    assert main(list(map(str, arguments))) == code
    errors = capsys.readouterr().err
    assert errors.startswith("minigan: ")
    assert errors.count("\n") == 1
    assert errors.endswith("\n")
    for part in parts:
        assert part in errors
    assert tree(place) == before


def command(*arguments, **environment):
    """Run `python -m minigan` in a process of its own."""
    path = str(Path(minigan.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    line = [sys.executable, "-m", "minigan", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=120, check=False)


# --- commands that work


def test_training_prints_what_it_does_and_no_progress_where_nobody_watches(tmp_path):
    folder = tmp_path / "run"
    done = command(*TRAIN, "--out", folder)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "1,797 handwritten digits" in lines[0]
    assert lines[1] == f"training dcgan (non-saturating) for 3 steps on cpu, in {folder}"
    assert lines[2] == f"samples: {folder / 'samples.png'}"
    with Image.open(folder / "samples.png") as image:
        assert min(image.size) >= 500


def test_on_a_terminal_a_bar_shows_losses_and_time_left(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main([*TRAIN, "--out", str(tmp_path / "run")]) == 0
    bar = capsys.readouterr().err
    assert "digits: 100%" in bar
    assert "3/3 [" in bar
    assert "<00:00" in bar
    assert re.search(r"D \d\.\d{3}  G \d\.\d{3}", bar)


def test_a_run_gets_the_first_free_folder_below_runs(place, capsys):
    assert main(TRAIN) == 0
    assert main(TRAIN) == 0
    assert sorted(path.name for path in Path("runs").iterdir()) == ["digits", "digits-2"]
    assert "in runs/digits-2\n" in capsys.readouterr().out


def test_every_flag_reaches_the_settings(place):
    flags = (
        "--model dense --loss minimax --penalty wgan-gp --steps 1 --batch-size 5 --lr 0.003 --seed 7 --device strict"
    )
    assert main(["train", "digits", *flags.split(), "--out", "mine/deep"]) == 0
    settings = json.loads(Path("mine/deep/config.json").read_text())
    expected = {"data": "digits", "model": "dense", "loss": "minimax", "penalty": "wgan-gp", "steps": 1}
    expected |= {"batch_size": 5, "lr": 0.003, "seed": 7, "device": "strict"}
    assert settings.items() >= expected.items()


def test_without_a_preset_it_is_fashion(monkeypatch):
    chosen = []
    monkeypatch.setattr(cli, "_run", lambda config, data, make_folder: chosen.append((config.data, data.name)) or 0)
    assert main(["train"]) == 0
    assert chosen == [("fashion", "fashion")]


def test_own_images_are_found_again_from_anywhere_even_if_called_like_a_preset(place, monkeypatch):
    Path("ring").mkdir()
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)):
        Image.fromarray(pixels).save(f"ring/{i}.png")
    assert main(["train", "--data", "ring", "--batch-size", "4", "--steps", "2", "--out", "own"]) == 0
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["train", "--resume", "../own", "--steps", "1"]) == 0
    Path("../ring").rename("moved")
    assert main(["train", "--resume", "../own", "--steps", "1"]) == 1
    assert main(["train", "--resume", "../own", "--steps", "1", "--data", "moved"]) == 0
    assert run.steps_done(Path("../own")) == 4


def test_points_are_trained_sampled_and_resumed(place):
    assert main(["train", "ring", "--steps", "1", "--batch-size", "8", "--out", "points"]) == 0
    assert main(["train", "--resume", "points", "--steps", "1"]) == 0
    assert main(["sample", "points", "--n", "5"]) == 0
    assert {"samples.png", "samples.gif", "losses.png", "sample-0.png"} <= {p.name for p in Path("points").iterdir()}


def picture(*arguments):
    assert main(["sample", "run", *map(str, arguments)]) == 0
    return Path(arguments[arguments.index("-o") + 1]).read_bytes()


@pytest.mark.parametrize("kind", [[], ["--interpolate"]])
def test_samples_depend_on_the_seed_alone_and_change_nothing_else(place, kind):
    before = tree(place / "run")
    first = picture(*kind, "-o", "a.png")
    assert first == picture(*kind, "-o", "b.png", "--seed", 0)
    assert first != picture(*kind, "-o", "c.png", "--seed", 1)
    assert tree(place / "run") == before


@pytest.mark.parametrize("kind", [[], ["--interpolate"]])
def test_samples_are_the_same_on_every_device(place, monkeypatch, kind):
    first = picture(*kind, "-o", "a.png")
    with counting() as counts:
        assert picture(*kind, "-o", "b.png", "--device", "cpu") == first
        assert counts.launches == 0
        assert picture(*kind, "-o", "c.png", "--device", "strict") == first
        assert counts.launches > 0
    monkeypatch.setenv("MINIGAN_DEVICE", "strict")
    with counting() as counts:
        assert picture(*kind, "-o", "d.png") == first
        assert counts.launches > 0


@pytest.mark.parametrize(("n", "columns", "rows"), [(1, 1, 1), (5, 3, 2), (64, 8, 8), (300, 18, 17)])
def test_as_many_samples_are_drawn_as_asked_for(place, n, columns, rows):
    picture("--n", n, "-o", "a.png")
    with Image.open("a.png") as image:
        scale = max(1, round(800 / (9 * max(columns, rows) - 1)))
        assert image.size == (scale * (9 * columns - 1), scale * (9 * rows - 1))


def test_an_interpolation_has_rows_of_eight_from_one_latent_to_another(place, monkeypatch):
    seen = []
    from minigan.training import sampling

    monkeypatch.setattr(sampling, "generate", lambda generator, z: seen.append(z) or np.zeros((len(z), 8, 8, 1)))
    assert main(["sample", "run", "--interpolate", "--n", "16", "-o", "a.png"]) == 0
    rows = seen[0].reshape(2, 8, -1)
    ends = np.random.default_rng(0).standard_normal((2, *rows[:, 0].shape), dtype=np.float32)
    np.testing.assert_array_equal(rows[:, [0, -1]], ends.swapaxes(0, 1))
    steps = np.linalg.norm(np.diff(rows, axis=1), axis=-1)
    assert steps.max() < 1.5 * steps.min()


def test_a_sample_has_a_name_of_its_own_inside_the_run_unless_told(place, capsys):
    assert main(["sample", "run", "--seed", "3"]) == 0
    assert capsys.readouterr().out == "run/sample-3.png\n"
    assert Path("run/sample-3.png").exists()


def test_info_shows_progress_settings_losses_and_networks(place, capsys):
    assert main(["info", "run"]) == 0
    text = capsys.readouterr().out
    assert "run run: step 3 of 3" in text
    for part in ("  batch_size      4\n", "  critic_steps    1\n", "step 3: discriminator ", "generator", "Conv2d(1, "):
        assert part in text


def test_the_command_alone_helps(capsys):
    assert main([]) == 2
    alone = capsys.readouterr().out
    for arguments, expected in ((["--help"], alone), (["--version"], f"minigan {minigan.__version__}\n")):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert capsys.readouterr().out == expected
    for name in ("train", "sample", "info"):
        assert f"    {name} " in alone
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0


def test_the_package_is_a_command_and_importing_it_is_light():
    assert command("--version").stdout == f"minigan {minigan.__version__}\n"
    code = "import sys, minigan; print({'matplotlib', 'PIL', 'tqdm', 'cupy'} & set(sys.modules))"
    line = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(minigan.__file__).parents[1])}
    assert subprocess.run(line, capture_output=True, text=True, env=environment, check=True).stdout == "set()\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes that close are a POSIX idea")
def test_a_reader_that_goes_away_is_no_crash(finished):
    line = [sys.executable, "-m", "minigan", "info", str(finished)]
    environment = {**os.environ, "PYTHONPATH": str(Path(minigan.__file__).parents[1])}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


# --- arguments that cannot be


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("train fashon", ["got 'fashon'. Did you mean fashion?", "--data PATH"]),
        ("train xyzzy", ["expected one of fashion, digits", "got 'xyzzy'."]),
        ("train digits --model dcgam", ["model: expected one of", "Did you mean dcgan?"]),
        ("train digits --loss wassertein", ["Did you mean wasserstein?"]),
        ("train digits --penalty wgangp", ["Did you mean wgan-gp?"]),
        ("train digits --steps 0", ["steps: expected a whole number of at least 1, got 0"]),
        ("train digits --steps -5", ["steps"]),
        ("train digits --batch-size 0", ["batch_size: expected a whole number of at least 1, got 0"]),
        ("train digits --seed -1", ["seed: expected a whole number of at least 0, got -1"]),
        ("train digits --lr 0", ["lr: expected a learning rate above 0"]),
        ("train digits --lr -0.1", ["lr"]),
        ("train digits --lr nan", ["lr: expected a number", "got nan"]),
        ("train digits --lr inf", ["got inf"]),
        ("train digits --lr 1e6", ["below 1000"]),
        ("train ring --model dcgan", ["do not go together", "expects images", "use 'toy'"]),
        ("train digits --model toy", ["do not go together", "makes points", "use 'dense'"]),
        ("train digits --model tutorial --batch-size 1", ["use a larger batch"]),
        ("train digits --data images", ["expected a preset or --data, got both"]),
        ("train digits --device gpu", ["expected the device 'cpu', 'cuda', 'cuda:N' or 'strict', got 'gpu'"]),
        ("train digits --device cuda:x", ["got 'cuda:x'"]),
        ("train --resume run --model dense", ["keeps its settings: leave out model"]),
        ("train digits --resume run --seed 3 --out x", ["leave out preset, seed, out"]),
        ("train --resume run --lr 0.1 --batch-size 3", ["leave out batch_size, lr"]),
        ("train --resume run --steps 0", ["--steps: expected at least 1 more step, got 0"]),
        ("train --resume run --device nonsense", ["got 'nonsense'"]),
        ("sample run --n 0", ["--n of at least 1"]),
        ("sample run --n -3", ["--n of at least 1"]),
        ("sample run --seed -1", ["--seed of at least 0"]),
        ("sample run --device nonsense", ["got 'nonsense'"]),
        ("gradcheck tanh --device nonsense", ["got 'nonsense'"]),
    ],
)
def test_wrong_usage_is_exit_code_2(place, capsys, arguments, parts):
    refused(capsys, place, arguments.split(), 2, *parts)


@pytest.mark.parametrize(
    "arguments",
    ["train digits --steps many", "train digits --lr fast", "trian", "train --colour", "sample", "info a b"],
)
def test_what_the_parser_refuses_is_exit_code_2_too(place, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("train digits --batch-size 1798", ["digits has 1797 images", "at most 1797"]),
        ("train ring --batch-size 1000000000000000", ["out of memory", "smaller --batch-size"]),
        ("train --data missing", ["missing: expected a file, a folder"]),
        ("train digits --out run", ["run is not empty; go on with --resume run, or choose another --out"]),
        ("train digits --out precious", ["cannot make the folder precious"]),
        ("train digits --out precious/run", ["cannot make the folder precious/run"]),
        ("train --resume missing", ["missing is not the folder of a run: it has no config.json"]),
        ("train --resume .", [". is not the folder of a run"]),
        ("train --resume precious", ["cannot use precious/config.json"]),
        ("sample missing", ["missing holds no checkpoint"]),
        ("sample precious", ["precious holds no checkpoint"]),
        ("sample run -o missing/a.png", ["cannot write missing/a.png", "create the folder first"]),
        ("sample run -o precious/a.png", ["cannot write precious/a.png"]),
        ("sample run --n 100000000000000", ["out of memory", "--n"]),
        ("info missing", ["missing is not the folder of a run"]),
        ("info precious", ["precious"]),
    ],
)
def test_what_fails_is_exit_code_1(place, capsys, arguments, parts):
    refused(capsys, place, arguments.split(), 1, *parts)


@pytest.mark.parametrize("flag", [["--resume", ""], ["--data", ""]])
def test_an_empty_path_is_no_missing_flag(place, capsys, flag):
    refused(capsys, place, ["train", *flag], 1)


def test_cuda_without_cupy_says_what_to_install(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    refused(capsys, place, ["train", "digits", "--device", "cuda"], 2, "CuPy", "pip install")


def test_a_wrong_variable_is_named(place, capsys, monkeypatch):
    monkeypatch.setenv("MINIGAN_DEVICE", "nonsense")
    refused(capsys, place, ["train", "digits"], 2, "'nonsense' in the environment variable MINIGAN_DEVICE")


# --- data that cannot be


def image(path, size=8):
    Image.new("L", (size, size), 99).save(path)


def mixed_sizes(folder):
    image(folder / "a.png")
    image(folder / "b.png", 12)


def one_broken(folder):
    image(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:40])


def odd_sizes(folder):
    for name in "abcdef":
        image(folder / f"{name}.png", 7)


@pytest.mark.parametrize(
    ("fill", "code", "parts"),
    [
        (lambda folder: None, 1, ["expected images", "but found none"]),
        (mixed_sizes, 1, ["a.png is 8 x 8", "b.png is 12 x 12", "crop or resize"]),
        (one_broken, 1, ["b.png: not a readable image", "repair or remove it"]),
        (lambda folder: image(folder / "a.png"), 1, ["expected at least 2 images"]),
        (odd_sizes, 2, ["divisible by 4, got 7x7", "'dense'"]),
    ],
)
def test_a_folder_of_images_that_cannot_be_used(place, capsys, fill, code, parts):
    folder = place / "images"
    folder.mkdir()
    fill(folder)
    refused(capsys, place, ["train", "--data", "images", "--model", "dcgan", "--batch-size", "2"], code, *parts)


def idx(shape, values):
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return bytes([0, 0, 8, len(shape)]) + sizes + bytes(values)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (idx((4, 8, 8), 255), "only 255 came"),
        (idx((4, 8, 8), 257), "more came"),
        (idx((2**32 - 1,) * 3, 9), "the header promises"),
        (idx((4, 8), 32), "expected images of shape"),
        (b"\0\0\x07\x03", "expected an idx type"),
        (b"\0\0", "begins with"),
        (b"", "begins with"),
        (gzip.compress(idx((4, 8, 8), 256))[:-4], "cannot be read"),
    ],
    ids=["truncated", "oversized", "lying", "no images", "type", "header", "empty", "gzip"],
)
def test_an_idx_file_that_cannot_be_used(place, capsys, content, part):
    Path("a-idx3-ubyte").write_bytes(content)
    refused(capsys, place, ["train", "--data", "a-idx3-ubyte"], 1, "a-idx3-ubyte", part)


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"images": np.array([{}, None], dtype=object)}, "Pickled objects are refused"),
        ({"x": np.zeros(3), "y": np.zeros(3)}, "expected one array, or one called images"),
        ({"x": np.full((3, 8, 8), np.nan)}, "NaN"),
        ({"x": np.full((3, 8, 8), 255.0)}, "scale them"),
    ],
)
def test_an_npz_file_that_cannot_be_used(place, capsys, arrays, part):
    np.savez("a.npz", **arrays)
    refused(capsys, place, ["train", "--data", "a.npz"], 1, "a.npz", part)


def test_other_data_than_before_are_refused(place, capsys):
    np.save("other.npy", np.zeros((6, 8, 8), np.uint8))
    refused(capsys, place, ["train", "--resume", "run", "--data", "other.npy"], 1, "trained on other data")


# --- runs that are damaged


def newest():
    return checkpoint.checkpoints(Path("run/checkpoints"))[-1]


def cut():
    newest().write_bytes(newest().read_bytes()[:-1000])


def rewritten(**changes):
    def rewrite():
        arrays, meta = load_archive(newest())
        save_archive(newest(), arrays, meta | changes)

    return rewrite


def of_another_model():
    assert main(["train", "digits", "--model", "dense", "--batch-size", "4", "--steps", "3", "--out", "dense"]) == 0
    shutil.copy(Path("dense/checkpoints/step_00000003.npz"), newest())


def of_a_newer_setting():
    _, meta = load_archive(newest())
    rewritten(config=meta["config"] | {"warmup": 3})()


def with_arrays_of_another_shape():
    arrays, meta = load_archive(newest())
    name = next(name for name in arrays if name.startswith("average/"))
    save_archive(newest(), arrays | {name: np.zeros(3)}, meta)


@pytest.mark.parametrize(
    ("damage", "commands", "part"),
    [
        (cut, "train sample info", "its checksum is missing or wrong"),
        (rewritten(version=2), "train sample info", "update minigan"),
        (rewritten(version="new"), "train sample info", "format version 'new'"),
        (of_another_model, "train", "does not fit the model 'dcgan'"),
        (of_a_newer_setting, "sample", "newer version of minigan"),
        (with_arrays_of_another_shape, "train sample", "does not"),
        (rewritten(streams={}), "train", "does not fit"),
    ],
    ids=["cut", "newer", "odd version", "other model", "newer setting", "other shape", "no streams"],
)
def test_a_checkpoint_that_cannot_be_used(place, capsys, damage, commands, part):
    damage()
    capsys.readouterr()
    lines = {
        "train": ["train", "--resume", "run", "--steps", "2"],
        "sample": ["sample", "run"],
        "info": ["info", "run"],
    }
    for name in commands.split():
        refused(capsys, place, lines[name], 1, part)


def test_a_cut_checkpoint_names_the_one_before_which_stays_usable(place, capsys):
    assert main(["train", "--resume", "run", "--steps", "1"]) == 0
    capsys.readouterr()
    cut()
    refused(capsys, place, ["train", "--resume", "run"], 1, "Delete it to go on from step_00000003.npz")
    newest().unlink()
    assert main(["train", "--resume", "run"]) == 0
    assert run.steps_done(Path("run")) == 4


def test_a_run_without_a_checkpoint_cannot_be_sampled_but_begun_again(place, capsys):
    newest().unlink()
    refused(capsys, place, ["sample", "run"], 1, "run holds no checkpoint; expected the folder of a run")
    assert main(["info", "run"]) == 0
    assert main(["train", "--resume", "run"]) == 0
    assert run.steps_done(Path("run")) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"betas": 3}',
        b'{"model": []}',
        b'{"speed": 9}',
        b'{"steps": "x"}',
    ],
)
def test_damaged_settings_are_named(place, capsys, content):
    Path("run/config.json").write_bytes(content)
    for arguments in (["train", "--resume", "run"], ["info", "run"]):
        refused(capsys, place, arguments, 1, "cannot use run/config.json", "restore it, or start a new run")


def test_a_file_that_cannot_be_read_is_named(place, capsys):
    Path("run/metrics.csv").unlink()
    Path("run/metrics.csv").mkdir()
    refused(capsys, place, ["info", "run"], 1, "cannot go on", "run/metrics.csv")


# --- disks and numbers that fail


def test_a_full_disk_while_saving_loses_nothing(place, capsys, monkeypatch):
    before = tree(place / "run" / "checkpoints")

    def open_full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "open", open_full, raising=False)
    refused(capsys, place, ["sample", "run"], 1, "No space left on device; free some disk space")
    refused(capsys, place, ["train", "--resume", "run"], 1, "No space left on device; free some disk space")
    monkeypatch.undo()
    monkeypatch.chdir(place)
    save = checkpoint.save

    def save_on_a_full_disk(*arguments):
        monkeypatch.setattr(files, "open", open_full, raising=False)
        return save(*arguments)

    monkeypatch.setattr(checkpoint, "save", save_on_a_full_disk)
    assert main(["train", "--resume", "run", "--steps", "2"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("minigan: cannot write run/checkpoints/step_00000005.npz: No space left on device; free")
    assert errors.count("\n") == 1
    assert tree(place / "run" / "checkpoints") == before
    monkeypatch.undo()
    monkeypatch.chdir(place)
    assert main(["train", "--resume", "run"]) == 0
    assert run.steps_done(Path("run")) == 5


def test_a_learning_rate_that_explodes_ends_with_one_line(place, capsys):
    assert main(["train", "ring", "--lr", "999", "--steps", "300", "--batch-size", "8", "--out", "hot"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("minigan: stopped, because at step ")
    assert "the first layer at fault is " in errors
    assert "Try a smaller --lr" in errors
    assert errors.count("\n") == 1
    assert list(Path("hot/checkpoints").iterdir()) == []


def test_refusals_look_the_same_from_outside(place):
    for arguments, code in (
        (["train", "fashon"], 2),
        (["train", "--resume", "precious"], 1),
        (["train", "ring", "--lr", "999", "--steps", "300", "--batch-size", "8", "--out", "hot"], 1),
    ):
        done = command(*arguments)
        assert done.returncode == code
        assert done.stderr.startswith("minigan: ")
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr + done.stdout
