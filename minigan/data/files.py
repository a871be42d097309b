"""A single file as a data set: NumPy's `.npy` and `.npz`, or idx."""

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minigan.data.idx import MAX_BYTES, read_idx
from minigan.data.images import ImageData, to_uint8
from minigan.errors import DataError

SHAPES = "(N, H, W), (N, H, W, 1) or (N, H, W, 3)"


def load_file(path: Path) -> ImageData:
    """The images in a `.npy`, `.npz` or idx file; in `.npz` the array called `images`, or the only one.

    Accepted are `(N, H, W)` and `(N, H, W, 1 or 3)` of uint8, or of floats within [0, 1] or [-1, 1], which
    are rounded to 256 levels. Raises DataError for anything else, pickled objects and damaged files included.
    """
    if path.suffix in (".npy", ".npz"):
        array = _read_numpy(path)
    elif path.suffix == ".gz" or "idx" in path.name:
        array = read_idx(path)
    else:
        raise DataError(f"{path}: expected a .npy, .npz or idx file, or a folder of images.")
    return ImageData(path.name.split(".")[0], _as_images(array, path), None, f"the file {path}")


def _read_numpy(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive, archive.open(_images_entry(archive, path)) as stream:
                return _read_array(stream)
        with path.open("rb") as stream:
            return _read_array(stream)
    except DataError:
        raise
    except Exception as error:  # on damaged files NumPy and zipfile fail in many ways
        raise DataError(
            f"{path}: not a whole {path.suffix} file of numbers ({error}). Pickled objects are refused, "
            "since they can run code: save a plain array with np.save or np.savez."
        ) from error


def _read_array(stream: BinaryIO) -> np.ndarray:
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1):  # only at its end does a zip archive verify its checksum
        raise ValueError("more bytes follow the array")
    return array


def _images_entry(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if "images" not in entries and len(entries) != 1:
        found = ", ".join(entries) or "nothing"
        raise DataError(f"{path}: expected one array, or one called images, but found {found}.")
    name = "images" if "images" in entries else next(iter(entries))
    size = entries[name].file_size
    if size > MAX_BYTES:
        raise DataError(f"{path}: {name} unpacks to {size} bytes, more than {MAX_BYTES}: save it with np.save instead.")
    return entries[name]


def _as_images(array: np.ndarray, path: Path) -> np.ndarray:
    """The array as uint8 `(N, H, W, C)`."""
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or array.size == 0:
        is_channels_first = array.ndim == 4 and array.shape[1] in (1, 3)
        hint = ": move the channels last with array.transpose(0, 2, 3, 1)" if is_channels_first else ""
        raise DataError(f"{path}: expected images of shape {SHAPES}, not {array.shape}{hint}.")
    return array if array.dtype == np.uint8 else _quantised(array, path)


def _quantised(array: np.ndarray, path: Path) -> np.ndarray:
    advice = "expected uint8, or floats within [0, 1] or [-1, 1]"
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(
            f"{path}: {advice}, not {array.dtype}: convert with array.astype('uint8') if it holds 0 to 255."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{path}: {advice}, but some values are NaN or infinite.")
    low, high = array.min(), array.max()
    if low < -1 or high > 1:
        raise DataError(f"{path}: {advice}, but the values reach from {low:g} to {high:g}: scale them.")
    return to_uint8(array if low < 0 else 2 * array - 1)
