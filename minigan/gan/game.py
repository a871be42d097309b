"""Games of several players, each descending a loss that depends on the parameters of all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from minigan.autograd import Tensor, grad, no_grad
from minigan.nn import Parameter
from minigan.optim import Extragradient, Optimizer


@dataclasses.dataclass(frozen=True)
class Player:
    """One who descends `loss()`, a scalar of the parameters of all players as they are now."""

    loss: Callable[[], Tensor]
    optimizer: Optimizer
    """Of the player's own parameters, and of no others."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the player may change."""
        return self.optimizer.buffer.parameters

    def gradients(self, create_graph: bool = False) -> list[Tensor]:
        """Of the player's loss, here and now, with respect to its own parameters.

        Raises ValueError if the loss does not depend on one of them.
        """
        gradients = grad(self.loss(), self.parameters, create_graph=create_graph)
        for i, (g, p) in enumerate(zip(gradients, self.parameters, strict=True)):
            if g is None:
                raise ValueError(
                    f"the player's loss does not depend on its parameter {i}, of shape {p.shape}; check that nothing "
                    "was detached, or leave the parameter out of the optimizer"
                )
        return gradients


class Game:
    """Two players or more; F = (grad_1 L_1, grad_2 L_2, ...) is the field of all their gradients.

    What a step does to theta, the parameters of all, where every optimizer is gradient descent at the rate h:

        simultaneous     theta <- theta - h F(theta)
        alternating      one player after the other, each seeing where those before it have gone
        extragradient    theta <- theta - h F(theta - h F(theta))
        consensus        theta <- theta - h (F + gamma grad |F|^2 / 2)

    With other optimizers, their formula takes the place of - h F.
    """

    def __init__(self, *players: Player) -> None:
        if len(players) < 2:
            raise ValueError(f"expected at least two players, got {len(players)}")
        self.players = players

    def gradients(self) -> list[list[Tensor]]:
        """F: for each player the gradients of its loss, all at the same point."""
        return [player.gradients() for player in self.players]

    def consensus_gradients(self, gamma: float) -> list[list[Tensor]]:
        """F + gamma grad |F|^2 / 2, for each player its part; the second term pulls to where all gradients vanish.

        Consensus optimization (Mescheder, Nowozin, Geiger 2017, The Numerics of GANs, arXiv:1705.10461, section
        4). Differentiates twice.
        """
        field = [player.gradients(create_graph=True) for player in self.players]
        half_square = sum((g * g).sum() for gradients in field for g in gradients) / 2
        with no_grad():
            return [
                [g if pull is None else g + gamma * pull for g, pull in zip(gradients, pulls, strict=True)]
                for gradients, pulls in zip(field, self._split(half_square), strict=True)
            ]

    def simultaneous_step(self) -> None:
        """All players move at once."""
        self._step(self.gradients())

    def alternating_step(self) -> None:
        """The players move in their order; each loss is evaluated after the moves before it."""
        for player in self.players:
            player.optimizer.step(player.gradients())

    def extragradient_step(self) -> None:
        """All look ahead at once; then all move by the gradients of the point they saw.

        TypeError if a player's optimizer is no `Extragradient`.
        """
        for player in self.players:
            if not isinstance(player.optimizer, Extragradient):
                raise TypeError(
                    f"extragradient_step: expected ExtraSGD or ExtraAdam, got {type(player.optimizer).__name__}"
                )
        for player, gradients in zip(self.players, self.gradients(), strict=True):
            player.optimizer.extrapolate(gradients)
        self._step(self.gradients())

    def consensus_step(self, gamma: float) -> None:
        """All players move at once by `consensus_gradients(gamma)`."""
        self._step(self.consensus_gradients(gamma))

    def point(self) -> np.ndarray:
        """The parameters of all players, one after the other: (n,), a copy on the host."""
        return np.concatenate([p.numpy().reshape(-1) for player in self.players for p in player.parameters])

    def _step(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        for player, own in zip(self.players, gradients, strict=True):
            player.optimizer.step(own)

    def _split(self, value: Tensor) -> list[list[Tensor | None]]:
        """The gradient of one value with respect to the parameters of all players, for each player its part."""
        parts = iter(grad(value, [p for player in self.players for p in player.parameters]))
        return [[next(parts) for _ in player.parameters] for player in self.players]
