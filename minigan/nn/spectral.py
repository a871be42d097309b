"""Spectral normalisation: layers divided by their largest singular value, and what that value is for a convolution."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minigan.autograd import Tensor, constant
from minigan.backend import matmul, to_device, to_host
from minigan.nn.layers import LinearLayer
from minigan.nn.module import Module, check_rng
from minigan.ops import norm
from minigan.ops.conv_geometry import Pair, pair


class SpectralNorm(Module):
    """A layer that computes with weight / sigma, where sigma is the largest singular value of its weight.

    Miyato, Kataoka, Koyama, Yoshida 2018, arXiv:1802.05957, algorithm 1. W is the weight as a matrix
    (out, in) or (out, in kh kw), a row for each output channel. A forward pass in training mode first takes
    `iterations` steps of the power iteration,

        v <- W^T u / |W^T u|,    u <- W v / |W v|,

    and then sigma = u^T W v. u and v are saved with the weights; as W changes little from step to step, one
    iteration is enough. They stand still in evaluation mode and under `freezing`. The gradient flows through
    sigma, with u and v as constants. The trained parameters are those of the layer: `layer.weight`, `layer.bias`.

    A dense layer is then 1-Lipschitz. A convolution need not be: see `conv_operator_norm`. A weight of zeros
    has no direction to keep: what comes out is not finite.
    """

    def __init__(self, layer: LinearLayer, *, rng: np.random.Generator, iterations: int = 1) -> None:
        if not isinstance(layer, LinearLayer):
            raise TypeError(
                f"SpectralNorm: expected a Dense, Conv2d or ConvTranspose2d layer, whose weight is a matrix, got "
                f"{layer!r}; to normalise all such layers of a network use nn.spectrally_normalised"
            )
        if iterations < 1:
            raise ValueError(f"SpectralNorm: expected at least 1 iteration for each forward pass, got {iterations}")
        self.layer, self.iterations = layer, iterations
        W = layer.matrix().data.T
        u = check_rng(rng).standard_normal((W.shape[0], 1)).astype(W.dtype)
        self.u = _unit(to_device(u, layer.weight.device))
        self.v = _unit(matmul(W.T, self.u))

    def forward(self, x: Tensor) -> Tensor:
        """As the layer's own, with weight / sigma in the place of the weight."""
        if self.training and not self.frozen:
            self.iterate()
        return self.layer(x, self.layer.weight / self.sigma())

    def sigma(self) -> Tensor:
        """u^T W v, a scalar: the largest singular value of W once u and v have settled, and less before."""
        W = self.layer.matrix().T
        return (self.u * (W @ self.v)).sum()

    def iterate(self) -> None:
        """Take the steps of the power iteration that belong to one forward pass."""
        W = self.layer.matrix().data.T
        for _ in range(self.iterations):
            # New arrays, since the graphs of former forward passes still need the old ones.
            self.v = _unit(matmul(W.T, self.u))
            self.u = _unit(matmul(W, self.v))

    def describe(self) -> str:
        """The layer."""
        return repr(self.layer)


def spectrally_normalised(network: Module, *, rng: np.random.Generator) -> Module:
    """A network like this one with each Dense, Conv2d and ConvTranspose2d, at any depth, inside a `SpectralNorm`.

    The two share their parameters; `network` itself keeps its layers as they are. Layers that are inside a
    `SpectralNorm` already stay there. Raises ValueError if there is nothing to normalise.
    """
    normalised = _normalised(network, check_rng(rng))
    if not any(isinstance(m, SpectralNorm) for m in normalised.modules()):
        raise ValueError(
            f"spectrally_normalised: expected a network with a Dense, Conv2d or ConvTranspose2d layer, got {network!r}"
        )
    return normalised


def conv_operator_norm(kernel: Any, size: Pair) -> float:
    """By how much a circular convolution of stride 1 can stretch an image: its operator norm, exactly.

    `SpectralNorm` takes the kernel for a matrix (out, in kh kw), the map from one window to one pixel, and its
    sigma leaves out that windows overlap:

        sigma <= operator norm <= sqrt(kh kw) sigma,

    with equality on the left for a kernel with one tap, on the right for a kernel of ones. The norm bounds
    other convolutions too: to surround h x w images by p zeros, with any stride, is the circular convolution of
    (h + 2p) x (w + 2p) images after an embedding and before a restriction.

    Args:
        kernel: (kh, kw, in, out), or (kh, kw, out, in) of a transposed convolution; an array or a tensor.
        size: height and width of the images.

    Raises ValueError if the kernel is larger than the images.
    """
    return float(conv_singular_values(kernel, size)[0])


def conv_singular_values(kernel: Any, size: Pair) -> np.ndarray:
    """All singular values of a circular convolution of stride 1: (h w min(in, out),), the largest first.

    The Fourier transform turns the convolution into h w matrices (in, out), one for each frequency, and its
    singular values are theirs (Sedghi, Gupta, Long 2019, arXiv:1805.10408). Computed on the host in
    float64: to look at a network, not to train it. Arguments and errors as `conv_operator_norm`.
    """
    kernel, size = np.asarray(to_host(constant(kernel)), dtype=np.float64), pair(size)
    if kernel.ndim != 4 or kernel.shape[0] > size[0] or kernel.shape[1] > size[1]:
        raise ValueError(
            f"expected a kernel (kh, kw, in, out) that fits into images of {size[0]}x{size[1]}, got {kernel.shape}"
        )
    matrices = np.fft.fft2(kernel, size, axes=(0, 1))
    return np.sort(np.linalg.svd(matrices, compute_uv=False), axis=None)[::-1]


def _normalised(value: Any, rng: np.random.Generator) -> Any:
    """What an attribute of a network holds, with every linear layer in it inside a `SpectralNorm`."""
    if isinstance(value, LinearLayer):
        return SpectralNorm(value, rng=rng)
    if isinstance(value, list | tuple):
        return type(value)(_normalised(part, rng) for part in value)
    if not isinstance(value, Module) or isinstance(value, SpectralNorm):
        return value
    twin = copy.copy(value)
    for attribute, part in vars(value).items():
        setattr(twin, attribute, _normalised(part, rng))
    return twin


def _unit(x: Any) -> Any:
    return x / norm(x)
