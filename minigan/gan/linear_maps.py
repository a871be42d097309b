"""The linear part of a layer, y = W x, as the sweeps of `minigan.gan.analytic` use it: prepared once, applied often.

A fast convolution transforms each operand before it multiplies. Whoever meets the same weights in several sweeps, and
the same g in two products, transforms them once: `enter(x)` and `leave(g)` prepare an array on the side of the input
and of the output, the weights are prepared at the first use. Samples stay apart, along `samples_axis`.
"""

from __future__ import annotations

from typing import Any

from minigan import ops
from minigan.backend import matmul
from minigan.nn import Conv2d, ConvTranspose2d, Dense

Array = Any


class DenseMap:
    """y = x W; nothing is prepared."""

    samples_axis = 0

    def __init__(self, layer: Dense) -> None:
        self.weights = layer.weight.data

    def forward(self, x: Array) -> tuple[Array, Array]:
        """W x, and x prepared."""
        return matmul(x, self.weights), x

    def enter(self, x: Array) -> Array:
        """x, prepared."""
        return x

    leave = enter

    def apply(self, xs: Array) -> Array:
        """W x."""
        return matmul(xs, self.weights)

    def adjoint(self, gs: Array) -> Array:
        """W^T g."""
        return matmul(gs, self.weights.T)

    def weight_gradient(self, xs: Array, gs: Array) -> Array:
        """g x^T, summed over samples."""
        return matmul(xs.T, gs)


class ConvolutionMap:
    """`ops.conv2d`, by the algorithm that it chooses for the first batch."""

    def __init__(self, layer: Conv2d) -> None:
        self.weight = layer.weight.data
        self.settings = {"stride": layer.stride, "padding": layer.padding}

    def forward(self, x: Array) -> tuple[Array, Array]:
        """W x, and x prepared."""
        y, (self.form, xs, self.weights) = ops.conv2d.forward(x, self.weight, **self.settings)
        self.samples_axis = self.form.samples_axis
        return y, xs

    def enter(self, x: Array) -> Array:
        """x, prepared."""
        return self.form.of_image(x)

    def leave(self, g: Array) -> Array:
        """g, prepared."""
        return self.form.of_output(g)

    def apply(self, xs: Array) -> Array:
        """W x."""
        return self.form.output(xs, self.weights)

    def adjoint(self, gs: Array) -> Array:
        """W^T g."""
        return self.form.image(gs, self.weights)

    def weight_gradient(self, xs: Array, gs: Array) -> Array:
        """g x^T, summed over samples and positions."""
        return self.form.kernel(xs, gs)


class TransposedMap(ConvolutionMap):
    """`ops.conv_transpose2d`: the convolution's adjoint, so what is its output enters here."""

    def __init__(self, layer: ConvTranspose2d) -> None:
        super().__init__(layer)
        self.settings["output_padding"] = layer.output_padding

    def forward(self, x: Array) -> tuple[Array, Array]:
        """W x, and x prepared."""
        y, (self.form, xs, self.weights) = ops.conv_transpose2d.forward(x, self.weight, **self.settings)
        self.samples_axis = self.form.samples_axis
        return y, xs

    enter = ConvolutionMap.leave
    leave = ConvolutionMap.enter
    apply = ConvolutionMap.adjoint
    adjoint = ConvolutionMap.apply

    def weight_gradient(self, xs: Array, gs: Array) -> Array:
        """g x^T, summed over samples and positions."""
        return self.form.kernel(gs, xs)
