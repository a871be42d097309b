"""A training step as one graph: the device works through it without waiting for Python between its computations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.autograd import Tensor
from minigan.backend import Graph, capture, is_array, rehearsal, require_graphs
from minigan.gan.loss import Loss
from minigan.nn import Parameter
from minigan.training.trainer import Trainer

REHEARSED = 3
"""How many steps are taken before the capture, while kernels are compiled and constants sent."""


class CapturedStep:
    """`step()` is `trainer.step()`, from the fourth on as one captured graph: for the host a single launch.

        step = capture_step(trainer)
        for _ in range(1000):
            losses = step()

    The weights after each step are those of the plain steps, up to the rounding of another matrix product. In between
    the trainer may be saved, restored, sampled from and given another learning rate.
    """

    def __init__(self, trainer: Trainer) -> None:
        require_graphs(trainer.device)
        self.trainer = trainer
        self.graph: Graph | None = None
        self._rehearsed = 0
        self._losses: dict[str, Tensor] = {}
        self._state: list[_Slot] = []

    def __call__(self) -> dict[str, Tensor]:
        """Train once; returns what `trainer.step()` does.

        Raises RuntimeError if arrays of the trainer have moved since the capture, or if its loss counts on the host. A
        capture that fails leaves the trainer in the midst of a step: the host has done its part, the device has not.
        """
        if self.graph is None and self._rehearsed < REHEARSED:
            self._rehearsed += 1
            with rehearsal(self.trainer.device):
                return self.trainer.step()
        if self.graph is None:
            self._capture()
        else:
            self._refuse_moved()
            self.graph.refill()
        self.graph.replay()
        return {name: Tensor(loss.data.copy()) for name, loss in self._losses.items()}

    def _capture(self) -> None:
        trainer = self.trainer
        self._state, numbers = list(_slots(trainer)), _numbers(trainer.loss)
        with capture(trainer.device) as graph:
            self._losses = {name: loss.detach() for name, loss in trainer.step().items()}
            if _numbers(trainer.loss) != numbers:
                raise RuntimeError(
                    f"{trainer.loss!r} keeps a number on the host that changes in a step, where no graph sees it; keep "
                    "it in a tensor"
                )
            for slot in self._state:
                slot.carry()
        self.graph = graph

    def _refuse_moved(self) -> None:
        trainer = self.trainer
        buffers = trainer.g_optimizer.buffer, trainer.d_optimizer.buffer, trainer.average.buffer
        moved = not all(buffer.is_current() for buffer in buffers)
        if moved or any(slot.value() is not slot.kept for slot in self._state):
            raise RuntimeError(
                "the trainer's arrays have moved since its step was captured, as by Module.to or p.data = ...; "
                "make a new one with capture_step(trainer)"
            )


def capture_step(trainer: Trainer) -> CapturedStep:
    """The step of a trainer as a graph; DeviceError if it trains on the CPU."""
    return CapturedStep(trainer)


class _Slot:
    """An attribute that holds an array from step to step."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name
        self.kept = self.value()

    def value(self) -> Any:
        return getattr(self.owner, self.name)

    def carry(self) -> None:
        """Where the step has put a new array in the place of the old one, copy it there: a replay reads the old."""
        new = self.value()
        if new is not self.kept:
            _array(self.kept)[...] = _array(new)
            setattr(self.owner, self.name, self.kept)


def _slots(trainer: Trainer) -> Iterator[_Slot]:
    """All arrays that one step hands to the next, apart from parameters, which are changed in place."""
    for network in (trainer.generator, trainer.discriminator, trainer.average.network):
        for module in network.modules():
            yield from _slots_of(module, vars(module))
    for optimizer in (trainer.g_optimizer, trainer.d_optimizer):
        yield from _slots_of(optimizer, optimizer.slots)
    yield from _slots_of(trainer.loss, vars(trainer.loss))


def _slots_of(owner: Any, names: Any) -> Iterator[_Slot]:
    for name in names:
        value = getattr(owner, name)
        if is_array(value) or (isinstance(value, Tensor) and not isinstance(value, Parameter)):
            yield _Slot(owner, name)


def _numbers(loss: Loss) -> dict[str, float]:
    return {name: value for name, value in vars(loss).items() if isinstance(value, int | float)}


def _array(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value
