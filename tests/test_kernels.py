"""Every fused kernel: its CUDA text compiles, and computes what its NumPy reference computes, on every device."""

import itertools
import shutil

import numpy as np
import pytest
from helpers import restored
from kernel_texts import DTYPES, NVRTC, OnHost, find_nvrtc, source

from minigan.backend import array_namespace, get_device, kernels, to_device, to_host
from minigan.backend.kernel import Kernel, kernel, table
from minigan.backend.strict import StrictError, counting
from minigan.errors import DeviceError
from minigan.ops.conv_geometry import conv_output_size

SHAPES = [(), (0,), (7,), (3, 1, 5)]
CHANNELS = 3


def values(rng, shape, dtype):
    """Values of both signs and of several magnitudes, in a layout that is not the usual one."""
    x = rng.standard_normal(shape[::-1]) * np.exp(rng.uniform(-3, 2, shape[::-1]))
    return np.asarray(x, dtype).T


def extremes(dtype):
    return np.array([-300, -89, -40, -1e-6, -0.0, 0.0, 1e-6, 2, 40, 89, 300], dtype)


def elementwise(count, *numbers):
    """Calls with `count` arrays of one shape, then some numbers."""

    def calls(rng, dtype):
        for shape in SHAPES:
            yield *(values(rng, shape, dtype) for _ in range(count)), *numbers
        yield *(extremes(dtype)[:: (-1) ** k] for k in range(count)), *numbers

    return calls


def statistics(rng, dtype):
    """A batch with a mean far from zero, its sums, and how many rows there are."""
    for shape in ((6, CHANNELS), (2, 3, 4, CHANNELS)):
        x = (5 + 2 * rng.standard_normal(shape)).astype(dtype)
        axes = tuple(range(x.ndim - 1))
        total = x.sum(axes)
        count = x.size // CHANNELS
        yield x, total, ((x - total / count) ** 2).sum(axes), count


def channels(rng, dtype):
    return rng.standard_normal(CHANNELS).astype(dtype)


GEOMETRIES = [  # (h, w), (kh, kw), stride, padding: a remainder that no window covers, gaps between windows, and so on
    ((5, 6), (2, 3), (1, 1), (0, 0)),
    ((7, 8), (5, 5), (2, 2), (2, 2)),
    ((6, 9), (3, 2), (2, 3), (1, 0)),
    ((4, 4), (1, 2), (3, 2), (0, 1)),
    ((1, 3), (3, 1), (1, 2), (1, 0)),
]


def geometries(rng, dtype, channels=2, samples=3):
    for size, kernel_size, stride, padding in GEOMETRIES:
        output = [
            conv_output_size((n, n), (k, k), (s, s), (p, p))[0]
            for n, k, s, p in zip(size, kernel_size, stride, padding, strict=True)
        ]
        x = rng.standard_normal((samples, *size, channels)).astype(dtype)
        columns = rng.standard_normal((samples * np.prod(output), np.prod(kernel_size) * channels)).astype(dtype)
        yield x, columns, (*size, channels, *kernel_size, *output, *stride, *padding)


CASES = {
    "leaky_relu": lambda *of: itertools.chain(elementwise(1, 0.2)(*of), elementwise(1, 0.0)(*of)),
    "leaky_relu_and_slope": lambda *of: itertools.chain(elementwise(1, 0.2)(*of), elementwise(1, 0.0)(*of)),
    "leaky_mask": elementwise(2, 0.3),
    "tanh_vjp": elementwise(2),
    "sigmoid": elementwise(1),
    "sigmoid_vjp": elementwise(3),
    "softplus": elementwise(1),
    "softplus_vjp": elementwise(2),
    "dropout": lambda rng, dtype: (
        (values(rng, shape, dtype), rng.integers(0, high, shape, np.uint16), least, 1.25)
        for shape, high, least in [((7,), 2**16, 0), ((3, 4), 2**16, 2**16), ((4, 3, 50), 2**16, 9000), ((40,), 5, 2)]
    ),
    "squared_deviation": lambda *of: ((x, total, count) for x, total, _, count in statistics(*of)),
    "batch_norm": lambda *of: (
        (x, total, squares, channels(*of), channels(*of), count, 0.1, slope)
        for slope in (1.0, 0.3, 0.0)
        for x, total, squares, count in statistics(*of)
    ),
    "along_standardized": lambda *of: (
        (values(of[0], x.shape, of[1]), x, values(of[0], x.shape, of[1]), total, squares, count, 0.1, slope)
        for slope in (1.0, 0.3, 0.0)
        for x, total, squares, count in statistics(*of)
    ),
    "batch_norm_vjp": lambda *of: (
        (values(of[0], x.shape, of[1]), x, total, squares, *(channels(*of) for _ in range(3)), count, 0.1)
        for x, total, squares, count in statistics(*of)
    ),
    "follow_statistics": lambda *of: (
        (total, squares, count, 0.1, channels(*of), channels(*of)) for _, total, squares, count in statistics(*of)
    ),
    "im2col": lambda *of: ((x, *sizes, np.full_like(columns, np.nan)) for x, columns, sizes in geometries(*of)),
    "col2im": lambda *of: ((columns, *sizes, np.full_like(x, np.nan)) for x, columns, sizes in geometries(*of)),
    "adam": lambda rng, dtype: (
        (*(values(rng, shape, dtype) for _ in range(3)), abs(values(rng, shape, dtype)), 0.5, 0.9, 0.01, 1e-3)
        for shape in SHAPES[1:]
    ),
}
"""For each kernel a function of a generator and a dtype that gives the arguments of several calls."""

each_kernel = pytest.mark.parametrize("name", sorted(table))
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def calls(name, dtype):
    return list(CASES[name](np.random.default_rng(0), dtype))


def copied(args):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def results(kernel, call, args):
    """The outputs of a call, on the host, whether they are new or were written into given arrays."""
    found = call(*args)
    if kernel.in_place:
        assert found is None
        found = tuple(kernel.ordered(args)[len(kernel.inputs) :])
    return [to_host(y) for y in (found if isinstance(found, tuple) else (found,))]


@pytest.fixture
def scratch_table():
    """Kernels made in a test vanish with it."""
    yield from restored(table)


def kernels_without_case():
    return set(table) - set(CASES)


def test_every_kernel_has_a_case():
    assert kernels_without_case() == set()
    assert set(CASES) <= set(table)
    assert all(getattr(kernels, name) is each and each.__doc__ for name, each in table.items())


def test_a_kernel_without_a_case_is_noticed(scratch_table):
    @kernel("T x", "T y", "y = x * x * x;")
    def cube(x):
        return x**3

    assert kernels_without_case() == {"cube"}


def test_a_reference_with_other_parameters_than_its_text_is_refused(scratch_table):
    with pytest.raises(TypeError, match=r"kernel cube: its text has the parameters .*'z'.*, its reference \['x'\]"):

        @kernel("T z", "T y", "y = z * z * z;")
        def cube(x):
            return x**3


# ------------------------------------------------------------------ the texts


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed, which runs the CUDA texts on the CPU")
    return OnHost(tmp_path_factory.mktemp("kernels"))


@each_dtype
@each_kernel
def test_the_text_computes_what_the_reference_computes(name, dtype, host):
    each, rtol = table[name], {"float32": 2e-6, "float64": 1e-13}[dtype]
    for args in calls(name, dtype):
        expected = results(each, each.reference, copied(args))
        for y, wanted in zip(host.run(each, copied(args), dtype), expected, strict=True):
            assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
            scale = abs(wanted).max(initial=0.0)
            np.testing.assert_allclose(y, wanted, rtol=rtol, atol=rtol * scale if scale < 1e3 else 0)


@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_every_text_compiles_for_gpus(architecture):
    library = find_nvrtc()
    if library is None:
        pytest.skip("the package nvidia-cuda-nvrtc is not installed, which compiles the CUDA texts")
    code = NVRTC(library).compile(source(), architecture)
    assert all(f"{name}_{dtype}".encode() in code for name in table for dtype in DTYPES)


def test_an_error_in_a_text_is_found_by_the_compiler():
    library = find_nvrtc()
    if library is None:
        pytest.skip("the package nvidia-cuda-nvrtc is not installed, which compiles the CUDA texts")
    with pytest.raises(SyntaxError, match='identifier "expq" is undefined'):
        NVRTC(library).compile(source().replace("exp(", "expq("), "sm_90")


# ------------------------------------------------------------------ on devices


@each_dtype
@each_kernel
def test_a_kernel_is_one_launch_and_the_same_on_every_device(name, dtype, device):
    each = table[name]
    for args in calls(name, dtype):
        expected = results(each, each, copied(args))
        moved = [to_device(a.copy(), device) if isinstance(a, np.ndarray) else a for a in args]
        with counting() as counts:
            found = results(each, each, moved)
        assert counts.launches == (device.name == "strict")
        for y, wanted in zip(found, expected, strict=True):
            assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
            if device.name.startswith("cuda"):
                np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(y, wanted)


@each_kernel
def test_inputs_are_left_as_they_were(name):
    each = table[name]
    for args in calls(name, "float32"):
        given = copied(args)
        each(*given)
        count = len(each.inputs)
        for before, after in zip(each.ordered(args)[:count], each.ordered(given)[:count], strict=True):
            np.testing.assert_array_equal(after, before)


class FakeCupy:
    """What a kernel asks of CuPy."""

    __name__ = "cupy"

    def __init__(self):
        self.made = []

    def ElementwiseKernel(self, *args, **settings):  # noqa: N802
        self.made.append((args, settings))
        return lambda *args: args


def test_cupy_gets_the_text_once_and_the_arguments_in_its_order(monkeypatch, scratch_table):
    cupy = FakeCupy()
    monkeypatch.setattr("minigan.backend.kernel.array_namespace", lambda x: cupy)
    adam, im2col = (Kernel(table[name].reference, *declared(name), table[name].text) for name in ("adam", "im2col"))
    expected = ("g", "beta1", "beta2", "rate", "eps", "theta", "m", "v")
    for _ in range(2):
        assert adam("g", "theta", "m", "v", "beta1", "beta2", "rate", "eps") == expected
    im2col("x", *range(11), "columns")
    (of_adam, in_place), (of_im2col, _) = cupy.made
    assert of_adam == ("T g, T beta1, T beta2, T rate, T eps", "T theta, T m, T v", table["adam"].text, "adam")
    assert in_place == {"no_return": True}
    assert of_im2col[0].startswith("raw T x, int32 h, int32 w")


def declared(name):
    each = table[name]
    groups = (each.inputs, each.outputs)
    return [", ".join(f"{'raw ' * p.raw}{p.kind} {p.name}" for p in group) for group in groups]


# ------------------------------------------------------------------ what the strict device refuses, as CuPy does


def on_strict(*arrays):
    return [to_device(np.asarray(a), get_device("strict")) for a in arrays]


ONES = np.ones((2, 3), "float32")


def test_devices_are_not_mixed():
    (g,) = on_strict(ONES)
    with pytest.raises(DeviceError, match="leaky_mask"):
        kernels.leaky_mask(g, ONES, 0.2)
    with pytest.raises(StrictError, match=r"leaky_mask: expected a Python number, got the NumPy scalar"):
        kernels.leaky_mask(g, g, np.float64(0.2))


def test_dtypes_are_not_mixed():
    g, x, bits = on_strict(ONES, ONES.astype("float64"), np.zeros((2, 3), "int64"))
    with pytest.raises(StrictError, match=r"kernel leaky_mask: x: expected an array of float32, got .* float64"):
        kernels.leaky_mask(g, x, 0.2)
    with pytest.raises(StrictError, match=r"kernel dropout: bits: expected an array of uint16, got .* int64"):
        kernels.dropout(g, bits, 3, 1.0)


def test_what_is_indexed_or_written_must_be_an_array_of_the_right_shape():
    g, other = on_strict(ONES, np.ones((3, 2), "float32"))
    with pytest.raises(StrictError, match=r"kernel adam: v: expected an array, got float"):
        kernels.adam(g, g, g, 1.0, 0.5, 0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="broadcast"):
        kernels.adam(g, g, other, g, 0.5, 0.5, 0.5, 0.5)
    narrow = on_strict(np.ones((1, 3), "float32"))[0]
    with pytest.raises(StrictError, match=r"kernel adam: v: expected an array of shape \(2, 3\) to write into"):
        kernels.adam(g, g, g, narrow, 0.5, 0.5, 0.5, 0.5)


def test_a_reference_that_gives_something_else_than_its_text_is_noticed(scratch_table):
    @kernel("T x, T y", "T z", "z = x;")
    def first(x, y):
        return x

    @kernel("T x", "T y", "y = 1;")
    def one(x):
        return x > 0

    wide, narrow = on_strict(ONES, ONES[:1])
    with pytest.raises(StrictError, match=r"kernel first: z: expected float32\(2, 3\) from its reference"):
        first(narrow, wide)
    with pytest.raises(StrictError, match=r"kernel one: y: expected float32\(2, 3\) from its reference, got .* bool"):
        one(wide)


def test_results_stay_on_the_device(device):
    x = to_device(ONES, device)
    y, mask = kernels.dropout(x, to_device(np.zeros((2, 3), np.uint16), device), 1, 2.0)
    assert array_namespace(y) is array_namespace(mask) is array_namespace(x)
