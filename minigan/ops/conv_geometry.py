"""Where a kernel meets an image: sizes, strides, paddings, and which of them fit together."""

from __future__ import annotations

from typing import Any, NamedTuple

Pair = int | tuple[int, int]


class Geometry(NamedTuple):
    """The sizes of a convolution, each (height, width): output pixel i, tap a and image pixel h = s i + a - p meet."""

    image: tuple[int, int]
    kernel: tuple[int, int]
    output: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


def pair(value: Pair) -> tuple[int, int]:
    """(height, width) from one number for both or from two."""
    return (value, value) if isinstance(value, int) else tuple(value)


def conv_output_size(size: tuple[int, int], kernel: Pair, stride: Pair, padding: Pair) -> tuple[int, int]:
    """Height and width that `conv2d` gives for an image of `size`; ValueError if the kernel does not fit in."""
    kernel, stride, padding = pair(kernel), pair(stride), pair(padding)
    _check_geometry("conv2d", stride, padding)
    out = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True))
    if min(out) < 1:
        raise ValueError(
            f"conv2d: a {kernel[0]}x{kernel[1]} kernel does not fit into an image of {size[0]}x{size[1]} with "
            f"padding {padding}; use a larger image, a smaller kernel or more padding"
        )
    return out


def conv_transpose_output_size(
    size: tuple[int, int], kernel: Pair, stride: Pair, padding: Pair, output_padding: Pair
) -> tuple[int, int]:
    """Height and width that `conv_transpose2d` gives; ValueError if there is none.

    `output_padding` (below the stride) chooses among the image sizes that `conv2d` maps to the same output.
    """
    kernel, stride, padding, extra = pair(kernel), pair(stride), pair(padding), pair(output_padding)
    _check_geometry("conv_transpose2d", stride, padding)
    if any(not 0 <= e < s for e, s in zip(extra, stride, strict=True)):
        raise ValueError(f"conv_transpose2d: output_padding {extra} must be at least 0 and below the stride {stride}")
    out = tuple((n - 1) * s + k - 2 * p + e for n, k, s, p, e in zip(size, kernel, stride, padding, extra, strict=True))
    if min(out) < 1:
        raise ValueError(
            f"conv_transpose2d: a feature map of {size[0]}x{size[1]} with kernel {kernel}, stride {stride}, padding "
            f"{padding} and output_padding {extra} would give {out[0]}x{out[1]} pixels; use less padding"
        )
    return out


def leftover(x: Any, w: Any, stride: Pair, padding: Pair) -> tuple[int, int]:
    """Rows and columns at the far edge of x that no window covers: the output_padding of the adjoint."""
    sizes = zip(x.shape[1:3], w.shape[:2], pair(stride), pair(padding), strict=True)
    return tuple((n + 2 * p - k) % s for n, k, s, p in sizes)


def check_channels(name: str, kind: str, x: Any, w: Any, axis: int) -> None:
    """Raise ValueError unless x is (N, H, W, C), w (kh, kw, in, out), and C the length of w's `axis`."""
    if x.ndim != 4 or w.ndim != 4:
        raise ValueError(
            f"{name}: expected images (N, H, W, C) and a kernel (kh, kw, in, out), got shapes {x.shape} and {w.shape}"
        )
    if x.shape[3] != w.shape[axis]:
        raise ValueError(
            f"{name}: the kernel {w.shape} expects {w.shape[axis]} {kind}, the feature map {x.shape} has {x.shape[3]}"
        )


def _check_geometry(name: str, stride: tuple[int, int], padding: tuple[int, int]) -> None:
    # With a negative padding the windows of the adjoint would lie beyond the feature map, in foreign memory.
    if min(stride) < 1 or min(padding) < 0:
        raise ValueError(
            f"{name}: expected a stride of at least 1 and a padding of at least 0, got {stride} and {padding}"
        )
