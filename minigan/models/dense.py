"""Networks of dense layers: for images as vectors, and for points in the plane."""

from __future__ import annotations

import math

import numpy as np

from minigan.nn import Dense, Flatten, LeakyReLU, ReLU, Reshape, Sequential, Tanh, he_normal

WIDTH = 784


def dense(
    shape: tuple[int, ...], latent_size: int, *, rng: np.random.Generator, per_sample: bool = False, outputs: int = 1
) -> tuple[Sequential, Sequential]:
    """The dense GAN of the project's source article: two hidden layers of 784 in each network.

    The article lets the generator end in a sigmoid and the discriminator too; here images are in [-1, 1], so
    the generator ends in tanh, and losses take logits, so the discriminator ends in a dense layer.
    """
    pixels = math.prod(shape)
    generator = Sequential(
        Dense(latent_size, WIDTH, rng=rng),
        ReLU(),
        Dense(WIDTH, WIDTH, rng=rng),
        ReLU(),
        Dense(WIDTH, pixels, rng=rng),
        Tanh(),
        Reshape(*shape),
    )
    discriminator = Sequential(
        Flatten(),
        Dense(pixels, WIDTH, rng=rng),
        LeakyReLU(0.2),
        Dense(WIDTH, WIDTH, rng=rng),
        LeakyReLU(0.2),
        Dense(WIDTH, outputs, rng=rng),
    )
    return generator, discriminator


def toy(
    shape: tuple[int, ...], latent_size: int, *, rng: np.random.Generator, per_sample: bool = False, outputs: int = 1
) -> tuple[Sequential, Sequential]:
    """Three hidden layers of 128 in each network, no normalisation: for points in the plane."""
    if len(shape) != 1:
        raise ValueError(f"the model 'toy' makes points, of shape (2,), got samples of shape {shape}; use 'dense'")
    (size,) = shape
    generator = Sequential(*_hidden(latent_size, 128, ReLU(), rng), Dense(128, size, rng=rng))
    discriminator = Sequential(*_hidden(size, 128, LeakyReLU(0.2), rng), Dense(128, outputs, rng=rng))
    return generator, discriminator


def _hidden(size: int, width: int, activation: ReLU | LeakyReLU, rng: np.random.Generator) -> list:
    layers = []
    for features in (size, width, width):
        layers += [Dense(features, width, rng=rng, init=he_normal), activation]
    return layers
