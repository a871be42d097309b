"""Adam: steps of even size in every direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.backend import in_cache, kernels
from minigan.nn import Parameter
from minigan.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma, Ba 2015, algorithm 1), with t the number of the step, from 1:

        m <- beta1 m + (1 - beta1) g         running mean of the gradient
        v <- beta2 v + (1 - beta2) g^2       running mean of its square
        theta <- theta - lr m_hat / (sqrt(v_hat) + eps)

    m_hat = m / (1 - beta1^t) and v_hat = v / (1 - beta2^t) undo the bias of starting from zero. Without them
    the first step with (0.5, 0.999) is 15.8 times the learning rate.
    """

    slots = ("m", "v")
    """m / (1 - beta1) and v / (1 - beta2)."""

    def __init__(
        self,
        parameters: Sequence[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas: expected two numbers in [0, 1), got {betas}")
        self.betas, self.eps = betas, eps
        self.m, self.v = self.zeros(), self.zeros()

    def update(self, theta: Any, g: Any) -> None:
        """The formulas above. Without its factor 1 - beta a running mean takes a pass less over memory; the two come in
        with the other factors, as numbers.
        """
        rate, eps = self.number(self._rate), self.number(self._eps)
        for part in in_cache(theta):
            kernels.adam(g[part], theta[part], self.m[part], self.v[part], *self.betas, rate, eps)

    def _rate(self) -> float:
        of_m, of_v = self._unbiased()
        return self.lr * of_m / of_v**0.5

    def _eps(self) -> float:
        return self.eps / self._unbiased()[1] ** 0.5

    def _unbiased(self) -> tuple[float, float]:
        """The factors in m_hat = of_m m and v_hat = of_v v."""
        (beta1, beta2), t = self.betas, self.steps
        return (1 - beta1) / (1 - beta1**t), (1 - beta2) / (1 - beta2**t)


class AdamW(Adam):
    """Adam with decoupled weight decay lambda (Loshchilov, Hutter 2019, algorithm 2):

        theta <- theta - lr (m_hat / (sqrt(v_hat) + eps) + lambda theta)

    Added to the loss instead, as lambda |theta|^2 / 2, the decay would be divided by sqrt(v_hat) with the rest of
    the gradient: weights with large gradients would hardly decay. lr is the paper's eta_t, whose alpha is 1 here,
    so the decay follows the schedule of lr.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps=eps)
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay: expected a number of at least 0, got {weight_decay}")
        self.weight_decay = weight_decay

    def update(self, theta: Any, g: Any) -> None:
        """The decay, then Adam's change, which does not look at theta."""
        theta *= self.number(lambda: 1 - self.lr * self.weight_decay)
        super().update(theta, g)
