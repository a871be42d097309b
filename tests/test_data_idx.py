"""Idx files: every type comes back, and no damaged file gives anything but a DataError."""

import contextlib
import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan.data import read_idx
from minigan.data.idx import MAX_BYTES
from minigan.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
same_folder = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array):
    """The writer, apart from the reader: struct instead of NumPy for the header."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def written(folder, content):
    path = folder / "data-idx"
    path.write_bytes(content)
    return path


@st.composite
def arrays(draw):
    shape = draw(hnp.array_shapes(max_dims=4, max_side=5))
    return draw(hnp.arrays(np.dtype(draw(st.sampled_from(sorted(CODES)))), shape))


@same_folder
@given(array=arrays(), is_gzipped=st.booleans())
def test_every_type_and_shape_comes_back(tmp_path, array, is_gzipped):
    content = idx_bytes(array)
    read = read_idx(written(tmp_path, gzip.compress(content) if is_gzipped else content))
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


def test_known_bytes_are_read_big_endian(tmp_path):
    content = bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 1, 0, 255, 254])
    assert read_idx(str(written(tmp_path, content))).tolist() == [[1, 256, -2]]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzipped"])
def test_a_file_cut_anywhere_is_refused(tmp_path, pack):
    content = pack(idx_bytes(np.arange(60, dtype="i2").reshape(3, 4, 5)))
    for length in range(len(content)):
        with pytest.raises(DataError, match="data-idx"):
            read_idx(written(tmp_path, content[:length]))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzipped"])
@pytest.mark.parametrize("tail", [b"\x01", b"\0" * 9, b"trailing"])
def test_bytes_after_the_values_are_refused(tmp_path, pack, tail):
    content = idx_bytes(np.arange(12, dtype="i4"))
    with pytest.raises(DataError, match="more came"):
        read_idx(written(tmp_path, pack(content + tail)))


@same_folder
@given(position=st.integers(0, 15), flip=st.integers(1, 255))
def test_no_flipped_byte_of_a_raw_header_gives_other_values(tmp_path, position, flip):
    # Of int32, no other type has the size; within bytes, u1 and i1 cannot be told apart.
    array = np.arange(60, dtype="i4").reshape(3, 4, 5)
    content = bytearray(idx_bytes(array))
    content[position] ^= flip
    try:
        read = read_idx(written(tmp_path, bytes(content)))
    except DataError:
        return
    assert content[2] == CODES["f4"], "only a float of the same size may pass"
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


def test_no_flipped_bit_of_a_gzipped_file_gives_other_values(tmp_path):
    array = np.arange(60, dtype="i2").reshape(3, 4, 5)
    content = gzip.compress(idx_bytes(array), mtime=0)
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            read = read_idx(written(tmp_path, bytes(damaged)))
        except DataError:
            continue
        np.testing.assert_array_equal(read, array)


@same_folder
@given(content=st.binary(max_size=60), is_magic_right=st.booleans())
def test_noise_gives_an_array_or_a_data_error(tmp_path, content, is_magic_right):
    with contextlib.suppress(DataError):
        read_idx(written(tmp_path, (b"\0\0\x08" if is_magic_right else b"") + content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with 0 0"),
        (b"\0\0", "begins with 0 0"),
        (b"\x89PNG\r\n", "begins with 0 0"),
        (b"\0\0\x07\x01\0\0\0\x01\0", "type"),
        (b"\0\0\x08\x00", "1 to 8 dimensions, not 0"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 255, "1 to 8 dimensions, not 255"),
        (b"\0\0\x08\x02\0\0\0\x01\0", "ends after 5 bytes"),
        (b"\0\0\x08\x01\0\0\0\0", "promises 0"),
        (b"\0\0\x08\x03\0\0\0\0" + b"\xff" * 8, "promises 0"),
        (b"\0\0\x0e\x08" + b"\xff" * 32, f"1 to {MAX_BYTES}"),
        (b"\0\0\x0e\x08" + b"\0\1\0\0" * 8, f"promises {2**131}"),  # in 64 bits that would be 0
        (b"\0\0\x08\x01\x7f\xff\xff\xff" + b"x", "only 1 came"),
    ],
)
def test_each_kind_of_damage_is_named(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzipped"])
def test_a_promise_of_gigabytes_takes_no_memory(tmp_path, pack):
    path = written(tmp_path, pack(struct.pack(">BBBBI", 0, 0, 8, 1, MAX_BYTES) + b"few"))
    assert _peak_while_refused(path) < 5e6


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    bomb = gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 10) + bytes(50_000_000), compresslevel=1)
    assert _peak_while_refused(written(tmp_path, bomb)) < 5e6


def _peak_while_refused(path):
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="it is a folder"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "absent-idx")
