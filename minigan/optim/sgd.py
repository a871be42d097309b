"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.nn import Parameter
from minigan.optim.optimizer import Optimizer


class SGD(Optimizer):
    """theta <- theta - lr g; with momentum mu (Polyak 1964), as Sutskever et al. 2013 write it:

    v <- mu v - lr g,    theta <- theta + v              (heavy ball)
    v <- mu v - lr g,    theta <- theta + mu v - lr g    (Nesterov's look-ahead)
    """

    slots = ("v",)

    def __init__(
        self, parameters: Sequence[Parameter], lr: float, *, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(parameters, lr)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum: expected a number in [0, 1), got {momentum}")
        if nesterov and momentum == 0:
            raise ValueError("nesterov: expected a momentum above 0 with it, got 0")
        self.momentum, self.nesterov = momentum, nesterov
        self.v = self.zeros()

    def update(self, theta: Any, g: Any) -> None:
        """The formulas above."""
        mu, lr, v = self.momentum, self.number(lambda: self.lr), self.v
        v *= mu
        v -= lr * g
        theta += mu * v - lr * g if self.nesterov else v
