"""Layers with weights: dense, convolution, transposed convolution."""

from __future__ import annotations

import numpy as np

from minigan import ops
from minigan.autograd import Tensor
from minigan.nn.initialisers import Initialiser, glorot_uniform
from minigan.nn.module import Module, check_rng
from minigan.nn.parameter import Parameter
from minigan.ops.conv_geometry import Pair, pair


class Dense(Module):
    """y = x W + b for x (N, in_features): weight (in, out), bias (out,), zero at first."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        bias: bool = True,
        init: Initialiser = glorot_uniform,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(init((in_features, out_features), in_features, out_features, check_rng(rng)))
        self.bias = _bias(out_features, bias)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """x (N, in_features) to (N, out_features), with another weight in the place of its own if one is given."""
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"Dense: expected input of shape (N, {self.in_features}), got {x.shape}; "
                "put nn.Flatten() before it or change in_features"
            )
        return _add_bias(x @ (self.weight if weight is None else weight), self.bias)

    def matrix(self) -> Tensor:
        """The weight as a matrix, a column for each output: (in, out)."""
        return self.weight

    def describe(self) -> str:
        """Input and output features."""
        return f"{self.in_features}, {self.out_features}"


class Conv2d(Module):
    """Convolution of x (N, H, W, in): weight (kh, kw, in, out), bias (out,). Sizes as `ops.conv2d`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        *,
        rng: np.random.Generator,
        bias: bool = True,
        init: Initialiser = glorot_uniform,
    ) -> None:
        (kh, kw), self.stride, self.padding = pair(kernel_size), stride, padding
        shape = (kh, kw, in_channels, out_channels)
        self.weight = Parameter(init(shape, kh * kw * in_channels, kh * kw * out_channels, check_rng(rng)))
        self.bias = _bias(out_channels, bias)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """x (N, H, W, in) to (N, OH, OW, out), with another weight in the place of its own if one is given."""
        weight = self.weight if weight is None else weight
        return _add_bias(ops.conv2d(x, weight, stride=self.stride, padding=self.padding), self.bias)

    def matrix(self) -> Tensor:
        """The weight as a matrix, a column for each output channel: (kh kw in, out)."""
        return self.weight.reshape(-1, self.weight.shape[3])

    def describe(self) -> str:
        """Channels, kernel, stride and padding."""
        kh, kw, c, o = self.weight.shape
        return f"{c}, {o}, {kh}x{kw}, stride={self.stride}, padding={self.padding}"


class ConvTranspose2d(Module):
    """The adjoint of a convolution, for x (N, H, W, in): weight (kh, kw, out, in), bias (out,).

    The weight is the kernel of the convolution (from `out` to `in` channels) whose adjoint this is, as in
    Keras. The output has (H - 1) stride + kh - 2 padding + output_padding rows.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        *,
        rng: np.random.Generator,
        bias: bool = True,
        init: Initialiser = glorot_uniform,
    ) -> None:
        (kh, kw), self.stride, self.padding, self.output_padding = pair(kernel_size), stride, padding, output_padding
        shape = (kh, kw, out_channels, in_channels)
        self.weight = Parameter(init(shape, kh * kw * in_channels, kh * kw * out_channels, check_rng(rng)))
        self.bias = _bias(out_channels, bias)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """x (N, H, W, in) to (N, H', W', out), with another weight in the place of its own if one is given."""
        weight = self.weight if weight is None else weight
        y = ops.conv_transpose2d(
            x, weight, stride=self.stride, padding=self.padding, output_padding=self.output_padding
        )
        return _add_bias(y, self.bias)

    def matrix(self) -> Tensor:
        """The weight as a matrix, a column for each output channel: (kh kw in, out)."""
        return self.weight.transpose(0, 1, 3, 2).reshape(-1, self.weight.shape[2])

    def describe(self) -> str:
        """Channels, kernel, stride and paddings."""
        kh, kw, o, c = self.weight.shape
        return (
            f"{c}, {o}, {kh}x{kw}, stride={self.stride}, padding={self.padding}, output_padding={self.output_padding}"
        )


LinearLayer = Dense | Conv2d | ConvTranspose2d
"""The layers that apply a linear map, their `weight`, and add a bias."""


def _bias(size: int, wanted: bool) -> Parameter | None:
    return Parameter(np.zeros(size, dtype=np.float32)) if wanted else None


def _add_bias(y: Tensor, bias: Parameter | None) -> Tensor:
    return y if bias is None else y + bias
