"""One thing to check: a function of tensors, and inputs that keep away from its kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.autograd import Tensor
from minigan.backend import Device, to_device
from minigan.nn import Module, Parameter


@dataclass(frozen=True)
class Case:
    """A named check. `build(device)` gives the function and its inputs, float64 tensors on that device."""

    group: str
    subject: str
    variant: str
    build: Callable[[Device], tuple[Callable[..., Tensor], list[Tensor]]]

    @property
    def name(self) -> str:
        """The subject and, where it is checked in several ways, which one."""
        return f"{self.subject} ({self.variant})" if self.variant else self.subject


def case(group: str, subject: str, f: Callable[..., Tensor], *arrays: np.ndarray, variant: str = "") -> Case:
    """A case for a function that works on any device."""
    return Case(group, subject, variant, lambda device: (bent(f), tensors(arrays, device)))


def bent(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """f between two curved functions, so that the second and third derivatives of a linear f are not zero.

    The inner one, x + x^3 / 8, keeps signs and order, and with them the distance from kinks.
    """

    def curved(*xs: Tensor) -> Tensor:
        y = f(*(x + x**3 / 8 for x in xs))
        return y + y * y

    return curved


def network_function(module: Module, device: Device) -> tuple[Callable[..., Tensor], list[Tensor]]:
    """(f, weights) with f(x, *weights) = module(x), the weights in the place of the module's parameters.

    The weights are random, so that no zero bias and no unit scale hides a mistake; layers that draw random
    numbers draw the same in every call.
    """
    module.to(device, np.float64)
    slots = [(m, name) for m in module.modules() for name, value in vars(m).items() if isinstance(value, Parameter)]
    weights = tensors([spread(getattr(m, name).shape, seed=i + 1) for i, (m, name) in enumerate(slots)], device)
    states = [(generator, generator.bit_generator.state) for generator in module.generators()]

    def f(x: Tensor, *values: Tensor) -> Tensor:
        for generator, state in states:
            generator.bit_generator.state = state
        for (m, name), value in zip(slots, values, strict=True):
            setattr(m, name, value)
        return module(x)

    return f, weights


def tensors(arrays: Any, device: Device) -> list[Tensor]:
    """Arrays as tensors on the device."""
    return [Tensor(to_device(x, device), requires_grad=True, device=device) for x in arrays]


def spread(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Values of both signs from 0.1 to 1.1 in size: none near 0, where (leaky) ReLU, |x| and norms have kinks."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 1.1, shape)


def positive(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Values from 0.6 to 1.6."""
    return np.random.default_rng(seed).uniform(0.6, 1.6, shape)


def distinct(shape: tuple[int, ...], seed: int = 0, offset: float = 0.0) -> np.ndarray:
    """Multiples of 0.2, each once, plus an offset: two arrays with offsets 0 and 0.1 have no value in common."""
    count = int(np.prod(shape))
    return 0.2 * (np.random.default_rng(seed).permutation(count).reshape(shape) - count // 2) + offset
