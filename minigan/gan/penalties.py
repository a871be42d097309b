"""Gradient penalties: pure functions of the critic and the two batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigan.autograd import Tensor, constant, grad
from minigan.backend import device_of, to_device
from minigan.nn import Module
from minigan.ops import mean, norm

Critic = Callable[[Tensor], Tensor]


def gradient_penalty(
    critic: Critic,
    real: Any,
    fake: Any,
    *,
    rng: np.random.Generator,
    weight: float = 10.0,
    target: float = 1.0,
) -> Tensor:
    """weight * E (|grad D(x_hat)| - target)^2 at random points x_hat between real and generated samples.

    x_hat = e x + (1 - e) G(z) with one e ~ U[0, 1) for each pair, and the Euclidean norm taken over all
    values of a sample (Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, arXiv:1704.00028, equation 3).

    Args:
        critic: maps samples (N, ...) to N logits; each logit must depend on its own sample only.
        real: samples (N, ...), an array or a tensor; a constant here.
        fake: generated samples of the same shape; a constant here, so no gradient reaches the generator.
        rng: draws e, on the host.
        weight: lambda in the paper.
        target: the gradient norm that is not penalised.

    Returns:
        A scalar, differentiable with respect to the critic's parameters; finite where the gradient is zero.

    Raises ValueError for batches of different shape, and for a critic with batch norm in training mode.
    """
    real, fake = constant(real), constant(fake)
    if real.shape != fake.shape:
        raise ValueError(f"gradient_penalty: real has shape {real.shape}, fake {fake.shape}; they must be equal")
    refuse_mixed_samples(critic, "gradient_penalty")
    return weight * mean((input_gradient_norm(critic, _interpolate(real, fake, rng)) - target) ** 2)


def no_penalty(critic: Critic, real: Any, fake: Any, *, rng: np.random.Generator) -> Tensor:
    """Zero: the choice of a loss that needs no penalty."""
    return Tensor(0.0, device=device_of(constant(real)))


def input_gradient_norm(critic: Critic, x: Any) -> Tensor:
    """|grad D(x_i)| for each sample x_i of an array (N, ...): (N,), differentiable again."""
    x = Tensor(x, requires_grad=True, device=device_of(x))
    # The gradient of the sum is the gradient of each term, since D(x_i) depends on x_i alone.
    (gradient,) = grad(critic(x).sum(), [x], create_graph=True)
    if gradient is None:
        raise ValueError("the critic's logits were not computed from its input; check that nothing is detached in it")
    return norm(gradient, axis=tuple(range(1, x.ndim)))


def refuse_mixed_samples(critic: Critic, name: str) -> None:
    """Raise ValueError if the critic's logits depend on the other samples of a batch (batch norm)."""
    if isinstance(critic, Module) and any(m.mixes_samples and m.training for m in critic.modules()):
        raise ValueError(
            f"{name}: the critic has batch norm, which makes D(x_i) depend on the whole batch, so the gradient of "
            "one sample is not defined; use nn.LayerNorm, or no normalisation, in the critic"
        )


def _interpolate(real: Any, fake: Any, rng: np.random.Generator) -> Any:
    e = rng.random((len(real),) + (1,) * (real.ndim - 1)).astype(real.dtype)
    e = to_device(e, device_of(real))
    return e * real + (1 - e) * fake


penalties: dict[str, Callable[..., Tensor]] = {"none": no_penalty, "wgan-gp": gradient_penalty}
"""Every penalty by name: `penalties["wgan-gp"](critic, real, fake, rng=rng)`."""
