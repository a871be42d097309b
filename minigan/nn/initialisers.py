"""Initial weights. Each initialiser takes (shape, fan_in, fan_out, rng) and gives a float32 array.

fan_in is the number of inputs that enter one output (kh kw C for a convolution), fan_out the number of
outputs that one input enters.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Initialiser = Callable[[tuple[int, ...], int, int, np.random.Generator], np.ndarray]


def glorot_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """U(-a, a), a = sqrt(6 / (fan_in + fan_out)): variance 2 / (fan_in + fan_out) (Glorot, Bengio 2010, eq. 16)."""
    a = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-a, a, shape).astype(np.float32)


def glorot_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """N(0, 2 / (fan_in + fan_out)) (Glorot, Bengio 2010, eq. 12)."""
    return _normal(shape, math.sqrt(2 / (fan_in + fan_out)), rng)


def he_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """N(0, 2 / fan_in): keeps the variance through ReLU layers (He, Zhang, Ren, Sun 2015, eq. 10)."""
    return _normal(shape, math.sqrt(2 / fan_in), rng)


def dcgan_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """N(0, 0.02^2), whatever the fans (Radford, Metz, Chintala 2015, section 3)."""
    return _normal(shape, 0.02, rng)


def _normal(shape: tuple[int, ...], std: float, rng: np.random.Generator) -> np.ndarray:
    return (std * rng.standard_normal(shape)).astype(np.float32)
