"""Weight clipping: a critic kept Lipschitz by force uses little of what it could express.

As in Gulrajani et al. 2017 (arXiv:1704.00028, figures 1 and 2): the "generator" is held fixed, data plus Gaussian
noise of unit variance, and critics learn to tell the two apart under the Wasserstein loss, one with its weights
clipped to [-c, c], one with a gradient penalty. The clipped weights pile up at -c and c, so that most units of a
layer are copies of a few: the middle layer is nearly of rank 1. What such a critic can say is a hill over the middle
of the data, and its gradient, all that a generator ever hears of it, is hundreds of times smaller than 1.
"""

from __future__ import annotations

import dataclasses

import numpy as np

import minigan as mg
from benchmarks.failures.networks import dense_network, panels
from minigan import nn, optim
from minigan.data import PointData, ring, swiss_roll
from minigan.gan import clip_weights, input_gradient_norm
from minigan.plotting import DISCRIMINATOR, REAL

DATA = {"ring": ring().scaled(2**0.5), "swiss roll": swiss_roll()}
"""Both with coordinates of a variance of about 1, as in the paper."""

CLIP = 0.01
BATCH = 256
MEASURED = 2_000


@dataclasses.dataclass(frozen=True)
class Critic:
    """A trained critic, and what was measured of it."""

    name: str
    data: str
    network: nn.Sequential
    slope: float
    """The mean of |grad D| at the noisy samples; about 1 if the value of the critic is to be a distance."""

    @property
    def weights(self) -> np.ndarray:
        """All weights of the layers, without biases."""
        return np.concatenate([p.numpy().ravel() for p in self.network.parameters() if p.ndim == 2])

    @property
    def at_the_edge(self) -> float:
        """The share of weights whose size is 99 % of the largest, or more."""
        sizes = np.abs(self.weights)
        return float((sizes >= 0.99 * sizes.max()).mean())

    @property
    def stable_rank(self) -> float:
        """Of the middle layer's weights: |W|^2 / s^2, Frobenius norm and largest singular value; 1 for copies."""
        middle = [p.numpy() for p in self.network.parameters() if p.ndim == 2][1]
        return float(np.square(middle).sum() / np.linalg.norm(middle, 2) ** 2)


def train(data: PointData, is_clipped: bool, steps: int, width: int) -> nn.Sequential:
    """A critic under the Wasserstein loss: clipped after each step, as WGAN, or with the penalty of WGAN-GP."""
    rng = np.random.default_rng(0)
    D = dense_network(2, width, 1, nn.ReLU, rng)
    loss, penalty = mg.gan.losses["wasserstein"], mg.gan.penalties["wgan-gp"]
    optimizer = optim.RMSProp(D.parameters(), 5e-5) if is_clipped else optim.Adam(D.parameters(), 1e-3, (0.5, 0.9))
    for _ in range(steps):
        real, fake = samples(data, BATCH, rng)
        d_loss = loss.discriminator(D(real), D(fake))
        if not is_clipped:
            d_loss = d_loss + penalty(D, real, fake, rng=rng)
        optimizer.step(mg.grad(d_loss, D.parameters()))
        if is_clipped:
            clip_weights(D, CLIP)
    return D


def samples(data: PointData, n: int, rng: np.random.Generator) -> tuple[mg.Tensor, mg.Tensor]:
    """Data, and other data with noise: what the "generator" makes."""
    noise = rng.standard_normal((n, 2), dtype=np.float32)
    return mg.Tensor(data.sample(n, rng)), mg.Tensor(data.sample(n, rng) + noise)


def show(steps: int = 3000, width: int = 128) -> list[Critic]:
    """A clipped and a penalised critic for each data set."""
    return [
        measured(name, where, train(data, name == "clipped", steps, width))
        for name in ("clipped", "gradient penalty")
        for where, data in DATA.items()
    ]


def measured(name: str, where: str, D: nn.Sequential) -> Critic:
    """Take the slope at fresh samples of the "generator"."""
    _, fake = samples(DATA[where], MEASURED, np.random.default_rng(1))
    return Critic(name, where, D, float(input_gradient_norm(D, fake.data).numpy().mean()))


def describe(critics: list[Critic]) -> str:
    """A line for each critic."""
    lines = ["critic             data         weights at the edge   stable rank of the middle layer   slope"]
    for c in critics:
        lines.append(f"{c.name:<18} {c.data:<12} {c.at_the_edge:>19.0%} {c.stable_rank:>33.1f} {c.slope:>7.2g}")
    return "\n".join(lines)


def draw(critics: list[Critic]):
    """Contours of each critic over the data, and the histogram of its weights."""
    figure, axes = panels(2, 4, size=2.3)
    for critic, surface, histogram in zip(critics, axes[:, ::2].flat, axes[:, 1::2].flat, strict=True):
        _surface(surface, critic)
        histogram.hist(critic.weights, bins=60, color=DISCRIMINATOR)
        histogram.set(yscale="log", xlabel="weight", ylabel="how many")
        histogram.set_title(f"{critic.at_the_edge:.0%} at the edge", fontsize=9)
    return figure


def _surface(axes, critic):
    edge = 2.2
    x, y = np.meshgrid(*[np.linspace(-edge, edge, 120, dtype=np.float32)] * 2)
    with mg.no_grad():
        values = critic.network(mg.Tensor(np.stack([x.ravel(), y.ravel()], axis=1))).numpy().reshape(x.shape)
    axes.contour(x, y, values, levels=14, colors=DISCRIMINATOR, linewidths=0.7)
    points = DATA[critic.data].sample(600, np.random.default_rng(2))
    axes.scatter(*points.T, s=1.5, color=REAL, alpha=0.6, linewidths=0, zorder=3)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.set_title(f"{critic.name}, {critic.data}", fontsize=9)
