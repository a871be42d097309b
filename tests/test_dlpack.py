"""One memory, several libraries: nothing is copied, and what cannot be shared is refused in one sentence."""

import numpy as np
import pytest
from fake_cupy import FakeDevice, install_cupy
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigan as mg
from minigan.backend import to_device
from minigan.errors import DeviceError

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)
DTYPES = ["float16", "float32", "float64", "int8", "uint8", "int64", "bool", "complex64", "complex128"]


@st.composite
def views(draw):
    """A writable array of any dtype that may be a transposed or sliced view."""
    x = np.zeros(draw(arrays.array_shapes(min_dims=0, max_dims=4, max_side=5)), draw(st.sampled_from(DTYPES)))
    x += np.arange(x.size).reshape(x.shape).astype(x.dtype) if x.dtype != bool else True
    for axis in range(x.ndim):
        if draw(st.booleans()):
            x = x[(slice(None),) * axis + (slice(None, None, draw(st.integers(1, 3))),)]
    return x.T if draw(st.booleans()) else x


def assert_same_memory(x, y):
    """Equal now, and after a write on either side."""
    assert (x.shape, x.dtype) == (y.shape, y.dtype)
    np.testing.assert_array_equal(x, y)
    for one, other in ((x, y), (y, x)):
        one[...] = ~one if one.dtype == bool else one * 0 + 3
        np.testing.assert_array_equal(one, other)


@drawing(60)
@given(views())
def test_numpys_memory_is_a_tensors_and_a_tensors_is_numpys(x):
    tensor = mg.from_dlpack(x)
    assert type(tensor) is mg.Tensor
    assert not tensor.requires_grad
    assert_same_memory(tensor.data, x)
    assert_same_memory(np.from_dlpack(tensor), x)
    assert mg.from_dlpack(tensor).data.__array_interface__["data"] == x.__array_interface__["data"]


def test_the_memory_outlives_its_first_owner():
    x = mg.from_dlpack(np.full(1000, 7.0))
    y = np.from_dlpack(mg.Tensor(np.full(1000, 8.0), device="cpu"))
    assert (x.data == 7).all()
    assert (y == 8).all()


def test_a_parameter_is_shared_once_detached_and_training_is_seen():
    layer = mg.nn.Dense(2, 3, rng=np.random.default_rng(0)).to("cpu")
    optimizer = mg.optim.SGD(layer.parameters(), 0.1)
    weight = np.from_dlpack(layer.weight.detach())
    before = weight.copy()
    optimizer.step(mg.grad(layer(np.ones((4, 2), np.float32)).sum(), layer.parameters()))
    assert (weight != before).all()
    np.testing.assert_array_equal(weight, layer.weight.numpy())


def test_what_is_shared_stays_where_it_is_whatever_the_default_device(monkeypatch):
    monkeypatch.setenv("MINIGAN_DEVICE", "strict")
    x = HOST.copy()
    assert mg.from_dlpack(x).device.name == "cpu"
    assert_same_memory(mg.from_dlpack(x).data, x)
    assert mg.Tensor(HOST, device="cpu").__dlpack_device__() == (1, 0)


def refused(code, error, message, **names):
    with pytest.raises(error, match=message) as caught:
        eval(code, {"mg": mg, "np": np, "HOST": HOST, **names})
    assert "\n" not in str(caught.value)


def frozen():
    x = HOST.copy()
    x.flags.writeable = False
    return x


OF_STRICT = "strict device is not shared; use .numpy\\(\\) for a copy"
REFUSED = [
    ("np.from_dlpack(mg.Tensor(HOST, requires_grad=True, device='cpu'))", BufferError, "requires a gradient.*detach"),
    ("np.from_dlpack(mg.Tensor(HOST, True, device='cpu') * 2)", BufferError, r"requires a gradient.*x.detach\(\)"),
    ("mg.from_dlpack(mg.Tensor(HOST, True, device='cpu'))", BufferError, "Tensor requires a gradient, .*x.detach"),
    ("np.from_dlpack(mg.Tensor(HOST, device='strict'))", BufferError, OF_STRICT),
    ("mg.Tensor(HOST, device='strict').__dlpack__()", BufferError, OF_STRICT),
    ("mg.from_dlpack(mg.Tensor(HOST, device='strict'))", BufferError, OF_STRICT),
    ("mg.from_dlpack(mg.Tensor(HOST, device='strict').data)", TypeError, "got StrictArray; copy it with"),
    ("np.from_dlpack(mg.Tensor(frozen(), device='cpu'))", BufferError, "read-only array is not shared.*a copy"),
    ("np.from_dlpack(mg.Tensor(HOST[:, ::-1], device='cpu'))", BufferError, "reversed view.*share a copy"),
    ("np.from_dlpack(mg.Tensor(HOST.astype('>f4'), device='cpu'))", BufferError, "native byte order"),
    ("mg.from_dlpack(np.array(['a']))", BufferError, r"the ndarray cannot be shared \(.*\); share a copy"),
    ("mg.from_dlpack(np.array([None]))", BufferError, r"the ndarray cannot be shared \(DLPack only supports"),
    ("mg.from_dlpack(HOST.astype('>f4'))", BufferError, "native byte order"),
    ("mg.from_dlpack([1.0])", TypeError, "expected an array with __dlpack__, .*got list; copy it with minigan.Tensor"),
    ("mg.from_dlpack(np.float32(3))", TypeError, "got float32; copy it"),
    ("mg.from_dlpack(None)", TypeError, "got NoneType"),
]


@pytest.mark.parametrize(("code", "error", "message"), REFUSED, ids=[code for code, *_ in REFUSED])
def test_what_cannot_be_shared_is_refused(code, error, message):
    refused(code, error, message, frozen=frozen)


def test_a_read_only_array_comes_in_and_stays_read_only():
    x = mg.from_dlpack(frozen())
    np.testing.assert_array_equal(x.numpy(), HOST)
    with pytest.raises(ValueError, match="read-only"):
        x.data[0] = 1


class OnDevice:
    """An array in the memory of some device."""

    def __init__(self, *device):
        self.device = device

    def __dlpack__(self, **options):
        raise AssertionError("asked before it is known who reads this")

    def __dlpack_device__(self):
        return self.device


def test_memory_of_a_gpu_is_read_by_cupy_on_that_gpu(monkeypatch):
    cupy = install_cupy(monkeypatch, gpus=2)
    cupy.from_dlpack = lambda x: cupy.ndarray(HOST)
    tensor = mg.from_dlpack(OnDevice(2, 1))
    assert tensor.device.name == "cuda:1"
    assert FakeDevice.current == 0
    cupy.from_dlpack = lambda x: cupy.ndarray(np.zeros(2, "V2"))  # CuPy's bfloat16 is of this kind
    refused("mg.from_dlpack(x)", BufferError, "numbers of one of NumPy's dtypes, got .V2; convert", x=OnDevice(2, 0))
    refused("mg.from_dlpack(x)", DeviceError, r"device 'cuda:2', but there are 2 GPUs", x=OnDevice(2, 2))
    refused("mg.from_dlpack(x)", DeviceError, "got DLPack's device type 8; move it to the CPU", x=OnDevice(8, 0))


def test_a_gpu_array_gives_its_own_capsule_for_the_stream_that_asks(monkeypatch):
    install_cupy(monkeypatch)
    x = to_device(HOST, "cuda")
    type(x).__dlpack__ = lambda self, **options: ("capsule", options)
    type(x).__dlpack_device__ = lambda self: (2, 0)
    tensor = mg.Tensor(x)
    assert tensor.__dlpack_device__() == (2, 0)
    assert tensor.__dlpack__(stream=7, max_version=(1, 0)) == ("capsule", {"stream": 7, "max_version": (1, 0)})


# --- PyTorch, where it is installed


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="needs PyTorch to share memory with")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool", "complex64"])
def test_memory_is_shared_with_torch_both_ways(torch, dtype):
    theirs = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)).T
    assert_same_memory(mg.from_dlpack(theirs).data, theirs.numpy())
    ours = mg.Tensor(HOST.T.astype(dtype), device="cpu")
    assert_same_memory(torch.from_dlpack(ours).numpy(), ours.data)


def test_what_torch_cannot_share_is_refused(torch):
    x = torch.ones(2, 3)
    sentence = r"the Tensor cannot be shared \(.*\); share a copy"
    refused("mg.from_dlpack(x)", BufferError, r"the Tensor requires a gradient.*x.detach\(\)", x=x.requires_grad_())
    assert mg.from_dlpack(x.detach()).shape == (2, 3)
    for other in (x.detach().bfloat16(), x.detach().to_sparse(), torch.ones(2, dtype=torch.complex64).conj()):
        refused("mg.from_dlpack(x)", BufferError, sentence, x=other)
    refused("torch.from_dlpack(mg.Tensor(HOST, True, device='cpu'))", BufferError, "requires a gradient", torch=torch)
    refused("torch.from_dlpack(mg.Tensor(HOST[::-1], device='cpu'))", BufferError, "reversed view", torch=torch)
    refused("torch.from_dlpack(mg.Tensor(frozen(), device='cpu'))", BufferError, "read-", torch=torch, frozen=frozen)
    refused("torch.from_dlpack(mg.Tensor(HOST, device='strict'))", BufferError, OF_STRICT, torch=torch)
