"""What all tests share: hypothesis profiles, and the devices that everything must run on."""

import os
import sys

# The matrices here are small: a second BLAS thread gains nothing, and waits whenever its core is busy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import Phase, settings

from minigan.backend import available_devices, get_device
from minigan.ops import conv_algorithms, convolution

settings.register_profile("default", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=250)
settings.register_profile(
    "mutation", settings.get_profile("default"), max_examples=9, phases=[Phase.explicit, Phase.generate], database=None
)
settings.load_profile("default")


@pytest.fixture(params=available_devices())
def device(request):
    """Each device in turn: cpu and strict everywhere, cuda:0 where there is a GPU."""
    return get_device(request.param)


@pytest.fixture
def narrow(monkeypatch):
    """Dense networks with hidden layers of 32, not 784, for tests of what goes on around the networks."""
    monkeypatch.setattr(sys.modules["minigan.models.dense"], "WIDTH", 32)


@pytest.fixture
def one_algorithm(monkeypatch):
    """Convolutions by the same algorithm everywhere: a device takes another one, and then the last bits differ."""
    monkeypatch.setattr(convolution, "choose", lambda name, *sizes: conv_algorithms.choose("winograd-2", *sizes))
