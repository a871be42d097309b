"""What is timed: six pairs of networks, each with its loss, batch and optimizer."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from minigan import models, nn
from minigan.models import Builder
from minigan.nn import dcgan_normal, he_normal
from minigan.training import Config

KEPT_BATCHES = 4
"""How many batches of data are made beforehand, and taken in turn: reading data is not part of the step."""


@dataclasses.dataclass(frozen=True)
class Workload:
    """Two networks and how they are trained. `settings` are those of a `Config`."""

    title: str
    builder: Builder
    shape: tuple[int, ...]
    batch: int
    latent_size: int = 100
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    channels_last: bool = False
    """Whether PyTorch is faster with its memory in that order; measured."""

    def config(self, **changes: Any) -> Config:
        """The settings of a run that never ends."""
        common = {"steps": 10**9, "batch_size": self.batch, "latent_size": self.latent_size}
        return Config(**(common | self.settings | changes))

    def networks(self) -> tuple[nn.Sequential, nn.Sequential]:
        """Generator and discriminator, always with the same weights."""
        return self.builder(self.shape, self.latent_size, rng=np.random.default_rng(0))

    def batches(self) -> list[np.ndarray]:
        """Real samples, always the same."""
        rng = np.random.default_rng(1)
        return [rng.uniform(-1, 1, (self.batch, *self.shape)).astype(np.float32) for _ in range(KEPT_BATCHES)]


def toy(shape: tuple[int, ...], latent_size: int, *, rng: np.random.Generator, **_: Any) -> tuple:
    """Three hidden layers of 256 in each network, for points."""

    def network(size: int, activation: nn.Module, outputs: int) -> nn.Sequential:
        layers = []
        for features in (size, 256, 256):
            layers += [nn.Dense(features, 256, rng=rng, init=he_normal), activation]
        return nn.Sequential(*layers, nn.Dense(256, outputs, rng=rng))

    return network(latent_size, nn.ReLU(), shape[0]), network(shape[0], nn.LeakyReLU(0.2), 1)


def without_dropout(shape: tuple[int, ...], latent_size: int, *, rng: np.random.Generator, **_: Any) -> tuple:
    """The TensorFlow tutorial's networks, but for dropout."""
    G, D = models.tutorial(shape, latent_size, rng=rng)
    return G, nn.Sequential(*(layer for layer in D if not isinstance(layer, nn.Dropout)))


def dcgan64(
    shape: tuple[int, ...], latent_size: int, *, rng: np.random.Generator, width: int = 64, **_: Any
) -> tuple[nn.Sequential, nn.Sequential]:
    """The DCGAN of the PyTorch tutorial for 64x64 colour images (pytorch.org/tutorials, dcgan_faces_tutorial).

    The generator's first and the discriminator's last layer, there convolutions from and to one pixel, are the same
    maps as dense layers.
    """
    side, colours, c = shape[0] // 16, shape[2], (8 * width, 4 * width, 2 * width, width)
    common = {"rng": rng, "bias": False, "init": dcgan_normal}
    window = {"kernel_size": 4, "stride": 2, "padding": 1} | common
    up = [nn.Dense(latent_size, side * side * c[0], **common), nn.Reshape(side, side, c[0])]
    down = [nn.Conv2d(colours, c[3], **window), nn.LeakyReLU(0.2)]
    for wide, narrow in itertools.pairwise(c):
        up += [nn.BatchNorm(wide), nn.ReLU(), nn.ConvTranspose2d(wide, narrow, **window)]
    up += [nn.BatchNorm(width), nn.ReLU(), nn.ConvTranspose2d(width, colours, **window), nn.Tanh()]
    for narrow, wide in itertools.pairwise(c[::-1]):
        down += [nn.Conv2d(narrow, wide, **window), nn.BatchNorm(wide), nn.LeakyReLU(0.2)]
    down += [nn.Flatten(), nn.Dense(side * side * c[0], 1, **common)]
    return nn.Sequential(*up), nn.Sequential(*down)


WASSERSTEIN = {"loss": "wasserstein", "penalty": "wgan-gp", "lr": 1e-4, "betas": (0.0, 0.9)}
TUTORIAL = {"lr": 1e-4, "betas": (0.9, 0.999)}
DCGAN = {"lr": 2e-4, "betas": (0.5, 0.999)}

WORKLOADS: dict[str, Workload] = {
    "toy": Workload(
        "2-D WGAN-GP, 3 x 256, 5 + 1", toy, (2,), 256, latent_size=2, settings=WASSERSTEIN | {"critic_steps": 5}
    ),
    "dense": Workload("dense GAN, 784", models.dense, (28, 28, 1), 64, settings=DCGAN),
    "dcgan28": Workload("TensorFlow tutorial's DCGAN, 28x28", models.tutorial, (28, 28, 1), 64, settings=TUTORIAL),
    "dcgan28-nodropout": Workload("DCGAN, 28x28, without dropout", without_dropout, (28, 28, 1), 64, settings=TUTORIAL),
    "wgan28": Workload(
        "convolutional WGAN-GP, 28x28, 1 + 1",
        without_dropout,
        (28, 28, 1),
        64,
        settings=WASSERSTEIN | {"critic_steps": 1},
    ),
    "dcgan64": Workload(
        "PyTorch tutorial's DCGAN, 64x64x3", dcgan64, (64, 64, 3), 32, settings=DCGAN, channels_last=True
    ),
}
"""By name, in the order of the table."""
