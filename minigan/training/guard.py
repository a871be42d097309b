"""When a number is no longer finite: at which step, and which layer was the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.autograd import Tensor
from minigan.backend import array_namespace, to_host
from minigan.nn import Module, tracing
from minigan.optim import Optimizer
from minigan.training.trainer import Trainer


def all_finite(trainer: Trainer) -> bool:
    """Whether all weights, running statistics and optimizer states of both players are finite."""
    return all(
        _finite(array)
        for _, network, optimizer in _players(trainer)
        for array in (*_flat_arrays(optimizer), *(buffer for _, buffer in network.named_buffers()))
    )


def first_fault(trainer: Trainer, last: int) -> tuple[int, str]:
    """Repeat a run that went wrong at step `last` or before: the first step at fault, and what happened there.

    `trainer` must be in a good state from before: a run repeats itself exactly.
    """
    while trainer.steps < last:
        with tracing() as trace:
            losses = trainer.step()
        fault = _fault(trainer, trace, losses)
        if fault:
            return trainer.steps, fault
    return last, "a number was not finite, which did not happen again when the steps were repeated"


def _fault(trainer: Trainer, trace: list[tuple[Module, Tensor]], losses: dict[str, Tensor]) -> str | None:
    """The first thing in a step that is not finite, in the order of computation."""
    names = {id(layer): name for player, network, _ in _players(trainer) for name, layer in _layers(network, player)}
    for layer, output in trace:
        if id(layer) in names and not _finite(output.data):
            return f"the first layer at fault is {names[id(layer)]}: its output is not finite"
    for _, network, optimizer in _players(trainer):
        for _, layer in _layers(network):
            if not all(map(_finite, _state(layer, optimizer))):
                return f"the first layer at fault is {names[id(layer)]}: its gradient is not finite, or too large"
    for name, loss in losses.items():
        if not _finite(loss.data):
            return f"{name} is not finite, though the output of every layer is"
    return None


def _players(trainer: Trainer) -> list[tuple[str, Module, Optimizer]]:
    return [
        ("discriminator", trainer.discriminator, trainer.d_optimizer),
        ("generator", trainer.generator, trainer.g_optimizer),
    ]


def _layers(network: Module, name: str = "") -> Iterator[tuple[str, Module]]:
    """The parts of a network that have no parts themselves, described."""
    for part, module in network.children():
        if any(module.children()):
            yield from _layers(module, f"{name} {part}")
        else:
            yield f"{name} {part} {module!r}", module


def _state(layer: Module, optimizer: Optimizer) -> Iterator[Any]:
    """The running statistics of a layer, its weights, and what the optimizer carries for them."""
    yield from (buffer for _, buffer in layer.named_buffers())
    own = {id(parameter) for parameter in layer.parameters()}
    start = 0
    for parameter in optimizer.buffer.parameters:
        if id(parameter) in own:
            yield from (array[start : start + parameter.size] for array in _flat_arrays(optimizer))
        start += parameter.size


def _flat_arrays(optimizer: Optimizer) -> list[Any]:
    return [optimizer.buffer.data, *(getattr(optimizer, slot) for slot in optimizer.slots)]


def _finite(array: Any) -> bool:
    return bool(to_host(array_namespace(array).isfinite(array).all()))
