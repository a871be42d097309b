"""A folder of image files as a data set."""

from pathlib import Path

import numpy as np

from minigan.data.images import ImageData
from minigan.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


def load_folder(folder: Path) -> ImageData:
    """All images in a folder, by file name: one channel if every pixel of every image is grey, else three.

    Hidden files, other files and subfolders are passed over; transparent parts become white; of an animation
    the first picture counts. Raises DataError for a folder without images, for a file that cannot be read,
    and for images of more than one size.
    """
    paths = sorted(path for path in folder.iterdir() if _is_image(path))
    if not paths:
        raise DataError(
            f"{folder}: expected images ({', '.join(SUFFIXES)}), but found none; subfolders are not searched."
        )
    images = np.stack(_read_all(paths))
    is_grey = (images == images[..., :1]).all()
    source = f"{len(paths)} images of the folder {folder}"
    return ImageData(folder.resolve().name, images[..., :1] if is_grey else images, None, source)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read_all(paths: list[Path]) -> list[np.ndarray]:
    images = []
    for path in paths:
        image = _read(path)
        if images and image.shape != images[0].shape:
            raise DataError(
                f"Expected images of one size (width x height), but {paths[0]} is {_size(images[0])} "
                f"and {path} is {_size(image)}: crop or resize them first."
            )
        images.append(image)
    return images


def _read(path: Path) -> np.ndarray:
    """One image as uint8 `(H, W, 3)`, on white."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{path}: expected 8 bits a channel, not the mode {image.mode}: save it with 8.")
            picture = image.convert("RGBA")
    except DataError:
        raise
    except Exception as error:  # Pillow's many readers fail on damaged files in many ways
        raise DataError(f"{path}: not a readable image ({error}): repair or remove it.") from error
    white = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(white, picture).convert("RGB"))


def _size(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    return f"{width} x {height}"
