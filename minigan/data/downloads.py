"""Published data sets too large to ship: found on this machine, or downloaded once and checked."""

import hashlib
import http.client
import os
import sys
import tempfile
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minigan.data.idx import CHUNK, open_maybe_gzipped, read_idx
from minigan.data.images import ImageData
from minigan.errors import DataError

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
TIMEOUT = 20  # seconds without an answer
MAX_DOWNLOAD = 2**26  # bytes; the largest file has 26 million


@dataclass(frozen=True)
class Published:
    """A training set as published: where it may lie, where it can be fetched, how to know it.

    `sha256` is of the decompressed content, since the same content circulates in several gzip wrappings.
    """

    name: str
    title: str
    folders: tuple[str, ...]
    system_folder: str | None
    mirrors: tuple[str, ...]
    sha256: dict[str, str]


FASHION = Published(
    name="fashion-full",
    title="Fashion-MNIST (Zalando SE, MIT)",
    folders=("fashion-mnist", "fashion"),
    system_folder="/usr/share/datasets/fashion-mnist",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    sha256={
        IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    },
)
MNIST = Published(
    name="mnist",
    title="MNIST (Y. LeCun, C. Cortes, C. Burges)",
    folders=("mnist",),
    system_folder=None,
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    sha256={
        IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
)


def load_published(published: Published) -> ImageData:
    """The 60,000 training images, from this machine if a folder holds them, else downloaded into the cache.

    Looked through: `$MINIGAN_DATA` and its subfolder of the set's name, the system's folder, the cache.
    Raises DataError if they are nowhere and no mirror gives them.
    """
    paths = find(published) or download(published)
    images = read_idx(paths[IMAGES])
    labels = read_idx(paths[LABELS]).astype(np.int64)
    source = f"the {len(images):,} training images of {published.title}, read from {paths[IMAGES].parent}"
    return ImageData(published.name, images[..., np.newaxis], labels, source)


def find(published: Published) -> dict[str, Path] | None:
    """The set's files by name, from the first folder that holds them all with the published content."""
    for folder in _search_folders(published):
        paths = {name: _find_file(folder, name, digest) for name, digest in published.sha256.items()}
        if all(paths.values()):
            return paths
    return None


def download(published: Published) -> dict[str, Path]:
    """The set's files by name, fetched into the cache unless they are there.

    Raises DataError, after every mirror failed, with what each said and what to do instead.
    """
    folder = cache_folder() / published.folders[0]
    return {
        name: _find_file(folder, name, digest) or _download_file(published, folder, name)
        for name, digest in published.sha256.items()
    }


def cache_folder() -> Path:
    """Where downloads are kept: `minigan` in `$XDG_CACHE_HOME`, or in the system's folder for caches."""
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"], "minigan")
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local", "minigan", "Cache")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "minigan"
    return Path.home() / ".cache" / "minigan"


def _search_folders(published: Published) -> list[Path]:
    folders = []
    if os.environ.get("MINIGAN_DATA"):
        data = Path(os.environ["MINIGAN_DATA"])
        folders += [data, *(data / name for name in published.folders)]
    if published.system_folder:
        folders.append(Path(published.system_folder))
    return [*folders, cache_folder() / published.folders[0]]


def _find_file(folder: Path, name: str, digest: str) -> Path | None:
    """The file, gzipped or raw, whose content is right: MNIST and Fashion-MNIST have the same names."""
    for path in (folder / f"{name}.gz", folder / name):
        try:
            if path.is_file() and content_sha256(path) == digest:
                return path
        except (OSError, EOFError, zlib.error):
            continue
    return None


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's content, decompressed if it is gzipped; in pieces, whatever its size."""
    digest = hashlib.sha256()
    with open_maybe_gzipped(path) as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _download_file(published: Published, folder: Path, name: str) -> Path:
    failures = []
    for mirror in published.mirrors:
        url = f"{mirror}{name}.gz"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _fetch(url, folder / f"{name}.gz", published.sha256[name])
        except (OSError, EOFError, zlib.error, http.client.HTTPException, DataError) as error:
            failures.append(f"  {url}: {error}")
    raise DataError(
        f"{published.title} is not on this machine, and no mirror gave {name}.gz:\n"
        + "\n".join(failures)
        + f"\nPut {' and '.join(f'{file}.gz' for file in published.sha256)} into {folder}, or into a folder "
        "that MINIGAN_DATA names, or take the images that ship with minigan: fashion or digits."
    )


def _fetch(url: str, target: Path, digest: str) -> Path:
    """`url` in `target`, whole and right, or nothing there at all."""
    handle, name = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _copy(url, file)
            file.flush()
            os.fsync(file.fileno())
        actual = content_sha256(partial)
        if actual != digest:
            raise DataError(f"expected content with SHA-256 {digest}, not {actual}")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _copy(url: str, file: BinaryIO) -> None:
    from tqdm import tqdm

    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        # disable=None: no bar where standard error is not a terminal
        name = url.rpartition("/")[2]
        with tqdm(total=response.length, desc=name, unit="B", unit_scale=True, disable=None) as progress:
            while piece := response.read(CHUNK):
                file.write(piece)
                progress.update(len(piece))
                if file.tell() > MAX_DOWNLOAD:
                    raise DataError(f"expected at most {MAX_DOWNLOAD} bytes, but more came")
