"""What each layer of a critic does in the four sweeps of `minigan.gan.analytic`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigan import nn, ops
from minigan.backend import column_sums, kernels
from minigan.gan.linear_maps import ConvolutionMap, DenseMap, TransposedMap
from minigan.nn import Module, Parameter

Array = Any


class Linear:
    """y = W x + b for a map W that is linear in x and in its weights."""

    lowest = False
    """Whether no weights lie below."""

    def __init__(self, layer: Module, linear_map: DenseMap | ConvolutionMap) -> None:
        self.weight, self.bias, self.map = layer.weight, layer.bias, linear_map
        self.gradients: list[tuple[Parameter, Array]] = []

    def forward(self, a: Array) -> Array:
        """W a + b."""
        y, self.inputs = self.map.forward(a)
        if self.bias is not None:
            y += self.bias.data
        return y

    def backward(self, g: Array, judged: int) -> Array:
        """W^T g; below the lowest weights only the points matter."""
        if self.bias is not None and judged:
            self.gradients.append((self.bias, _sum_over_positions(g[:judged])))
        rows, axis, self.g = len(g), self.map.samples_axis, self.map.leave(g)
        points = self.g.shape[axis] * (rows - judged) // rows
        return self.map.adjoint(last(self.g, points, axis) if self.lowest else self.g)

    def tangent(self, t: Array, judged: int, curved: bool) -> Array:
        """W t; notes, as one product, g a^T for the judged samples and g t^T for the points."""
        t = self.map.enter(t)
        if judged:
            points = last(self.inputs, t.shape[self.map.samples_axis], self.map.samples_axis)
            self.points = points.copy() if curved else None
            points[...] = t
        else:
            self.points, self.inputs = self.inputs, t
        self.gradients.append((self.weight, self.map.weight_gradient(self.inputs, self.g)))
        return self.map.apply(t)

    def backward_again(self, r: Array | None) -> Array | None:
        """W^T r; notes r a^T and the sum of r."""
        if r is None:
            return None
        if self.bias is not None:
            self.gradients.append((self.bias, _sum_over_positions(r)))
        r = self.map.leave(r)
        self.gradients.append((self.weight, self.map.weight_gradient(self.points, r)))
        return None if self.lowest else self.map.adjoint(r)


class Activation:
    """y = phi(x), element by element; `derivatives(x)` gives phi, phi' and phi'' (None if it is 0 everywhere)."""

    gradients = ()

    def __init__(self, derivatives: Callable[[Array], tuple[Array, Array, Array | None]]) -> None:
        self.derivatives = derivatives

    def forward(self, a: Array) -> Array:
        """phi(a)."""
        y, self.slope, self.curvature = self.derivatives(a)
        return y

    def backward(self, g: Array, judged: int) -> Array:
        """phi'(a) g."""
        if self.curvature is not None:
            points = len(self.curvature) - judged
            self.curvature = last(self.curvature, points) * last(g, points)
        g *= last(self.slope, len(g))
        return g

    def tangent(self, t: Array, judged: int, curved: bool) -> Array:
        """phi'(a) t."""
        if self.curvature is not None:
            self.curvature *= t
        t *= last(self.slope, len(t))
        return t

    def backward_again(self, r: Array | None) -> Array | None:
        """phi'(a) r + phi''(a) g t."""
        if r is None:
            return self.curvature
        r *= last(self.slope, len(r))
        if self.curvature is not None:
            r += self.curvature
        return r


class Reshaping:
    """The same values in another shape; one length may be -1."""

    gradients = ()

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, a: Array) -> Array:
        """To the shape of the output."""
        self.input_shape = a.shape[1:]
        return a.reshape(a.shape[0], *self.shape)

    def backward(self, g: Array, judged: int) -> Array:
        """To the shape of the input."""
        return g.reshape(g.shape[0], *self.input_shape)

    def tangent(self, t: Array, judged: int, curved: bool) -> Array:
        """To the shape of the output."""
        return t.reshape(t.shape[0], *self.shape)

    def backward_again(self, r: Array | None) -> Array | None:
        """To the shape of the input."""
        return None if r is None else r.reshape(r.shape[0], *self.input_shape)


def leaky(s: Array, slope: float) -> tuple[Array, Array, None]:
    """phi' is 1 where s > 0 and the slope elsewhere, phi'' is 0."""
    return *kernels.leaky_relu_and_slope(s, slope), None


def tanh(s: Array) -> tuple[Array, Array, Array]:
    """phi' = 1 - phi^2."""
    y = ops.tanh(s)
    d = 1 - y * y
    return y, d, -2 * y * d


def sigmoid(s: Array) -> tuple[Array, Array, Array]:
    """phi' = phi(s) phi(-s)."""
    y, z = ops.sigmoid(s), ops.sigmoid(-s)
    d = y * z
    return y, d, d * (z - y)


def softplus(s: Array) -> tuple[Array, Array, Array]:
    """phi' is the sigmoid."""
    d = ops.sigmoid(s)
    return ops.softplus(s), d, d * ops.sigmoid(-s)


Step = Linear | Activation | Reshaping

STEPS: dict[type[Module], Callable[[Any], Step]] = {
    nn.Dense: lambda layer: Linear(layer, DenseMap(layer)),
    nn.Conv2d: lambda layer: Linear(layer, ConvolutionMap(layer)),
    nn.ConvTranspose2d: lambda layer: Linear(layer, TransposedMap(layer)),
    nn.Flatten: lambda layer: Reshaping(-1),
    nn.Reshape: lambda layer: Reshaping(*layer.shape),
    nn.LeakyReLU: lambda layer: Activation(lambda s: leaky(s, layer.slope)),
    nn.ReLU: lambda layer: Activation(lambda s: leaky(s, 0.0)),
    nn.Tanh: lambda layer: Activation(tanh),
    nn.Sigmoid: lambda layer: Activation(sigmoid),
    nn.Softplus: lambda layer: Activation(softplus),
}
"""What each layer is in the four sweeps. A class derived from one of these may compute anything: it is not in here."""


def last(x: Array, count: int, axis: int = 0) -> Array:
    """The last entries along an axis, a view."""
    return x[(slice(None),) * axis + (slice(x.shape[axis] - count, None),)]


def _sum_over_positions(g: Array) -> Array:
    """Over all axes but the last."""
    return column_sums(g.reshape(-1, g.shape[-1]))
