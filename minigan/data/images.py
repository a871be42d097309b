"""A set of images of one size, and the two ways to write a pixel: a byte 0..255 and a number in [-1, 1]."""

from dataclasses import dataclass, field

import numpy as np

from minigan.errors import DataError


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Bytes of any shape from floats in [-1, 1]: -1 -> 0, 1 -> 255, rounded; what lies outside is clipped.

    Raises DataError for an array that is not of floats or holds NaN.
    """
    if not np.issubdtype(images.dtype, np.floating):
        raise DataError(f"to_uint8 expects floats in [-1, 1], not {images.dtype}.")
    if np.isnan(images).any():
        raise DataError("to_uint8 expects floats in [-1, 1], but some are NaN, which no pixel can show.")
    levels = (np.clip(images, -1, 1).astype(np.float32) + 1) * 127.5
    return np.rint(levels).astype(np.uint8)


def from_uint8(images: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1] from bytes of any shape: 0 -> -1, 255 -> 1; `to_uint8` is its exact inverse.

    Raises DataError for an array that is not uint8.
    """
    if images.dtype != np.uint8:
        raise DataError(f"from_uint8 expects uint8, not {images.dtype}.")
    return images.astype(np.float32) / 127.5 - 1


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images `(N, H, W, C)` uint8 and their integer labels `(N,)`, or None for labels.

    `source` says in words where they came from. Raises DataError for arrays of other shapes or types.
    """

    name: str
    images: np.ndarray = field(repr=False)
    labels: np.ndarray | None = field(repr=False)
    source: str

    def __post_init__(self):
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise DataError(
                f"{self.name}: expected images of uint8 (N, H, W, C), not of {self.images.dtype} {self.images.shape}."
            )
        if self.labels is not None and self.labels.shape != (len(self.images),):
            raise DataError(
                f"{self.name}: expected one label for each of {len(self.images)} images, "
                f"but the labels have the shape {self.labels.shape}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        return self.images.shape[1:]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """The images at `indices`, as float32 `(n, H, W, C)` in [-1, 1]."""
        return from_uint8(self.images[indices])
