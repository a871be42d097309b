"""Losses that compare two batches as a whole, by the distances between all features that the critic gives.

The critic maps a sample to a vector h(x). Both losses are squared distances between distributions, estimated without
bias from pairs of different samples (U-statistics), and need at least two samples of each kind.
"""

from __future__ import annotations

from collections.abc import Callable

from minigan.autograd import Tensor
from minigan.gan.loss import Critic, Loss
from minigan.gan.penalty import refuse_mixed_samples
from minigan.ops import exp, mean, norm
from minigan.ops import sum as sum_

Kernel = Callable[[Tensor], Tensor]


class KernelLoss(Loss):
    """The critic ascends, the generator descends E k(r, r') + E k(f, f') - 2 E k(r, f) of the features.

    r and r' are the features of two different real samples, f and f' of two generated ones. A subclass gives the
    kernel k as a function of the difference of two features.
    """

    compares = True
    features = 16

    def kernel(self, difference: Tensor) -> Tensor:
        """k of differences (..., d): (...)."""
        raise NotImplementedError

    def discrepancy(self, real_features: Tensor, fake_features: Tensor) -> Tensor:
        """The squared distance between the two distributions, from features (N, d) and (M, d): a scalar."""
        r, f = _flat(real_features), _flat(fake_features)
        return self._within(r) + self._within(f) - 2 * mean(self.kernel(_differences(r, f)))

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Minus the discrepancy."""
        return -self.discrepancy(real_logits, fake_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """The discrepancy."""
        if real_logits is None:
            raise ValueError(f"{self!r} compares: expected generator(fake_logits, real_logits), got no real_logits")
        return self.discrepancy(real_logits, fake_logits)

    def witness(self, critic: Critic, real: Tensor, fake: Tensor) -> Critic:
        """E k(h(x), h(real)) - E k(h(x), h(fake)): largest where samples look real (Binkowski et al. 2018, section 2).

        Raises ValueError for a critic with batch norm in training mode.
        """
        refuse_mixed_samples(critic, self.name)
        r, f = _flat(critic(real)), _flat(critic(fake))

        def function(x: Tensor) -> Tensor:
            h = _flat(critic(x))
            return mean(self.kernel(_differences(h, r)), axis=1) - mean(self.kernel(_differences(h, f)), axis=1)

        return function

    def _within(self, h: Tensor) -> Tensor:
        """The mean of k over all pairs of different samples."""
        n = h.shape[0]
        zero = self.kernel(h[:1] - h[:1])  # k of a sample and itself, the same for all
        return (sum_(self.kernel(_differences(h, h))) - n * sum_(zero)) / (n * (n - 1))


class MaximumMeanDiscrepancy(KernelLoss):
    """MMD^2 with a mixture of Gaussian kernels, k(d) = sum of exp(-|d|^2 / (2 s^2)) over the bandwidths s.

    For a fixed injective h and exact expectations it is 0 only if p = q; D* is the h that shows the difference best.
    """

    name = "mmd"
    paper = "Li, Chang, Cheng, Yang, Poczos 2017, MMD GAN, arXiv:1705.08584, equation 3"

    def __init__(self, bandwidths: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)) -> None:
        self.bandwidths = bandwidths

    def kernel(self, difference: Tensor) -> Tensor:
        """The sum of Gaussians."""
        squared = sum_(difference * difference, axis=-1)
        first, *others = [exp(squared * (-0.5 / s**2)) for s in self.bandwidths]
        return sum(others, first)


class Cramer(KernelLoss):
    """The energy distance 2 E|r - f| - E|r - r'| - E|f - f'|, the kernel being k(d) = -|d|.

    In one dimension it is twice the integral of (F_p - F_q)^2, the squared Cramer distance. It scales with the
    features, so the slope of the witness must be bounded (a gradient penalty). The paper's surrogate uses one
    generated sample and the origin in the place of two batches; here are the full expectations.
    """

    name = "cramer"
    paper = "Bellemare et al. 2017, The Cramer Distance as a Solution to Biased Wasserstein Gradients, arXiv:1705.10743"

    def kernel(self, difference: Tensor) -> Tensor:
        """Minus the Euclidean length."""
        return -norm(difference, axis=-1)


def _flat(features: Tensor) -> Tensor:
    if features.shape[0] < 2:
        raise ValueError(f"expected at least 2 samples of each kind to compare, got {features.shape[0]}")
    return features.reshape(features.shape[0], -1)


def _differences(a: Tensor, b: Tensor) -> Tensor:
    """All differences of rows, (N, M, d)."""
    return a.reshape(a.shape[0], 1, -1) - b.reshape(1, b.shape[0], -1)
