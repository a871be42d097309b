"""What the tests of networks share: seeded values on a device, and modules as functions of their parameters."""

import numpy as np
from hypothesis import HealthCheck, settings

from minigan import Tensor, nn


def restored(table):
    """For a fixture: what a test adds to a table of the library vanishes with it."""
    known = dict(table)
    yield table
    table.clear()
    table.update(known)


def drawing(examples):
    """That many examples under the default profile, in proportion under another.

    The fixture `device` is no state that one example could hand on to the next.
    """
    default = settings.get_profile("default").max_examples
    scaled = max(1, examples * settings().max_examples // default)
    return settings(max_examples=scaled, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rng(seed=0):
    return np.random.default_rng(seed)


def tensor(values, device, dtype=np.float64, requires_grad=False):
    return Tensor(np.asarray(values, dtype=dtype), requires_grad, device=device)


def normal(shape, device, seed=0, dtype=np.float64, requires_grad=False):
    """Values from N(0, 1), but none within 0.1 of zero, where (Leaky)ReLU has its kink."""
    x = rng(seed).standard_normal(shape)
    return tensor(x + 0.1 * np.sign(x), device, dtype, requires_grad)


def parameter_slots(module):
    """(owner, attribute) of each parameter."""
    return [
        (part, name)
        for part in module.modules()
        for name, value in vars(part).items()
        if isinstance(value, nn.Parameter)
    ]


def as_function(module):
    """f(x, *parameters) = module(x) with other tensors in the place of its parameters.

    Random layers draw the same numbers in every call. The module is used up: it keeps the last tensors.
    """
    slots = parameter_slots(module)

    def f(x, *parameters):
        reseed(module)
        for (owner, name), value in zip(slots, parameters, strict=True):
            setattr(owner, name, value)
        return module(x)

    return f


def reseed(module, seed=0):
    """Let the layers that draw random numbers draw the same ones again."""
    for generator in module.generators():
        generator.bit_generator.state = rng(seed).bit_generator.state


def scatter(module, device, seed=1):
    """Give every parameter random values, so that no zero bias or unit scale hides a mistake."""
    for i, p in enumerate(module.parameters()):
        p.data[...] = normal(p.shape, device, seed=seed + i).data
    return module


def snapshot(module):
    """All values of a module, for `assert_same`."""
    return module.state_dict()


def assert_same(state, other):
    """Bit for bit."""
    assert list(state) == list(other)
    for name in state:
        np.testing.assert_array_equal(state[name], other[name], err_msg=name)
