"""Optimistic optimizers: in a game they look ahead by their last change, and no longer circle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.nn import Parameter
from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer


class OptimisticSGD(Optimizer):
    """Optimistic mirror descent (Daskalakis, Ilyas, Syrgkanis, Zeng 2018, arXiv:1711.00141, section 3):

        theta <- theta - lr (2 g_t - g_{t-1})

    with g_0 = 0, so that the first step has twice the length. The parameters are then always those of plain
    descent and, on top, its last change once more: theta = phi + d_t, where phi <- phi + d_t, d_t = -lr g_t.
    The change d_{t-1} is kept, not the gradient, so that this holds under a schedule of lr too.
    """

    slots = ("change",)

    def __init__(self, parameters: Sequence[Parameter], lr: float) -> None:
        super().__init__(parameters, lr)
        self.change = self.zeros()

    def update(self, theta: Any, g: Any) -> None:
        """theta <- theta + 2 d_t - d_{t-1}."""
        change = self.number(lambda: -self.lr) * g
        theta += 2 * change - self.change
        self.change = change


class OptimisticAdam(Adam):
    """Optimistic Adam (Daskalakis et al. 2018, algorithm 1), with Adam's running means:

    d_t = -lr m_hat / (sqrt(v_hat) + eps)         the change that Adam would make, d_0 = 0
    theta <- theta + 2 d_t - d_{t-1}
    """

    slots = ("m", "v", "change")

    def __init__(
        self,
        parameters: Sequence[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr, betas, eps=eps)
        self.change = self.zeros()

    def update(self, theta: Any, g: Any) -> None:
        """The formulas above. Adam does not look at theta, so its change is what it makes of zeros."""
        change = self.zeros()
        super().update(change, g)
        theta += 2 * change - self.change
        self.change = change
