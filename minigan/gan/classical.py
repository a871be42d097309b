"""Losses that judge each sample alone: the original game, least squares, Wasserstein, hinge.

D gives a real number for each sample, the logit: D > 0 says "real". Probabilities never appear, so every
loss is exact for logits of any size: -log sigmoid(a) = softplus(-a) and -log(1 - sigmoid(a)) = softplus(a).

Notation: p is the density of the data, q that of the generator; D* is the optimal discriminator.
"""

from __future__ import annotations

from minigan.autograd import Tensor
from minigan.gan.loss import Loss
from minigan.ops import mean, relu, softplus


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


class LabelSmoothing(NonSaturating):
    """The non-saturating game with the label `real` < 1 for real samples, and still 0 for generated ones.

    D* = log(real p / (q + (1 - real) p)): it stays below log(real / (1 - real)), so D never grows sure of itself.
    The label of generated samples must stay 0 ("one-sided"): a label above it would reward D for keeping q where
    it is. G's label stays 1.
    """

    name = "label-smoothing"
    paper = "Salimans et al. 2016, Improved Techniques for Training GANs, arXiv:1606.03498, section 3.4"

    def __init__(self, real: float = 0.9) -> None:
        if not 0 < real <= 1:
            raise ValueError(f"real: expected a label above 0 and up to 1, got {real}")
        self.real = real

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """-E [r log sigmoid(real) + (1 - r) log(1 - sigmoid(real))] - E log(1 - sigmoid(fake)), r the real label."""
        on_real = self.real * mean(softplus(-real_logits)) + (1 - self.real) * mean(softplus(real_logits))
        return on_real + mean(softplus(fake_logits))


class LeastSquares(Loss):
    """D regresses the labels b for real and a for generated samples; G wants its samples to get c.

    D* = (b p + a q) / (p + q). For b - c = 1 and b - a = 2 G descends half the Pearson chi-squared divergence
    between p + q and 2 q, which is at most 2 (section 3.2.1); the default labels 0, 1, 1 (section 3.2.3) are the
    ones in common use. There 1/2 E_p (D* - 1)^2 + 1/2 E_q (D* - 1)^2 is the same divergence up to an affine map.
    """

    name = "least-squares"
    paper = "Mao et al. 2016, Least Squares Generative Adversarial Networks, arXiv:1611.04076, equation 2"

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        self.a, self.b, self.c = a, b, c

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """1/2 E (real - b)^2 + 1/2 E (fake - a)^2."""
        return mean((real_logits - self.b) ** 2) / 2 + mean((fake_logits - self.a) ** 2) / 2

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """1/2 E (fake - c)^2."""
        return mean((fake_logits - self.c) ** 2) / 2


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


class Hinge(Wasserstein):
    """D is content once real logits are above 1 and generated ones below -1; G as in the Wasserstein game.

    D* = sign(p - q), where D's loss is 2 - 2 TV(p, q), TV the total variation distance, which G descends.
    """

    name = "hinge"
    paper = "Lim, Ye 2017, Geometric GAN, arXiv:1705.02894, equations 11 to 13"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """E max(0, 1 - real) + E max(0, 1 + fake)."""
        return mean(relu(1 - real_logits)) + mean(relu(1 + fake_logits))
