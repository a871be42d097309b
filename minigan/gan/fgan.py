"""f-GAN: the game whose value is any f-divergence D_f(p, q) = E_q f(p / q), for a convex f with f(1) = 0.

With the conjugate f*(t) = sup_u (u t - f(u)) every function T is a lower bound,

    D_f(p, q) >= E_p T - E_q f*(T),    equality at T = f'(p / q),

so D ascends the right side and G descends it (Nowozin, Cseke, Tomioka 2016, equations 4 and 6). T must stay in the
domain of f*: D gives any real logit v, and an increasing output activation g makes T = g(v) of it (table 6 of the
paper). Here g and the composition f* o g are written out, simplified so that nothing overflows before the value
itself does and nothing cancels.
"""

from __future__ import annotations

import math

from minigan.autograd import Tensor
from minigan.gan.loss import Loss
from minigan.ops import exp, mean, softplus, tanh


class FGAN(Loss):
    """The zero-sum game of one divergence; a subclass gives g and f* o g."""

    paper = "Nowozin, Cseke, Tomioka 2016, f-GAN, arXiv:1606.00709"

    def activation(self, v: Tensor) -> Tensor:
        """T = g(v)."""
        raise NotImplementedError

    def conjugate(self, v: Tensor) -> Tensor:
        """f*(T) = f*(g(v))."""
        raise NotImplementedError

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """-(E g(real) - E f*(g(fake))): minus the lower bound."""
        return mean(self.conjugate(fake_logits)) - mean(self.activation(real_logits))

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """-E f*(g(fake)): the part of the lower bound that G can change."""
        return -mean(self.conjugate(fake_logits))


class KullbackLeibler(FGAN):
    """KL(p, q): f(u) = u log u, f*(t) = exp(t - 1), g(v) = v; T* = 1 + log p/q."""

    name = "f-kl"

    def activation(self, v: Tensor) -> Tensor:
        """v."""
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        """exp(v - 1)."""
        return exp(v - 1)


class ReverseKullbackLeibler(FGAN):
    """KL(q, p): f(u) = -log u, f*(t) = -1 - log(-t), g(v) = -exp(-v); T* = -q/p, at v = log p/q."""

    name = "f-reverse-kl"

    def activation(self, v: Tensor) -> Tensor:
        """-exp(-v)."""
        return -exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        """v - 1."""
        return v - 1


class Pearson(FGAN):
    """Pearson's chi-squared, E_q (p/q - 1)^2: f(u) = (u - 1)^2, f*(t) = t^2 / 4 + t, g(v) = v; T* = 2 (p/q - 1).

    T* is never below -2. For a logit that is, f* o g falls where v rises, and G makes its samples look worse.
    """

    name = "f-pearson"

    def activation(self, v: Tensor) -> Tensor:
        """v."""
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        """v^2 / 4 + v."""
        return v * v / 4 + v


class Neyman(FGAN):
    """Neyman's chi-squared, E_p (q/p - 1)^2: f(u) = (1 - u)^2 / u, f*(t) = 2 - 2 sqrt(1 - t), g(v) = 1 - exp(-v).

    T* = 1 - (q/p)^2, at v = 2 log p/q.
    """

    name = "f-neyman"

    def activation(self, v: Tensor) -> Tensor:
        """1 - exp(-v)."""
        return 1 - exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        """2 - 2 exp(-v / 2)."""
        return 2 - 2 * exp(-v / 2)


class SquaredHellinger(FGAN):
    """E_q (sqrt(p/q) - 1)^2: f(u) = (sqrt(u) - 1)^2, f*(t) = t / (1 - t), g(v) = 1 - exp(-v).

    T* = 1 - sqrt(q/p), at v = 1/2 log p/q.
    """

    name = "f-squared-hellinger"

    def activation(self, v: Tensor) -> Tensor:
        """1 - exp(-v)."""
        return 1 - exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        """exp(v) - 1."""
        return exp(v) - 1


class JensenShannon(FGAN):
    """2 JSD(p, q): f(u) = u log u - (u + 1) log((u + 1) / 2), f*(t) = -log(2 - exp(t)), g(v) = log 2 + log sigmoid(v).

    T* = log(2 p / (p + q)), at v = log p/q.
    """

    name = "f-jensen-shannon"

    def activation(self, v: Tensor) -> Tensor:
        """log 2 - softplus(-v)."""
        return math.log(2) - softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        """softplus(v) - log 2."""
        return softplus(v) - math.log(2)


class Original(FGAN):
    """2 JSD(p, q) - log 4, the original game: f(u) = u log u - (u + 1) log(u + 1), g(v) = log sigmoid(v).

    f*(t) = -log(1 - exp(t)); T* = log(p / (p + q)), at v = log p/q. (This f has f(1) = -log 4.)
    """

    name = "f-gan"

    def activation(self, v: Tensor) -> Tensor:
        """-softplus(-v)."""
        return -softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        """softplus(v)."""
        return softplus(v)


class TotalVariation(FGAN):
    """1/2 sum |p - q|: f(u) = |u - 1| / 2, f*(t) = t for |t| <= 1/2, g(v) = 1/2 tanh(v).

    T* = 1/2 sign(p - q), which g only approaches, as v goes to plus or minus infinity.
    """

    name = "f-total-variation"

    def activation(self, v: Tensor) -> Tensor:
        """1/2 tanh(v)."""
        return tanh(v) / 2

    def conjugate(self, v: Tensor) -> Tensor:
        """1/2 tanh(v)."""
        return tanh(v) / 2
