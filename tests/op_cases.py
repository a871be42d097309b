"""Cases for every op: inputs away from kinks, settings, and the same value computed in another way.

`CASES` maps the name of each op to a hypothesis strategy of `Case`. Shapes, memory layouts and settings are
drawn; the values come from a drawn seed.
"""

import itertools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan import ops
from minigan.autograd import constant
from minigan.backend import device_of, to_device


@dataclass
class Case:
    """One op with its settings fixed, inputs to call it on, and what it must give."""

    f: Callable  # of arrays or tensors
    inputs: list[np.ndarray]
    expected: Callable  # of NumPy arrays, computed without the library
    layout: str = "plain"
    linear: str = ""  # "" or in which of its inputs the op is linear: "jointly", "separately"

    def arrays(self, dtype="float64"):
        """Fresh inputs of that dtype, in the drawn memory layout."""
        return [LAYOUTS[self.layout](x.astype(dtype)) for x in self.inputs]

    def __repr__(self):
        return f"Case(shapes={[x.shape for x in self.inputs]}, layout={self.layout})"


CASES: dict[str, st.SearchStrategy[Case]] = {}


def case_of(name):
    """Register a function `build(draw)` as the strategy for the op of that name."""

    def register(build):
        CASES[name] = st.composite(build)()
        return build

    return register


# ------------------------------------------------------------------- inputs


def _reversed(x):
    backwards = (slice(None, None, -1),) * x.ndim
    return x[backwards].copy()[backwards]


def _strided(x):
    wide = np.full((*x.shape[:-1], 2 * x.shape[-1] + 1) if x.ndim else (), np.nan, dtype=x.dtype)
    view = wide[..., 1::2] if x.ndim else wide
    view[...] = x
    return view


def _read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


LAYOUTS = {
    "plain": np.copy,
    "fortran": lambda x: x.copy(order="F"),
    "reversed": _reversed,
    "strided": _strided,
    "read-only": _read_only,
}

layouts = st.sampled_from(sorted(LAYOUTS))
rngs = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def shapes(min_dims=0, min_side=0):
    return hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=min_side, max_side=3)


def broadcasting(count):
    return hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=3).map(
        lambda found: found.input_shapes
    )


def values(rng, shape, low=-2.0, high=2.0, gap=0.0):
    """Values from low to high, then moved away from 0 by the gap."""
    x = np.asarray(rng.uniform(low, high, shape))
    return np.asarray(x + np.where(x < 0, -gap, gap))


def distinct(rng, shape, spacing=0.4):
    """Values of both signs that differ by the spacing or more: no ties, no group without spread."""
    count = math.prod(shape)
    return np.asarray((rng.permutation(count).reshape(shape) - 0.45 * count) * spacing)


@st.composite
def axis_of(draw, shape, several=True):
    """An axis of the shape, negative or not; also a tuple of axes or None if several may be reduced."""
    one = st.integers(-len(shape), len(shape) - 1) if shape else st.none()
    if not several:
        return draw(one)
    return draw(st.one_of(st.none(), one, hnp.valid_tuple_axes(len(shape))))


def on_device_of(x, index):
    """The index with its arrays on the device of x."""
    device = device_of(constant(x))
    move = lambda part: to_device(part, device) if isinstance(part, np.ndarray) else part
    return tuple(move(part) for part in index) if isinstance(index, tuple) else move(index)


# ---------------------------------------------------------- plain computation


def elementwise(function):
    """A function of numbers as a function of broadcast arrays, one element after the other."""
    return np.vectorize(function, otypes=[float])


def reduced(function, x, axis, keepdims):
    """A function of a list of numbers, applied to each group of elements that the axes name."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {a % x.ndim for a in axes}
    kept_shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    y = np.empty(kept_shape)
    for index in np.ndindex(kept_shape):
        y[index] = function(x[tuple(slice(None) if i in axes else k for i, k in enumerate(index))].ravel().tolist())
    return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def log_sum_exp(numbers):
    return max(numbers) + math.log(math.fsum(math.exp(x - max(numbers)) for x in numbers))


def softmax_of(numbers):
    return [math.exp(x - log_sum_exp(numbers)) for x in numbers]


def scattered(g, index, shape):
    """Zeros with each element of g added at its place, one after the other."""
    x = np.zeros(math.prod(shape))
    places = np.arange(x.size).reshape(shape)[index]
    for place, value in zip(np.ravel(places), g.ravel(), strict=True):
        x[place] += value
    return x.reshape(shape)


def summed_to(x, shape):
    y = np.zeros(shape)
    for index in np.ndindex(x.shape):
        tail = index[x.ndim - len(shape) :]
        y[tuple(0 if n == 1 else k for n, k in zip(shape, tail, strict=True))] += x[index]
    return y


def permuted(x, axes):
    y = np.empty([x.shape[a] for a in axes])
    for index in np.ndindex(x.shape):
        y[tuple(index[a] for a in axes)] = x[index]
    return y


def standardized(x, axes, eps):
    mean = reduced(lambda group: math.fsum(group) / len(group), x, axes, keepdims=True)
    spread = reduced(
        lambda group: math.sqrt(math.fsum((v - math.fsum(group) / len(group)) ** 2 for v in group) / len(group) + eps),
        x,
        axes,
        keepdims=True,
    )
    return (x - mean) / spread


def _positions(x, g, kernel, stride, padding):
    """All (pixel of x, tap of the kernel, pixel of g) that meet, as index triples without channels."""
    (sh, sw), (ph, pw) = stride, padding
    for n, i, j, a, b in itertools.product(*map(range, (g[0], g[1], g[2], *kernel))):
        h, w = sh * i + a - ph, sw * j + b - pw
        if 0 <= h < x[1] and 0 <= w < x[2]:
            yield (n, h, w), (a, b), (n, i, j)


def convolved(x, w, out_shape, stride, padding):
    y = np.zeros(out_shape)
    for pixel, tap, place in _positions(x.shape, out_shape, w.shape[:2], stride, padding):
        y[place] += x[pixel] @ w[tap]
    return y


def convolved_adjoint(g, w, image_shape, stride, padding):
    x = np.zeros(image_shape)
    for pixel, tap, place in _positions(image_shape, g.shape, w.shape[:2], stride, padding):
        x[pixel] += w[tap] @ g[place]
    return x


def correlated(x, g, kernel_shape, stride, padding):
    w = np.zeros(kernel_shape)
    for pixel, tap, place in _positions(x.shape, g.shape, kernel_shape[:2], stride, padding):
        w[tap] += np.multiply.outer(x[pixel], g[place])
    return w


# --------------------------------------------------------- one input, one place


def _unary(name, expected, linear="", **domain):
    @case_of(name)
    def build(draw):
        x = values(draw(rngs), draw(shapes()), **domain)
        return Case(getattr(ops, name), [x], elementwise(expected), draw(layouts), linear)


POSITIVE = {"low": 0.6, "high": 2.0}

_unary("negative", operator.neg, linear="jointly")
_unary("absolute", abs, gap=0.1)
_unary("exp", math.exp)
_unary("log", math.log, **POSITIVE)
_unary("log1p", math.log1p, low=-0.4)
_unary("sqrt", math.sqrt, **POSITIVE)
_unary("tanh", math.tanh)
_unary("sigmoid", lambda x: 1 / (1 + math.exp(-x)), low=-6.0, high=6.0)
_unary("softplus", lambda x: math.log(1 + math.exp(x)), low=-6.0, high=6.0)

slopes = st.sampled_from([0, 0.0, 0.01, 0.2, 1.0])


@case_of("leaky_relu")
def _(draw):
    slope = draw(slopes)
    x = values(draw(rngs), draw(shapes()), gap=0.1)
    expected = elementwise(lambda x: x if x > 0 else slope * x)
    return Case(lambda x: ops.leaky_relu(x, slope=slope), [x], expected, draw(layouts))


@case_of("leaky_mask")
def _(draw):
    slope, rng, shape = draw(slopes), draw(rngs), draw(shapes())
    g, mask = values(rng, shape), values(rng, shape, gap=0.1)
    expected = lambda g: elementwise(lambda g, x: g if x > 0 else slope * g)(g, mask)
    f = lambda g: ops.leaky_mask(g, on_device_of(g, mask.astype(g.dtype)), slope=slope)
    return Case(f, [g], expected, draw(layouts), "jointly")


@case_of("dropout")
def _(draw):
    p, rng, shape = draw(st.sampled_from([0.0, 0.3, 0.75])), draw(rngs), draw(shapes())
    bits = np.asarray(rng.integers(0, 2**16, shape, np.uint16))
    expected = elementwise(lambda x, random: x / (1 - p) if random >= round(p * 65536) else 0.0)
    f = lambda x: ops.dropout(x, on_device_of(x, bits), p=p)
    return Case(f, [values(rng, shape)], lambda x: expected(x, bits), draw(layouts), "jointly")


@case_of("power")
def _(draw):
    p = draw(st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2, 2.5, 3]))
    domain = {"gap": 0.6} if isinstance(p, int) else POSITIVE
    x = values(draw(rngs), draw(shapes()), **domain)
    return Case(lambda x: ops.power(x, p), [x], elementwise(lambda x: x**p), draw(layouts))


# ------------------------------------------------------------------ two inputs


def _binary(name, expected, linear="", gap=0.0):
    @case_of(name)
    def build(draw):
        rng, (a, b) = draw(rngs), draw(broadcasting(2))
        inputs = [values(rng, a), values(rng, b, gap=gap)]
        return Case(getattr(ops, name), inputs, elementwise(expected), draw(layouts), linear)


_binary("add", operator.add, "jointly")
_binary("subtract", operator.sub, "jointly")
_binary("multiply", operator.mul, "separately")
_binary("divide", operator.truediv, gap=0.6)


def _choice(name, expected):
    @case_of(name)
    def build(draw):
        rng, (a, b) = draw(rngs), draw(broadcasting(2))
        inputs = [np.asarray(0.4 * rng.integers(-5, 5, shape) + offset) for shape, offset in ((a, 0.0), (b, 0.2))]
        return Case(getattr(ops, name), inputs, elementwise(expected), draw(layouts))


_choice("maximum", max)
_choice("minimum", min)


@case_of("where")
def _(draw):
    rng, (c, a, b) = draw(rngs), draw(broadcasting(3))
    condition = np.asarray(rng.random(c) < 0.5)
    f = lambda a, b: ops.where(on_device_of(a, condition), a, b)
    expected = lambda a, b: elementwise(lambda c, a, b: a if c else b)(condition, a, b)
    return Case(f, [values(rng, a), values(rng, b)], expected, draw(layouts), "jointly")


@case_of("matrix_product")
def _(draw):
    rng, batch = draw(rngs), draw(st.sampled_from([(), (1,), (2,)]))
    m, k, n = draw(st.tuples(*[st.integers(1, 4)] * 3))
    inputs = [values(rng, (*batch, m, k)), values(rng, (*batch, k, n))]
    expected = lambda a, b: np.einsum("...mk,...kn->...mn", a, b)
    return Case(ops.matrix_product, inputs, expected, draw(layouts), "separately")


# ------------------------------------------------------------------ reductions


def _reduction(name, of_group, draw_values, linear="", min_side=1):
    @case_of(name)
    def build(draw):
        shape = draw(shapes(min_side=min_side))
        settings = {"axis": draw(axis_of(shape)), "keepdims": draw(st.booleans())}
        x = draw_values(draw(rngs), shape)
        f = lambda x: getattr(ops, name)(x, **settings)
        return Case(f, [x], lambda x: reduced(of_group, x, **settings), draw(layouts), linear)


_reduction("sum", math.fsum, values, "jointly", min_side=0)
_reduction("max", max, distinct)
_reduction("logsumexp", log_sum_exp, values)
_reduction("norm", lambda group: math.hypot(*group), lambda rng, shape: values(rng, shape, gap=0.3))


@case_of("softmax")
def _(draw):
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(axis_of(shape, several=False))
    expected = lambda x: np.apply_along_axis(softmax_of, axis, x)
    return Case(lambda x: ops.softmax(x, axis=axis), [values(draw(rngs), shape)], expected, draw(layouts))


@case_of("standardize")
def _(draw):
    shape = draw(shapes(min_dims=1, min_side=1))
    settings = {"axes": draw(hnp.valid_tuple_axes(len(shape), min_size=1)), "eps": draw(st.sampled_from([1e-5, 0.1]))}
    x = distinct(draw(rngs), shape)
    return Case(lambda x: ops.standardize(x, **settings), [x], lambda x: standardized(x, **settings), draw(layouts))


@case_of("batch_norm")
def _(draw):
    shape, rng = draw(shapes(min_dims=2, min_side=1)), draw(rngs)
    eps, slope, axes = draw(st.sampled_from([1e-5, 0.1])), draw(st.sampled_from([1.0, 0.3, 0.0])), range(len(shape) - 1)
    scale, shift = values(rng, shape[-1:]), values(rng, shape[-1:])
    if slope != 1:  # far from the kink: each channel lies on one side of it
        shift += 6 * np.sign(shift)

    def expected(x, scale, shift):
        y = standardized(x, tuple(axes), eps) * scale + shift
        return np.where(y > 0, y, slope * y)

    f = lambda *xs: ops.batch_norm(*xs, eps=eps, slope=slope)
    return Case(f, [distinct(rng, shape), scale, shift], expected, draw(layouts))


# --------------------------------------------------------------------- movement


def _movement(name, settings_of, expected):
    """`settings_of(draw)` gives the shape of the input and the settings."""

    @case_of(name)
    def build(draw):
        shape, settings = settings_of(draw)
        f = lambda x: getattr(ops, name)(x, **settings)
        return Case(f, [values(draw(rngs), shape)], lambda x: expected(x, **settings), draw(layouts), "jointly")


def _small_to_large(draw):
    large = draw(shapes())
    small = tuple(n if draw(st.booleans()) else 1 for n in large)
    return small[draw(st.integers(0, len(small))) :], large


def _to_larger(draw):
    small, large = _small_to_large(draw)
    return small, {"shape": large}


def _to_smaller(draw):
    small, large = _small_to_large(draw)
    return large, {"shape": small}


def _to_other_shape(draw):
    shape = draw(shapes())
    other = draw(st.permutations([*shape, 1]))
    merged = [other[0] * other[1], *other[2:]] if len(other) > 1 else other
    if 0 not in merged and draw(st.booleans()):
        merged[draw(st.integers(0, len(merged) - 1))] = -1
    return shape, {"shape": tuple(merged)}


def _to_other_order(draw):
    shape = draw(shapes())
    axes = draw(st.permutations(range(len(shape))))
    axes = tuple(a - len(shape) if draw(st.booleans()) else a for a in axes)
    return shape, {"axes": draw(st.sampled_from([axes, None]))}


def _to_wider(draw):
    shape = draw(shapes())
    return shape, {"widths": tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in shape)}


def _filled(x, shape):
    y = np.zeros(math.prod(x.shape)).reshape(shape)
    for place, value in zip(np.ndindex(y.shape), x.ravel(), strict=True):
        y[place] = value
    return y


_movement("broadcast_to", _to_larger, lambda x, shape: x + np.zeros(shape))
_movement("sum_to", _to_smaller, summed_to)
_movement("reshape", _to_other_shape, _filled)
_movement("transpose", _to_other_order, lambda x, axes: permuted(x, axes or range(x.ndim)[::-1]))
_movement("pad", _to_wider, lambda x, widths: np.pad(x, widths) if x.ndim else x)


@st.composite
def indices(draw):
    """A shape and an index into it: basic, or with arrays of integers (repeated ones too), or both."""
    if draw(st.booleans()):
        shape = draw(shapes())
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    shape = draw(shapes(min_dims=1, min_side=1))
    together = draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
    first_only = (together[0],)
    sliced = (slice(None, None, -1), together[1]) if len(shape) > 1 else together[0]
    return shape, draw(st.sampled_from([together, first_only, sliced]))


@case_of("getitem")
def _(draw):
    shape, index = draw(indices())
    f = lambda x: ops.getitem(x, index=on_device_of(x, index))
    expected = lambda x: np.take(x.ravel(), np.arange(x.size).reshape(shape)[index])
    return Case(f, [values(draw(rngs), shape)], expected, draw(layouts), "jointly")


@case_of("put")
def _(draw):
    shape, index = draw(indices())
    g = values(draw(rngs), np.zeros(shape)[index].shape)
    f = lambda g: ops.put(g, index=on_device_of(g, index), shape=shape)
    return Case(f, [g], lambda g: scattered(g, index, shape), draw(layouts), "jointly")


@case_of("concatenate")
def _(draw):
    shape = draw(shapes(min_dims=1))
    axis = draw(axis_of(shape, several=False))
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    rng, at = draw(rngs), axis % len(shape)
    inputs = [values(rng, (*shape[:at], n, *shape[at + 1 :])) for n in lengths]
    expected = lambda *xs: np.array([row for x in xs for row in np.moveaxis(x, at, 0)])
    back = lambda y: np.moveaxis(y.reshape(sum(lengths), *shape[:at], *shape[at + 1 :]), 0, at)
    return Case(
        lambda *xs: ops.concatenate(*xs, axis=axis),
        inputs,
        lambda *xs: back(expected(*xs)),
        draw(layouts),
        "jointly",
    )


# ------------------------------------------------------------------ convolution


@dataclass
class Geometry:
    """Shapes that fit together in the trilinear form of x, w and g."""

    image: tuple[int, int, int, int]
    kernel: tuple[int, int, int, int]
    output: tuple[int, int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    leftover: tuple[int, int]
    algorithm: str | None

    @property
    def settings(self):
        return {"stride": self.stride, "padding": self.padding, "algorithm": self.algorithm}

    @property
    def form(self):
        return {"stride": self.stride, "padding": self.padding}


@st.composite
def geometries(draw, max_output=3):
    """All sizes unequal in height and width; `leftover` rows and columns lie beyond the last window."""
    pairs = lambda low, high: draw(st.tuples(st.integers(low, high), st.integers(low, high)))
    batch, channels = pairs(1, 2)
    kernel, stride, output = pairs(1, 4), pairs(1, 3), pairs(1, max_output)
    leftover = tuple(draw(st.integers(0, s - 1)) for s in stride)
    covered = [(o - 1) * s + k + r for o, s, k, r in zip(output, stride, kernel, leftover, strict=True)]
    padding = tuple(draw(st.integers(0, min(2, (n - 1) // 2))) for n in covered)
    image = [n - 2 * p for n, p in zip(covered, padding, strict=True)]
    features = draw(st.integers(1, 3))
    small = max(-(-k // s) for k, s in zip(kernel, stride, strict=True)) <= 3
    algorithm = draw(st.sampled_from([None, "direct", "fourier", "winograd-2", *["winograd-4"] * small]))
    return Geometry(
        (batch, *image, channels),
        (*kernel, channels, features),
        (batch, *output, features),
        stride,
        padding,
        leftover,
        algorithm,
    )


def _convolution(name, first, second, settings_of, expected):
    """`first` and `second` name the inputs among image, kernel and output of a geometry."""

    @case_of(name)
    def build(draw):
        geometry, rng = draw(geometries(max_output=2)), draw(rngs)
        inputs = [values(rng, getattr(geometry, each)) for each in (first, second)]
        f = lambda a, b: getattr(ops, name)(a, b, **settings_of(geometry))
        return Case(f, inputs, lambda a, b: expected(a, b, geometry), draw(layouts), "separately")


_convolution(
    "conv2d",
    "image",
    "kernel",
    lambda geometry: geometry.settings,
    lambda x, w, geometry: convolved(x, w, geometry.output, **geometry.form),
)
_convolution(
    "conv_transpose2d",
    "output",
    "kernel",
    lambda geometry: geometry.settings | {"output_padding": geometry.leftover},
    lambda g, w, geometry: convolved_adjoint(g, w, geometry.image, **geometry.form),
)
_convolution(
    "conv2d_weight",
    "image",
    "output",
    lambda geometry: geometry.settings | {"kernel_size": geometry.kernel[:2]},
    lambda x, g, geometry: correlated(x, g, geometry.kernel, **geometry.form),
)
