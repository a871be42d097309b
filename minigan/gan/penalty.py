"""What a gradient penalty is: where the slope of the critic is taken, and what a slope costs there.

The slope of a sample is J = grad D(x), with its Euclidean length |J| over all values of the sample; a penalty is the
mean of what the samples pay, times a weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from minigan.autograd import Tensor, constant, grad
from minigan.backend import device_of
from minigan.gan.analytic import Sweeps, obstacle, weight_gradients
from minigan.gan.loss import Critic
from minigan.nn import Module
from minigan.ops import mean


class Penalty:
    """weight * E cost(J) at chosen points. A subclass says which points, and what a slope costs there.

    `penalty(critic, real, fake, rng=rng)` is differentiable with respect to the critic's parameters, by double
    backward, for every critic; `penalty.gradients(...)` gives the same value with its gradients in closed form, for
    the critics of `is_analytic`.
    """

    name: ClassVar[str]
    paper: ClassVar[str]
    weight: ClassVar[float]
    """The weight if none is given."""

    def points(self, real: Any, fake: Any, rng: np.random.Generator) -> Any:
        """Where the slope is taken: an array (M, ...), from the arrays real (N, ...) and fake (N, ...)."""
        raise NotImplementedError

    def cost(self, gradient: Tensor) -> Tensor:
        """What each sample pays, (M,), before the weight, for its slope: (M, ...)."""
        raise NotImplementedError

    def __call__(
        self, critic: Critic, real: Any, fake: Any, *, rng: np.random.Generator, weight: float | None = None
    ) -> Tensor:
        """The penalty, a scalar, differentiable with respect to the critic's parameters.

        Args:
            critic: maps samples (N, ...) to N logits; each logit must depend on its own sample only.
            real: samples (N, ...), an array or a tensor; a constant here.
            fake: generated samples (N, ...); a constant here, so no gradient reaches the generator.
            rng: draws the points, on the host.
            weight: lambda or gamma in the papers; by default the penalty's own.

        It is finite where the slope is zero. Raises ValueError for a critic with batch norm in training mode, and
        for batches of different shape where the penalty needs pairs.
        """
        refuse_mixed_samples(critic, self.name)
        x = self.points(constant(real), constant(fake), rng)
        return self._weight(weight) * mean(self.cost(input_gradient(critic, x)))

    def gradients(
        self, critic: Module, real: Any, fake: Any, *, rng: np.random.Generator, weight: float | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The penalty and its gradients for critic.parameters(), in that order, both constants.

        Takes what a call takes and draws the same points; raises ValueError, with the reason, for a critic without
        a closed form.
        """
        self._refuse_without_closed_form(critic)
        x = self.points(constant(real), constant(fake), rng)
        sweeps = weight_gradients(critic, x, self.cost, float(self._weight(weight)))
        return sweeps.penalty, sweeps.gradients

    def gradients_with_loss(
        self,
        critic: Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        real: Any,
        fake: Any,
        *,
        rng: np.random.Generator,
        weight: float | None = None,
    ) -> Sweeps:
        """The gradients of loss(critic(real), critic(fake)) + penalty in closed form, with fewer and larger products.

        `loss` maps the logits of real and generated samples to a scalar. Everything else, and what is raised, is as
        for `gradients`; what comes is constant, the logits are those of the real samples and then of the others.
        """
        self._refuse_without_closed_form(critic)
        real, fake = constant(real), constant(fake)
        x, n = self.points(real, fake, rng), len(real)
        of_logits = lambda logits: loss(logits[:n], logits[n:])
        return weight_gradients(critic, x, self.cost, float(self._weight(weight)), (real, fake), of_logits)

    def _refuse_without_closed_form(self, critic: Module) -> None:
        reason = obstacle(critic)
        if reason:
            refuse_mixed_samples(critic, self.name)
            raise ValueError(
                f"{self.name}: no closed form for this critic, since {reason}; use double backward instead, "
                "grad(penalty(critic, real, fake, rng=rng), critic.parameters())"
            )

    def _weight(self, weight: float | None) -> float:
        return self.weight if weight is None else weight

    def __repr__(self) -> str:
        return f"<penalty {self.name}>"


def refuse_mixed_samples(critic: Critic, name: str) -> None:
    """Raise ValueError if the critic's logits depend on the other samples of a batch (batch norm)."""
    if isinstance(critic, Module) and any(m.mixes_samples and m.training for m in critic.modules()):
        raise ValueError(
            f"{name}: the critic has batch norm, which makes D(x_i) depend on the whole batch, so the gradient of "
            "one sample is not defined; use nn.LayerNorm, or no normalisation, in the critic"
        )


def input_gradient(critic: Critic, x: Any) -> Tensor:
    """grad D(x_i) for each sample: (N, ...), differentiable again."""
    x = Tensor(x, requires_grad=True, device=device_of(x))
    # The gradient of the sum is the gradient of each term, since D(x_i) depends on x_i alone.
    (gradient,) = grad(critic(x).sum(), [x], create_graph=True)
    if gradient is None:
        raise ValueError("the critic's logits were not computed from its input; check that nothing is detached in it")
    return gradient
