"""Normalisation layers and dropout."""

from __future__ import annotations

import math

import numpy as np

from minigan import ops
from minigan.autograd import Tensor
from minigan.backend import from_host, kernels, to_device
from minigan.nn.module import Module, check_rng
from minigan.nn.parameter import Parameter


class BatchNorm(Module):
    """Standardize each channel (last axis) over the batch, then scale and shift (Ioffe, Szegedy 2015).

    In training mode the statistics are those of the batch, and the running ones follow them,

        running = (1 - momentum) running + momentum batch,

    with the variance of the batch divided by n - 1 (algorithm 2). In evaluation mode the running ones are
    used and the samples of a batch do not influence each other. `eps` and `momentum` are keywords: a
    popular mistake writes BatchNorm(64, 0.8) and sets eps to 0.8.
    """

    mixes_samples = True

    def __init__(self, channels: int, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.channels, self.momentum, self.eps = channels, momentum, eps
        self.weight = Parameter(np.ones(channels, dtype=np.float32))
        self.bias = Parameter(np.zeros(channels, dtype=np.float32))
        device = self.weight.device
        self.running_mean = to_device(np.zeros(channels, dtype=np.float32), device)
        self.running_variance = to_device(np.ones(channels, dtype=np.float32), device)

    def forward(self, x: Tensor, slope: float = 1.0) -> Tensor:
        """x (N, ..., channels), in the same shape; with the `slope` of a leaky ReLU behind it, that too is applied."""
        if x.shape[-1] != self.channels:
            raise ValueError(f"BatchNorm: expected {self.channels} channels on the last axis, got shape {x.shape}")
        if not self.training:
            scale = self.weight / ops.sqrt(self.running_variance + self.eps)
            y = (x - self.running_mean) * scale + self.bias
            return y if slope == 1 else ops.leaky_relu(y, slope=slope)
        count = math.prod(x.shape[:-1])
        if count < 2:
            raise ValueError(f"BatchNorm: one value for each channel ({x.shape}) has no variance; use a larger batch")
        y = ops.batch_norm(x, self.weight, self.bias, eps=self.eps, slope=slope)
        if not self.frozen:
            kernels.follow_statistics(*y.kept, count, self.momentum, self.running_mean, self.running_variance)
        return y

    def describe(self) -> str:
        """The channels."""
        return f"{self.channels}"


class LayerNorm(Module):
    """Standardize each sample over its trailing axes of the given shape, then scale and shift.

    Ba, Kiros, Hinton 2016. What a critic under a gradient penalty uses in place of batch norm, since no
    sample influences another.
    """

    def __init__(self, shape: int | tuple[int, ...], *, eps: float = 1e-5) -> None:
        self.shape, self.eps = (shape,) if isinstance(shape, int) else tuple(shape), eps
        self.weight = Parameter(np.ones(self.shape, dtype=np.float32))
        self.bias = Parameter(np.zeros(self.shape, dtype=np.float32))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, ..., *shape), in the same shape."""
        if x.shape[-len(self.shape) :] != self.shape or x.ndim == len(self.shape):
            raise ValueError(f"LayerNorm: expected input of shape (N, ..., {str(self.shape)[1:-1]}), got {x.shape}")
        return ops.layer_norm(x, self.weight, self.bias, eps=self.eps)

    def describe(self) -> str:
        """The shape of one sample."""
        return f"{self.shape}"


class Dropout(Module):
    """In training, set each value to 0 with probability p and scale the others by 1 / (1 - p).

    Srivastava et al. 2014. Random bits are drawn from `rng` on the host, so one seed gives one run on every device;
    16 random bits decide about a value, so p is met to 1 / 2^17.
    """

    def __init__(self, p: float, *, rng: np.random.Generator) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: expected a probability in [0, 1), got {p}")
        self.p = p
        self.rng = check_rng(rng)

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape, in the same shape."""
        if not self.training or self.p == 0:
            return x
        bits = from_host(lambda shape=x.shape: _random_uint16(self.rng, shape), x.device)
        return ops.dropout(x, bits, p=self.p)

    def describe(self) -> str:
        """The probability."""
        return f"{self.p}"


def _random_uint16(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform 16-bit numbers, four from each 64-bit number of the generator: faster than one for each."""
    n = math.prod(shape)
    words = rng.integers(0, 2**64, -(-n // 4), dtype=np.uint64)
    return words.astype("<u8", copy=False).view(np.uint16)[:n].reshape(shape)
