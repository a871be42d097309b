"""What all tests share: hypothesis profiles, and the devices that everything must run on."""

import pytest
from hypothesis import settings

from minigan.backend import available_devices, get_device

settings.register_profile("default", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile("default")


@pytest.fixture(params=available_devices())
def device(request):
    """Each device in turn: cpu and strict everywhere, cuda:0 where there is a GPU."""
    return get_device(request.param)
