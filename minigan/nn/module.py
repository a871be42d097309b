"""`Module`: parameters, buffers and layers under dotted names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigan.autograd import Tensor
from minigan.backend import Device, device_of, get_device, is_array, to_device, to_host
from minigan.nn.parameter import Parameter

_trace: ContextVar[list[tuple[Module, Tensor]] | None] = ContextVar("trace", default=None)


class Module:
    """A network or a layer of one. Subclasses set parameters and layers as attributes and define `forward`.

    What an attribute holds decides what it is: a `Parameter` is trained, a plain array is a buffer (saved,
    not trained), a `Module` or a list of modules is a part. All come in the order of definition.
    """

    training = True
    frozen = False
    """Whether running statistics stand still in training mode; set by `freezing`."""
    mixes_samples = False
    """Whether, in training mode, the output for one sample depends on the other samples of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output; called through `module(x)`."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def __call__(self, x: Any, *arguments: Any) -> Tensor:
        """Apply the module to a tensor or an array of shape (N, ...)."""
        try:
            y = self.forward(x if isinstance(x, Tensor) else Tensor(x), *arguments)
        except Exception as error:
            error.add_note(f"in {self!r}")
            raise
        trace = _trace.get()
        if trace is not None:
            trace.append((self, y))
        return y

    def children(self) -> Iterator[tuple[str, Module]]:
        """The direct parts with their names."""
        for attribute, value in vars(self).items():
            yield from _parts(attribute, value)

    def modules(self) -> Iterator[Module]:
        """This module and all its parts, at any depth."""
        yield self
        for _, part in self.children():
            yield from part.modules()

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names."""
        yield from ((name, value) for name, _, _, value in self._entries(prefix) if isinstance(value, Parameter))

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of definition."""
        return [p for _, p in self.named_parameters()]

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """All buffers (arrays that are saved but not trained) with their dotted names."""
        yield from ((name, value) for name, _, _, value in self._entries(prefix) if is_array(value))

    def generators(self) -> list[np.random.Generator]:
        """The random generators that the layers draw from, each once."""
        found = [v for m in self.modules() for v in vars(m).values() if isinstance(v, np.random.Generator)]
        return list({id(generator): generator for generator in found}.values())

    def train(self, mode: bool = True) -> Module:
        """Switch this module and its parts to training mode (batch statistics, dropout)."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Module:
        """Switch this module and its parts to evaluation mode (running statistics, no dropout)."""
        return self.train(False)

    def to(self, device: str | Device | None = None, dtype: Any = None) -> Module:
        """Move parameters and buffers to a device and a floating-point dtype, in place.

        An optimizer made before the move refuses to step afterwards: make it after.
        """
        target = None if device is None else get_device(device)
        for _, owner, attribute, value in self._entries():
            if isinstance(value, Parameter):
                value.data, value.buffer = _moved(value.data, target, dtype), None
            else:
                setattr(owner, attribute, _moved(value, target, dtype))
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by name, as copies on the host."""
        return {name: np.array(to_host(_array(value))) for name, _, _, value in self._entries()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Write saved parameters and buffers into this module.

        Raises ValueError, before anything is written, if names or shapes differ.
        """
        own = {name: _array(value) for name, _, _, value in self._entries()}
        _check_state(own, state)
        for name, array in own.items():
            array[...] = to_device(np.asarray(state[name], dtype=array.dtype), device_of(array))

    def _entries(self, prefix: str = "") -> Iterator[tuple[str, Module, str, Any]]:
        """(dotted name, owner, attribute, value) of each parameter and buffer, in the order of definition."""
        for attribute, value in vars(self).items():
            if isinstance(value, Parameter) or is_array(value):
                yield prefix + attribute, self, attribute, value
            for name, part in _parts(attribute, value):
                yield from part._entries(f"{prefix}{name}.")

    def describe(self) -> str:
        """The settings that the short form `Name(settings)` shows."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"


@contextlib.contextmanager
def evaluating(module: Module) -> Iterator[Module]:
    """Evaluation mode inside the `with` block; afterwards each part is back in the mode it had."""
    with _setting(module, "training", False):
        yield module


@contextlib.contextmanager
def freezing(module: Module) -> Iterator[Module]:
    """Inside the `with` block a network computes as it does in training, but its running statistics stand still.

    One player's step uses the other player's network and must leave no trace in it.
    """
    with _setting(module, "frozen", True):
        yield module


@contextlib.contextmanager
def _setting(module: Module, attribute: str, value: bool) -> Iterator[None]:
    former = [(m, getattr(m, attribute)) for m in module.modules()]
    for m, _ in former:
        setattr(m, attribute, value)
    try:
        yield
    finally:
        for m, old in former:
            setattr(m, attribute, old)


@contextlib.contextmanager
def tracing() -> Iterator[list[tuple[Module, Tensor]]]:
    """Collect (module, output) of every module called inside the `with` block, in the order they finish."""
    token = _trace.set([])
    try:
        yield _trace.get()
    finally:
        _trace.reset(token)


def traced() -> bool:
    """Whether this is the inside of a `with tracing()` block."""
    return _trace.get() is not None


def check_rng(rng: np.random.Generator) -> np.random.Generator:
    """Refuse anything that is no NumPy Generator, such as a seed: two layers with one seed would be twins."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator (np.random.default_rng(seed)), got {rng!r}")
    return rng


def _parts(attribute: str, value: Any) -> Iterator[tuple[str, Module]]:
    """The parts that one attribute holds, with their names: a module, or those of a list."""
    if isinstance(value, Module):
        yield attribute, value
    elif isinstance(value, list | tuple):
        yield from ((f"{attribute}.{i}", part) for i, part in enumerate(value) if isinstance(part, Module))


def _array(value: Any) -> Any:
    return value.data if isinstance(value, Parameter) else value


def _moved(array: Any, device: Device | None, dtype: Any) -> Any:
    if dtype is not None:
        array = array.astype(dtype)
    if device is not None and device_of(array) != device:
        array = to_device(to_host(array), device)
    return array


def _check_state(own: dict[str, Any], state: dict[str, np.ndarray]) -> None:
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if missing or unexpected:
        raise ValueError(
            f"the state does not belong to this network: missing {missing or 'nothing'}, "
            f"unexpected {unexpected or 'nothing'}"
        )
    for name, array in own.items():
        if tuple(np.shape(state[name])) != tuple(array.shape):
            raise ValueError(f"{name}: the network has shape {array.shape}, the state {np.shape(state[name])}")
