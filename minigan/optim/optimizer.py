"""What all optimizers share: a flat buffer of parameters, and a state that can be saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.autograd import Tensor
from minigan.backend import array_namespace, changing, device_of, keep_freed_memory, on_host, to_device, to_host
from minigan.nn import Parameter, ParameterBuffer


class Optimizer:
    """Changes parameters along gradients: `optimizer.step(mg.grad(loss, network.parameters()))`.

    A subclass writes its formula in `update(theta, g)`, in place on flat arrays of all parameters. Arrays
    that it carries from step to step are made by `self.zeros()` and named in `slots`. `steps` counts the
    gradients that were taken in.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Sequence[Parameter], lr: float) -> None:
        if not lr > 0:
            raise ValueError(f"lr: expected a learning rate above 0, got {lr}")
        self.buffer = ParameterBuffer.of(parameters)
        self.lr = lr
        self.steps = 0
        keep_freed_memory()

    @property
    def lr(self) -> float:
        """The learning rate. It may be set between steps, down to 0; ValueError for what is no such number."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        if not 0 <= value < math.inf:
            raise ValueError(f"lr: expected a finite number of at least 0, got {value}")
        self._lr = float(value)  # a NumPy scalar would turn float32 into float64

    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """Take one step. `gradients` is the list that `grad` returned for the same parameters.

        Raises ValueError if one is None or has another shape, RuntimeError if the parameters have moved.
        """
        self.descend(self.gather(gradients))

    def gather(self, gradients: Sequence[Tensor | None]) -> Any:
        """The gradients as one flat array. Raises as `step` does."""
        if not self.buffer.is_current():
            raise RuntimeError(
                "the parameters have moved since this optimizer was made (by Module.to, by p.data = ..., or because "
                "another optimizer packed them in other company); make the optimizer after the move, one for each "
                "network, and write values with p.data[...] = ..."
            )
        return self.buffer.gather(gradients)

    def descend(self, g: Any) -> None:
        """Count one more flat gradient and change the parameters by it."""
        on_host(self._count)
        self.update(self.buffer.data, g)

    def update(self, theta: Any, g: Any) -> None:
        """Change the flat parameters `theta` in place, given their flat gradient `g`."""
        raise NotImplementedError

    def number(self, value: Callable[[], float]) -> Any:
        """The number `value()`, which may change from step to step: a formula must not take it in another way.

        In a captured step it is computed anew, from `self`, before each replay, and stands on the device.
        """
        return changing(value, self.buffer.data)

    def _count(self) -> None:
        self.steps += 1

    def zeros(self) -> Any:
        """A flat array of zeros, one for each parameter value."""
        return array_namespace(self.buffer.data).zeros_like(self.buffer.data)

    def state_dict(self) -> dict[str, np.ndarray]:
        """The number of steps and the carried arrays, as copies on the host."""
        return {"steps": np.array(self.steps)} | {name: np.array(to_host(getattr(self, name))) for name in self.slots}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state_dict` gave. Raises ValueError if it belongs to another optimizer or network."""
        if set(state) != {"steps", *self.slots}:
            raise ValueError(f"{type(self).__name__}: expected a state of steps {self.slots}, got {sorted(state)}")
        for name in self.slots:
            if state[name].shape != self.buffer.data.shape:
                raise ValueError(f"{name}: expected shape {self.buffer.data.shape}, got {state[name].shape}")
        self.steps = int(state["steps"])
        for name in self.slots:
            own = getattr(self, name)
            own[...] = to_device(np.asarray(state[name], dtype=own.dtype), device_of(own))
