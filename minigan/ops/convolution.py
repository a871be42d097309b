"""Convolution is one trilinear form; its three partial maps are each other's derivatives.

With an image x (N, H, W, C), a kernel w (kh, kw, C, O) and an output-shaped g (N, OH, OW, O), the number

    T(x, w, g) = sum over n, i, j, a, b, c, o of  x[n, s i + a - p, s j + b - p, c] w[a, b, c, o] g[n, i, j, o]

(s the stride, p the padding by zeros) is linear in each of the three. Leaving one of them out gives an op:

    conv2d(x, w)            the output:           <conv2d(x, w), g>           = T
    conv_transpose2d(g, w)  the adjoint in x:     <x, conv_transpose2d(g, w)> = T
    conv2d_weight(x, g)     the adjoint in w:     <w, conv2d_weight(x, g)>    = T

and the derivative of each is made of the other two: six one-line rules that hold at every order.
All three are one matrix product over the columns: the kh kw C pixels under the kernel at each output pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.autograd import op
from minigan.backend import array_namespace, matmul

Pair = int | tuple[int, int]


def pair(value: Pair) -> tuple[int, int]:
    """(height, width) from one number for both or from two."""
    return (value, value) if isinstance(value, int) else tuple(value)


@op
def conv2d(x, w, *, stride=1, padding=0):
    """Slide the kernel w (kh, kw, C, O) over x (N, H, W, C): (N, OH, OW, O), OH = (H + 2p - kh) // s + 1."""
    _check_channels("conv2d", "channels", x, w, axis=2)
    kh, kw, c, o = w.shape
    oh, ow = conv_output_size(x.shape[1:3], (kh, kw), stride, padding)
    columns = _columns(x, (kh, kw), stride, padding, (oh, ow))
    return matmul(columns, w.reshape(kh * kw * c, o)).reshape(x.shape[0], oh, ow, o)


@op
def conv_transpose2d(g, w, *, stride=1, padding=0, output_padding=0):
    """The adjoint of `conv2d` in the image: (N, OH, OW, O) to (N, H, W, C), H = (OH-1)s + kh - 2p + output_padding.

    Row h of the image meets the kernel rows a = h + p (mod s) only. So the pixels of each of the s x s phases
    are an ordinary convolution of g, of stride 1, with every s-th row and column of the kernel, flipped.
    """
    _check_channels("conv_transpose2d", "output channels", g, w, axis=3)
    (n, oh, ow, _), (kh, kw, c, _) = g.shape, w.shape
    h, wd = conv_transpose_output_size((oh, ow), (kh, kw), stride, padding, output_padding)
    x = array_namespace(g).zeros((n, h, wd, c), dtype=g.dtype)
    reach_h, reach_w = _reach(kh, pair(stride)[0]), _reach(kw, pair(stride)[1])
    g = _pad(g, (reach_h, reach_h + 1), (reach_w, reach_w + 1))
    for rows, taps_h, first_h in _phases(h, kh, pair(stride)[0], pair(padding)[0]):
        for columns, taps_w, first_w in _phases(wd, kw, pair(stride)[1], pair(padding)[1]):
            part = w[taps_h, taps_w][::-1, ::-1].transpose(0, 1, 3, 2)
            x[:, rows, columns] = _correlate(g[:, first_h:, first_w:], part, x[:, rows, columns].shape[1:3])
    return x


@op
def conv2d_weight(x, g, *, kernel_size, stride=1, padding=0):
    """The adjoint of `conv2d` in the kernel: x (N, H, W, C) and g (N, OH, OW, O) to (kh, kw, C, O)."""
    n, oh, ow, o = g.shape
    kh, kw = pair(kernel_size)
    expected = conv_output_size(x.shape[1:3], (kh, kw), stride, padding)
    if (oh, ow) != expected:  # a larger g would read beyond the image, a smaller one has another adjoint
        raise ValueError(
            f"conv2d_weight: a {kh}x{kw} kernel over the image {x.shape} with stride {pair(stride)} and padding "
            f"{pair(padding)} gives {expected[0]}x{expected[1]} pixels, but g {g.shape} has {oh}x{ow}"
        )
    columns = _columns(x, (kh, kw), stride, padding, (oh, ow))
    return matmul(columns.T, g.reshape(n * oh * ow, o)).reshape(kh, kw, x.shape[3], o)


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


def _columns(x: Any, kernel: tuple[int, int], stride: Pair, padding: Pair, out: tuple[int, int]) -> Any:
    """The pixels of x under the kernel at each output pixel: (N OH OW, kh kw C)."""
    (kh, kw), (sh, sw), (ph, pw), (oh, ow) = kernel, pair(stride), pair(padding), out
    x = _pad(x, (ph, ph), (pw, pw))
    n, _, _, c = x.shape
    by_image, by_row, by_pixel, by_channel = x.strides
    windows = array_namespace(x).lib.stride_tricks.as_strided(
        x,
        shape=(n, oh, ow, kh, kw, c),
        strides=(by_image, sh * by_row, sw * by_pixel, by_row, by_pixel, by_channel),
    )
    return windows.reshape(n * oh * ow, kh * kw * c)


def _pad(x: Any, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    """Surround x by zeros: rows (above, below) and columns (left, right)."""
    if not any(rows + columns):
        return x
    n, h, w, c = x.shape
    padded = array_namespace(x).zeros((n, h + sum(rows), w + sum(columns), c), dtype=x.dtype)
    padded[:, rows[0] : rows[0] + h, columns[0] : columns[0] + w] = x
    return padded


def _reach(kernel: int, stride: int) -> int:
    """How many rows (or columns) of g one phase of the kernel spans beyond its first."""
    return -(-kernel // stride) - 1


def _phases(size: int, kernel: int, stride: int, padding: int) -> Iterator[tuple[slice, slice, int]]:
    """For each phase of an image axis: its pixels, the kernel taps that reach them, and where g starts.

    "Where" counts in g padded by `_reach`: pixel h, tap a and row i of g meet where h + padding = stride i + a.
    """
    reach = _reach(kernel, stride)
    for phase in range(min(stride, kernel)):
        taps = -(-(kernel - phase) // stride)
        first = max(0, -(-(padding - phase) // stride))
        start = stride * first + phase - padding
        if start < size:
            yield slice(start, size, stride), slice(phase, kernel, stride), first + reach - (taps - 1)


def _correlate(x: Any, w: Any, out: tuple[int, int]) -> Any:
    """Slide w (kh, kw, C, O) over x (N, H, W, C) with stride 1, for the first `out` positions."""
    kh, kw, c, o = w.shape
    return matmul(_columns(x, (kh, kw), 1, 0, out), w.reshape(kh * kw * c, o)).reshape(x.shape[0], *out, o)


def _leftover(x: Any, w: Any, stride: Pair, padding: Pair) -> tuple[int, int]:
    """Rows and columns at the far edge of x that no window covers: the output_padding of the adjoint."""
    sizes = zip(x.shape[1:3], w.shape[:2], pair(stride), pair(padding), strict=True)
    return tuple((n + 2 * p - k) % s for n, k, s, p in sizes)


def _check_geometry(name: str, stride: tuple[int, int], padding: tuple[int, int]) -> None:
    # With a negative padding the windows of the adjoint would lie beyond the feature map, in foreign memory.
    if min(stride) < 1 or min(padding) < 0:
        raise ValueError(
            f"{name}: expected a stride of at least 1 and a padding of at least 0, got {stride} and {padding}"
        )


def _check_channels(name: str, kind: str, x: Any, w: Any, axis: int) -> None:
    if x.ndim != 4 or w.ndim != 4:
        raise ValueError(
            f"{name}: expected images (N, H, W, C) and a kernel (kh, kw, in, out), got shapes {x.shape} and {w.shape}"
        )
    if x.shape[3] != w.shape[axis]:
        raise ValueError(
            f"{name}: the kernel {w.shape} expects {w.shape[axis]} {kind}, the feature map {x.shape} has {x.shape[3]}"
        )


conv2d.vjps(
    lambda g, y, x, w, *, stride=1, padding=0: conv_transpose2d(
        g, w, stride=stride, padding=padding, output_padding=_leftover(x, w, stride, padding)
    ),
    lambda g, y, x, w, *, stride=1, padding=0: conv2d_weight(
        x, g, kernel_size=w.shape[:2], stride=stride, padding=padding
    ),
)
conv_transpose2d.vjps(
    lambda x, y, g, w, *, stride=1, padding=0, output_padding=0: conv2d(x, w, stride=stride, padding=padding),
    lambda x, y, g, w, *, stride=1, padding=0, output_padding=0: conv2d_weight(
        x, g, kernel_size=w.shape[:2], stride=stride, padding=padding
    ),
)
conv2d_weight.vjps(
    lambda w, y, x, g, *, kernel_size, stride=1, padding=0: conv_transpose2d(
        g, w, stride=stride, padding=padding, output_padding=_leftover(x, w, stride, padding)
    ),
    lambda w, y, x, g, *, kernel_size, stride=1, padding=0: conv2d(x, w, stride=stride, padding=padding),
)
