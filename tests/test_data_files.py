"""Single files: .npy, .npz and idx, right and wrong."""

import gzip
import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan.data import load
from minigan.errors import DataError

IMAGES = np.random.default_rng(0).integers(256, size=(4, 3, 2, 3), dtype=np.uint8)
LEVELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


def npy(folder, array):
    path = folder / "set.npy"
    np.save(path, array)
    return path


def npz(folder, compressed=False, **arrays):
    path = folder / "set.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=hnp.arrays(
        np.uint8, st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3]))
    )
)
def test_bytes_come_back_as_they_are(tmp_path, images):
    for path in (npy(tmp_path, images), npz(tmp_path, images=images)):
        data = load(str(path))
        np.testing.assert_array_equal(data.images, images)
        assert (data.name, data.labels) == ("set", None)
        assert str(path) in data.source


def test_images_without_channels_get_one(tmp_path):
    np.testing.assert_array_equal(load(npy(tmp_path, IMAGES[..., 0])).images, IMAGES[..., :1])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_both_ranges_give_the_same_bytes(tmp_path, dtype):
    unit = LEVELS / 255
    np.testing.assert_array_equal(load(npy(tmp_path, unit.astype(dtype))).images, LEVELS)
    np.testing.assert_array_equal(load(npy(tmp_path, (2 * unit - 1).astype(dtype))).images, LEVELS)


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_needs_one_array_or_one_called_images(tmp_path, compressed):
    for arrays in ({"anything": IMAGES}, {"labels": np.arange(4), "images": IMAGES}):
        np.testing.assert_array_equal(load(npz(tmp_path, compressed, **arrays)).images, IMAGES)
    with pytest.raises(DataError, match="found first, second"):
        load(npz(tmp_path, compressed, first=IMAGES, second=IMAGES))
    with pytest.raises(DataError, match="found nothing"):
        load(npz(tmp_path, compressed))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (IMAGES[0, 0], r"of shape .*not \(2, 3\)"),
        (IMAGES[..., :2], r"of shape .*not \(4, 3, 2, 2\)"),
        (IMAGES[:, :0], r"of shape .*not \(4, 0, 2, 3\)"),
        (np.zeros((4, 1, 5, 5)), "channels last"),
        (np.zeros((4, 3, 5, 5), np.uint8), "channels last"),
        (IMAGES.astype(np.int64), "not int64"),
        (IMAGES > 9, "not bool"),
        (IMAGES * 1j, "not complex128"),
        (IMAGES.astype(str), "not <U3"),
        (IMAGES.astype(float), r"reach from \d+ to 2\d\d"),
        (np.full((2, 2, 2), -1.01), "reach from -1.01"),
        (np.array([0, np.nan] * 4).reshape(2, 2, 2), "NaN or infinite"),
        (np.array([0, np.inf] * 4).reshape(2, 2, 2), "NaN or infinite"),
        (IMAGES[:1], "at least 2 images"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, array, message):
    for path in (npy(tmp_path, array), npz(tmp_path, images=array)):
        with pytest.raises(DataError, match=message) as caught:
            load(path)
        assert str(path) in str(caught.value)


class Trap:
    """Unpickling it makes the test fail."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


def test_pickles_are_refused_unopened(tmp_path):
    objects = np.array([Trap(), Trap()], dtype=object)
    pickled = tmp_path / "pickled.npy"
    pickled.write_bytes(pickle.dumps(Trap()))
    for path in (npy(tmp_path, objects), npz(tmp_path, images=objects), pickled):
        with pytest.raises(DataError, match="Pickled objects are refused"):
            load(path)


def archive_bytes(save):
    stream = io.BytesIO()
    save(stream, images=IMAGES)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_cut_anywhere_is_refused(tmp_path, save):
    content = archive_bytes(save)
    path = tmp_path / "cut.npz"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut\.npz"):
            load(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.filterwarnings("ignore")
def test_no_flipped_byte_of_an_archive_gives_other_images(tmp_path, save):
    content = archive_bytes(save)
    path = tmp_path / "flipped.npz"
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(bytes(damaged))
        try:
            images = load(path).images
        except DataError:
            continue
        np.testing.assert_array_equal(images, IMAGES)


def test_an_array_cut_anywhere_or_followed_by_more_is_refused(tmp_path):
    content = npy(tmp_path, IMAGES).read_bytes()
    path = tmp_path / "cut.npy"
    for damaged in (*(content[:length] for length in range(len(content))), content + b"more"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cut\.npy"):
            load(path)


@pytest.mark.parametrize("shape", [(2**20, 2**20, 2**20), (2**40, 2**40), (-1, 5, 5)])
def test_a_header_that_promises_too_much_is_refused(tmp_path, shape):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    path = tmp_path / "set.npy"
    path.write_bytes(header.getvalue() + b"few")
    with pytest.raises(DataError, match="not a whole"):
        load(path)
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.write(path, "images.npy")
    with pytest.raises(DataError, match="not a whole"):
        load(tmp_path / "set.npz")


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.data.files.MAX_BYTES", 100)
    with pytest.raises(DataError, match=r"images unpacks to \d+ bytes, more than 100"):
        load(npz(tmp_path, images=IMAGES))


@pytest.mark.parametrize("name", ["digits-idx3-ubyte", "digits.idx", "digits.gz"])
def test_idx_files_are_known_by_name(tmp_path, name):
    content = struct.pack(">BBBBIII", 0, 0, 8, 3, 4, 3, 2) + IMAGES[..., 0].tobytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    np.testing.assert_array_equal(load(path).images, IMAGES[..., :1])


def test_idx_labels_are_no_images(tmp_path):
    path = tmp_path / "labels-idx1-ubyte"
    path.write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 4) + b"abcd")
    with pytest.raises(DataError, match=r"not \(4,\)"):
        load(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"photo\.png: expected a \.npy, \.npz or idx file, or a folder"):
        load(path)
