"""Convolution as it is written: one matrix product over the columns, the kh kw C pixels under the kernel."""

from __future__ import annotations

import itertools
from typing import Any

from minigan.backend import array_namespace, matmul
from minigan.ops.conv_geometry import Geometry


class Direct:
    """The three maps of a geometry by columns: y = columns(x) w, its adjoint in x, its adjoint in w.

    `of_image`, `of_kernel` and `of_output` prepare the operands, each of which two of the maps share.
    """

    samples_axis = 0
    """Along which axis of a prepared image or output the samples lie, one after the other."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def of_image(self, x: Any) -> Any:
        """The pixels of x (N, H, W, C) under the kernel at each output pixel: (N OH OW, kh kw C)."""
        (kh, kw), (oh, ow), (sh, sw), (ph, pw) = self.geometry[1:]
        x = _surround(x, ph, pw)
        n, _, _, c = x.shape
        by_image, by_row, by_pixel, by_channel = x.strides
        windows = array_namespace(x).lib.stride_tricks.as_strided(
            x,
            shape=(n, oh, ow, kh, kw, c),
            strides=(by_image, sh * by_row, sw * by_pixel, by_row, by_pixel, by_channel),
        )
        return windows.reshape(n * oh * ow, kh * kw * c)

    def of_kernel(self, w: Any) -> Any:
        """(kh, kw, C, O) to (kh kw C, O)."""
        return w.reshape(-1, w.shape[3])

    def of_output(self, g: Any) -> Any:
        """(N, OH, OW, O) to (N OH OW, O)."""
        return g.reshape(-1, g.shape[3])

    def output(self, columns: Any, w: Any) -> Any:
        """columns w: (N, OH, OW, O)."""
        return matmul(columns, w).reshape(-1, *self.geometry.output, w.shape[1])

    def image(self, g: Any, w: Any) -> Any:
        """g w^T is the share that each pixel under a kernel gets; the shares are added up: (N, H, W, C)."""
        (h, wd), (kh, kw), (oh, ow), (sh, sw), (ph, pw) = self.geometry
        n, c = g.shape[0] // (oh * ow), w.shape[0] // (kh * kw)
        # Tap by tap and channel by channel, so that the adds run along whole images, however few the channels.
        shares = matmul(w, g.T).reshape(kh, kw, c, n, oh, ow)
        xp = array_namespace(g)
        x = xp.zeros((c, n, h + 2 * ph, wd + 2 * pw), dtype=g.dtype)
        for a, b in itertools.product(range(kh), range(kw)):
            x[:, :, a : a + sh * oh : sh, b : b + sw * ow : sw] += shares[a, b]
        return xp.ascontiguousarray(x[:, :, ph : ph + h, pw : pw + wd].transpose(1, 2, 3, 0))

    def kernel(self, columns: Any, g: Any) -> Any:
        """columns^T g: (kh, kw, C, O)."""
        kh, kw = self.geometry.kernel
        return matmul(columns.T, g).reshape(kh, kw, columns.shape[1] // (kh * kw), g.shape[1])


def _surround(x: Any, rows: int, columns: int) -> Any:
    """Surround x by zeros: `rows` above and below, `columns` left and right."""
    if not rows and not columns:
        return x
    n, h, w, c = x.shape
    padded = array_namespace(x).zeros((n, h + 2 * rows, w + 2 * columns, c), dtype=x.dtype)
    padded[:, rows : rows + h, columns : columns + w] = x
    return padded
