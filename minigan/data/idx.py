"""The idx format of MNIST: bytes `0 0 type dimensions`, the sizes in 4 bytes each, the values; big-endian."""

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minigan.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 8
MAX_BYTES = 2**31
CHUNK = 2**20


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, raw or gzipped (told apart by content), in the machine's byte order.

    Nothing is believed before it is checked: no more is read than the header promises and one byte, and no
    more memory taken than the file fills. Raises DataError, with the path, what was expected and what came.
    """
    path = Path(path)
    try:
        if not path.is_file():
            found = "it is a folder" if path.is_dir() else "there is no such file"
            raise DataError(f"{path}: expected an idx file, but {found}.")
        with open_maybe_gzipped(path) as stream:
            return _read_array(stream, path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}): copy or download it again.") from error


def open_maybe_gzipped(path: Path) -> BinaryIO:
    """The bytes of a file, decompressed if they begin like a gzip stream."""
    with path.open("rb") as file:
        is_gzipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzipped else path.open("rb")


def read_at_most(stream: BinaryIO, limit: int) -> bytearray:
    """All bytes up to `limit`, in pieces: `stream.read(limit)` would take that much memory in advance."""
    content = bytearray()
    while piece := stream.read(min(CHUNK, limit - len(content))):
        content += piece
    return content


def _read_array(stream: BinaryIO, path: Path) -> np.ndarray:
    dtype, shape = _read_header(stream, path)
    promised = math.prod(shape) * dtype.itemsize
    if not 0 < promised <= MAX_BYTES:
        raise DataError(
            f"{path}: expected 1 to {MAX_BYTES} bytes of values, but the header promises {promised}, shape {shape}."
        )
    # The byte beyond shows what trails, and at the end of a gzip stream makes its checksum be verified.
    content = read_at_most(stream, promised + 1)
    if len(content) != promised:
        came = f"only {len(content)} came" if len(content) < promised else "more came"
        raise DataError(f"{path}: the header promises {promised} bytes of values, shape {shape}, but {came}.")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(f"{path}: expected an idx file, which begins with 0 0 type dimensions, not {list(magic)}.")
    code, dimensions = magic[2:]
    if code not in TYPES:
        raise DataError(f"{path}: expected an idx type of {[hex(known) for known in TYPES]}, not {hex(code)}.")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DataError(f"{path}: expected 1 to {MAX_DIMENSIONS} dimensions, not {dimensions}.")
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path}: expected {dimensions} sizes of 4 bytes, but the file ends after {len(sizes)} bytes.")
    return np.dtype(TYPES[code]), tuple(np.frombuffer(sizes, ">u4").tolist())
