"""What is asked of cuBLAS and of CUDA to capture a graph, checked against stand-ins that run on the host."""

import contextlib
import ctypes
import gc
import types

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st

from minigan.backend import Device, cublas, cuda_graph, matmul, namespaces
from minigan.backend import capture as capture_graph
from minigan.backend.cublas import CuBLAS, operand
from minigan.errors import DeviceError

BOUNDS = []
"""The first and the last address of every array; nothing else may be read."""


class Array:
    """A NumPy array behind the few attributes of a CuPy array that are needed here."""

    def __init__(self, values):
        self.values = values
        self.data = types.SimpleNamespace(ptr=values.ctypes.data)
        BOUNDS.append(np.lib.array_utils.byte_bounds(values))

    shape = property(lambda self: self.values.shape)
    strides = property(lambda self: self.values.strides)
    dtype = property(lambda self: self.values.dtype)
    itemsize = property(lambda self: self.values.itemsize)
    ndim = property(lambda self: self.values.ndim)

    def __len__(self):
        return len(self.values)


class Library:
    """libcublas as its manual describes it: matrices are read column by column, their sizes are checked."""

    def __init__(self, status=0):
        self.calls, self.status = [], status

    def __getattr__(self, name):
        kind, _, rest = name.removeprefix("cublas").partition("gemm")
        if kind in ("S", "D") and rest:
            dtype = np.float32 if kind == "S" else np.float64
            return lambda *args: self.multiply(name, dtype, rest == "StridedBatched", *args)
        return lambda *args: self.note(name, *args)

    def note(self, name, *args):
        self.calls.append(
            (name, *(getattr(value, "value", value if isinstance(value, int) else None) for value in args))
        )
        if name == "cublasCreate_v2":
            args[0]._obj.value = 77
        return self.status

    def multiply(self, name, dtype, batched, handle, op_a, op_b, m, n, k, alpha, *rest):
        if batched:
            a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c, count = rest
            assert all(type(step) is ctypes.c_longlong for step in (step_a, step_b, step_c))  # int would be cut
            steps = step_a.value, step_b.value, step_c.value
        else:
            (a, lda, b, ldb, beta, c, ldc), steps, count = rest, (0, 0, 0), 1
        assert all(type(address) is ctypes.c_void_p for address in (handle, a, b, c))
        assert handle.value == 77
        one, zero = (np.dtype(dtype).type(value._obj.value) for value in (alpha, beta))
        assert (one, zero) == (1, 0)
        assert type(alpha._obj) is type(beta._obj) is {np.float32: ctypes.c_float, np.float64: ctypes.c_double}[dtype]
        for i in range(count):
            A = columns(a, dtype, i * steps[0], lda, (m, k), op_a)
            B = columns(b, dtype, i * steps[1], ldb, (k, n), op_b)
            columns(c, dtype, i * steps[2], ldc, (m, n), 0)[...] = A @ B
        self.calls.append((name,))
        return self.status


def columns(address, dtype, start, leading, shape, operation):
    """op(X) of the given shape, X being stored column by column."""
    assert operation in (0, 1)
    rows, width = shape[::-1] if operation else shape
    assert leading >= max(1, rows)
    length = (width - 1) * leading + rows
    kind = ctypes.c_float if dtype is np.float32 else ctypes.c_double
    first = address.value + start * ctypes.sizeof(kind)
    assert any(low <= first <= first + length * ctypes.sizeof(kind) <= high for low, high in BOUNDS)
    memory = np.ctypeslib.as_array((kind * length).from_address(first))
    X = np.lib.stride_tricks.as_strided(memory, (rows, width), (memory.itemsize, leading * memory.itemsize))
    return X.T if operation else X


@pytest.fixture
def xp(monkeypatch):
    """An array library of such arrays."""
    library = types.SimpleNamespace(
        empty=lambda shape, dtype: Array(np.full(shape, np.nan, dtype)),
        zeros=lambda shape, dtype: Array(np.zeros(shape, dtype)),
        ascontiguousarray=lambda x: Array(np.ascontiguousarray(x.values)),
    )
    monkeypatch.setitem(namespaces._namespaces, Array, library)
    yield library
    BOUNDS.clear()


def handle(library=None):
    return CuBLAS(library or Library(), 5, types.SimpleNamespace(ptr=6), tf32=False)


def transposed(x):
    return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def within(x):
    """Inside a larger array: lines do not follow each other at once."""
    larger = np.full((*x.shape[:-2], x.shape[-2] + 2, x.shape[-1] + 3), 99, x.dtype)
    larger[..., 1:-1, 2:-1] = x
    return larger[..., 1:-1, 2:-1]


def every_other(x):
    larger = np.full((*x.shape[:-1], 2 * x.shape[-1]), 99, x.dtype)
    larger[..., ::2] = x
    return larger[..., ::2]


def repeated(x):
    """Its first row again and again, without a copy."""
    return np.broadcast_to(x[..., :1, :], x.shape)


def backwards(x):
    return np.ascontiguousarray(x[::-1])[::-1]


LAYOUTS = {
    "rows": np.ascontiguousarray,
    "columns": transposed,
    "within rows": within,
    "within columns": lambda x: within(x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "every other": every_other,
    "repeated": repeated,
    "backwards": backwards,
    "stack last": lambda x: np.ascontiguousarray(np.moveaxis(x, 0, -1)).transpose(-1, *range(x.ndim - 1)),
}


@drawing(150)
@given(
    st.tuples(*[st.integers(1, 4)] * 3),
    st.sampled_from([(), (1,), (3,)]),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from([np.float32, np.float64]),
)
def test_products_of_matrices_in_any_layout_are_those_of_numpy(xp, sizes, batch, layout_a, layout_b, dtype):
    m, k, n = sizes
    rng = np.random.default_rng(m + 5 * k + 25 * n)
    a, b = (rng.integers(-9, 10, (*batch, *shape)).astype(dtype) for shape in ((m, k), (k, n)))  # products are exact
    a, b = LAYOUTS[layout_a](a), LAYOUTS[layout_b](b)
    library = Library()
    c = handle(library).matmul(Array(a), Array(b))
    assert c.dtype == dtype
    call = ("cublasSgemm" if dtype is np.float32 else "cublasDgemm") + ("StridedBatched" if batch else "_v2")
    assert [name for name, *_ in library.calls if "gemm" in name] == [call]
    np.testing.assert_array_equal(c.values, np.matmul(a, b))


@pytest.mark.parametrize("layout", ["rows", "columns", "within rows", "within columns"])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_no_matrix_is_copied_whose_rows_or_columns_are_contiguous(xp, monkeypatch, layout, batch):
    x = Array(LAYOUTS[layout](np.zeros((*batch, 3, 4), np.float32)))
    monkeypatch.delattr(xp, "ascontiguousarray")
    assert operand(x).array is x
    assert operand(x).operation == ("columns" in layout)


@pytest.mark.parametrize("shapes", [((2, 0), (0, 3)), ((0, 2), (2, 3)), ((2, 4, 0), (2, 0, 3)), ((0, 2, 3), (0, 3, 1))])
def test_products_without_anything_to_add_are_zeros_and_need_no_call(xp, shapes):
    a, b = (np.zeros(shape, np.float32) for shape in shapes)
    library = Library()
    np.testing.assert_array_equal(handle(library).matmul(Array(a), Array(b)).values, np.matmul(a, b))
    assert not any("gemm" in call[0] for call in library.calls)


@pytest.mark.parametrize("types_", [("f", "d"), ("e", "e"), ("i", "i"), ("F", "F")])
def test_other_types_are_refused(xp, types_):
    a, b = (Array(np.zeros((2, 2), dtype)) for dtype in types_)
    with pytest.raises(TypeError, match="expected two float32 or two float64 arrays"):
        handle().matmul(a, b)


def test_the_workspace_is_given_after_the_stream_which_would_take_it_away():
    library = Library()
    of_stream = handle(library)
    assert library.calls == [
        ("cublasCreate_v2", None),
        ("cublasSetStream_v2", 77, 5),
        ("cublasSetWorkspace_v2", 77, 6, 32 * 2**20),
    ]
    assert of_stream._workspace.ptr == 6
    del of_stream
    gc.collect()
    assert library.calls[-1] == ("cublasDestroy_v2", 77)


def test_an_error_of_cublas_names_the_call():
    with pytest.raises(RuntimeError, match="cublasCreate_v2 failed with the status 13"):
        handle(Library(status=13))


def test_without_libcublas_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: (_ for _ in ()).throw(OSError("no such file")))
    with pytest.raises(DeviceError, match=r"expected to find libcublas.*'cupy-cuda13x\[ctk\]'"):
        cublas.load_library()


# ---------------------------------------------------------------- the order of the calls of a capture


class Cuda:
    """What a capture asks of cupy.cuda, noted in order."""

    def __init__(self, failing=False):
        self.events, self.failing = [], failing

    def noting(self, event):
        return lambda *args: self.events.append(event)

    @contextlib.contextmanager
    def inside(self, name):
        self.events.append(f"enter {name}")
        try:
            yield
        finally:
            self.events.append(f"leave {name}")

    def Device(self, index):  # noqa: N802
        return self.inside(f"device {index}")

    def Stream(self, non_blocking):  # noqa: N802
        assert non_blocking  # the null stream cannot be captured, nor what it waits for
        cuda = self

        class Stream:
            ptr = 5
            begin_capture = staticmethod(cuda.noting("begin"))

            def __enter__(self):
                cuda.events.append("enter stream")

            def __exit__(self, *error):
                cuda.events.append("leave stream")

            def end_capture(self):
                cuda.events.append("end")
                if cuda.failing:
                    raise RuntimeError("the capture was invalidated")
                return types.SimpleNamespace(launch=cuda.noting("launch"))

        return Stream()

    def get_current_stream(self):
        return types.SimpleNamespace(ptr=9)

    def MemoryPool(self):  # noqa: N802
        return types.SimpleNamespace(malloc="the pool's own")

    def using_allocator(self, allocator):
        assert allocator == "the pool's own"
        return self.inside("pool")

    def alloc(self, size):
        self.events.append(f"alloc {size}")
        return types.SimpleNamespace(ptr=6)


@pytest.fixture
def gpu(monkeypatch, xp):
    """A device "cuda:1" of these stand-ins."""
    cuda, library, core = Cuda(), Library(), types.SimpleNamespace(get_compute_type=lambda kind: {"f": 1}[kind])
    monkeypatch.setattr(cuda_graph, "load_library", lambda: library)
    monkeypatch.setattr(Device, "namespace", types.SimpleNamespace(cuda=cuda, empty=xp.empty, _core=core))
    return types.SimpleNamespace(cuda=cuda, library=library, core=core, device=Device("cuda:1"))


def some(shape):
    return Array(np.ones(shape, np.float32))


def test_a_capture_begins_once_all_is_ready_and_ends_before_anything_is_left(gpu):
    with cuda_graph.capture(gpu.device) as captured:
        gpu.cuda.events.append("the block")
        assert (matmul(some((2, 3)), some((3, 1))).values == 3).all()
    around = [f"{part} {i}" for i in ("device 1", "pool", "stream") for part in ("enter", "leave")]
    assert gpu.cuda.events == [
        *(around[0], around[2], f"alloc {cublas.WORKSPACE}", around[4]),
        *("begin", "the block", "end"),
        *(around[5], around[3], around[1]),
    ]
    assert gpu.library.calls[-1] == ("cublasSgemm_v2",)
    kept = captured.kept
    assert isinstance(kept[0], CuBLAS)
    assert kept[1].malloc == "the pool's own"
    captured.replay()
    assert gpu.cuda.events[-1] == "launch"


def test_a_rehearsal_multiplies_through_cublas_on_the_current_stream(gpu):
    with cuda_graph.rehearsal(gpu.device):
        assert (matmul(some((2, 3)), some((3, 1))).values == 3).all()
    assert gpu.library.calls[:3] == [
        ("cublasCreate_v2", None),
        ("cublasSetStream_v2", 77, 9),
        ("cublasSetWorkspace_v2", 77, 6, cublas.WORKSPACE),
    ]
    assert gpu.cuda.events == ["enter device 1", f"alloc {cublas.WORKSPACE}", "leave device 1"]


@pytest.mark.parametrize("block", [cuda_graph.capture, cuda_graph.rehearsal])
def test_products_are_rounded_to_tf32_where_those_of_cupy_are(gpu, block):
    gpu.core.get_compute_type = {"f": 7}.get
    with block(gpu.device):
        assert gpu.library.calls[-1] == ("cublasSetMathMode", 77, 3)


def test_products_are_the_librarys_own_again_after_a_capture(gpu, xp):
    xp.matmul = lambda a, b: "its own"
    with contextlib.suppress(KeyError), cuda_graph.capture(gpu.device):
        raise KeyError
    assert matmul(some((2, 3)), some((3, 1))) == "its own"


@pytest.mark.parametrize("failing", [False, True])
def test_a_failed_block_ends_the_capture_and_its_own_error_is_shown(gpu, failing):
    gpu.cuda.failing = failing
    with pytest.raises(KeyError, match="why"), cuda_graph.capture(gpu.device):
        raise KeyError("why")
    assert gpu.cuda.events[-5:] == ["begin", "end", "leave stream", "leave pool", "leave device 1"]


def test_a_capture_that_cuda_refuses_at_the_end_is_an_error(gpu):
    gpu.cuda.failing = True
    with pytest.raises(RuntimeError, match="invalidated"), cuda_graph.capture(gpu.device):
        pass


def test_replays_are_launched_on_their_own_device(gpu):
    with capture_graph(gpu.device) as graph:
        pass
    gpu.cuda.events.clear()
    graph.replay()
    assert gpu.cuda.events == ["enter device 1", "launch", "leave device 1"]
