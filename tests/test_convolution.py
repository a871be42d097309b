"""Convolution: the trilinear form, output sizes, geometry at the edges, and errors.

Derivatives and values on drawn geometries are in `test_ops`, as for every op.
"""

import itertools

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st
from op_cases import convolved, convolved_adjoint, correlated, geometries

import minigan as mg
from minigan import ops
from minigan.backend import kernels, to_device, to_host
from minigan.ops.conv_geometry import conv_output_size, conv_transpose_output_size

WEIGHTY = drawing(60)


def normal(shape, device, seed):
    return to_device(np.random.default_rng(seed).standard_normal(shape), device)


def inner(a, b):
    return float((to_host(a) * to_host(b)).sum())


def triad(geometry, device, seed=0):
    """x, w, g and the three maps of the geometry."""
    shapes = (geometry.image, geometry.kernel, geometry.output)
    x, w, g = (normal(shape, device, [seed, i]) for i, shape in enumerate(shapes))
    image = ops.conv_transpose2d(g, w, output_padding=geometry.leftover, **geometry.settings)
    kernel = ops.conv2d_weight(x, g, kernel_size=geometry.kernel[:2], **geometry.settings)
    return (x, w, g), (image, kernel, ops.conv2d(x, w, **geometry.settings))


@WEIGHTY
@given(geometry=geometries(), seed=st.integers(0, 2**32 - 1))
def test_the_trilinear_identity(device, geometry, seed):
    """<conv(x, w), g> = <x, convT(g, w)> = <w, convW(x, g)>."""
    operands, maps = triad(geometry, device, seed)
    numbers = [inner(a, b) for a, b in zip(operands, maps, strict=True)]
    size = 1 + np.sqrt(inner(operands[2], operands[2]) * inner(maps[2], maps[2]))
    assert max(numbers) - min(numbers) <= 1e-12 * size
    for operand, image in zip(operands, maps, strict=True):
        assert operand.shape == image.shape


@WEIGHTY
@given(geometry=geometries(max_output=4))
def test_each_map_against_loops(device, geometry):
    operands, maps = triad(geometry, device)
    x, w, g = map(to_host, operands)
    image, kernel, output = map(to_host, maps)
    form = geometry.form
    np.testing.assert_allclose(output, convolved(x, w, geometry.output, **form), atol=1e-12)
    np.testing.assert_allclose(image, convolved_adjoint(g, w, geometry.image, **form), atol=1e-12)
    np.testing.assert_allclose(kernel, correlated(x, g, geometry.kernel, **form), atol=1e-12)


GEOMETRIES_OF_NETWORKS = {
    "DCGAN down": ((1, 8, 8, 2), (4, 4, 2, 3), 2, 1),
    "DCGAN first": ((2, 4, 4, 2), (4, 4, 2, 1), 1, 0),
    "one pixel kernel": ((2, 3, 5, 2), (1, 1, 2, 3), 1, 0),
    "kernel smaller than stride": ((1, 7, 8, 1), (2, 1, 1, 2), 3, 0),
    "leftover rows": ((1, 8, 7, 1), (3, 3, 1, 2), (3, 2), (0, 1)),
    "padding beyond the kernel": ((1, 2, 2, 1), (1, 2, 1, 1), 1, 3),
    "whole image": ((2, 3, 4, 2), (3, 4, 2, 2), 1, 0),
}


@pytest.mark.parametrize("name", GEOMETRIES_OF_NETWORKS)
def test_derivatives_on_the_geometries_of_networks(name, device):
    image, kernel, stride, padding = GEOMETRIES_OF_NETWORKS[name]
    x, w = mg.Tensor(normal(image, device, 0)), mg.Tensor(normal(kernel, device, 1))
    mg.gradcheck(lambda x, w: ops.tanh(ops.conv2d(x, w, stride=stride, padding=padding)), [x, w], order=3)


def test_a_first_layer_of_gan_size_in_float32(device):
    """Long sums: rounding must not grow with the size of the image."""
    x, w = (normal(shape, device, i).astype("float32") for i, shape in enumerate([(4, 16, 16, 8), (4, 4, 8, 16)]))
    y = ops.conv2d(x, w, stride=2, padding=1)
    assert y.dtype == np.float32
    expected = convolved(to_host(x).astype(float), to_host(w).astype(float), y.shape, (2, 2), (1, 1))
    np.testing.assert_allclose(to_host(y), expected, atol=2e-4)


def test_a_picture_one_can_follow(device):
    """A kernel with a single 1 moves the image; asymmetric in every way, so that nothing can be exchanged."""
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    w = np.zeros((2, 3, 1, 1))
    w[1, 0] = 1.0
    x, w = to_device(x, device), to_device(w, device)
    np.testing.assert_array_equal(to_host(ops.conv2d(x, w))[0, :, :, 0], [[4, 5], [8, 9]])
    padded = to_host(ops.conv2d(x, w, padding=(1, 0)))[0, :, :, 0]
    np.testing.assert_array_equal(padded, [[0, 1], [4, 5], [8, 9], [0, 0]])
    spread = to_host(ops.conv_transpose2d(x[:, :1, :2], w, stride=(1, 2)))[0, :, :, 0]
    np.testing.assert_array_equal(spread, [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]])


def test_integers_and_pairs_mean_the_same(device):
    x, w = normal((1, 7, 7, 2), device, 0), normal((3, 3, 2, 2), device, 1)
    one, two = (ops.conv2d(x, w, stride=s, padding=p) for s, p in ((2, 1), ((2, 2), (1, 1))))
    np.testing.assert_array_equal(to_host(one), to_host(two))
    one, two = (
        ops.conv_transpose2d(x, w, stride=s, padding=p, output_padding=e)
        for s, p, e in ((2, 1, 1), ((2, 2), (1, 1), (1, 1)))
    )
    np.testing.assert_array_equal(to_host(one), to_host(two))


def test_output_sizes():
    """As many as there are windows; and the adjoint, with the right output_padding, leads back."""
    for kernel, stride, padding, size in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2), range(1, 12)):
        if kernel > size + 2 * padding:
            continue
        out, _ = conv_output_size((size, size), kernel, stride, padding)
        starts = range(-padding, size + padding - kernel + 1, stride)
        assert out == len(starts)
        leftover = size + padding - (starts[-1] + kernel)
        assert conv_transpose_output_size((out, out), kernel, stride, padding, leftover) == (size, size)


def _from_channels_first(a, device):
    return to_device(np.ascontiguousarray(a.transpose(0, 3, 1, 2)), device).transpose(0, 2, 3, 1)


def _from_reversed(a, device):
    backwards = (slice(None, None, -1),) * 4
    return to_device(a[backwards].copy(), device)[backwards]


def _from_wider(a, device):
    return to_device(np.repeat(a, 2, axis=2), device)[:, :, ::2]


@pytest.mark.parametrize("view", [_from_channels_first, _from_reversed, _from_wider])
def test_views_of_other_memory_orders(device, view):
    rng = np.random.default_rng(0)
    x, w, g = (rng.standard_normal(shape) for shape in ((2, 5, 6, 3), (3, 2, 3, 2), (2, 3, 5, 2)))
    form = {"stride": (1, 1), "padding": (0, 0)}
    of = lambda a: view(a, device)
    for found, expected in (
        (ops.conv2d(of(x), of(w)), convolved(x, w, g.shape, **form)),
        (ops.conv_transpose2d(of(g), of(w)), convolved_adjoint(g, w, x.shape, **form)),
        (ops.conv2d_weight(of(x), of(g), kernel_size=(3, 2)), correlated(x, g, w.shape, **form)),
    ):
        np.testing.assert_allclose(to_host(found), expected, atol=1e-12)


def test_the_result_is_no_view_of_the_input(device):
    x, w = normal((1, 3, 3, 1), device, 0), to_device(np.ones((1, 1, 1, 1)), device)
    before = to_host(x).copy()
    for y in (ops.conv2d(x, w), ops.conv_transpose2d(x, w)):
        y[...] = 7.0
        np.testing.assert_array_equal(to_host(x), before)


# ----------------------------------------------------------------------- errors

x, w = mg.Tensor(np.ones((1, 5, 6, 3))), mg.Tensor(np.ones((3, 3, 3, 2)))

ERRORS = {
    "channels": (
        lambda: ops.conv2d(x, np.ones((3, 3, 4, 2))),
        "conv2d: the kernel (3, 3, 4, 2) expects 4 channels, the feature map (1, 5, 6, 3) has 3",
    ),
    "output channels": (
        lambda: ops.conv_transpose2d(x, w),
        "conv_transpose2d: the kernel (3, 3, 3, 2) expects 2 output channels, the feature map (1, 5, 6, 3) has 3",
    ),
    "kernel too large": (
        lambda: ops.conv2d(x, np.ones((6, 3, 3, 2))),
        "conv2d: a 6x3 kernel does not fit into an image of 5x6 with padding (0, 0); use a larger image, a smaller",
    ),
    "output_padding": (
        lambda: ops.conv_transpose2d(x, np.ones((3, 3, 2, 3)), stride=2, output_padding=(1, 2)),
        "conv_transpose2d: output_padding (1, 2) must be at least 0 and below the stride (2, 2)",
    ),
    "negative output_padding": (
        lambda: ops.conv_transpose2d(x, np.ones((3, 3, 2, 3)), stride=2, output_padding=-1),
        "conv_transpose2d: output_padding (-1, -1) must be at least 0 and below the stride (2, 2)",
    ),
    "too much padding": (
        lambda: ops.conv_transpose2d(x[:, :1, :2], np.ones((1, 2, 2, 3)), padding=1),
        "a feature map of 1x2 with kernel (1, 2), stride (1, 1), padding (1, 1) and output_padding (0, 0) would give "
        "-1x1 pixels; use less padding",
    ),
    "negative padding": (
        lambda: ops.conv2d(x, w, padding=(0, -1)),
        "conv2d: expected a stride of at least 1 and a padding of at least 0, got (1, 1) and (0, -1)",
    ),
    "negative padding of the adjoint": (
        lambda: ops.conv_transpose2d(x, np.ones((3, 3, 2, 3)), padding=(-2, 0)),
        "conv_transpose2d: expected a stride of at least 1 and a padding of at least 0, got (1, 1) and (-2, 0)",
    ),
    "no stride": (
        lambda: ops.conv2d(x, w, stride=(2, 0)),
        "conv2d: expected a stride of at least 1 and a padding of at least 0, got (2, 0) and (0, 0)",
    ),
    "no stride of the adjoint": (
        lambda: ops.conv_transpose2d(x, np.ones((3, 3, 2, 3)), stride=(0, 2)),
        "conv_transpose2d: expected a stride of at least 1 and a padding of at least 0, got (0, 2) and (0, 0)",
    ),
    "no pixel left": (
        lambda: ops.conv_transpose2d(x[:, :1, :1], np.ones((2, 3, 2, 3)), padding=1),
        "would give 0x1 pixels; use less padding",
    ),
    "no batch": (
        lambda: ops.conv2d(x[0], w),
        "conv2d: expected images (N, H, W, C) and a kernel (kh, kw, in, out), got shapes (5, 6, 3) and (3, 3, 3, 2)",
    ),
    "an image of five axes": (
        lambda: ops.conv2d(x[None], w),
        "conv2d: expected images (N, H, W, C) and a kernel (kh, kw, in, out), got shapes (1, 1, 5, 6, 3)",
    ),
    "a kernel of five axes": (
        lambda: ops.conv2d(x, w[None]),
        "conv2d: expected images (N, H, W, C) and a kernel (kh, kw, in, out), got shapes (1, 5, 6, 3) and (1, 3, 3,",
    ),
    "dense weights": (
        lambda: ops.conv_transpose2d(x, np.ones((3, 2))),
        "conv_transpose2d: expected images (N, H, W, C) and a kernel (kh, kw, in, out), got shapes (1, 5, 6, 3)",
    ),
    "gradient too large": (
        lambda: ops.conv2d_weight(x, np.ones((1, 4, 4, 2)), kernel_size=3),
        "with stride (1, 1) and padding (0, 0) gives 3x4 pixels, but g (1, 4, 4, 2) has 4x4",
    ),
    "gradient too small": (
        lambda: ops.conv2d_weight(x, np.ones((1, 2, 4, 2)), kernel_size=3),
        "with stride (1, 1) and padding (0, 0) gives 3x4 pixels, but g (1, 2, 4, 2) has 2x4",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    fail, message = ERRORS[name]
    with pytest.raises(ValueError, match="conv") as caught:
        fail()
    assert message in str(caught.value)
    assert "conv" in caught.value.__notes__[0]


def test_sizes_take_two_numbers():
    with pytest.raises(ValueError, match="longer"):
        conv_output_size((5, 5), (3, 3, 3), 1, 0)
    with pytest.raises(ValueError, match="longer"):
        conv_transpose_output_size((5, 5), (3, 3, 3), 1, 0, 0)


def test_no_window_of_the_plain_convolution_reaches_beyond_the_padded_image():
    """Beyond it lies foreign memory, which may well hold zeros: so values alone would not tell."""
    padded = kernels._surrounded(np.ones((2, 3, 4, 1)), 1, 2)
    assert padded.shape == (2, 5, 8, 1)
    np.testing.assert_array_equal(padded, np.pad(np.ones((2, 3, 4, 1)), ((0, 0), (1, 1), (2, 2), (0, 0))))
