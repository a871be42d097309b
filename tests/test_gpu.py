"""Where the GPU does not work, one sentence says what to install or change. No test here needs a GPU."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_cupy import CUDARuntimeError, FakeDevice, OutOfMemoryError, install_cupy, raising

import minigan as mg
from minigan.autograd import Op
from minigan.backend import Device, available_devices, get_device
from minigan.backend.gpu import check_gpu
from minigan.cli import main
from minigan.errors import DeviceError
from minigan.nn import Dense, ParameterBuffer
from minigan.optim import Optimizer
from minigan.training import Average, generate, load_config, record
from minigan.training.run import steps_done

NO_DRIVER = CUDARuntimeError(
    "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
)
NO_DEVICE = CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
NO_CUBLAS = ImportError('Failure finding "libcublas.so.13": No such file: libcublas.so.13,\n No such file\n')
INSTALLS = "'minigan[cuda12]'", "'minigan[cuda13]'"


def installed(folder, *packages):
    for name in packages:
        (folder / f"{name}-14.2.0.dist-info").mkdir()
    return folder


MACHINES = {
    "no driver": (
        lambda folder: {"gpus": NO_DRIVER, "driver": 0},
        ["expected a GPU for device 'cuda'", "no NVIDIA driver here", "nvidia-smi", "device 'cpu'"],
    ),
    "a driver too old": (
        lambda folder: {"gpus": NO_DRIVER, "driver": 12020, "folder": installed(folder, "cupy_cuda13x", "numpy")},
        ["CuPy 14.2.0 is built for CUDA 13.2", "only up to 12.2; update it", "pip uninstall cupy-cuda13x", *INSTALLS],
    ),
    "a CuPy whose package nobody recorded, and a driver too old": (
        lambda folder: {"gpus": NO_DRIVER, "driver": 11080, "built": 12090},
        ["is built for CUDA 12.9", "only up to 11.8", "run pip uninstall cupy, then"],
    ),
    "a driver that shows no GPU": (
        lambda folder: {"gpus": NO_DEVICE},
        ["the driver shows none (CUDARuntimeError: cudaErrorNoDevice: no CUDA-", "CUDA_VISIBLE_DEVICES", "'cpu'"],
    ),
    "a driver that counts none": (lambda folder: {"gpus": 0}, ["the driver shows none (it lists none)"]),
    "several packages": (
        lambda folder: {"folder": installed(folder, "cupy_cuda13x", "cupy_cuda12x", "numpy")},
        ["got cupy-cuda12x and cupy-cuda13x", "pip uninstall cupy-cuda12x cupy-cuda13x, then", *INSTALLS],
    ),
    "a library missing": (
        lambda folder: {"matmul": raising(NO_CUBLAS), "built": 13020},
        [
            'failed (ImportError: Failure finding "libcublas.so.13"',
            "No such file)",
            "'cupy-cuda13x[ctk]'",
            "nvidia-smi",
        ],
    ),
    "a GPU that is full": (
        lambda folder: {"matmul": raising(OutOfMemoryError("Out of memory allocating 512 bytes"))},
        ["expected some free memory on the GPU for device 'cuda'", "allocating 512 bytes", "nvidia-smi", "'cpu'"],
    ),
}


@pytest.fixture
def machine(request, monkeypatch, tmp_path):
    settings, parts = MACHINES[request.param]
    install_cupy(monkeypatch, **settings(tmp_path))
    return parts


@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_the_sentence_says_what_is_wrong_and_what_to_do_every_time(machine):
    assert available_devices() == ["cpu", "strict"]
    for _ in range(2):
        with pytest.raises(DeviceError) as caught:
            get_device("cuda")
        for part in machine:
            assert part in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_every_command_prints_that_sentence_and_nothing_else(machine, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    for line in ("train ring --device cuda", "gradcheck tanh --device cuda"):
        assert main(line.split()) == 2
        out, errors = capsys.readouterr()
        assert out == ""
        assert errors.startswith("minigan: expected ")
        assert errors.count("\n") == 1
        assert machine[0] in errors
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_without_cupy_the_sentence_names_the_extras(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=rf"for device '{name}', .*'minigan\[cuda12\]'.*'minigan\[cuda13\]'"):
        get_device(name)
    assert available_devices() == ["cpu", "strict"]


def not_imported_yet(monkeypatch, folder):
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "cupy", None)  # so that what is imported here is forgotten afterwards
    monkeypatch.delitem(sys.modules, "cupy")


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        (
            "raise ImportError('===\\nlong\\n===') from ImportError('libcudart.so.12: cannot open')",
            ["importing it failed (ImportError: libcudart.so.12: cannot open)"],
        ),
        ("raise ValueError('numpy.dtype size changed,\\nmay be')", ["(ValueError: numpy.dtype size changed, may be)"]),
    ],
)
def test_a_cupy_that_cannot_be_imported_is_to_be_removed_first(monkeypatch, tmp_path, source, parts):
    (tmp_path / "cupy.py").write_text(source)
    not_imported_yet(monkeypatch, tmp_path)
    with pytest.raises(DeviceError) as caught:
        get_device("cuda")
    for part in [*parts, "a working CuPy for device 'cuda'", "pip uninstall", *INSTALLS]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cupys_own_warning_of_several_packages_is_not_printed_but_others_are(monkeypatch, tmp_path):
    told = "import warnings\nwarnings.warn('---\\n\\n  because multiple CuPy packages are installed')\n"
    (tmp_path / "cupy.py").write_text(told + "warnings.warn('something else')\n")
    not_imported_yet(monkeypatch, tmp_path)
    with pytest.warns(UserWarning, match="something else") as caught, pytest.raises(AttributeError, match="cuda"):
        check_gpu(0, "'cuda'")
    assert len(caught) == 1


def test_gpus_are_those_that_exist(monkeypatch):
    cupy = install_cupy(monkeypatch, gpus=2)
    assert get_device("cuda") == get_device("cuda:0") == get_device("cuda:00")
    assert get_device("cuda:1").name == "cuda:1"
    assert get_device("cuda:1").namespace is cupy
    assert available_devices() == ["cpu", "strict", "cuda:0", "cuda:1"]
    with pytest.raises(DeviceError, match=r"got device 'cuda:2', but there are 2 GPUs here; use a number from 0 to 1"):
        get_device("cuda:2")
    install_cupy(monkeypatch, gpus=1)
    with pytest.raises(DeviceError, match=r"got device 'cuda:1', but there is 1 GPU here; use a number from 0 to 0"):
        get_device("cuda:1")


def test_of_two_gpus_one_may_be_broken(monkeypatch):
    def matmul(a, b):
        assert a.device.id == b.device.id == FakeDevice.current
        if FakeDevice.current == 0:
            raise CUDARuntimeError("cudaErrorDevicesUnavailable")
        return a @ b

    install_cupy(monkeypatch, gpus=2, matmul=matmul)
    assert available_devices() == ["cpu", "strict", "cuda:1"]
    with pytest.raises(DeviceError, match=r"for device 'cuda:0'.*cudaErrorDevicesUnavailable"):
        get_device("cuda:0")
    assert get_device("cuda:1").name == "cuda:1"


def test_a_gpu_that_works_is_tried_once(monkeypatch):
    tries = []

    def matmul(a, b):
        tries.append(FakeDevice.current)
        return a @ b

    install_cupy(monkeypatch, gpus=2, matmul=matmul)
    for _ in range(3):
        get_device("cuda:1")
    assert tries == [1]
    get_device("cuda:0")
    assert tries == [1, 0]
    assert FakeDevice.current == 0


# --- arrays


def test_arrays_of_several_devices_are_refused_by_name(monkeypatch):
    install_cupy(monkeypatch, gpus=2)
    x = mg.Tensor(np.ones(3, np.float32), device="cpu")
    on_first, on_second, strict = (x.to(device) for device in ("cuda", "cuda:1", "strict"))
    for left, right, names in (
        (on_second, x, "some on cpu and some on cuda:1;"),
        (x, on_second, "some on cpu and some on cuda:1;"),
        (on_first, strict, "some on cuda:0 and some on strict;"),
    ):
        with pytest.raises(DeviceError, match=r"expected arrays of one device, got .*x\.to\(device\)") as caught:
            left + right
        assert names in str(caught.value)
        assert caught.value.__notes__ == ["in add(float32[3], float32[3])"]
        assert isinstance(caught.value.__cause__, TypeError)
    with pytest.raises(TypeError) as caught:
        on_second + np.float32(1)  # whatever is wrong here, it is not the devices
    assert not isinstance(caught.value, DeviceError)


# --- runs


@pytest.fixture
def second_of_two(monkeypatch, tmp_path):
    """Two GPUs whose arrays are NumPy's; the set of those that were current when something was computed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(record, "loss_curves", lambda path, steps, series: path.touch())  # slow
    install_cupy(monkeypatch, gpus=2).asarray = np.asarray
    current = set()

    def noting(function):
        def noted(*arguments, **options):
            current.add(FakeDevice.current)
            return function(*arguments, **options)

        return noted

    for owner, name in ((Op, "__call__"), (Optimizer, "zeros"), (ParameterBuffer, "__init__"), (Average, "update")):
        monkeypatch.setattr(owner, name, noting(getattr(owner, name)))
    return current


TRAIN = ["train", "ring", "--batch-size", "4", "--steps", "2", "--out", "run", "--device"]


def test_all_of_a_run_is_computed_while_its_gpu_is_current(second_of_two):
    assert main([*TRAIN, "cuda:1"]) == 0
    assert second_of_two == {1}
    assert FakeDevice.current == 0
    assert load_config(Path("run")).device == "cuda:1"


def test_checks_are_computed_while_their_gpu_is_current(second_of_two):
    assert main(["gradcheck", "tanh", "Dense", "r1", "--order", "1", "--device", "cuda:1"]) == 0
    assert second_of_two == {1}


def test_samples_are_made_while_the_gpu_of_the_network_is_current(monkeypatch):
    current, seen, call = [], set(), Op.__call__

    @contextlib.contextmanager
    def use(device):
        current.append(device.name)
        yield
        current.pop()

    monkeypatch.setattr(Device, "use", use)
    monkeypatch.setattr(Op, "__call__", lambda *args, **options: seen.add(tuple(current)) or call(*args, **options))
    generate(Dense(2, 3, rng=np.random.default_rng(0)).to("strict"), np.zeros((4, 2), np.float32))
    assert seen == {("strict",)}


def test_a_run_of_a_gpu_goes_on_where_there_is_none(second_of_two, monkeypatch, capsys):
    assert main([*TRAIN, "cuda"]) == 0
    monkeypatch.setitem(sys.modules, "cupy", None)
    capsys.readouterr()
    resume = ["train", "--resume", "run", "--steps", "1"]
    assert main(resume) == 2
    assert capsys.readouterr().err.startswith("minigan: expected CuPy to be installed for device 'cuda:0'")
    assert main(["sample", "run", "--n", "4"]) == 0
    assert main(["info", "run"]) == 0
    for device in ("cpu", "strict"):
        assert main([*resume, "--device", device]) == 0
        assert load_config(Path("run")).device == device
    assert steps_done(Path("run")) == 4
