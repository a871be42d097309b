"""The smallest games that show what training does: small enough for theory to know every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.autograd import Tensor
from minigan.backend import Device
from minigan.gan.game import Game, Player
from minigan.gan.loss import Loss
from minigan.nn import Parameter
from minigan.optim import Optimizer

Optimize = Callable[[Sequence[Parameter]], Optimizer]
"""Makes the optimizer of a player: `lambda parameters: optim.SGD(parameters, lr=0.2)`."""

NODES = 8
"""Of the quadrature over instance noise, which is then exact for polynomials up to degree 15."""


def dirac_gan(
    loss: Loss,
    optimizer: Optimize,
    start: tuple[float, float] = (1.0, 1.0),
    *,
    penalty: Callable[[Any, Tensor, Tensor], Tensor] | None = None,
    noise: float = 0.0,
    device: str | Device | None = None,
) -> Game:
    """The Dirac-GAN: one number theta imitates one number 0, before a discriminator of one weight psi.

    Mescheder, Geiger, Nowozin 2018 (arXiv:1801.04406, section 2), in the sign of the paper, so that the minimax
    game is L = f(theta psi) + f(0), f(t) = -log(1 + exp(-t)), which theta descends and psi ascends: the logit
    "real" of a sample x is -psi x. The equilibrium is theta = psi = 0.

    Args:
        loss: what the players descend; any that takes one logit for a sample.
        optimizer: makes the optimizer of each player.
        start: (theta, psi).
        penalty: what the discriminator descends beside its loss: penalty(critic, real, fake) -> scalar.
        noise: the standard deviation of Gaussian noise on all samples. Its expectation is not sampled but
            integrated (Gauss-Hermite quadrature).
        device: where the parameters live.

    Returns:
        A game of float64 parameters of shape (1, 1); its point is (theta, psi), and theta moves first.

    Raises ValueError for a negative noise, and for noise with a loss that compares real and generated samples.
    """
    if not noise >= 0:
        raise ValueError(f"noise: expected a standard deviation of at least 0, got {noise}")
    if noise and loss.compares:
        raise ValueError(f"noise: expected a loss of each sample alone, but {loss.name} compares samples")
    theta, psi = (_parameter([[value]], device) for value in start)
    real = Tensor(np.zeros((1, 1)), device=device)

    def critic(x: Tensor) -> Tensor:
        return -(x @ psi)

    def generator_loss() -> Tensor:
        return sum(w * loss.generator(critic(theta + e), critic(real + e)) for e, w in _gaussian(noise))

    def discriminator_loss() -> Tensor:
        value = sum(w * loss.discriminator(critic(real + e), critic(theta + e)) for e, w in _gaussian(noise))
        return value if penalty is None else value + penalty(critic, real, theta)

    return Game(Player(generator_loss, optimizer([theta])), Player(discriminator_loss, optimizer([psi])))


def bilinear_game(A: Any, x: Any, y: Any, optimizer: Optimize, *, device: str | Device | None = None) -> Game:
    """x descends x' A y and y ascends it; 0 is an equilibrium, the only one if A is invertible.

    Args:
        A: (m, n).
        x: (m,), the first player's start.
        y: (n,), the second player's.
        optimizer: makes the optimizer of each player.
        device: where the parameters live.

    Returns:
        A game of float64 parameters; its point is (x, y), and x moves first.
    """
    matrix = Tensor(np.asarray(A, dtype=np.float64), device=device)
    row, column = _parameter([x], device), _parameter(np.reshape(y, (-1, 1)), device)
    return Game(
        Player(lambda: (row @ matrix @ column).sum(), optimizer([row])),
        Player(lambda: -(row @ matrix @ column).sum(), optimizer([column])),
    )


def _parameter(values: Any, device: str | Device | None) -> Parameter:
    return Parameter(Tensor(np.asarray(values, dtype=np.float64), device=device).data)


def _gaussian(std: float) -> list[tuple[float, float]]:
    """Points and weights of the expectation over N(0, std^2)."""
    if std == 0:
        return [(0.0, 1.0)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return list(zip((std * nodes).tolist(), (weights / weights.sum()).tolist(), strict=True))
