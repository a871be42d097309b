"""Devices, namespaces, matrix products, and the strict device that stands in for a GPU."""

import copy
import operator
import pickle
import subprocess
import sys
import warnings
from types import ModuleType

import numpy as np
import pytest
from fake_cupy import FakeDevice, install_cupy
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st

from minigan.backend import (
    Device,
    array_namespace,
    device_of,
    get_device,
    is_array,
    matmul,
    surface,
    to_device,
    to_host,
)
from minigan.backend.strict import StrictArray, StrictError, TransferError, counting, transfers, xp
from minigan.errors import DeviceError

HOST = np.arange(6, dtype=np.float32).reshape(2, 3) - 2


def strict(values=HOST, dtype=None):
    return xp.asarray(values, dtype=dtype)


# ---------------------------------------------------------------- namespaces


@pytest.mark.parametrize(
    "x", [HOST, HOST[0], HOST.T, np.float32(1), np.int64(1), np.bool_(True), np.array(1.0).view(np.memmap)]
)
def test_numpy_arrays_and_scalars_belong_to_numpy(x):
    assert array_namespace(x) is np
    assert is_array(x)
    assert device_of(x) == get_device("cpu")


def test_strict_arrays_belong_to_the_strict_namespace():
    x = strict()
    assert array_namespace(x) is xp
    assert array_namespace(x.sum()) is xp
    assert repr(xp) == "<namespace strict.xp>"
    assert is_array(x)
    assert device_of(x) == get_device("strict")


@pytest.mark.parametrize("x", [1.0, 2, True, None, [1.0], (1,), "cpu", np, np.ndarray, object()])
def test_other_values_have_no_namespace(x):
    assert not is_array(x)
    with pytest.raises(TypeError, match=rf"expected an array of numpy, cupy or the strict.*got {type(x).__name__};"):
        array_namespace(x)


def test_a_type_of_another_library_does_not_ask_for_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    for module in ("array", "torch"):
        assert not is_array(type("Tensor", (), {"__module__": module})())


def test_importing_the_backend_and_using_the_cpu_imports_neither_cupy_nor_strict():
    code = (
        "import sys, numpy as np, minigan.backend as b\n"
        "x = b.to_device(np.ones(3), b.get_device()); b.to_host(x); b.device_of(x); b.is_array(3.0)\n"
        "try: b.array_namespace([1])\n"
        "except TypeError: pass\n"
        "assert not {'cupy', 'minigan.backend.strict'} & set(sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(path or "." for path in sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


# ------------------------------------------------------------------- devices


@pytest.mark.parametrize("name", ["cpu", "strict"])
def test_devices_without_cuda_need_no_cupy(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "cupy", None)
    device = get_device(name)
    assert device.name == name
    assert get_device(device) is device
    assert device.namespace is {"cpu": np, "strict": xp}[name]
    with device.use():
        pass


def test_the_default_device_is_the_cpu_unless_the_environment_names_another(monkeypatch):
    monkeypatch.delenv("MINIGAN_DEVICE", raising=False)
    assert get_device().name == "cpu"
    monkeypatch.setenv("MINIGAN_DEVICE", "strict")
    assert get_device().name == "strict"
    assert get_device("cpu").name == "cpu"
    monkeypatch.setenv("MINIGAN_DEVICE", "")
    assert get_device().name == "cpu"
    for wrong in ("gpu", "CPU"):
        monkeypatch.setenv("MINIGAN_DEVICE", wrong)
        with pytest.raises(DeviceError, match=rf"'{wrong}' in the environment variable MINIGAN_DEVICE"):
            get_device()


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:", "cuda:-1", "cuda:x", "cuda0", "cuda:0 ", 3, np, ["cpu"]])
def test_unknown_devices_are_refused_with_the_valid_names(monkeypatch, name):
    install_cupy(monkeypatch, gpus=8)
    with pytest.raises(DeviceError) as caught:
        get_device(name)
    assert str(caught.value).startswith("expected the device 'cpu', 'cuda', 'cuda:N' or 'strict', got " + repr(name))


def test_cuda_arrays_are_recognised_moved_and_brought_back(monkeypatch):
    cupy = install_cupy(monkeypatch, gpus=2)
    on_second = to_device(HOST, "cuda:1")
    assert array_namespace(on_second) is cupy
    assert device_of(on_second) == get_device("cuda:1")
    assert FakeDevice.current == 0
    assert to_device(on_second, "cuda:1") is on_second
    assert device_of(to_device(on_second, "cuda")) == get_device("cuda:0")
    assert np.array_equal(to_host(on_second), HOST)
    assert np.array_equal(to_device(on_second, "cpu"), HOST)


def test_a_type_of_another_module_of_cupy_is_no_array(monkeypatch):
    install_cupy(monkeypatch, gpus=1)
    assert not is_array(type("Stream", (), {"__module__": "cupy.cuda"})())


def test_devices_are_values():
    assert Device("cpu") == get_device("cpu")
    assert get_device("cpu") != get_device("strict")
    assert pickle.loads(pickle.dumps(get_device("strict"))) == get_device("strict")
    with pytest.raises(AttributeError):
        get_device("cpu").name = "cuda"


def test_moving_to_the_same_device_copies_nothing():
    x = strict()
    assert to_device(HOST, "cpu") is HOST
    assert to_device(x, "strict") is x
    assert to_host(HOST) is HOST


def test_moving_to_strict_and_back_keeps_values_and_shares_no_memory():
    source = HOST.astype(np.float64)
    moved = to_device(source, get_device("strict"))
    source[:] = 7
    back = to_host(moved)
    assert back.dtype == np.float64
    assert np.array_equal(back, HOST)
    back[:] = 8
    assert np.array_equal(to_device(moved, "cpu"), HOST)


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize(
    ("numbers", "dtype"),
    [(1.5, "float32"), ([[1.0, 2.0]], "float32"), (3, "int64"), ([True], "bool"), ([1 + 2j], "complex128")],
)
def test_python_numbers_become_arrays_of_the_same_type_on_every_device(device, numbers, dtype):
    moved = to_device(numbers, device)
    assert device_of(moved).name == device
    assert moved.dtype == dtype
    assert to_host(moved).tolist() == numbers


@pytest.mark.parametrize("value", [None, "1", [None], object()])
def test_moving_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=f"expected an array or Python numbers, got {type(value).__name__}"):
        to_device(value, "cpu")


def test_to_host_refuses_what_is_no_array():
    with pytest.raises(TypeError, match=r"expected an array .* got list"):
        to_host([1.0])


# ----------------------------------------------------------- matrix products

sizes = st.integers(0, 5)


@st.composite
def factors(draw):
    """Two random matrices or stacks that fit, each possibly a transposed view."""
    rows, inner, columns = draw(sizes), draw(sizes), draw(sizes)
    stack = draw(st.sampled_from([(), (1,), (3,)]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    random = np.random.default_rng(draw(st.integers(0, 99)))

    def matrix(height, width):
        if draw(st.booleans()):
            return random.normal(size=(*stack, width, height)).astype(dtype).swapaxes(-1, -2)
        return random.normal(size=(*stack, height, width)).astype(dtype)

    return matrix(rows, inner), matrix(inner, columns)


@drawing(60)
@given(factors())
def test_matmul_is_numpys_on_every_device(pair):
    a, b = pair
    expected = a @ b
    for device in ("cpu", "strict"):
        product = matmul(to_device(a, device), to_device(b, device))
        assert device_of(product).name == device
        assert product.dtype == expected.dtype
        assert np.array_equal(to_host(product), expected)
    transposed = matmul(strict(b).swapaxes(-1, -2), strict(a).swapaxes(-1, -2))
    assert np.array_equal(to_host(transposed), np.swapaxes(b, -1, -2) @ np.swapaxes(a, -1, -2))


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ((64, 256), (128, 1), r"cannot multiply \(64, 256\) @ \(128, 1\): inner sizes 256 and 128 differ"),
        ((2, 4, 3), (2, 4, 3), r"\(2, 4, 3\) @ \(2, 4, 3\): inner sizes 3 and 4 differ"),
        ((2, 4, 3), (5, 3, 4), r"\(2, 4, 3\) @ \(5, 3, 4\): batch sizes 2 and 5 differ"),
        ((2, 3), (4, 5), r"cannot multiply \(2, 3\) @ \(4, 5\): inner sizes 3 and 4 differ"),
        ((2, 3, 4), (2, 3, 4), r"\(2, 3, 4\) @ \(2, 3, 4\): inner sizes 4 and 3 differ"),
        ((1, 4, 3), (5, 3, 4), r"batch sizes 1 and 5 differ"),
        ((5, 4, 3), (1, 3, 4), r"batch sizes 5 and 1 differ"),
        ((2, 3), (3,), r"expected 2-D @ 2-D or 3-D @ 3-D, got \(2, 3\) @ \(3,\)"),
        ((3,), (3,), r"got \(3,\) @ \(3,\)"),
        ((2, 3), (5, 3, 4), r"got \(2, 3\) @ \(5, 3, 4\)"),
        ((5, 2, 3), (3, 4), r"got \(5, 2, 3\) @ \(3, 4\)"),
        ((5, 3, 3), (3, 4), r"got \(5, 3, 3\) @ \(3, 4\)"),
        ((3,), (3, 4), r"got \(3,\) @ \(3, 4\)"),
        ((1, 2, 4, 3), (2, 3, 4), r"got \(1, 2, 4, 3\) @ \(2, 3, 4\)"),
        ((1, 1, 2, 3), (1, 1, 3, 2), r"got \(1, 1, 2, 3\)"),
        ((), (), r"got \(\) @ \(\)"),
    ],
)
def test_matmul_names_the_shapes_that_do_not_fit(device, a, b, reason):
    with pytest.raises(ValueError, match="^matmul: .*" + reason):
        matmul(to_device(np.ones(a, np.float32), device), to_device(np.ones(b, np.float32), device))


# ------------------------------------------------- strict: what it must refuse

NUMPY_ON_STRICT = (
    StrictError,
    r"np\.{} got a strict array; take the function from the array's own namespace",
)
MIXED = (
    DeviceError,
    r"expected arrays of one device, got a strict array and numpy.ndarray float32\(2, 3\) on the cpu",
)
SCALAR = (
    StrictError,
    r"expected a Python number, got the NumPy scalar numpy.{}.*float32 into float64; use float",
)
TO_HOST = (TransferError, r"^{} copies from device to host without saying so; use minigan.backend.to_host")
TO_DEVICE = (
    TransferError,
    r"^{} copies from host to device without saying so; use minigan.backend.to_device",
)
FLOAT64 = (StrictError, r"^{}: the result would be float64, which no argument asked for; pass dtype=")
KEYWORD = (StrictError, r"^{}: CuPy has no {}=; it takes [^=]*$")
ABSENT = (AttributeError, r"has no '{}': CuPy 14")
DUPLICATES = (StrictError, r"expected each element once, got duplicate indices.*xp.add.at")


def refusal(code, expected, *details):
    error, message = expected
    return pytest.param(code, error, message.format(*details), id=code)


OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "<", "<=", ">", ">=", "==", "!="]

REFUSED = [
    # NumPy functions
    *(refusal(f"np.{name}(x)", NUMPY_ON_STRICT, name) for name in ["exp", "sum", "mean", "isfinite", "ravel"]),
    refusal("np.concatenate([x, x])", NUMPY_ON_STRICT, "concatenate"),
    refusal("np.where(x > 0, x, x)", NUMPY_ON_STRICT, "where"),
    refusal("np.matmul(x, x.T)", NUMPY_ON_STRICT, "matmul"),
    refusal("np.add.at(x, (0, 0), 1.0)", NUMPY_ON_STRICT, "add"),
    refusal("np.asarray(x)", (StrictError, r"does not turn into a NumPy array by itself; use .*to_host\(x\)")),
    refusal("np.array([x, x])", (StrictError, r"does not turn into a NumPy array by itself")),
    refusal("np.asarray([x[0, 0]], dtype=float)", (StrictError, r"does not turn into a NumPy array by itself")),
    # mixing with host arrays
    *(refusal(f"x {symbol} host", MIXED) for symbol in OPERATORS),
    *(refusal(f"host {symbol} x", MIXED) for symbol in OPERATORS),
    refusal("operator.iadd(x, host)", MIXED),
    refusal("operator.iadd(host, x)", MIXED),
    refusal("x.__setitem__(..., host)", MIXED),
    refusal("host.__setitem__(..., x)", (StrictError, "does not turn into a NumPy array by itself")),
    refusal("xp.exp(host)", MIXED),
    refusal("xp.maximum(x, host)", MIXED),
    refusal("xp.add(x, x, out=host)", MIXED),
    refusal("xp.sum(host)", MIXED),
    refusal("xp.matmul(x, host)", MIXED),
    refusal("xp.where(x > 0, x, host)", MIXED),
    refusal("xp.concatenate([x, host])", MIXED),
    refusal("xp.zeros_like(host)", MIXED),
    refusal("x.dot(host)", MIXED),
    refusal("xp.add.at(x, 0, host)", MIXED),
    refusal("matmul(host, x.T)", MIXED),
    refusal("matmul(x.T, host)", MIXED),
    # NumPy scalars
    refusal("x * np.float64(2)", SCALAR, "float64"),
    refusal("np.float64(2) * x", SCALAR, "float64"),
    refusal("x * np.float32(2)", SCALAR, "float32"),
    refusal("x + np.int64(2)", SCALAR, "int64"),
    refusal("operator.imul(x, np.float64(2))", SCALAR, "float64"),
    refusal("xp.maximum(x, np.float64(0))", SCALAR, "float64"),
    refusal("xp.where(x > 0, x, np.float64(0))", SCALAR, "float64"),
    refusal("xp.full((2,), np.float64(0), dtype='f4')", SCALAR, "float64"),
    refusal("x.__setitem__(0, np.float64(1))", SCALAR, "float64"),
    # other types
    refusal("x + [1, 2, 3]", (StrictError, "add: expected a strict array or a Python number, got list")),
    refusal("x == None", (StrictError, "eq: expected a strict array or a Python number, got NoneType")),
    refusal("xp.exp([1.0])", (StrictError, "exp: expected a strict array or a Python number, got list")),
    refusal("x + __import__('array').array('f')", (StrictError, r"a Python number, got array\.array$")),
    refusal(
        "xp.sum([1.0], 0)",
        (StrictError, "sum: expected a strict array first, got list; make one with xp.asarray"),
    ),
    refusal("xp.sum(object())", (StrictError, "expected a strict array first, got object")),
    refusal("xp.concatenate([object()])", (StrictError, "expected a strict array or a Python number, got object")),
    # device to host
    refusal("float(x.sum())", TO_HOST, r"float\(\)"),
    refusal("int(x.sum())", TO_HOST, r"int\(\)"),
    refusal("complex(x.sum())", TO_HOST, r"complex\(\)"),
    refusal("1 if x.max() > 3 else 0", TO_HOST, r"bool\(\) or a condition"),
    refusal("bool(xp.allclose(x, x))", TO_HOST, r"bool\(\) or a condition"),
    refusal("1.0 in x[0]", TO_HOST, r"bool\(\) or a condition"),
    refusal("x.sum().item()", TO_HOST, r"item\(\)"),
    refusal("x.tolist()", TO_HOST, r"tolist\(\)"),
    refusal("x.tobytes()", TO_HOST, r"tobytes\(\)"),
    refusal("f'{x.sum():.2f}'", TO_HOST, r"format\(\)"),
    refusal("pickle.dumps(x)", TO_HOST, "pickle"),
    refusal("x[x > 0]", TO_HOST, r"x\[mask\].*which"),
    refusal("x[0, x[0] > 0]", TO_HOST, r"x\[mask\].*which"),
    refusal("x.__setitem__(x > 0, 0.0)", TO_HOST, r"x\[mask\] \(unlike xp.where and xp.putmask\).*which"),
    *(refusal(f"xp.{name}(x)", TO_HOST, rf"{name}\(\).*") for name in ["nonzero", "argwhere", "flatnonzero", "unique"]),
    refusal("x.nonzero()", TO_HOST, r"nonzero\(\).*"),
    refusal("xp.where(x > 0)", TO_HOST, r"where\(\).*"),
    refusal("xp.where(condition=x > 0)", TO_HOST, r"where\(\).*"),
    refusal("xp.where()", (TypeError, "where")),
    refusal("xp.percentile(x, 50)", TO_HOST, r"percentile\(\).*"),
    refusal("xp.zeros(n, dtype='f4')", TO_HOST, "zeros: shape is a device array.*"),
    refusal("xp.zeros((2, n), dtype='f4')", TO_HOST, "zeros: shape is a device array.*"),
    refusal("xp.sum(x, axis=n)", TO_HOST, "sum: axis is a device array.*"),
    refusal("x.reshape(n, 3)", TO_HOST, "reshape: shape is a device array.*"),
    refusal("x.reshape(3, n)", TO_HOST, "reshape: shape is a device array.*"),
    refusal("xp.split(x, n)", TO_HOST, "split: indices_or_sections is a device array.*"),
    refusal("range(n)", (TypeError, "cannot be interpreted as an integer")),
    refusal("[1, 2, 3][n]", (TypeError, "indices must be integers")),
    # host to device
    refusal("x[[0, 1]]", TO_DEVICE, "indexing with list"),
    refusal("x[np.array([0, 1])]", TO_DEVICE, r"indexing with numpy.ndarray int64\(2,\)"),
    refusal("x[:, [0, 1]]", TO_DEVICE, "indexing with list"),
    refusal("x.__setitem__([0, 1], 1.0)", TO_DEVICE, "indexing with list"),
    refusal("xp.add.at(x, [0, 0], 1.0)", TO_DEVICE, "indexing with list"),
    refusal("x[1.0]", (StrictError, "index: expected integers, slices.*got float")),
    # what CuPy does not have
    refusal("xp.geomspace(1, 2, 3)", ABSENT, "geomspace"),
    refusal("xp.errstate", ABSENT, "errstate"),
    refusal("xp.einsum_path", ABSENT, "einsum_path"),
    refusal("xp.linalg.multi_dot", ABSENT, "multi_dot"),
    refusal("xp.random.normal", ABSENT, "normal"),
    refusal(
        "xp.random.default_rng(0).normal()",
        (AttributeError, "random generators of CuPy 14.* have no 'normal'"),
    ),
    refusal("x.ctypes", (AttributeError, "strict arrays have no 'ctypes'")),
    refusal("x.flat", (AttributeError, "strict arrays have no 'flat'")),
    refusal("x.setflags(write=False)", (AttributeError, "strict arrays have no 'setflags'")),
    refusal("xp.fuse", (AttributeError, "CuPy 14.* has, but not NumPy")),
    refusal("xp.exp.types", (AttributeError, "strict ufuncs have no 'types'")),
    # parameters that CuPy does not have
    refusal("xp.sum(x, where=x > 0)", KEYWORD, "sum", "where"),
    refusal("xp.max(x, initial=0.0)", KEYWORD, "max", "initial"),
    refusal("x.max(initial=0.0)", KEYWORD, "max", "initial"),
    refusal("x.sum(where=x > 0)", KEYWORD, "sum", "where"),
    refusal("xp.exp(x, where=x > 0)", KEYWORD, "exp", "where"),
    refusal("xp.add.reduce(x, initial=0.0)", KEYWORD, "add.reduce", "initial"),
    refusal("x.reshape(3, 2, like=x)", KEYWORD, "reshape", "like"),
    refusal("xp.clip(x, min=0.0)", KEYWORD, "clip", "min"),
    refusal("xp.zeros(2, dtype='f4', like=x)", KEYWORD, "zeros", "like"),
    refusal("xp.lib.stride_tricks.as_strided(x, (2,), (4,), writeable=False)", KEYWORD, "as_strided", "writeable"),
    refusal(
        "xp.sum(x, 0, None, None, False, 0.0)",
        (StrictError, "CuPy takes at most 5 arguments .a, axis, dtype"),
    ),
    # methods of ufuncs
    refusal("xp.divide.at(x, n, 2.0)", (StrictError, "divide.at: CuPy does not implement it")),
    refusal("xp.subtract.at(x, 0, 2.0)", (StrictError, "subtract.at: expected one of the types 'iI', got float32")),
    refusal("xp.maximum.reduce(x)", (StrictError, "maximum.reduce: CuPy does not implement it")),
    refusal("xp.maximum.accumulate(x)", (StrictError, "maximum.accumulate: CuPy does not implement it")),
    refusal("xp.multiply.reduceat(x, n)", (StrictError, "multiply.reduceat: CuPy does not implement it")),
    # float64 by default
    *(refusal(f"xp.{name}((2, 2))", FLOAT64, name) for name in ["zeros", "ones", "empty"]),
    refusal("xp.full((2,), 1.0)", FLOAT64, "full"),
    refusal("xp.eye(3)", FLOAT64, "eye"),
    refusal("xp.arange(3.0)", FLOAT64, "arange"),
    refusal("xp.linspace(0, 1, 5)", FLOAT64, "linspace"),
    refusal("xp.exp(2.0)", FLOAT64, "exp"),
    refusal("xp.where(x > 0, 1.0, 0.0)", FLOAT64, "where"),
    refusal("(x > 0).mean()", FLOAT64, "mean"),
    refusal("n / 2", FLOAT64, "truediv"),
    refusal("n * x", FLOAT64, "mul"),
    refusal("xp.linalg.norm(x > 0, 'fro')", FLOAT64, "norm"),
    refusal("xp.random.default_rng(0).random(3)", FLOAT64, "random"),
    refusal("xp.asarray([1.0])", (StrictError, r"asarray\(\): Python numbers would become float64; pass dtype=")),
    refusal("xp.array(1.0)", (StrictError, r"array\(\): Python numbers would become float64; pass dtype=")),
    # undefined on a GPU
    refusal("x.__setitem__(twice, 1.0)", DUPLICATES),
    refusal("x.__setitem__((slice(None), twice), x[:, :2])", DUPLICATES),
    refusal("x.__setitem__(xp.asarray([0, -2]), 1.0)", DUPLICATES),
    refusal("x.__setitem__((twice, twice), 1.0)", DUPLICATES),
    refusal("xp.broadcast_to(x, (4, 2, 3)).__setitem__(..., 1.0)", (ValueError, "read-only")),
    refusal("operator.iadd(xp.broadcast_to(x, (4, 2, 3)), 1.0)", (ValueError, "read-only")),
    # transfers that are explicit but wrong
    refusal(
        "x.set(host.astype('f8'))",
        (StrictError, r"set\(\): expected numpy.ndarray float32\(2, 3\), got .*float64"),
    ),
    refusal(
        "x.set(host[:1])",
        (StrictError, r"set\(\): expected numpy.ndarray float32\(2, 3\), got .*float32\(1, 3\)"),
    ),
    refusal("xp.asarray(['a'])", (StrictError, r"asarray\(\): expected numbers, got list")),
    refusal("hash(x)", (TypeError, "unhashable")),
]


@pytest.mark.parametrize(("code", "error", "message"), REFUSED)
def test_strict_refuses(code, error, message):
    names = {
        "np": np,
        "xp": xp,
        "x": strict(),
        "n": xp.asarray(1),
        "twice": xp.asarray([0, 0]),
        "host": HOST.copy(),
        "matmul": matmul,
        "operator": operator,
        "pickle": pickle,
    }
    with pytest.raises(error, match=message) as caught:
        eval(code, names)
    assert caught.type is error


# --------------------------------------------------- strict: what must work

rows, columns = np.array([1, 0]), np.array([2, 2])

ACCEPTED = """
-x ; +x ; abs(x) ; ~(x > 0) ; 1 - x ; 2.0 / (x * x + 1) ; x ** 2 ; 2 ** x ; x // 2 ; x % 2 ; 7 // (x + 9)
7 % (x + 9) ; x + x ; x * x ; x - y ; x / y ; x @ x.T ; (x > 0) & (x < 2) ; (x < 0) ; x <= 0 ; x >= 0
x == 0 ; x != x ; (x > 0) ^ (x > 1) ; True & (x > 0) ; True ^ (x > 0) ; i << 1 ; i >> 1 ; 1 << i
64 >> i ; x * True ; x + 1 ; 3 + x ; 1.5 * x ; xp.exp(x) ; xp.log(y) ; xp.log1p(y) ; xp.expm1(x)
xp.sqrt(y) ; xp.abs(x) ; xp.sign(x) ; xp.tanh(x) ; xp.isfinite(x) ; xp.maximum(x, 0.0) ; xp.minimum(x, y)
xp.where(x > 0, x, 0.2 * x) ; xp.where(x > 0, x, 0.0) ; xp.clip(x, -1.0, 1.0) ; xp.log(x) ; x / 0.0
xp.log(x * 0) ; xp.exp(x * 1000) ; xp.sum(x) ; xp.sum(x, axis=0) ; xp.sum(x, axis=(0, 1), keepdims=True)
x.sum(axis=1) ; xp.mean(x, axis=0) ; x.mean() ; xp.max(x, axis=1) ; xp.min(x) ; x.max() ; x.min(axis=0)
xp.argmax(x, axis=1) ; x.argmax() ; xp.var(x, axis=0) ; x.std() ; (x > 0).sum()
(x > 0).mean(dtype='f4') ; xp.any(x > 0) ; xp.all(x > 0) ; xp.prod(x) ; xp.cumsum(x, axis=1) ; x.cumsum()
xp.concatenate([x, y], axis=1) ; xp.stack((x, y)) ; xp.pad(x, ((1, 0), (0, 2)))
xp.pad(x, 1, mode='reflect') ; xp.broadcast_to(x, (4, 2, 3)) ; xp.transpose(x) ; x.transpose(1, 0)
x.transpose((1, 0)) ; x.T ; x.mT ; xp.moveaxis(x, 0, 1) ; xp.swapaxes(x, 0, 1) ; xp.split(x, 3, axis=1)
xp.take(x, i, axis=0) ; xp.matmul(x, x.T) ; x.dot(x.T) ; xp.flip(x, 1) ; x.reshape(3, 2)
x.reshape((3, 2)) ; x.reshape([6]) ; x.reshape(-1) ; x.ravel() ; x.flatten() ; x.squeeze()
x[None].squeeze(0) ; x.astype('f8') ; x.astype(float) ; x.astype(xp.float64) ; x.astype(xp.int32)
(x > 0).astype(x.dtype) ; x.copy() ; x.view('i4') ; x[0] ; x[0, 1] ; x[-1] ; x[:, 1:] ; x[::-1, ::2]
x[..., None] ; x[i] ; x[i, i] ; x[:, i] ; x[None, i] ; x[np.int64(1)] ; xp.zeros((2, 2), dtype='f4')
xp.ones(3, xp.float32) ; xp.full((2,), 1.5, dtype=x.dtype) ; xp.eye(3, dtype='f4') ; xp.arange(4)
xp.zeros((2,), float) ; xp.zeros(2, dtype=xp.float64) ; xp.arange(0, 1, 0.25, dtype='f4')
xp.zeros((np.int64(2), 3), dtype='f4') ; xp.zeros_like(x) ; xp.ones_like(x) ; xp.full_like(x, 2.0)
xp.linspace(0, 1, 5, dtype='f4') ; xp.tile(x, (2, 1)) ; xp.repeat(x, 2, axis=1)
xp.lib.stride_tricks.as_strided(x, (2, 2), (12, 4)) ; xp.lib.stride_tricks.sliding_window_view(x, (2, 2))
xp.einsum('ij,kj->ik', x, y) ; xp.tensordot(x, y, axes=([1], [1])) ; xp.linalg.norm(x) ; xp.linalg.qr(x)
xp.linalg.inv(x @ x.T + 9) ; xp.add.reduce(x) ; xp.add.reduce(x, axis=1, keepdims=True)
xp.multiply.reduce(x, axis=0) ; xp.add.accumulate(x, axis=1) ; xp.take_along_axis(x, i[:, None], axis=1)
xp.argsort(x, axis=1) ; xp.sort(y) ; xp.square(x) ; xp.isnan(x) ; xp.allclose(x, y)
xp.array_equal(x, x) ; xp.fft.fft(x) ; xp.nan_to_num(x) ; xp.result_type(x, 1.0) ; xp.meshgrid(i, i)
xp.expand_dims(x, 0) ; xp.asarray(x) ; xp.asarray(x, dtype='f8') ; xp.array(x) ; xp.float32 ; xp.pi
xp.inf ; xp.newaxis ; float(xp.finfo(x.dtype).eps) ; x.shape ; x.dtype ; x.ndim ; x.size ; x.nbytes
x.itemsize ; x.strides ; x.real ; len(x) ; list(x) ; x.T.flags.f_contiguous ; (x > 0) | (x < 0)
False | (x > 0) ; i | 4 ; 4 | i ; xp.pad(x, 1, constant_values=2.0) ; xp.add.reduce(x, None)
"""
EXPRESSIONS = [part.strip() for line in ACCEPTED.strip().splitlines() for part in line.split(" ; ")]


def assert_same(result, expected):
    """The same values to the last bit; an array stays on the device, also where NumPy gives a scalar."""
    if isinstance(expected, list | tuple) and expected and isinstance(expected[0], np.ndarray):
        assert type(result) is type(expected)
        assert len(result) == len(expected)
        for one, other in zip(result, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray | np.generic) or isinstance(result, StrictArray):
        assert type(result) is StrictArray
        expected = np.asarray(expected)
        found = result.get()
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind in "fc")
    else:
        assert result == expected or result is expected


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_strict_computes_what_numpy_computes(code):
    x, y, i = HOST.copy(), HOST * HOST + 1, np.array([1, 0])
    with np.errstate(all="ignore"):
        expected = eval(code, {"xp": np, "np": np, "x": x, "y": y, "i": i})
    names = {"xp": xp, "np": np, "x": strict(x), "y": strict(y), "i": strict(i)}
    with transfers("forbid"):
        result = eval(code, names)
    assert_same(result, expected)


UPDATES = """
x += 1
x -= x
x *= 0.5
x /= y
x //= 2
x %= 2
x **= 2
x @= x.T[:, :1] @ x[:1]
i <<= 1
i |= 4
x[...] = 3.0
x[0] = y[1]
x[0, 1] = 9
x[:, 1:] *= 2
x[i] = y
x[i, i] = 5.0
x[xp.arange(2), i * 0] = 7.0
x.T[1] += 1
x.fill(4)
x.sort(axis=0)
xp.add(x, y, out=x)
xp.exp(x, out=x[:])
xp.sum(x, axis=0, out=x[0])
xp.matmul(x, x.T @ x, out=x)
xp.add.at(x, i * 0, 1.0)
xp.add.at(x, (i * 0, i), y[:, 0])
xp.maximum.at(x, i * 0, y)
xp.putmask(x, x > 0, 0.0)
xp.copyto(x, y)
xp.add(x, 1, x)
x.reshape(-1)[2:5] = 8.0
xp.lib.stride_tricks.as_strided(x, (3,), (4,))[1] = 6.0
x[0, 0][...] = 2.0
"""


@pytest.mark.parametrize("code", UPDATES.strip().splitlines())
def test_strict_updates_in_place_as_numpy_does(code):
    host = {"xp": np, "x": HOST.copy(), "y": HOST * HOST + 1, "i": np.array([1, 0])}
    device = {name: strict(value) if name != "xp" else xp for name, value in host.items()}
    x, i = device["x"], device["i"]
    if code == "x[0, 0][...] = 2.0":  # NumPy gives a copy of the element, CuPy a view
        code_for_numpy = "x[0, 0, ...][...] = 2.0"
    else:
        code_for_numpy = code
    exec(code_for_numpy, host)
    with transfers("forbid"):
        exec(code, device)
    assert_same(device["x"], host["x"])
    assert_same(device["i"], host["i"])
    if "@=" not in code:
        assert device["x"] is x
        assert device["i"] is i


@pytest.mark.parametrize(
    "code",
    [
        "x[1:]",
        "x[0]",
        "x[0, 0]",
        "x.T",
        "x.mT",
        "x.reshape(-1)",
        "x.ravel()",
        "x.reshape(3, 2)[1:]",
        "x.transpose(1, 0)",
        "xp.swapaxes(x, 0, 1)",
        "xp.moveaxis(x, 0, 1)",
        "xp.split(x, 3, axis=1)[1]",
        "x[None]",
        "x[::-1]",
        "x.squeeze()",
        "xp.asarray(x)",
        "xp.lib.stride_tricks.as_strided(x, (2,), (4,))",
    ],
)
def test_views_share_memory_in_both_directions(code):
    x = strict()
    view = eval(code, {"x": x, "xp": xp})
    view[...] = 50.0
    assert (x.get() == 50).sum() == view.size
    x[...] = -7.0
    assert (view.get() == -7).all()


@pytest.mark.parametrize("code", ["x.copy()", "x + 0", "xp.array(x)", "x.flatten()", "x.astype('f4')", "x[i]"])
def test_copies_share_no_memory(code):
    x = strict()
    made = eval(code, {"x": x, "xp": xp, "i": xp.asarray([0, 1])})
    made[...] = 50.0
    assert np.array_equal(x.get(), HOST)


def test_out_returns_the_very_object_and_writes_through_a_view():
    flat = xp.zeros(10, dtype="f4")
    parameter = flat[2:8].reshape(2, 3)
    x = strict()
    assert xp.add(x, 1, out=parameter) is parameter
    assert np.array_equal(flat.get(), [0, 0, *(HOST + 1).ravel(), 0, 0])
    assert xp.add(x, 1, parameter) is parameter
    assert x.sum(axis=0, out=parameter[0]).get().tolist() == HOST.sum(axis=0).tolist()
    assert flat.get()[2:5].tolist() == HOST.sum(axis=0).tolist()
    assert xp.concatenate([x[:1], x[1:]], out=parameter) is parameter


def test_fresh_memory_is_poisoned():
    x = strict()
    for fresh in [xp.empty((3,), dtype="f4"), xp.empty_like(x), xp.empty(2, dtype="c8")]:
        assert np.isnan(fresh.get()).all()
    assert xp.empty(2, dtype="i4").dtype == np.int32


@pytest.mark.parametrize("make", [xp.asarray, xp.array, lambda x: to_device(x, "strict")])
def test_host_memory_is_copied_not_aliased(make):
    source = HOST.copy()
    x = make(source)
    source[...] = 50
    assert np.array_equal(x.get(), HOST)
    fetched = xp.asnumpy(x)
    fetched[...] = 50
    assert np.array_equal(x.get(), HOST)


def test_set_overwrites_in_place():
    x = strict()
    view = x[0]
    x.set(HOST * 2)
    assert np.array_equal(view.get(), HOST[0] * 2)


def test_wrapped_functions_are_made_once():
    assert xp.exp is xp.exp
    assert xp.linalg.norm is xp.linalg.norm


def test_no_array_for_the_result_makes_a_new_one():
    np.testing.assert_array_equal(xp.add(strict(), 1.0, None).get(), HOST + 1)


def test_asarray_keeps_an_explicit_float64():
    assert strict(HOST.astype(np.float64)).dtype == np.float64
    assert xp.asarray([1.0], dtype="f8").dtype == np.float64
    assert xp.array([1, 2], ndmin=2).shape == (1, 2)
    assert xp.array(2).shape == xp.array(xp.asarray(2)).shape == ()
    assert xp.asarray(HOST, order="F").flags.f_contiguous
    x = strict(HOST.astype(np.float64))
    assert xp.exp(x).dtype == x.sum().dtype == (x * 2).dtype == np.float64


def test_the_device_generator_repeats_itself_and_draws_float32():
    draws = [xp.random.default_rng(3).standard_normal((2, 3), dtype=xp.float32) for _ in range(2)]
    assert draws[0].dtype == np.float32
    assert np.array_equal(draws[0].get(), draws[1].get())
    assert xp.random.default_rng(0).integers(0, 5, size=4).shape == (4,)


def test_no_numpy_warning_leaves_the_device():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        x = strict() * 0
        x / x, xp.log(x), xp.exp(x + 1e4), xp.divide(x, x), x.astype("i4")
        x /= x
        x[...] = 1e300
    assert not seen


def test_copying_keeps_the_copy_on_the_device():
    x = strict()
    for made in (copy.copy(x), copy.deepcopy(x)):
        made[...] = 1.0
        assert type(made) is StrictArray
    assert np.array_equal(x.get(), HOST)


@pytest.mark.parametrize("mark", [{"__array_ufunc__": None}, {"__array_priority__": 101}])
def test_operators_leave_to_objects_that_ask_for_it(mark):
    reflected = {f"__r{name}__": lambda self, other: "reflected" for name in ("add", "sub", "matmul")}
    other = type("Tensor", (), {**mark, **reflected, "__gt__": lambda self, other: "reflected"})()
    x = strict()
    assert x + other == x - other == x @ other == (x < other) == "reflected"


@pytest.mark.parametrize("mark", [{}, {"__array_priority__": 100}])
def test_operators_do_not_leave_to_other_objects(mark):
    other = type("Tensor", (), {**mark, "__radd__": lambda self, other: "reflected"})()
    with pytest.raises(StrictError, match=r"add: expected a strict array or a Python number, got .*Tensor"):
        strict() + other


# ------------------------------------------------------ transfers and counts


def test_printing_is_no_transfer():
    with transfers("forbid"), counting() as counts:
        assert repr(strict_array := xp.zeros((2, 3), dtype="f4")) == "<strict float32[2, 3]>"
        assert f"{strict_array}" == str(strict_array) == repr(strict_array)
    assert counts.d2h == 0


def test_allow_permits_what_cupy_does_silently_and_counts_it():
    x = strict()
    with transfers("allow"), counting() as counts:
        assert float(x.sum()) == HOST.sum()
        assert int(x[0, 0]) == -2
        assert complex(x[0, 0]) == -2
        assert x.sum().item() == HOST.sum()
        assert f"{x[0, 0]:.1f}" == "-2.0"
        assert x.tolist() == HOST.tolist()
        assert x.tobytes() == HOST.tobytes()
        assert x.max() > 2
        assert_same(pickle.loads(pickle.dumps(x)), HOST)
    assert (counts.d2h, counts.h2d) == (10, 0)  # nine above, one in assert_same
    with transfers("allow"), counting() as counts:
        assert_same(x[[1, 0]], HOST[[1, 0]])
        assert_same(x[np.array([1])], HOST[[1]])
        x[[0, 1]] = 1.0
        assert_same(x[x > 0], np.ones(6, np.float32))
    assert (counts.h2d, counts.d2h) == (3, 4)


@pytest.mark.parametrize(
    "code", ["x + host", "host + x", "np.exp(x)", "np.asarray(x)", "x * np.float64(1)", "xp.eye(2)"]
)
def test_allow_does_not_permit_what_is_no_transfer(code):
    with transfers("allow"), pytest.raises((StrictError, DeviceError)):
        eval(code, {"x": strict(), "host": HOST, "np": np, "xp": xp})


@pytest.mark.parametrize(
    ("code", "direction"),
    [
        ("x.get()", "device to host"),
        ("xp.asnumpy(x)", "device to host"),
        ("to_host(x)", "device to host"),
        ("to_device(x, 'cpu')", "device to host"),
        ("float(x.sum())", "device to host"),
        ("x[x > 0]", "device to host"),
        ("xp.asarray(host)", "host to device"),
        ("xp.asarray(1, dtype='f4')", "host to device"),
        ("xp.array(host)", "host to device"),
        ("to_device(host, 'strict')", "host to device"),
        ("x.set(host)", "host to device"),
        ("x[[0]]", "host to device"),
    ],
)
def test_forbid_refuses_explicit_transfers_too(code, direction):
    names = {"x": strict(), "host": HOST, "xp": xp, "to_host": to_host, "to_device": to_device}
    with (
        transfers("forbid"),
        pytest.raises(TransferError, match=rf"from {direction}, and transfers\('forbid'\)"),
    ):
        eval(code, names)


def test_the_policy_ends_with_its_block_also_after_an_error():
    x = strict()
    with pytest.raises(TransferError), transfers("allow"), transfers("forbid"):
        x.get()
    x.get()
    with pytest.raises(TransferError):
        float(x.sum())
    with (
        pytest.raises(ValueError, match=r"expected one of \('allow', 'explicit', 'forbid'\), got 'never'"),
        transfers("never"),
    ):
        pass


@pytest.mark.parametrize(
    ("code", "launches"),
    [
        ("x + 1", 1),
        ("-x", 1),
        ("1 - x", 1),
        ("xp.exp(x)", 1),
        ("xp.add(x, x, out=x)", 1),
        ("x.sum()", 1),
        ("xp.concatenate([x, x])", 1),
        ("x.__iadd__(1)", 1),
        ("x.__setitem__(0, 1.0)", 1),
        ("x[i]", 1),
        ("x.fill(1)", 1),
        ("xp.zeros(3, dtype='f4')", 1),
        ("xp.add.at(x, 0, 1.0)", 1),
        ("x.T.reshape(-1)", 1),
        ("x.astype('f8')", 1),
        ("(x + 1) * x @ x.T", 3),
        ("x.T", 0),
        ("x[0]", 0),
        ("x[:, 1:]", 0),
        ("x[0, 0]", 0),
        ("x.reshape(-1)", 0),
        ("xp.broadcast_to(x, (4, 2, 3))", 0),
        ("xp.moveaxis(x, 0, 1)", 0),
        ("xp.split(x, 3, axis=1)", 0),
        ("xp.empty(3, dtype='f4')", 0),
        ("xp.result_type(x, 1.0)", 0),
        ("x.shape", 0),
        ("repr(x)", 0),
    ],
)
def test_launches_are_counted(code, launches):
    names = {"x": strict(), "xp": xp, "i": xp.asarray([0, 1])}
    with counting() as counts:
        eval(code, names)
    assert counts.launches == launches
    assert (counts.h2d, counts.d2h) == (0, 0)


def test_counting_blocks_nest_and_are_independent():
    with counting() as outer:
        x = strict()
        with counting() as inner:
            x + x
            x.get()
        x.set(HOST)
        to_host(x)
        xp.asarray(x)
    x + x
    assert (inner.h2d, inner.d2h, inner.launches) == (0, 1, 1)
    assert (outer.h2d, outer.d2h, outer.launches) == (2, 2, 1)
    assert repr(outer) == "Counts(h2d=2, d2h=2, launches=1)"


def test_a_refused_transfer_is_not_counted():
    with counting() as counts, pytest.raises(TransferError):
        float(strict().sum())
    assert (counts.h2d, counts.d2h) == (1, 0)


# --------------------------------------- a whole training step on the device

SHAPES = {"G": [(4, 16), (16,), (16, 2), (2,)], "D": [(2, 16), (16,), (16, 1), (1,)]}


def views(flat, shapes):
    """The parameters of a network as views of one flat buffer."""
    parts, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(flat[start : start + size].reshape(shape))
        start += size
    return parts


def forward(namespace, parameters, x):
    W, b, V, c = parameters
    hidden = matmul(x, W) + b
    active = namespace.where(hidden > 0, hidden, 0.2 * hidden)
    return hidden, active, matmul(active, V) + c


def backward(namespace, parameters, x, kept, g, into):
    """Write the parameters' gradients into views of the flat gradient; return the input's."""
    W, _, V, _ = parameters
    hidden, active = kept
    into[2] += matmul(active.T, g)
    into[3] += g.sum(axis=0)
    g = matmul(g, V.T) * namespace.where(hidden > 0, namespace.ones_like(hidden), 0.2)
    into[0] += matmul(x.T, g)
    into[1] += g.sum(axis=0)
    return matmul(g, W.T)


def adam(namespace, flat, gradient, moments, step):
    first, second, scratch = moments
    first *= 0.5
    first += 0.5 * gradient
    second *= 0.9
    namespace.multiply(gradient, gradient, out=scratch)
    scratch *= 0.1
    second += scratch
    namespace.sqrt(second, out=scratch)
    scratch += 1e-8
    flat -= 0.01 * (1 - 0.9**step) ** 0.5 / (1 - 0.5**step) * (first / scratch)


def sigmoid(namespace, x):
    return 1 / (1 + namespace.exp(-x))


def train(device, steps):
    """A dense GAN on points of a ring, by hand; returns the weights and the losses."""
    namespace = get_device(device).namespace
    rng = np.random.default_rng(0)
    ring = rng.normal(size=(steps, 8, 2)).astype(np.float32)
    data = to_device(ring / np.linalg.norm(ring, axis=-1, keepdims=True), device)
    noise = to_device(rng.normal(size=(steps, 8, 4)).astype(np.float32), device)
    flats, gradients, moments = {}, {}, {}
    for name, shapes in SHAPES.items():
        size = sum(int(np.prod(shape)) for shape in shapes)
        flats[name] = to_device(rng.normal(scale=0.3, size=size).astype(np.float32), device)
        gradients[name] = namespace.empty(size, dtype="f4")
        moments[name] = [namespace.zeros(size, dtype="f4") for _ in range(3)]
    G, D = (views(flats[name], SHAPES[name]) for name in "GD")
    dG, dD = (views(gradients[name], SHAPES[name]) for name in "GD")
    losses = namespace.zeros(steps, dtype="f4")
    with transfers("forbid"), counting() as counts:
        for t in range(steps):
            *kept, fake = forward(namespace, G, noise[t])
            gradients["D"].fill(0)
            for x, label in ((data[t], 1.0), (fake, 0.0)):
                *kept_D, logits = forward(namespace, D, x)
                backward(namespace, D, x, kept_D, (sigmoid(namespace, logits) - label) / 8, dD)
            adam(namespace, flats["D"], gradients["D"], moments["D"], t + 1)
            gradients["G"].fill(0)
            *kept_D, logits = forward(namespace, D, fake)
            losses[t] = namespace.log1p(namespace.exp(-logits)).mean()
            slope = backward(namespace, D, fake, kept_D, (sigmoid(namespace, logits) - 1.0) / 8, dD)
            backward(namespace, G, noise[t], kept, slope, dG)
            adam(namespace, flats["G"], gradients["G"], moments["G"], t + 1)
    return {name: to_host(flat) for name, flat in flats.items()}, to_host(losses), counts


def test_a_gan_step_runs_without_a_transfer_and_equals_numpy_bit_for_bit():
    expected, expected_losses, host_counts = train("cpu", 20)
    found, losses, counts = train("strict", 20)
    start, *_ = train("cpu", 0)
    for name in "GD":
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], expected[name])
        assert np.isfinite(found[name]).all()
        assert not np.isclose(found[name], start[name]).any()
    assert np.array_equal(losses, expected_losses)
    assert len(set(losses.tolist())) == 20
    assert (counts.h2d, counts.d2h, host_counts.launches) == (0, 0, 0)
    assert counts.launches % 20 == 0  # every step launches the same


# ------------------------------------------------------------------- surface


def test_the_committed_surface_knows_what_cupy_has_and_lacks():
    version, sections = surface.read_surface()
    assert version.split(".")[0] == "14"
    functions = sections["cupy"]
    assert functions["sum"] == ("function", ("a", "axis", "dtype", "out", "keepdims"))
    assert functions["add"] == ("ufunc", ("at", "reduce", "accumulate", "reduceat"))
    assert functions["exp"] == ("ufunc", ())
    assert functions["pi"].kind == functions["float32"].kind == "value"
    assert not {"geomspace", "errstate", "nditer", "einsum_path", "linalg"} & set(functions)
    assert sections["cupy.ndarray"]["reshape"] == ("method", ("*shape", "order", "copy"))
    assert "normal" not in sections["cupy.random.Generator"]


class FakeUfunc:
    """Stands for `cupy.ufunc`: has all methods, but those that are not implemented raise."""

    def __init__(self, *methods, scatters):
        self.methods = methods
        self._scatter_op = "add" if scatters else None

    def reduce(self, array):
        self.implement("reduce", array)

    def accumulate(self, array):
        self.implement("accumulate", array)

    def reduceat(self, array, indices):
        self.implement("reduceat", array, indices)

    def implement(self, method, *arrays):
        if method not in self.methods:
            raise NotImplementedError
        for array in arrays:
            array.whatever(1, axis=0)


class FakeNdarray:
    """Stands for `cupy.ndarray`, compiled: signatures are in the docstrings, where there are any."""

    shape = property()

    def max(self, *args):
        """ndarray.max(self, int axis=0, out=None, *, dtype=None)

        The largest.
        """

    def get(self, *args):
        """Copy to the host."""

    def set(self, *args):
        pass


class FakeGenerator:
    def random(self, dtype=None, *, size=None, out=None):
        pass


class Compiled:
    """A function without a signature."""

    @property
    def __signature__(self):
        raise ValueError("no signature found")

    def __call__(self):
        pass


def test_the_surface_of_a_small_cupy(monkeypatch):
    modules = {name: ModuleType(name) for name in (*surface.NAMESPACES, "cupy.random")}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    vars(modules["cupy"]).update(
        __version__="14.0",
        _private=len,
        ndarray=FakeNdarray,
        ufunc=FakeUfunc,
        random=modules["cupy.random"],
        Stream=type("Stream", (), {"__module__": "cupy.cuda"}),
        Path=type("Path", (), {"__module__": "pathlib"}),
        add=FakeUfunc("reduce", "accumulate", "reduceat", scatters=True),
        multiply=FakeUfunc("reduce", "accumulate", scatters=False),
        maximum=FakeUfunc(scatters=True),
        sum=lambda a, axis=None, *, out=None: None,
        einsum=lambda *operands, **kwargs: None,
        asarray=Compiled(),
        float32=np.float32,
        pi=3.14,
        newaxis=None,
        count=7,
    )
    modules["cupy.random"].Generator = FakeGenerator
    modules["cupy.linalg"].norm = lambda x, axis=None: None
    assert surface.inspect_cupy() == {
        "version": "14.0",
        "cupy": {
            "add": "ufunc at reduce accumulate reduceat",
            "multiply": "ufunc reduce accumulate",
            "maximum": "ufunc at",
            "sum": "function a axis out",
            "einsum": "function *operands **kwargs",
            "asarray": "function *args **kwargs",
            "float32": "value",
            "pi": "value",
            "newaxis": "value",
        },
        "cupy.fft": {},
        "cupy.lib.stride_tricks": {},
        "cupy.linalg": {"norm": "function x axis"},
        "cupy.ndarray": {
            "shape": "attribute",
            "max": "method axis out dtype",
            "get": "method *args **kwargs",
            "set": "method *args **kwargs",
        },
        "cupy.random.Generator": {"random": "method dtype size out"},
    }


def test_the_file_of_a_surface_is_sorted_with_a_line_for_each_section():
    text = surface.to_json({"version": "14.0", "cupy": {"sum": "function a", "add": "ufunc at"}})
    assert text == '{\n"cupy": {"add": "ufunc at", "sum": "function a"},\n"version": "14.0"\n}\n'


def test_the_committed_surface_is_that_of_the_installed_cupy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cupy = pytest.importorskip("cupy", reason="needs CuPy (no GPU) to compare with")
        version, _ = surface.read_surface()
        if cupy.__version__ != version:
            pytest.skip(f"the committed surface is of CuPy {version}, installed is {cupy.__version__}")
        found = surface.to_json(surface.inspect_cupy())
    committed = surface.Path(surface.__file__).with_name("cupy_surface.json").read_text()
    assert found == committed
