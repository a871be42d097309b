"""Extragradient: each step uses the gradient at a point that was looked at ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.autograd import Tensor
from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer


class Extragradient(Optimizer):
    """A step in two halves (Korpelevich 1976; for GANs Gidel et al. 2019, arXiv:1802.10551):

        optimizer.extrapolate(gradients here)     to the look-ahead point; `origin` remembers where from
        optimizer.step(gradients there)           back to the origin, and from there by these gradients

    In a game all players extrapolate before any of them steps. `steps` counts both halves.
    """

    origin: Any = None
    """The flat parameters before `extrapolate`; None between steps."""

    def extrapolate(self, gradients: Sequence[Tensor | None]) -> None:
        """Move to the look-ahead point. RuntimeError if it was reached already; else raises as `step` does."""
        self._refuse_ahead("extrapolate: the parameters are at the look-ahead point already; call step next")
        g = self.gather(gradients)
        self.origin = self.buffer.data.copy()
        self.descend(g)

    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """Take one step from the origin by the gradients of the look-ahead point.

        Raises RuntimeError if `extrapolate` was not called before, and as every optimizer does.
        """
        if self.origin is None:
            raise RuntimeError(
                "step: expected extrapolate(gradients) first, then the gradients at the point it leads to"
            )
        g = self.gather(gradients)
        self.buffer.data[...] = self.origin
        self.origin = None
        self.descend(g)

    def state_dict(self) -> dict[str, np.ndarray]:
        """As for every optimizer; RuntimeError between `extrapolate` and `step`."""
        self._refuse_ahead("state_dict: the parameters are at the look-ahead point; save the state after step")
        return super().state_dict()

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """As for every optimizer; RuntimeError between `extrapolate` and `step`."""
        self._refuse_ahead("load_state_dict: the parameters are at the look-ahead point; load a state after step")
        super().load_state_dict(state)

    def _refuse_ahead(self, message: str) -> None:
        if self.origin is not None:
            raise RuntimeError(message)


class ExtraSGD(Extragradient):
    """Both halves by theta - lr g:

    theta' = theta - lr g(theta),    theta <- theta - lr g(theta')
    """

    def update(self, theta: Any, g: Any) -> None:
        """theta <- theta - lr g."""
        theta -= self.number(lambda: self.lr) * g


class ExtraAdam(Extragradient, Adam):
    """Both halves by Adam's formula (Gidel et al. 2019, algorithm 4).

    Its running means take in the gradients of both halves, so in step k the powers that undo their bias are
    t = 2k - 1 and t = 2k.
    """
