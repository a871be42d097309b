"""When a number is no longer finite: which layer was the first."""

from __future__ import annotations

from typing import Any

from minigan.backend import array_namespace, to_host
from minigan.nn import Module, Parameter, tracing
from minigan.training.trainer import Trainer


def all_finite(trainer: Trainer) -> bool:
    """Whether all weights of both players are finite."""
    return all(_finite(o.buffer.data) for o in (trainer.g_optimizer, trainer.d_optimizer))


def first_fault(trainer: Trainer, step: int) -> str:
    """Train up to `step`, the one that went wrong, again, and say which layer was the first at fault.

    `trainer` must be in a good state before that step: a run repeats itself exactly.
    """
    while trainer.steps < step - 1:
        trainer.step()
    with tracing() as trace:
        trainer.step()
    names = _names(trainer)
    for module, output in trace:
        if not _finite(output.data) and not any(module.children()):
            return f"the first layer at fault is {names.get(id(module), repr(module))}: its output is not finite"
    for module in (m for network in (trainer.discriminator, trainer.generator) for m in network.modules()):
        if any(not _finite(p.data) for p in vars(module).values() if _is_parameter(p)):
            return f"the first layer at fault is {names[id(module)]}: its gradient is not finite"
    return "every layer's output is finite; the loss itself is not"


def _names(trainer: Trainer) -> dict[int, str]:
    return {
        id(module): f"{player} {name} {module!r}"
        for player, network in (("generator", trainer.generator), ("discriminator", trainer.discriminator))
        for name, module in _named_modules(network)
    }


def _named_modules(network: Module) -> list[tuple[str, Module]]:
    found = []
    for name, part in network.children():
        found += [(name, part), *((f"{name}.{inner}", m) for inner, m in _named_modules(part))]
    return found


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Parameter)


def _finite(array: Any) -> bool:
    return bool(to_host(array_namespace(array).isfinite(array).all()))
