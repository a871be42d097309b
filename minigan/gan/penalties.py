"""The gradient penalties: J = grad D(x), |J| its Euclidean length over all values of a sample, E the batch's mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.autograd import Tensor, constant
from minigan.backend import array_namespace, device_of, to_device
from minigan.gan.loss import Critic
from minigan.gan.penalty import Penalty, input_gradient
from minigan.nn import Module
from minigan.ops import maximum, norm
from minigan.ops import sum as sum_


class NoPenalty(Penalty):
    """Zero: the choice of a loss that needs no penalty. The critic is not even asked."""

    name = "none"
    paper = ""
    weight = 0.0

    def __call__(
        self, critic: Critic, real: Any, fake: Any, *, rng: np.random.Generator, weight: float | None = None
    ) -> Tensor:
        """Zero."""
        real = constant(real)
        return Tensor(array_namespace(real).zeros((), dtype="float32"), device=device_of(real))

    def gradients(
        self, critic: Module, real: Any, fake: Any, *, rng: np.random.Generator, weight: float | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Zero, and zeros."""
        zeros = [array_namespace(p.data).zeros_like(p.data) for p in critic.parameters()]
        return self(critic, real, fake, rng=rng), [Tensor(z, device=device_of(z)) for z in zeros]


class GradientPenalty(Penalty):
    """weight * E (|J| - target)^2 at random points x_hat = e x + (1 - e) G(z), one e ~ U[0, 1) for each pair.

    The optimal critic of the Wasserstein distance has slope 1 almost everywhere between the pairs of an optimal
    coupling (proposition 1). Pairs of a batch are not coupled, and slope 1 is asked for between all of them. The
    penalty is soft: between two points at distance theta a linear critic takes the slope 1 + theta / (2 weight),
    so the critic's value overestimates the distance by that factor.
    """

    name = "wgan-gp"
    paper = (
        "Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, Improved Training of Wasserstein GANs, "
        "arXiv:1704.00028, equation 3"
    )
    weight = 10.0

    def __init__(self, target: float = 1.0) -> None:
        self.target = target

    def points(self, real: Any, fake: Any, rng: np.random.Generator) -> Any:
        """One point between each real sample and the generated one beside it."""
        _check_pairs(self.name, real, fake)
        e = rng.random((len(real),) + (1,) * (real.ndim - 1)).astype(real.dtype)
        e = to_device(e, device_of(real))
        return e * real + (1 - e) * fake

    def cost(self, gradient: Tensor) -> Tensor:
        """(|J| - target)^2."""
        return (_length(gradient) - self.target) ** 2


class LipschitzPenalty(GradientPenalty):
    """weight * E max(0, |J| - 1)^2 at the points of WGAN-GP: slopes below 1 are free.

    That is all the Wasserstein distance asks for, |J| <= 1: where an optimal critic is flat, as between samples
    that no optimal coupling pairs, nothing pulls it up. The slope still exceeds 1, as under WGAN-GP.
    """

    name = "wgan-lp"
    paper = "Petzka, Fischer, Lukovnikov 2018, On the regularization of Wasserstein GANs, arXiv:1709.08894"

    def cost(self, gradient: Tensor) -> Tensor:
        """max(0, |J| - 1)^2."""
        return maximum(_length(gradient) - self.target, 0.0) ** 2


class Dragan(GradientPenalty):
    """weight * E (|J| - 1)^2 around real samples only, at x + 0.5 std(x) u with u ~ U[0, 1) for each value.

    std is one number, over all values of the batch, and the noise one-sided, as in the authors' code (which then
    takes a random point between x and there; the paper adds Gaussian noise on both sides). Slope 1 is asked for
    near the data whatever the generator does, so the slope does not vanish there when it has learnt the data.
    """

    name = "dragan"
    paper = "Kodali, Abernethy, Hays, Kira 2017, On Convergence and Stability of GANs, arXiv:1705.07215"

    def points(self, real: Any, fake: Any, rng: np.random.Generator) -> Any:
        """A point near each real sample."""
        u = to_device(rng.random(real.shape).astype(real.dtype), device_of(real))
        return real + 0.5 * real.std() * u


class R1(Penalty):
    """weight / 2 * E |J|^2 at real samples; the weight is gamma, and the factor 1/2 the paper's (its code has none).

    The optimal critic becomes flatter: a linear one between two points at distance theta, under the Wasserstein
    loss, takes the slope theta / weight. Once the generator has learnt the data, a flat critic costs nothing, so
    the equilibrium stays where it is, and training converges near it (theorem 4.1).
    """

    name = "r1"
    paper = (
        "Mescheder, Geiger, Nowozin 2018, Which Training Methods for GANs do actually Converge?, "
        "arXiv:1801.04406, equation 9"
    )
    weight = 10.0

    def points(self, real: Any, fake: Any, rng: np.random.Generator) -> Any:
        """The real samples."""
        return real

    def cost(self, gradient: Tensor) -> Tensor:
        """|J|^2 / 2."""
        return _squared_length(gradient) / 2


class R2(R1):
    """weight / 2 * E |J|^2 at generated samples: R1 on the other side, with the same factor and the same effect."""

    name = "r2"
    paper = R1.paper.replace("equation 9", "equation 10")

    def points(self, real: Any, fake: Any, rng: np.random.Generator) -> Any:
        """The generated samples."""
        return fake


class R1R2(R1):
    """weight / 2 * E |J|^2 at real samples and as much again at generated ones, both with the one weight gamma.

    The critic is flattened on both sides, roughly as if both distributions were blurred by N(0, gamma): details
    finer than that are not seen until gamma falls. The paper chooses gamma for each data set; in its experiments
    R1 alone let the slope at generated samples explode.
    """

    name = "r1+r2"
    paper = (
        "Huang, Gokaslan, Kuleshov, Tompkin 2024, The GAN is dead; long live the GAN! A Modern Baseline GAN, "
        "arXiv:2501.05441, equation 3"
    )
    weight = 1.0

    def points(self, real: Any, fake: Any, rng: np.random.Generator) -> Any:
        """All samples, the real ones first."""
        _check_pairs(self.name, real, fake)
        return array_namespace(real).concatenate([real, fake])

    def cost(self, gradient: Tensor) -> Tensor:
        """|J|^2, since the mean over both batches counts each of them half."""
        return _squared_length(gradient)


penalties: dict[str, Penalty] = {
    penalty.name: penalty
    for penalty in (NoPenalty(), GradientPenalty(), LipschitzPenalty(), Dragan(), R1(), R2(), R1R2())
}
"""Every penalty by name: `penalties["wgan-gp"](critic, real, fake, rng=rng)`."""


def gradient_penalty(
    critic: Critic, real: Any, fake: Any, *, rng: np.random.Generator, weight: float = 10.0, target: float = 1.0
) -> Tensor:
    """weight * E (|grad D(x_hat)| - target)^2, the penalty "wgan-gp" as a function: see `GradientPenalty`."""
    return GradientPenalty(target)(critic, real, fake, rng=rng, weight=weight)


def analytic_gradient_penalty(
    critic: Module,
    real: Any,
    fake: Any,
    *,
    penalty: str = "wgan-gp",
    rng: np.random.Generator,
    weight: float | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """A penalty and its gradients for critic.parameters() in closed form, `minigan.gan.analytic`, by its name."""
    if penalty not in penalties:
        raise ValueError(f"expected a penalty, one of {', '.join(penalties)}, got {penalty!r}")
    return penalties[penalty].gradients(critic, real, fake, rng=rng, weight=weight)


def input_gradient_norm(critic: Critic, x: Any) -> Tensor:
    """|grad D(x_i)| for each sample x_i of an array (N, ...): (N,), differentiable again."""
    return _length(input_gradient(critic, x))


def _length(x: Tensor) -> Tensor:
    return norm(x, axis=_within_sample(x))


def _squared_length(x: Tensor) -> Tensor:
    return sum_(x * x, axis=_within_sample(x))


def _within_sample(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _check_pairs(name: str, real: Any, fake: Any) -> None:
    if real.shape != fake.shape:
        raise ValueError(f"{name}: real has shape {real.shape}, fake {fake.shape}; they must be equal")
