"""The algorithms behind convolution: exact as bilinear forms, accurate in float32, chosen by one rule, and reused."""

import itertools
import math

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st

import minigan as mg
from minigan import ops
from minigan.backend import matmul, to_device
from minigan.ops import conv_algorithms, conv_bilinear, conv_direct, convolution
from minigan.ops.conv_algorithms import ALGORITHMS, MOVE, OVERHEAD, SCATTER, TRANSFORM, choose
from minigan.ops.conv_bilinear import POINTS, Bilinear, fourier, toom_cook
from minigan.ops.conv_direct import Direct
from minigan.ops.conv_geometry import Geometry, conv_output_size


def geometry(size, kernel, stride, padding):
    output = conv_output_size((size, size), kernel, stride, padding)
    return Geometry((size, size), (kernel, kernel), output, (stride, stride), (padding, padding))


@pytest.mark.parametrize(("m", "r"), [(m, r) for m, r in itertools.product(range(1, 7), repeat=2) if m + r - 1 <= 6])
def test_toom_cook_is_the_filter_and_nothing_else(m, r):
    """Sum over f of A[i, f] G[f, a] B[f, p] is 1 where p = i + a, and 0 elsewhere."""
    B, G, A = toom_cook(m, r)
    assert len(B) == m + r - 1
    i, a, p = np.ogrid[:m, :r, : m + r - 1]
    np.testing.assert_allclose(np.einsum("if,fa,fp->iap", A, G, B), p == i + a, atol=1e-12)


@drawing(40)
@given(
    tile=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    span=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    first=st.tuples(st.integers(-3, 1), st.integers(-3, 1)),
)
def test_the_fourier_algorithm_is_the_filter_without_what_wraps_around(tile, taps, span, first):
    """The same with p = i + a + first, for both axes at once."""
    B, G, A = fourier(tile, taps, span, first)
    meets = []
    for m, r, t, d in zip(tile, taps, span, first, strict=True):
        i, a, p = np.ogrid[:m, :r, :t]
        meets.append(p == i + a + d)
    expected = np.einsum("iap,jbq->ijabpq", *(np.array(each, dtype=float) for each in meets))
    found = np.einsum("if,fa,fp->iap", A, G, B).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_number_of_multiplications_is_that_of_the_algorithm():
    assert Bilinear(geometry(16, 4, 2, 1), 4).constants.B.shape[0] == 25
    assert Bilinear(geometry(16, 3, 1, 1), 4).constants.B.shape[0] == 36
    assert Bilinear(geometry(7, 5, 1, 2), None).constants.B.shape[0] == 121  # a circle of 9: 1 + 3 * 40
    assert Bilinear(geometry(14, 5, 2, 2), None).constants.B.shape[0] == 94  # of 8: 4 + 3 * 30


LAYERS = {
    "5x5": (7, 5, 1, 2),
    "5x5, stride 2": (14, 5, 2, 2),
    "4x4, stride 2": (16, 4, 2, 1),
    "3x3": (9, 3, 1, 1),
    "2x2": (6, 2, 1, 0),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("layer", LAYERS)
def test_float32_keeps_a_relative_error_below_1e_5(layer, algorithm):
    size, kernel, stride, padding = LAYERS[layer]
    if algorithm == "winograd-4" and -(-kernel // stride) > 3:
        pytest.skip("its tiles are for kernels of at most three strides")
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, size, size, 48)), rng.standard_normal((kernel, kernel, 48, 16))
    form = {"stride": stride, "padding": padding}
    exact = ops.conv2d(x, w, algorithm="direct", **form)
    g = rng.standard_normal(exact.shape)

    def three(dtype, algorithm):
        a, b = (mg.Tensor(each.astype(dtype), requires_grad=True) for each in (x, w))
        y = ops.conv2d(a, b, algorithm=algorithm, **form)
        return [y, *mg.grad(y, [a, b], mg.Tensor(g.astype(dtype)))]

    for found, wanted in zip(three("float32", algorithm), three("float64", "direct"), strict=True):
        assert found.dtype == np.float32
        assert abs(found.numpy() - wanted.numpy()).max() <= 1e-5 * abs(wanted.numpy()).max()


CHOICES = [
    ("small maps, large kernels", "fourier", geometry(7, 5, 1, 2), 64, (128, 256)),
    ("with a stride", "fourier", geometry(14, 5, 2, 2), 64, (64, 128)),
    ("DCGAN", "winograd-4", geometry(32, 4, 2, 1), 32, (64, 128)),
    ("DCGAN, more weights than pixels", "winograd-2", geometry(8, 4, 2, 1), 32, (256, 512)),
    ("DCGAN for small images", "winograd-4", geometry(14, 4, 2, 1), 64, (32, 64)),
    ("3x3", "winograd-4", geometry(32, 3, 1, 1), 32, (64, 64)),
    ("one channel", "direct", geometry(28, 5, 2, 2), 128, (1, 64)),
    ("colours", "direct", geometry(64, 4, 2, 1), 32, (3, 64)),
    ("one pixel kernel", "direct", geometry(16, 1, 1, 0), 64, (256, 256)),
    ("a whole map to one pixel", "direct", geometry(4, 4, 1, 0), 64, (512, 1)),
    ("tiny", "direct", geometry(8, 3, 1, 1), 2, (2, 3)),
]


@pytest.mark.parametrize(("name", "geometry", "samples", "channels"), [(c[1], *c[2:]) for c in CHOICES])
def test_the_choice_for_layers_of_networks(name, geometry, samples, channels):
    form = choose(None, geometry, samples, channels)
    assert form is choose(name, geometry, 1, (1, 1))


@pytest.mark.parametrize(("geometry", "samples", "channels"), [c[2:] for c in CHOICES])
def test_on_a_device_the_choice_is_the_direct_algorithm_unless_another_is_named(geometry, samples, channels):
    assert choose(None, geometry, samples, channels, launched=True) is choose("direct", geometry, samples, channels)
    assert isinstance(choose("winograd-2", geometry, samples, channels, launched=True), Bilinear)


def watch_products(monkeypatch, module):
    """Every matrix product of a module, as (first operand, second operand, result)."""
    seen = []

    def noting(a, b):
        y = matmul(a, b)
        seen.append((a, b, y))
        return y

    monkeypatch.setattr(module, "matmul", noting)
    return seen


def run_all_maps(form, geometry, samples, channels):
    """The operands, prepared once, and the three maps."""
    (c, o), shape = channels, geometry.image
    x, w = np.ones((samples, *shape, c)), np.ones((*geometry.kernel, c, o))
    g = np.ones((samples, *geometry.output, o))
    xs, ws, gs = form.of_image(x), form.of_kernel(w), form.of_output(g)
    form.output(xs, ws), form.image(gs, ws), form.kernel(xs, gs)


LOPSIDED = Geometry((9, 14), (3, 5), (4, 12), (2, 1), (0, 1))


@pytest.mark.parametrize("name", ["winograd-2", "winograd-4", "fourier"])
def test_the_cost_of_a_bilinear_algorithm_is_what_its_three_maps_do(name, monkeypatch):
    if name == "winograd-4":
        geometry = LOPSIDED._replace(kernel=(3, 3), output=(4, 14))
    else:
        geometry = LOPSIDED
    samples, channels = 3, (3, 7)
    form = choose(name, geometry, samples, channels)
    seen = watch_products(monkeypatch, conv_bilinear)
    run_all_maps(form, geometry, samples, channels)
    products = sum(len(a) * a.shape[1] * a.shape[2] * b.shape[2] for a, b, _ in seen if a.ndim == 3)
    transforms = sum(a.size * b.shape[1] for a, b, _ in seen if a.ndim == 2)
    moved = sum(b.size + y.size for a, b, y in seen if a.ndim == 2)
    moved -= 2 * math.prod(form.taps) * math.prod(form.stride) * math.prod(channels)  # the kernels are small
    expected = products + TRANSFORM * transforms + MOVE * moved + OVERHEAD
    assert conv_algorithms._cost(form, samples, channels) == expected
    assert len(seen) == 9


def test_the_cost_of_the_direct_algorithm_is_what_its_three_maps_do(monkeypatch):
    form, samples, channels = Direct(LOPSIDED), 3, (3, 7)
    seen = watch_products(monkeypatch, conv_direct)
    run_all_maps(form, LOPSIDED, samples, channels)
    products = sum(a.shape[0] * a.shape[1] * b.shape[1] for a, b, _ in seen)
    columns, shares = seen[0][0], seen[1][2]
    expected = products + MOVE * columns.size + SCATTER * shares.size
    assert conv_algorithms._cost_of_direct(LOPSIDED, samples, channels) == expected
    assert len(seen) == 3


def test_all_three_ops_ask_the_same_question(monkeypatch, device):
    asked = []
    monkeypatch.setattr(convolution, "choose", lambda *question: asked.append(question) or choose(*question))
    shapes = (3, *LOPSIDED.image, 2), (*LOPSIDED.kernel, 2, 7), (3, *LOPSIDED.output, 7)
    x, w, g = (to_device(np.ones(shape), device) for shape in shapes)
    form = {"stride": LOPSIDED.stride, "padding": LOPSIDED.padding}
    ops.conv2d(x, w, **form)
    ops.conv_transpose2d(g, w, **form)
    ops.conv2d_weight(x, g, kernel_size=LOPSIDED.kernel, **form)
    assert asked == [(None, LOPSIDED, 3, (2, 7), device.name != "cpu")] * 3


def test_a_geometry_that_an_algorithm_cannot_treat_is_refused_with_the_reason():
    x, w = np.zeros((1, 9, 9, 1)), np.zeros((5, 5, 1, 1))
    with pytest.raises(ValueError, match=r"'winograd-4': the kernel \(5, 5\) is too large.*use 'direct'"):
        ops.conv2d(x, w, algorithm="winograd-4")
    with pytest.raises(ValueError, match=r"algorithm: expected one of direct, winograd-2.*got 'fft'"):
        ops.conv2d(x, w, algorithm="fft")
    assert max(POINTS) == 6


@pytest.mark.parametrize("algorithm", ["direct", "winograd-4", "fourier"])
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "conv2d_weight"])
def test_what_the_forward_pass_prepared_is_used_again(name, algorithm, device, monkeypatch):
    """Three operands, three preparations: one each, whichever op comes first."""
    rng = np.random.default_rng(0)
    shapes = {"x": (2, 6, 6, 2), "w": (3, 3, 2, 3), "g": (2, 4, 4, 3)}
    operands = {"conv2d": "xw", "conv_transpose2d": "gw", "conv2d_weight": "xg"}[name]
    a, b = (
        mg.Tensor(to_device(rng.standard_normal(shapes[each]), device), requires_grad=True, device=device)
        for each in operands
    )
    prepared = []
    kind = Direct if algorithm == "direct" else Bilinear
    for method in ("of_image", "of_kernel", "of_output"):
        original = getattr(kind, method)
        note = lambda self, x, original=original, method=method: prepared.append(method) or original(self, x)
        monkeypatch.setattr(kind, method, note)
    settings = {"kernel_size": 3} if name == "conv2d_weight" else {}
    y = getattr(ops, name)(a, b, algorithm=algorithm, **settings)
    mg.grad(y.sum(), [a, b])
    assert sorted(prepared) == ["of_image", "of_kernel", "of_output"]


def test_constants_live_on_the_device_in_the_dtype_of_the_images(device):
    form = Bilinear(geometry(6, 3, 1, 1), 2)
    for dtype in ("float32", "float64"):
        x = to_device(np.ones((1, 6, 6, 1), dtype=dtype), device)
        constant = form._constant("B", x)
        assert type(constant) is type(x)
        assert constant.dtype == dtype
        assert form._constant("B", x) is constant
