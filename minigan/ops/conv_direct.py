"""Convolution as it is written: one matrix product over the columns, the kh kw C pixels under the kernel."""

from __future__ import annotations

import itertools
import math
from typing import Any

from minigan.backend import array_namespace, kernels, matmul, on_device
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
        image, kernel, output, stride, padding = self.geometry
        n, c = x.shape[0], x.shape[3]
        if padding == (0, 0) and (kernel == image or kernel == stride == (1, 1)):  # the columns are the image itself
            return x.reshape(n * math.prod(output), math.prod(kernel) * c)
        columns = array_namespace(x).empty((n * math.prod(output), math.prod(kernel) * c), dtype=x.dtype)
        kernels.im2col(x, *image, c, *kernel, *output, *stride, *padding, columns)
        return columns

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
        return self._gathered(g, w) if on_device(g) else self._scattered(g, w)

    def _gathered(self, g: Any, w: Any) -> Any:
        image, kernel, output, stride, padding = self.geometry
        n, c = g.shape[0] // math.prod(output), w.shape[0] // math.prod(kernel)
        x = array_namespace(g).empty((n, *image, c), dtype=g.dtype)
        kernels.col2im(matmul(g, w.T), *image, c, *kernel, *output, *stride, *padding, x)
        return x

    def _scattered(self, g: Any, w: Any) -> Any:
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
