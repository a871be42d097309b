"""Convolution is one trilinear form; its three partial maps are each other's derivatives.

With an image x (N, H, W, C), a kernel w (kh, kw, C, O) and an output-shaped g (N, OH, OW, O), the number

    T(x, w, g) = sum over n, i, j, a, b, c, o of  x[n, s i + a - p, s j + b - p, c] w[a, b, c, o] g[n, i, j, o]

(s the stride, p the padding by zeros) is linear in each of the three. Leaving one of them out gives an op:

    conv2d(x, w)            the output:           <conv2d(x, w), g>           = T
    conv_transpose2d(g, w)  the adjoint in x:     <x, conv_transpose2d(g, w)> = T
    conv2d_weight(x, g)     the adjoint in w:     <w, conv2d_weight(x, g)>    = T

and the derivative of each is made of the other two: six short rules that hold at every order.

How they are computed is another matter, and one interface: `of_image(x)`, `of_kernel(w)` and `of_output(g)` prepare
the operands, `output`, `image` and `kernel` combine two of them. `conv_direct` does it by the definition (read it
first), `conv_bilinear` with fewer multiplications; `conv_algorithms` chooses, unless a caller names one. What was
prepared for the forward pass is kept for the backward pass.
"""

from __future__ import annotations

from typing import Any

from minigan.autograd import keeping_op
from minigan.backend import on_device
from minigan.ops.conv_algorithms import choose
from minigan.ops.conv_geometry import (
    Geometry,
    check_channels,
    conv_output_size,
    conv_transpose_output_size,
    leftover,
    pair,
)


@keeping_op
def conv2d(x, w, *, stride=1, padding=0, algorithm=None):
    """Slide the kernel w (kh, kw, C, O) over x (N, H, W, C): (N, OH, OW, O), OH = (H + 2p - kh) // s + 1."""
    check_channels("conv2d", "channels", x, w, axis=2)
    out = conv_output_size(x.shape[1:3], w.shape[:2], stride, padding)
    form = _form(algorithm, on_device(x), x.shape, w.shape, out, stride, padding)
    xs, ws = form.of_image(x), form.of_kernel(w)
    return form.output(xs, ws), (form, xs, ws)


@keeping_op
def conv_transpose2d(g, w, *, stride=1, padding=0, output_padding=0, algorithm=None):
    """The adjoint of `conv2d` in the image: (N, OH, OW, O) to (N, H, W, C), H = (OH-1)s + kh - 2p + output_padding."""
    check_channels("conv_transpose2d", "output channels", g, w, axis=3)
    size = conv_transpose_output_size(g.shape[1:3], w.shape[:2], stride, padding, output_padding)
    form = _form(algorithm, on_device(g), (g.shape[0], *size), w.shape, g.shape[1:3], stride, padding)
    gs, ws = form.of_output(g), form.of_kernel(w)
    return form.image(gs, ws), (form, gs, ws)


@keeping_op
def conv2d_weight(x, g, *, kernel_size, stride=1, padding=0, algorithm=None):
    """The adjoint of `conv2d` in the kernel: x (N, H, W, C) and g (N, OH, OW, O) to (kh, kw, C, O)."""
    kh, kw = pair(kernel_size)
    expected = conv_output_size(x.shape[1:3], (kh, kw), stride, padding)
    if g.shape[1:3] != expected:  # a larger g would read beyond the image, a smaller one has another adjoint
        raise ValueError(
            f"conv2d_weight: a {kh}x{kw} kernel over the image {x.shape} with stride {pair(stride)} and padding "
            f"{pair(padding)} gives {expected[0]}x{expected[1]} pixels, but g {g.shape} has {g.shape[1]}x{g.shape[2]}"
        )
    kernel = (kh, kw, x.shape[3], g.shape[3])
    form = _form(algorithm, on_device(x), x.shape, kernel, expected, stride, padding)
    xs, gs = form.of_image(x), form.of_output(g)
    return form.kernel(xs, gs), (form, xs, gs)


def _form(
    name: str | None, launched: bool, image: tuple, kernel: tuple, output: tuple, stride: Any, padding: Any
) -> Any:
    """What computes this convolution: images (N, H, W, ...), kernels (kh, kw, C, O), outputs (OH, OW)."""
    geometry = Geometry(image[1:3], kernel[:2], output, pair(stride), pair(padding))
    return choose(name, geometry, image[0], kernel[2:], launched)


# ------------------------------------------------------------------ the six rules

conv2d.vjps(
    lambda g, y, x, w, *, stride=1, padding=0, algorithm=None: conv_transpose2d(
        g, w, stride=stride, padding=padding, output_padding=leftover(x, w, stride, padding), algorithm=algorithm
    ),
    lambda g, y, x, w, *, stride=1, padding=0, algorithm=None: conv2d_weight(
        x, g, kernel_size=w.shape[:2], stride=stride, padding=padding, algorithm=algorithm
    ),
)
conv_transpose2d.vjps(
    lambda x, y, g, w, *, stride=1, padding=0, output_padding=0, algorithm=None: conv2d(
        x, w, stride=stride, padding=padding, algorithm=algorithm
    ),
    lambda x, y, g, w, *, stride=1, padding=0, output_padding=0, algorithm=None: conv2d_weight(
        x, g, kernel_size=w.shape[:2], stride=stride, padding=padding, algorithm=algorithm
    ),
)
conv2d_weight.vjps(
    lambda w, y, x, g, *, kernel_size, stride=1, padding=0, algorithm=None: conv_transpose2d(
        g, w, stride=stride, padding=padding, output_padding=leftover(x, w, stride, padding), algorithm=algorithm
    ),
    lambda w, y, x, g, *, kernel_size, stride=1, padding=0, algorithm=None: conv2d(
        x, w, stride=stride, padding=padding, algorithm=algorithm
    ),
)


# ------------------------------------------------------------------ the same with what the forward pass prepared


@conv2d.array_vjp
def _(g, y, kept, wanted, x, w, *, stride=1, padding=0, algorithm=None):
    form, xs, ws = kept
    gs = form.of_output(g)
    return form.image(gs, ws) if wanted[0] else None, form.kernel(xs, gs) if wanted[1] else None


@conv_transpose2d.array_vjp
def _(x, y, kept, wanted, g, w, *, stride=1, padding=0, output_padding=0, algorithm=None):
    form, gs, ws = kept
    xs = form.of_image(x)
    return form.output(xs, ws) if wanted[0] else None, form.kernel(xs, gs) if wanted[1] else None


@conv2d_weight.array_vjp
def _(w, y, kept, wanted, x, g, *, kernel_size, stride=1, padding=0, algorithm=None):
    form, xs, gs = kept
    ws = form.of_kernel(w)
    return form.image(gs, ws) if wanted[0] else None, form.output(xs, ws) if wanted[1] else None
