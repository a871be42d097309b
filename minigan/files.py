"""Files that can never be half written: atomic writes, checked archives, and the lock of a run folder."""

import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minigan.errors import CheckpointError, TrainingError

_META = "meta.json"
_UNFINISHED = ".unfinished"
_DIGEST_LENGTH = 64
_ADVICE = {
    errno.ENOSPC: "free some disk space and try again",
    errno.EDQUOT: "free some of your disk quota and try again",
    errno.ENOENT: "create the folder first",
    errno.EACCES: "choose a place where you may write",
    errno.EPERM: "choose a place where you may write",
    errno.EROFS: "choose a place where you may write",
}


def atomic_write(path: str | Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that, whatever happens, the file holds either its old or its new content.

    The bytes go to a temporary file in the same folder, which then takes the name of `path` in one step.

    Raises:
        TrainingError: the disk is full, the folder is missing or may not be written to.
    """
    path = Path(path)
    temporary = path.parent / f".{secrets.token_hex(8)}{_UNFINISHED}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        # After a success the temporary name is gone already.
        with contextlib.suppress(OSError):
            temporary.unlink()
    _sync_folder(path.parent)


def save_archive(path: str | Path, arrays: dict[str, np.ndarray], meta: dict) -> None:
    """Write named arrays and one JSON object into one file, atomically; `np.load` can open it too.

    Arrays of numbers come back bit for bit, whatever their shape. `meta` may hold what JSON can:
    strings, booleans, floats, integers of any size, lists and dictionaries with string keys.

    Raises:
        CheckpointError: an array holds Python objects, or its name cannot be stored.
        TrainingError: the file cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_META), json.dumps(meta))
        for name, array in arrays.items():
            with archive.open(_entry(path, name, array), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        # A zip file ends with a free comment. It holds the digest of every byte before it, because the
        # format's own CRC covers the arrays but not the headers around them.
        archive.comment = bytes(_DIGEST_LENGTH)
    buffer.seek(-_DIGEST_LENGTH, os.SEEK_END)
    buffer.write(_digest(buffer.getbuffer()[:-_DIGEST_LENGTH]))
    atomic_write(path, buffer.getbuffer())


def load_archive(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `save_archive` wrote: `(arrays, meta)`. No pickles are ever opened.

    Raises:
        CheckpointError: the file is missing, empty, cut short, changed in any bit, or of another kind.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read the checkpoint {path}: {error.strerror or error}; check the path"
        ) from error
    if not data:
        raise _unusable(path, "it is empty")
    if data[-_DIGEST_LENGTH:] != _digest(memoryview(data)[:-_DIGEST_LENGTH]):
        raise _unusable(path, "its checksum is missing or wrong, so it is damaged or of another kind")
    try:
        return _unpack(data)
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
        raise _unusable(path, f"its content is not the expected one ({error})") from error


@contextlib.contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Hold `folder` for this process alone, and clear what a process that died left half written in it.

    The lock belongs to the operating system, which releases it when the process ends, however it ends.

    Raises:
        TrainingError: another process holds the folder, or it cannot be written to.
    """
    with _open_lock_file(Path(folder) / ".lock") as file:
        _claim(file, Path(folder))
        try:
            yield
        finally:
            _release(file.fileno())


def _cannot_write(path, error):
    advice = _ADVICE.get(error.errno, "check the disk or choose another place")
    return TrainingError(f"cannot write {path}: {error.strerror or error}; {advice}")


def _unusable(path, reason):
    return CheckpointError(f"cannot use the checkpoint {path}: {reason}; use an earlier one or train again")


def _sync_folder(folder):
    """Make the new name itself last through a power cut, on systems where a folder can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _digest(data):
    return hashlib.sha256(data).hexdigest().encode()


def _entry(path, name, array):
    if array.dtype.hasobject:
        raise CheckpointError(
            f"cannot save {path}: the array '{name}' holds Python objects ({array.dtype}); convert it to numbers first"
        )
    entry = zipfile.ZipInfo(f"{name}.npy")
    if entry.filename != f"{name}.npy":
        raise CheckpointError(f"cannot save {path}: a zip file cannot hold the array name {name!r}; rename the array")
    return entry


def _unpack(data):
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        meta = json.loads(archive.read(_META))
        if not isinstance(meta, dict):
            raise ValueError(f"{_META} holds no object")
        for entry in archive.namelist():
            if entry != _META:
                stored = io.BytesIO(archive.read(entry))
                arrays[entry.removesuffix(".npy")] = np.lib.format.read_array(stored, allow_pickle=False)
    return arrays, meta


if os.name == "nt":
    import msvcrt

    # Windows forbids others to read a locked byte, so the lock sits far behind the process number.
    _LOCKED_BYTE = 1 << 30

    def _acquire(descriptor):
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _release(descriptor):
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _open_lock_file(path):
    try:
        return open(path, "a+b", buffering=0)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _claim(file, folder):
    try:
        _acquire(file.fileno())
        file.truncate(0)
        file.write(str(os.getpid()).encode())
    except (BlockingIOError, PermissionError) as error:
        raise TrainingError(
            f"the run {folder} is still being written by {_holder(file)}; "
            "wait for that process to end, or stop it, then try again"
        ) from error
    except OSError as error:
        raise _cannot_write(file.name, error) from error
    for leftover in folder.rglob(f".*{_UNFINISHED}"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def _holder(file):
    file.seek(0)
    number = file.read().decode(errors="replace")
    return f"process {number}" if number.isdigit() else "another process"
