"""An auto-encoder as discriminator: what it can reconstruct is real."""

from __future__ import annotations

import math

import numpy as np

from minigan.autograd import Tensor
from minigan.nn import Dense, Flatten, LeakyReLU, Module, Sequential, he_normal
from minigan.ops import absolute, mean


class AutoEncoder(Module):
    """Gives each sample the logit -energy, the energy being the mean absolute error of its reconstruction.

    Zhao et al. 2016 (EBGAN), section 2.3; Berthelot et al. 2017 (BEGAN), section 3.1. For samples of any `shape`:
    two dense layers to a code of `code_size` values, two back.
    """

    def __init__(self, shape: tuple[int, ...], *, rng: np.random.Generator, width: int = 256, code_size: int = 32):
        size = math.prod(shape)
        self.encoder = Sequential(*_dense(size, width, rng), Dense(width, code_size, rng=rng))
        self.decoder = Sequential(*_dense(code_size, width, rng), Dense(width, size, rng=rng))
        self.flatten = Flatten()

    def code(self, x: Tensor) -> Tensor:
        """The codes of samples (N, ...): (N, code_size)."""
        return self.encoder(self.flatten(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1) of samples (N, ...): at most 0, and 0 where the reconstruction is perfect."""
        x = self.flatten(x)
        return -mean(absolute(self.decoder(self.encoder(x)) - x), axis=1, keepdims=True)


def _dense(size: int, width: int, rng: np.random.Generator) -> list[Module]:
    return [Dense(size, width, rng=rng, init=he_normal), LeakyReLU(0.2)]
