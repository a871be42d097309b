"""RMSProp: each gradient over its usual size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.backend import array_namespace
from minigan.nn import Parameter
from minigan.optim.optimizer import Optimizer


class RMSProp(Optimizer):
    """RMSProp (Tieleman, Hinton 2012, Neural Networks for Machine Learning, lecture 6.5):

        v <- beta v + (1 - beta) g^2         running mean of the squared gradient
        theta <- theta - lr g / (sqrt(v) + eps)

    v starts from zero and nothing undoes the bias, so the first steps are long: under a constant gradient
    step t has length lr / sqrt(1 - beta^t), which for beta = 0.9 is 3.2 lr at first.
    """

    slots = ("v",)

    def __init__(
        self, parameters: Sequence[Parameter], lr: float = 1e-3, beta: float = 0.9, *, eps: float = 1e-8
    ) -> None:
        super().__init__(parameters, lr)
        if not 0 <= beta < 1:
            raise ValueError(f"beta: expected a number in [0, 1), got {beta}")
        self.beta, self.eps = beta, eps
        self.v = self.zeros()

    def update(self, theta: Any, g: Any) -> None:
        """The formulas above."""
        beta, lr, v = self.beta, self.number(lambda: self.lr), self.v
        v *= beta
        v += (1 - beta) * g * g
        theta -= lr * g / (array_namespace(theta).sqrt(v) + self.eps)
