"""What a loss is: the objectives of the two players, as functions of what the discriminator says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from minigan.autograd import Tensor

Critic = Callable[[Tensor], Tensor]


class Loss:
    """What each player descends: pure functions of the discriminator's outputs for the two batches.

    A subclass defines `discriminator` and `generator`. What else a loss may need from those who train with it
    is declared here, with the answer of the ordinary loss.
    """

    name: ClassVar[str]
    paper: ClassVar[str]
    compares: ClassVar[bool] = False
    """Whether the generator's loss also needs the logits of real samples."""
    features: ClassVar[int] = 1
    """How many numbers the discriminator gives for a sample: a logit, or the features that a kernel compares."""
    energy: ClassVar[bool] = False
    """Whether the discriminator must be an auto-encoder, its logit minus the error of reconstruction."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The discriminator's loss, a scalar. Pass fakes that were detached from the generator."""
        raise NotImplementedError

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """The generator's loss, a scalar. `real_logits` are for losses that compare the two."""
        raise NotImplementedError

    def generator_penalty(self, discriminator: Any, fake: Tensor) -> Tensor | float:
        """What the generator descends beside its loss; it may look into the discriminator."""
        return 0.0

    def witness(self, critic: Critic, real: Tensor, fake: Tensor) -> Critic:
        """The function of one sample whose mean difference is the loss; its slope is what a penalty bounds."""
        return critic

    def start(self) -> Loss:
        """The object for one run: a new one, if the loss keeps something from step to step."""
        return self

    def after_step(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """Take note of a step of the discriminator."""

    def state_dict(self) -> dict[str, np.ndarray]:
        """What the loss keeps from step to step, on the host."""
        return {}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state_dict` gave. Raises ValueError if it belongs to another loss."""
        if set(state) != set(self.state_dict()):
            raise ValueError(f"{self!r}: expected a state of {sorted(self.state_dict())}, got {sorted(state)}")

    def __repr__(self) -> str:
        return f"<loss {self.name}>"
