"""Losses whose discriminator is an auto-encoder: real is what it can reconstruct.

The energy of a sample is the error of its reconstruction, at least 0; the logit is minus the energy, so that here
too a larger logit says "more real".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.autograd import Tensor, no_grad
from minigan.backend import to_host
from minigan.gan.loss import Loss
from minigan.ops import absolute, matmul, maximum, mean, minimum, norm, relu, transpose
from minigan.ops import sum as sum_


class EnergyBased(Loss):
    """D lowers the energy of real samples and raises that of generated ones up to a margin m; G lowers it.

    At the Nash equilibrium q = p and D's loss is m (theorem 1); for fixed q the energy of D* is 0 where p > q and m
    elsewhere, so G descends m TV(p, q) up to a constant. G also keeps its samples apart by the pulling-away term,
    weighted by 0.1 (sections 2.4 and 4.2).
    """

    name = "ebgan"
    paper = "Zhao, Mathieu, LeCun 2016, Energy-based Generative Adversarial Network, arXiv:1609.03126, equations 1, 2"
    energy = True

    def __init__(self, margin: float = 1.0, pulling_away: float = 0.1) -> None:
        if not margin > 0:
            raise ValueError(f"margin: expected a number above 0, got {margin}")
        self.margin, self.pulling_away = margin, pulling_away

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """E energy(real) + E max(0, m - energy(fake))."""
        return mean(-real_logits) + mean(relu(self.margin + fake_logits))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """E energy(fake)."""
        return mean(-fake_logits)

    def generator_penalty(self, discriminator: Any, fake: Tensor) -> Tensor | float:
        """The pulling-away term of the codes that the encoder gives to the generated samples."""
        return self.pulling_away * pulling_away_term(discriminator.code(fake))


def pulling_away_term(codes: Tensor) -> Tensor:
    """The mean squared cosine between two codes of a batch (N, d), N at least 2: 1 if all are parallel.

    Zhao et al. 2016, equation 4. Codes of length 0 count as orthogonal to all others.
    """
    n = codes.shape[0]
    if n < 2:
        raise ValueError(f"pulling_away_term: expected at least 2 samples to compare, got {n}; use a larger batch")
    codes = codes.reshape(n, -1)
    lengths = norm(codes, axis=1, keepdims=True)
    directions = codes / maximum(lengths, 1e-8)
    cosines = matmul(directions, transpose(directions))
    own = sum_(directions * directions, axis=1)  # the diagonal: each code with itself
    return (sum_(cosines * cosines) - sum_(own * own)) / (n * (n - 1))


class BoundaryEquilibrium(Loss):
    """D keeps the energy of generated samples at `gamma` times that of real ones, by a controller of its own.

    With L the energy, D descends E L(x) - k E L(G(z)), G descends E L(G(z)), and after each step of D

        k <- min(1, max(0, k + rate (gamma E L(x) - E L(G(z))))),    k = 0 at the start.

    What the distance of the energies bounds is the Wasserstein-1 distance between their distributions (equation 2).
    `start()` gives the object that keeps k, on the device of the logits.
    """

    name = "began"
    paper = "Berthelot, Schumm, Metz 2017, BEGAN, arXiv:1703.10717, section 3.4"
    energy = True

    def __init__(self, gamma: float = 0.5, rate: float = 1e-3, k: Any = 0.0) -> None:
        if not 0 < gamma <= 1:
            raise ValueError(f"gamma: expected a ratio above 0 and up to 1, got {gamma}")
        self.gamma, self.rate, self.k = gamma, rate, k

    def start(self) -> BoundaryEquilibrium:
        """A new controller with k as it is now."""
        return BoundaryEquilibrium(self.gamma, self.rate, self.k)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """E L(x) - k E L(G(z))."""
        return mean(-real_logits) + self.k * mean(fake_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """E L(G(z))."""
        return mean(-fake_logits)

    def balance(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """gamma E L(x) - E L(G(z)): above 0 where G is ahead of what gamma asks for."""
        return mean(fake_logits) - self.gamma * mean(real_logits)

    def after_step(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """Move k."""
        with no_grad():
            moved = self.k + self.rate * self.balance(real_logits.detach(), fake_logits.detach())
            self.k = minimum(maximum(moved, 0.0), 1.0)

    def convergence(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """M = E L(x) + |gamma E L(x) - E L(G(z))|, which falls as the pair gets better (section 3.4.1)."""
        return mean(-real_logits) + absolute(self.balance(real_logits, fake_logits))

    def state_dict(self) -> dict[str, np.ndarray]:
        """k."""
        return {"k": np.array(to_host(self.k.data) if isinstance(self.k, Tensor) else self.k)}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Restore k; it goes to the device of the logits with the next step."""
        super().load_state_dict(state)
        self.k = float(state["k"])
