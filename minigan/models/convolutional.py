"""Convolutional GANs: from a small feature map, doubled twice, to the image; and back."""

from __future__ import annotations

import math

import numpy as np

from minigan.nn import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Reshape,
    Sequential,
    Tanh,
    dcgan_normal,
)


def dcgan(
    shape: tuple[int, ...],
    latent_size: int,
    *,
    rng: np.random.Generator,
    per_sample: bool = False,
    outputs: int = 1,
    channels: int = 32,
) -> tuple[Sequential, Sequential]:
    """Radford, Metz, Chintala 2015 for small images: strided convolutions, batch norm, N(0, 0.02^2) weights.

    The feature maps have `channels` channels at half the size of the image and twice as many at a quarter.
    With `per_sample` the discriminator has layer norm in place of batch norm. Height and width must be
    divisible by 4; raises ValueError otherwise.
    """
    h, w, colours = _check_image_shape(shape)
    c, quarter, init = channels, (h // 4, w // 4, 2 * channels), dcgan_normal
    generator = Sequential(
        Dense(latent_size, math.prod(quarter), rng=rng, bias=False, init=init),
        Reshape(*quarter),
        BatchNorm(2 * c),
        ReLU(),
        ConvTranspose2d(2 * c, c, 4, stride=2, padding=1, rng=rng, bias=False, init=init),
        BatchNorm(c),
        ReLU(),
        ConvTranspose2d(c, colours, 4, stride=2, padding=1, rng=rng, init=init),
        Tanh(),
    )
    discriminator = Sequential(
        Conv2d(colours, c, 4, stride=2, padding=1, rng=rng, init=init),
        LeakyReLU(0.2),
        Conv2d(c, 2 * c, 4, stride=2, padding=1, rng=rng, bias=False, init=init),
        LayerNorm(quarter) if per_sample else BatchNorm(2 * c),
        LeakyReLU(0.2),
        Flatten(),
        Dense(math.prod(quarter), outputs, rng=rng, init=init),
    )
    return generator, discriminator


def tutorial(
    shape: tuple[int, ...], latent_size: int, *, rng: np.random.Generator, per_sample: bool = False, outputs: int = 1
) -> tuple[Sequential, Sequential]:
    """The DCGAN of the TensorFlow tutorial for MNIST (tensorflow.org/tutorials/generative/dcgan).

    Keras pads "same" convolutions of stride 2 by one pixel more below and right than above and left; here the
    padding is 2 on all sides and the transposed convolutions have output_padding 1, as in PyTorch.
    Height and width must be divisible by 4; raises ValueError otherwise.
    """
    h, w, colours = _check_image_shape(shape)

    def norm_and_activation(channels: int) -> list:
        return [BatchNorm(channels, momentum=0.01, eps=1e-3), LeakyReLU(0.3)]

    generator = Sequential(
        Dense(latent_size, h // 4 * (w // 4) * 256, rng=rng, bias=False),
        BatchNorm(h // 4 * (w // 4) * 256, momentum=0.01, eps=1e-3),
        LeakyReLU(0.3),
        Reshape(h // 4, w // 4, 256),
        ConvTranspose2d(256, 128, 5, stride=1, padding=2, rng=rng, bias=False),
        *norm_and_activation(128),
        ConvTranspose2d(128, 64, 5, stride=2, padding=2, output_padding=1, rng=rng, bias=False),
        *norm_and_activation(64),
        ConvTranspose2d(64, colours, 5, stride=2, padding=2, output_padding=1, rng=rng, bias=False),
        Tanh(),
    )
    discriminator = Sequential(
        Conv2d(colours, 64, 5, stride=2, padding=2, rng=rng),
        LeakyReLU(0.3),
        Dropout(0.3, rng=rng),
        Conv2d(64, 128, 5, stride=2, padding=2, rng=rng),
        LeakyReLU(0.3),
        Dropout(0.3, rng=rng),
        Flatten(),
        Dense(h // 4 * (w // 4) * 128, outputs, rng=rng),
    )
    return generator, discriminator


def _check_image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError(f"a convolutional model expects images (H, W, C), got samples of shape {shape}; use 'toy'")
    h, w, colours = shape
    if h % 4 or w % 4 or not h or not w:
        raise ValueError(
            f"a convolutional model doubles its feature map twice, so height and width must be divisible by 4, "
            f"got {h}x{w}; crop or pad the images, or use the model 'dense'"
        )
    return h, w, colours
