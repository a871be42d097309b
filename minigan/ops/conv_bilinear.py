"""Convolution with fewer multiplications: y = A [(G w) * (B x)].

A fast algorithm for convolution is three small constant matrices. B takes the t x t pixels of a tile of the image
to F numbers, G takes the kernel to F numbers, the two are multiplied number by number, and A takes the F products to
the m x m output pixels of the tile. With channels each of the F multiplications is a matrix product, (tiles, C) with
(C, O), and they are nearly all the work; plain convolution needs m m kh kw of them for a tile, these need F:

    Toom-Cook (Winograd)   F = t^2, t = m + r - 1, for an r x r kernel: polynomials, multiplied at t points
    real Fourier           F = about 3/2 L^2, for circles of L pixels: the whole image is one tile

The two adjoints, which are the gradients, need nothing new: with x' = B x, w' = G w and g' = A^T g

    output  y = A (w' x'),      image  B^T (w' g'),      kernel  G^T (x' g').

A stride s is removed beforehand: the pixels of one s x s block become s^2 channels of one pixel, and so do the taps.
Sources: Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308; the three multiplications for a complex product are
due to Gauss (Knuth, The Art of Computer Programming 2, 4.6.4).
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import array_namespace, device_of, matmul, to_device
from minigan.ops.conv_geometry import Geometry

POINTS = {2: (0,), 3: (1, -1), 4: (0, 1, -1), 5: (1, -1, 0.5, -0.5), 6: (0, 0.7, -0.7, 1.4, -1.4)}
"""Where polynomials of t coefficients are evaluated, beside infinity. They decide the rounding error."""


class Constants(NamedTuple):
    """The three matrices of an algorithm: B (F, th tw), G (F, rh rw), A (mh mw, F)."""

    B: np.ndarray
    G: np.ndarray
    A: np.ndarray


class Bilinear:
    """One fast algorithm for one geometry.

    Attributes:
        stride: (sh, sw).
        taps: (rh, rw), the size of the kernel in blocks of the stride.
        tile: (mh, mw), output pixels of a tile.
        tiles: (Th, Tw), how many tiles there are along each axis.
        span: (th, tw), blocks of the image that a tile reads.
        origin: (oh, ow), how many pixels before the image the first tile begins.
    """

    samples_axis = 1
    """Along which axis of a prepared image or output the samples lie, one after the other."""

    def __init__(self, geometry: Geometry, tile: int | None) -> None:
        """`tile` is m for Toom-Cook; None for the Fourier algorithm, where the whole output is one tile."""
        self.geometry = geometry
        self.stride = geometry.stride
        self.taps = _per_axis(lambda k, s: -(-k // s), geometry.kernel, self.stride)
        if tile is None:
            self.tile, self.tiles = geometry.output, (1, 1)
            self.origin = _per_axis(lambda p, s: p % s, geometry.padding, self.stride)
            first = _per_axis(lambda p, s: -(p // s), geometry.padding, self.stride)
            reach = _per_axis(lambda m, d, r: m + d + r - 1, self.tile, first, self.taps)
            blocks = _per_axis(lambda n, o, s: -(-(n + o) // s), geometry.image, self.origin, self.stride)
            self.span = _per_axis(lambda n, e: max(1, min(n, e)), blocks, reach)
            self.constants = fourier(self.tile, self.taps, self.span, first)
        else:
            self.tile, self.origin = (tile, tile), geometry.padding
            self.tiles = _per_axis(lambda n: -(-n // tile), geometry.output)
            self.span = _per_axis(lambda r: tile + r - 1, self.taps)
            self.constants = kronecker(*(toom_cook(tile, r) for r in self.taps))
        self.sent: dict[tuple, Any] = {}

    # ---------------------------------------------------------------- into the F numbers

    def of_image(self, x: Any) -> Any:
        """B x: (N, H, W, C) to (F, N tiles, sh sw C)."""
        blocks = _per_axis(lambda m, T, t: m * (T - 1) + t, self.tile, self.tiles, self.span)
        x = _fit(x, self.origin, _per_axis(lambda n, s: n * s, blocks, self.stride))
        n, _, _, c = x.shape
        (sh, sw), (mh, mw), (by_image, by_row, by_pixel, by_channel) = self.stride, self.tile, x.strides
        windows = array_namespace(x).lib.stride_tricks.as_strided(
            x,
            (*self.span, n, *self.tiles, sh, sw, c),
            (sh * by_row, sw * by_pixel, by_image, mh * sh * by_row, mw * sw * by_pixel, by_row, by_pixel, by_channel),
        )
        return self._apply("B", windows, n, sh * sw * c)

    def of_kernel(self, w: Any) -> Any:
        """G w: (kh, kw, C, O) to (F, sh sw C, O)."""
        (rh, rw), (sh, sw), (c, o) = self.taps, self.stride, w.shape[2:]
        if (rh * sh, rw * sw) != w.shape[:2]:
            padded = array_namespace(w).zeros((rh * sh, rw * sw, c, o), dtype=w.dtype)
            padded[: w.shape[0], : w.shape[1]] = w
            w = padded
        blocks = w.reshape(rh, sh, rw, sw, c, o).transpose(0, 2, 1, 3, 4, 5)
        return matmul(self._constant("G", w), blocks.reshape(rh * rw, -1)).reshape(-1, sh * sw * c, o)

    def of_output(self, g: Any) -> Any:
        """A^T g: (N, OH, OW, O) to (F, N tiles, O)."""
        (th, tw), (mh, mw), (n, _, _, o) = self.tiles, self.tile, g.shape
        g = _fit(g, (0, 0), (th * mh, tw * mw))
        return self._apply("A^T", g.reshape(n, th, mh, tw, mw, o).transpose(2, 4, 0, 1, 3, 5), n, o)

    # ---------------------------------------------------------------- the products, and out of the F numbers

    def output(self, x: Any, w: Any) -> Any:
        """A (w' x'): (N, OH, OW, O)."""
        (th, tw), (mh, mw), o = self.tiles, self.tile, w.shape[2]
        y = self._leave("A", matmul(x, w)).reshape(mh, mw, -1, th, tw, o).transpose(2, 3, 0, 4, 1, 5)
        return _fit(y.reshape(-1, th * mh, tw * mw, o), (0, 0), self.geometry.output)

    def image(self, g: Any, w: Any) -> Any:
        """B^T (w' g'), tiles added where they overlap: (N, H, W, C)."""
        (th, tw), (mh, mw), (sh, sw) = self.span, self.tile, self.stride
        c = w.shape[1] // (sh * sw)
        tiles = self._leave("B^T", matmul(g, w.transpose(0, 2, 1))).reshape(th, tw, -1, *self.tiles, sh, sw, c)
        tiles = tiles.transpose(2, 3, 0, 5, 4, 1, 6, 7)
        if self.tiles == (1, 1):
            x = tiles
        else:
            # A tile of t blocks covers the m of its own and reaches into its neighbours', m at a time.
            overlaps = _per_axis(lambda t, m: -(-t // m), self.span, self.tile)
            rows, columns = _per_axis(lambda T, k: T + k - 1, self.tiles, overlaps)
            x = array_namespace(g).zeros((tiles.shape[0], rows, mh, sh, columns, mw, sw, c), dtype=g.dtype)
            for i, j in itertools.product(*map(range, overlaps)):
                part = tiles[:, :, i * mh : (i + 1) * mh, :, :, j * mw : (j + 1) * mw]
                x[:, i : i + self.tiles[0], : part.shape[2], :, j : j + self.tiles[1], : part.shape[5]] += part
        x = x.reshape(x.shape[0], x.shape[1] * x.shape[2] * sh, x.shape[4] * x.shape[5] * sw, c)
        return _fit(x, _per_axis(lambda o: -o, self.origin), self.geometry.image)

    def kernel(self, x: Any, g: Any) -> Any:
        """G^T (x' g'): (kh, kw, C, O)."""
        (rh, rw), (sh, sw), (kh, kw), o = self.taps, self.stride, self.geometry.kernel, g.shape[2]
        w = self._leave("G^T", matmul(x.transpose(0, 2, 1), g))
        w = w.reshape(rh, rw, sh, sw, -1, o).transpose(0, 2, 1, 3, 4, 5).reshape(rh * sh, rw * sw, -1, o)
        return w[:kh, :kw]

    def _apply(self, name: str, tiles: Any, samples: int, channels: int) -> Any:
        """A constant times all tiles (pixels, ...) at once, one large product: (F, N tiles, channels)."""
        flat = tiles.reshape(tiles.shape[0] * tiles.shape[1], samples * math.prod(self.tiles) * channels)
        return matmul(self._constant(name, flat), flat).reshape(-1, samples * math.prod(self.tiles), channels)

    def _leave(self, name: str, products: Any) -> Any:
        """A constant times the F products."""
        return matmul(self._constant(name, products), products.reshape(products.shape[0], -1))

    def _constant(self, name: str, like: Any) -> Any:
        """B, G, A or one of them transposed, in the dtype and on the device of `like`; sent there once."""
        key = name, like.dtype, device_of(like)
        if key not in self.sent:
            constant = getattr(self.constants, name[0])
            constant = np.ascontiguousarray(constant.T if name.endswith("^T") else constant, like.dtype)
            self.sent[key] = to_device(constant, device_of(like))
        return self.sent[key]


def toom_cook(m: int, r: int) -> Constants:
    """m outputs of a filter of r taps by t = m + r - 1 multiplications, along one axis.

    The transposed problem is a product of polynomials with m and r coefficients, whose values at t points are the
    products of theirs; V(n) gives the values at the points (infinity last) from n coefficients.
    """
    t = m + r - 1
    if t == 1:
        return Constants(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))

    def V(n: int) -> np.ndarray:  # noqa: N802 - Vandermonde's matrix
        finite = [[float(p) ** j for j in range(n)] for p in POINTS[t]]
        return np.array([*finite, [0.0] * (n - 1) + [1.0]])

    B = np.linalg.inv(V(t)).T
    scale = abs(B).max(axis=1, keepdims=True)  # entries of one size keep the rounding error small
    return Constants(B / scale, V(r) * scale, V(m).T)


def kronecker(rows: Constants, columns: Constants) -> Constants:
    """The algorithm for two axes from those for each."""
    return Constants(*(np.kron(a, b) for a, b in zip(rows, columns, strict=True)))


def fourier(tile: tuple[int, int], taps: tuple[int, int], span: tuple[int, int], first: tuple[int, int]) -> Constants:
    """One whole plane: `span` pixels x_i, `taps` taps w_d, `tile` outputs y_j = sum over d of x_(j + first + d) w_d.

    On a circle of L pixels the transform of y is that of x times the conjugate of that of w. L need only be so long
    that what wraps around meets zeros. Of two conjugate frequencies one is kept, and its complex product takes three
    real multiplications: with X = a + ib, W = c + id the parts of XW are k1 - k3 and k1 + k2 for

        k1 = c (a + b),   k2 = a (d - c),   k3 = b (c + d).
    """
    L = _per_axis(lambda m, r, t, d: max(t - d, m + d + r - 1, t, m), tile, taps, span, first)
    B, G, A = [], [], []
    for u, v in itertools.product(*map(range, L)):
        mirror = (-u % L[0], -v % L[1])
        if mirror < (u, v):
            continue

        def angle(size: tuple[int, int], start: tuple[int, int] = (0, 0), u: int = u, v: int = v) -> np.ndarray:
            i, j = (s + np.arange(n) for n, s in zip(size, start, strict=True))
            return 2 * np.pi * np.add.outer(u * i / L[0], v * j / L[1]).reshape(-1)

        x, w, y, area = angle(span), angle(taps, first), angle(tile), L[0] * L[1]
        if mirror == (u, v):
            B.append(np.cos(x))
            G.append(np.cos(w))
            A.append(np.cos(y) / area)
        else:
            a, b, c, d = np.cos(x), -np.sin(x), np.cos(w), np.sin(w)
            real, imaginary = 2 * np.cos(y) / area, -2 * np.sin(y) / area
            B += [a + b, a, b]
            G += [c, d - c, c + d]
            A += [real + imaginary, imaginary, -real]
    return Constants(np.array(B), np.array(G), np.array(A).T)


def _fit(x: Any, before: tuple[int, int], size: tuple[int, int]) -> Any:
    """x (N, H, W, C) behind `before` rows and columns of zeros, cut or filled with zeros to `size`.

    A negative number in `before` leaves out as many of the first rows or columns.
    """
    if before == (0, 0) and x.shape[1:3] == size:
        return x
    rows, columns = (slice(max(0, b), min(n, b + k)) for b, n, k in zip(before, size, x.shape[1:3], strict=True))
    source = x[:, rows.start - before[0] : rows.stop - before[0], columns.start - before[1] : columns.stop - before[1]]
    if source.shape[1:3] == size:
        return source
    y = array_namespace(x).zeros((x.shape[0], *size, x.shape[3]), dtype=x.dtype)
    y[:, rows, columns] = source
    return y


def _per_axis(rule: Any, *sizes: tuple[int, int]) -> tuple[int, int]:
    return tuple(rule(*each) for each in zip(*sizes, strict=True))
