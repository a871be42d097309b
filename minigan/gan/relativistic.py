"""Losses that compare samples: D need not say what is real, only what is more so.

Adding a constant to all logits changes none of them. Both players need the logits of both batches.
"""

from __future__ import annotations

from minigan.autograd import Tensor
from minigan.gan.loss import Loss
from minigan.ops import concatenate, logsumexp, mean, softplus


class RelativisticPairing(Loss):
    """D tells which of a pair, one real and one generated sample, is the real one; G wants it to choose wrongly.

    The i-th real sample is paired with the i-th generated one. D* = log p/q + any constant, where D's loss is
    log 2 - JSD(p x q, q x p) (the pair in order against the pair swapped). G is non-saturating, as in the code of
    R3GAN (Huang et al. 2024, arXiv:2501.05441); that paper's equation 2 is the zero-sum form. Unlike the
    separable losses this one has no bad local minima where generated samples share a mode (Sun et al. 2020).
    """

    name = "relativistic"
    paper = "Jolicoeur-Martineau 2018, The relativistic discriminator, arXiv:1807.00734, equations 9 and 10 (RSGAN)"
    compares = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """-E log sigmoid(real - fake)."""
        return mean(softplus(_paired(fake_logits, real_logits)))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """-E log sigmoid(fake - real)."""
        return mean(softplus(_paired(_given(self, real_logits), fake_logits)))


class RelativisticAverage(Loss):
    """D tells whether a sample is more real than the other kind is on average.

    With R = real - E fake and F = fake - E real, D descends the non-saturating game's loss of R and F; G descends
    it with the two swapped. The means are part of the graph: each player's gradient goes through them too.
    """

    name = "relativistic-average"
    paper = "Jolicoeur-Martineau 2018, The relativistic discriminator, arXiv:1807.00734, equations 15 to 18 (RaSGAN)"
    compares = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """-E log sigmoid(R) - E log(1 - sigmoid(F))."""
        r, f = real_logits - mean(fake_logits), fake_logits - mean(real_logits)
        return mean(softplus(-r)) + mean(softplus(f))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """-E log sigmoid(F) - E log(1 - sigmoid(R))."""
        return self.discriminator(fake_logits, _given(self, real_logits))


class RelativisticAverageLeastSquares(RelativisticAverage):
    """The same with squares: D regresses R to 1 and F to -1, G the other way round."""

    name = "relativistic-average-ls"
    paper = "Jolicoeur-Martineau 2018, The relativistic discriminator, arXiv:1807.00734, section 4 (RaLSGAN)"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """E (R - 1)^2 + E (F + 1)^2."""
        r, f = real_logits - mean(fake_logits), fake_logits - mean(real_logits)
        return mean((r - 1) ** 2) + mean((f + 1) ** 2)


class Softmax(Loss):
    """A batch of real and generated samples shares one unit of probability, softmax of the logits.

    D wants it spread evenly over the real ones, G over all. With Z = sum of exp(logit) over both batches, of equal
    size n, D descends log Z - E real: over all D the least value is log 2n - KL(p, (p + q) / 2), at
    D* = log p / (p + q) + any constant. The cited paper calls minus the logit mu.
    """

    name = "softmax"
    paper = "Lin 2017, Softmax GAN, arXiv:1704.06191, equations 3 and 4"
    compares = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """log Z - E real."""
        return logsumexp(_both(real_logits, fake_logits)) - mean(real_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """log Z - E of all logits."""
        both = _both(_given(self, real_logits), fake_logits)
        return logsumexp(both) - mean(both)


def _both(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return concatenate(real_logits.reshape(-1), fake_logits.reshape(-1))


def _paired(above: Tensor, below: Tensor) -> Tensor:
    if above.shape != below.shape:
        raise ValueError(
            f"relativistic: expected as many real as generated logits, got shapes {below.shape} and {above.shape}; "
            "the i-th real sample is compared with the i-th generated one"
        )
    return above - below


def _given(loss: Loss, real_logits: Tensor | None) -> Tensor:
    if real_logits is None:
        raise ValueError(f"{loss!r} compares: expected generator(fake_logits, real_logits), got no real_logits")
    return real_logits
