"""Data sets by name or path: the one entry, `load`."""

import difflib
from collections.abc import Callable
from pathlib import Path

from minigan.data import embedded
from minigan.data.downloads import FASHION, MNIST, load_published
from minigan.data.files import load_file
from minigan.data.folders import load_folder
from minigan.data.images import ImageData
from minigan.data.points import PointData, grid, moons, ring, swiss_roll
from minigan.errors import DataError

PRESETS: dict[str, Callable[[], ImageData | PointData]] = {
    "fashion": embedded.fashion,
    "digits": embedded.digits,
    "fashion-full": lambda: load_published(FASHION),
    "mnist": lambda: load_published(MNIST),
    "ring": ring,
    "grid": grid,
    "swiss_roll": swiss_roll,
    "moons": moons,
}


def load(name_or_path: str | Path) -> ImageData | PointData:
    """The data set of a preset's name, else of a path: a folder of images, or a .npy, .npz or idx file.

    Only `fashion-full` and `mnist` may download, and only if they are not on this machine. To load a file or
    folder that is called like a preset, write its path with a slash, as in `./ring`.

    Raises DataError for what is neither a preset nor a path, for a path that cannot be used as it is, and for
    a path with fewer than two images.
    """
    if name_or_path in PRESETS:
        return PRESETS[name_or_path]()
    try:
        data = _load_path(Path(name_or_path))
    except OSError as error:
        raise DataError(f"{name_or_path}: cannot be read ({error}).") from error
    if len(data) < 2:
        raise DataError(f"{name_or_path}: expected at least 2 images to learn from, but found {len(data)}.")
    return data


def _load_path(path: Path) -> ImageData:
    if path.is_dir():
        return load_folder(path)
    if path.exists():
        return load_file(path)
    similar = difflib.get_close_matches(str(path), PRESETS, n=1)
    guess = f" Did you mean {similar[0]}?" if similar else ""
    raise DataError(f"{path}: expected a file, a folder, or one of {', '.join(PRESETS)}.{guess}")
