"""Adversarial losses on logits.

D gives a real number for each sample, the logit: D > 0 says "real". Probabilities never appear, so every
loss is exact for logits of any size: -log sigmoid(a) = softplus(-a) and -log(1 - sigmoid(a)) = softplus(a).

Notation: p is the density of the data, q that of the generator; D* is the optimal discriminator.
"""

from __future__ import annotations

from typing import ClassVar

from minigan.autograd import Tensor
from minigan.ops import mean, softplus


class Loss:
    """What each player descends. Pure functions of the logits: no state, no networks."""

    name: ClassVar[str]
    paper: ClassVar[str]
    compares: ClassVar[bool] = False
    """Whether the generator's loss also needs the logits of real samples."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The discriminator's loss, a scalar. Pass fakes that were detached from the generator."""
        raise NotImplementedError

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """The generator's loss, a scalar. `real_logits` are for losses that compare the two."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<loss {self.name}>"


class Minimax(Loss):
    """The zero-sum game: D ascends E log sigmoid(D(x)) + E log(1 - sigmoid(D(G(z)))), G descends it.

    D* = log p/q, where the value is -log 4 + 2 JSD(p, q) (proposition 1, theorem 1). G's gradient is
    proportional to sigmoid(D(G(z))): it vanishes where D is sure that a sample is fake ("saturates").
    """

    name = "minimax"
    paper = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661, equation 1"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """-E log sigmoid(real) - E log(1 - sigmoid(fake))."""
        return mean(softplus(-real_logits)) + mean(softplus(fake_logits))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """E log(1 - sigmoid(fake))."""
        return -mean(softplus(fake_logits))


class NonSaturating(Minimax):
    """D as in the minimax game; G ascends E log sigmoid(D(G(z))) instead.

    D* = log p/q as before, but G's gradient is proportional to sigmoid(-D(G(z))), which is largest where D
    is sure that a sample is fake. At D* it is the gradient of KL(q, p) - 2 JSD(p, q) (Arjovsky, Bottou 2017,
    theorem 2.5). The game is no longer zero-sum.
    """

    name = "non-saturating"
    paper = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661, section 3"

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """-E log sigmoid(fake)."""
        return mean(softplus(-fake_logits))


class Wasserstein(Loss):
    """The critic ascends E D(x) - E D(G(z)), the generator descends it.

    Over all 1-Lipschitz D the supremum is the Wasserstein-1 distance W(p, q) (Kantorovich-Rubinstein);
    without a bound on the slope of D (a gradient penalty, weight clipping) it is infinite.
    """

    name = "wasserstein"
    paper = "Arjovsky, Chintala, Bottou 2017, Wasserstein GAN, arXiv:1701.07875, equations 2 and 3"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """E fake - E real."""
        return mean(fake_logits) - mean(real_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """-E fake."""
        return -mean(fake_logits)


losses: dict[str, Loss] = {loss.name: loss for loss in (Minimax(), NonSaturating(), Wasserstein())}
"""Every loss by name: `losses["non-saturating"]`."""
