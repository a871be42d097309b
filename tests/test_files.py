"""Files survive whatever happens while they are written, and say so when they were changed afterwards."""

import contextlib
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan import files
from minigan.errors import CheckpointError, TrainingError
from minigan.files import atomic_write, load_archive, lock, save_archive

ARRAYS = {
    "generator.layers.0/weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "step": np.array(7),
    "nothing": np.zeros((0, 3)),
}
META = {"rng": np.random.default_rng(0).bit_generator.state, "name": "größe", "betas": [0.0, 0.999]}


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def assert_same(left, right):
    assert list(left) == list(right)
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert left[name].tobytes() == right[name].tobytes()


# --- atomic_write


def test_it_writes_and_overwrites_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    atomic_write(path, b"a longer first content")
    atomic_write(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert names_in(tmp_path) == ["a.bin"]


@pytest.mark.skipif(os.name == "nt", reason="modes are a POSIX idea")
def test_a_new_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    atomic_write(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    seen = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor):
        seen.append(("sync", os.fstat(descriptor).st_size, path.read_bytes()))
        fsync(descriptor)

    def spy_replace(source, target):
        seen.append(("replace", Path(source).parent, Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    atomic_write(path, b"new content")
    assert seen[:2] == [("sync", len(b"new content"), b"old"), ("replace", tmp_path, path)]


@pytest.mark.parametrize("interrupt", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_a_failure_at_any_moment_leaves_the_old_file_alone(tmp_path, monkeypatch, moment, interrupt):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_):
        raise interrupt

    if moment == "write":

        def open_failing(*arguments):
            return HalfWriter(open(*arguments, buffering=0), fail)

        monkeypatch.setattr(files, "open", open_failing, raising=False)
    else:
        monkeypatch.setattr(os, moment, fail)
    expected = TrainingError if isinstance(interrupt, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        atomic_write(path, b"new content")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]
    if expected is TrainingError:
        assert str(path) in str(caught.value)
        assert "No space left on device; free some disk space" in str(caught.value)


class HalfWriter:
    """A file whose first write stores half of the bytes and then fails."""

    def __init__(self, file, fail):
        self.file, self.fail = file, fail

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.fail()


def test_a_write_that_the_kernel_stops_half_way_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(TrainingError, match="File too large"):
            atomic_write(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]


def test_a_missing_folder_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "missing" / "a.bin"
    with pytest.raises(TrainingError, match=f"cannot write {re.escape(str(path))}: .*; create the folder first"):
        atomic_write(path, b"new")


def test_a_folder_in_the_place_of_the_file_is_no_crash(tmp_path):
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(TrainingError, match=r"a\.bin"):
        atomic_write(tmp_path / "a.bin", b"new")
    assert names_in(tmp_path) == ["a.bin"]


# --- archives


def test_an_archive_comes_back_and_numpy_can_read_it(tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_archive(path, ARRAYS, META)
    arrays, meta = load_archive(path)
    assert_same(arrays, ARRAYS)
    assert meta == META
    assert meta["rng"]["state"]["state"] > 2**64
    with np.load(path, allow_pickle=False) as other:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(other[name], array)


DTYPES = st.one_of(
    hnp.floating_dtypes(endianness="?"),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.boolean_dtypes(),
)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**120, 2**130) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@drawing(30)
@given(
    arrays=st.dictionaries(
        NAMES,
        hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)),
        max_size=4,
    ),
    meta=st.dictionaries(st.text(), JSON, max_size=4),
)
def test_any_numbers_and_any_meta_come_back_bit_for_bit(tmp_path_factory, arrays, meta):
    path = tmp_path_factory.mktemp("archive") / "a"
    save_archive(path, arrays, meta)
    loaded, loaded_meta = load_archive(path)
    assert_same(loaded, arrays)
    assert loaded_meta == meta
    assert json.dumps(loaded_meta) == json.dumps(meta)


@pytest.mark.parametrize(
    "view",
    [
        np.arange(24.0).reshape(4, 6).T,
        np.arange(24.0).reshape(4, 6)[::-2, 1::3],
        np.broadcast_to(np.float32(2), (3, 2)),
        np.array([np.nan, -0.0, np.inf, 5e-324]),
        np.array(3.5, np.float32),
    ],
)
def test_views_and_odd_values_come_back_bit_for_bit(tmp_path, view):
    save_archive(tmp_path / "a", {"view": view}, {})
    loaded = load_archive(tmp_path / "a")[0]
    assert_same(loaded, {"view": view})
    loaded["view"][...] = 0  # what is loaded can be trained on


def test_the_same_content_makes_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    save_archive(tmp_path / "a", ARRAYS, META)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(10**9))
    save_archive(tmp_path / "b", ARRAYS, META)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_flipped_bit_every_cut_and_every_addition_is_found(tmp_path):
    path = tmp_path / "a.npz"
    save_archive(path, {"w": np.arange(3.0), "b": np.zeros(0)}, {"step": 3})
    good = path.read_bytes()
    damaged = [good[:length] for length in range(len(good))]
    damaged += [good + b"\0", b"\0" + good, good + good]
    for position in range(len(good)):
        changed = bytearray(good)
        changed[position] ^= 1 << position % 8
        damaged.append(bytes(changed))
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=r"a\.npz.*use an earlier one"):
            load_archive(path)
    path.write_bytes(good)
    assert load_archive(path)[1] == {"step": 3}


def test_each_kind_of_unusable_file_is_named(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(CheckpointError, match=r"a\.npz.*check the path"):
        load_archive(path)
    with pytest.raises(CheckpointError, match="check the path"):
        load_archive(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"a\.npz: it is empty"):
        load_archive(path)
    path.write_bytes(b"not a zip file at all, but long enough to hold a digest at its end" * 3)
    with pytest.raises(CheckpointError, match="checksum"):
        load_archive(path)
    np.savez(path, w=np.zeros(3))
    with pytest.raises(CheckpointError, match="checksum"):
        load_archive(path)


def resign(path, entries):
    """Write an archive of other content with a checksum that is right."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
        archive.comment = bytes(64)
    data = path.read_bytes()[:-64]
    path.write_bytes(data + files._digest(data))


def stored(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


class Trap:
    """An object that betrays itself when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize(
    "entries",
    [
        {"w.npy": stored(np.zeros(3))},
        {"meta.json": b"{", "w.npy": stored(np.zeros(3))},
        {"meta.json": b"[]"},
        {"meta.json": b"[" * 100_000},
        {"meta.json": b"\xff\xfe"},
        {"meta.json": b"{}", "w.npy": stored(np.zeros(3))[:-1]},
        {"meta.json": b"{}", "w.npy": b"no array"},
        {"meta.json": b"{}", "w.npy": stored(np.array([Trap()], dtype=object), allow_pickle=True)},
    ],
)
def test_a_right_checksum_over_wrong_content_is_not_believed(tmp_path, entries):
    resign(tmp_path / "a", entries)
    with pytest.raises(CheckpointError, match="not the expected one"):
        load_archive(tmp_path / "a")


def test_the_helper_that_resigns_makes_files_that_load(tmp_path):
    resign(tmp_path / "a", {"meta.json": b'{"step": 1}', "w.npy": stored(np.zeros(3))})
    assert load_archive(tmp_path / "a")[1] == {"step": 1}


@pytest.mark.parametrize(
    "array", [np.array([None]), np.array({}, dtype=object), np.zeros(2, dtype=[("a", float), ("b", object)])]
)
def test_python_objects_are_refused_before_anything_is_written(tmp_path, array):
    with pytest.raises(CheckpointError, match="'w' holds Python objects"):
        save_archive(tmp_path / "a", {"v": np.zeros(2), "w": array}, {})
    assert names_in(tmp_path) == []


def test_a_name_that_would_be_cut_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="rename the array"):
        save_archive(tmp_path / "a", {"w\0x": np.zeros(2)}, {})


def test_a_failed_save_leaves_the_last_checkpoint_usable(tmp_path, monkeypatch):
    path = tmp_path / "a"
    save_archive(path, ARRAYS, {"step": 1})

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TrainingError, match="free some disk space"):
        save_archive(path, ARRAYS, {"step": 2})
    assert load_archive(path)[1] == {"step": 1}
    assert names_in(tmp_path) == ["a"]


# --- processes that die


@contextlib.contextmanager
def running(code, argument):
    command = [sys.executable, "-c", code, str(argument)]
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


SAVE_FOREVER = """
import sys
import numpy as np
from minigan.files import save_archive
step = 0
while True:
    save_archive(sys.argv[1], {"w": np.full(50_000, step)}, {"step": step})
    print(step, flush=True)
    step += 1
"""

HOLD = """
import sys, time
from minigan.files import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_process_killed_while_it_saves_always_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a"
    rng = np.random.default_rng(0)
    for _ in range(4):
        with running(SAVE_FOREVER, path) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
        arrays, meta = load_archive(path)
        assert (arrays["w"] == meta["step"]).all()


def test_a_folder_is_locked_for_others_until_its_holder_dies_even_by_kill_9(tmp_path):
    with running(HOLD, tmp_path) as process:
        assert process.stdout.readline() == "held\n"
        expected = f"the run {re.escape(str(tmp_path))} is still being written by process {process.pid};"
        with pytest.raises(TrainingError, match=expected), lock(tmp_path):
            pytest.fail("the lock was given twice")
        assert process.poll() is None
        process.kill()
    with lock(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_lock_is_exclusive_within_a_process_and_ends_with_its_block(tmp_path):
    with lock(tmp_path), pytest.raises(TrainingError, match=f"process {os.getpid()};"), lock(tmp_path):
        pytest.fail("the lock was given twice")
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        raise ZeroDivisionError
    with lock(tmp_path):
        pass


def test_an_error_of_the_block_passes_through_unchanged(tmp_path):
    with pytest.raises(PermissionError), lock(tmp_path):
        raise PermissionError


def test_other_folders_stay_free(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with lock(tmp_path / "a"), lock(tmp_path / "b"):
        pass


def test_a_missing_folder_cannot_be_locked(tmp_path):
    with pytest.raises(TrainingError, match="create the folder first"), lock(tmp_path / "missing"):
        pass


def test_a_lock_clears_what_a_dead_process_left_half_written_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "samples").mkdir()
    (tmp_path / ".hidden").write_bytes(b"")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # as if killed before it could clean up
    monkeypatch.setattr(os, "replace", lambda *_: None)
    atomic_write(tmp_path / "samples" / "a.png", b"half")
    monkeypatch.undo()
    assert len(names_in(tmp_path / "samples")) == 1
    with lock(tmp_path):
        assert names_in(tmp_path / "samples") == []
        assert names_in(tmp_path) == [".hidden", ".lock", "samples"]
