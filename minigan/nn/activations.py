"""Activations and changes of shape, as layers."""

from __future__ import annotations

from minigan import ops
from minigan.autograd import Tensor
from minigan.nn.module import Module


class LeakyReLU(Module):
    """x where x > 0, slope * x elsewhere. Raises ValueError for a slope outside [0, 1]."""

    def __init__(self, slope: float = 0.2) -> None:
        if not 0 <= slope <= 1:
            raise ValueError(f"LeakyReLU: expected a slope from 0 to 1, got {slope}")
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return ops.leaky_relu(x, slope=self.slope)

    def describe(self) -> str:
        """The slope."""
        return f"{self.slope}"


class ReLU(Module):
    """max(x, 0)."""

    slope = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return ops.relu(x)


class Tanh(Module):
    """The hyperbolic tangent: values in (-1, 1), as images are."""

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return ops.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)). Not for the end of a discriminator: losses take logits."""

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return ops.sigmoid(x)


class Softplus(Module):
    """log(1 + exp(x)), a smooth ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return ops.softplus(x)


class Flatten(Module):
    """(N, ...) to (N, product of the rest)."""

    def forward(self, x: Tensor) -> Tensor:
        """Keep the first axis, merge the others."""
        return x.reshape(x.shape[0], -1)


class Reshape(Module):
    """(N, ...) to (N, *shape)."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """Keep the first axis, arrange the rest anew."""
        return x.reshape(x.shape[0], *self.shape)

    def describe(self) -> str:
        """The new shape of a sample."""
        return ", ".join(map(str, self.shape))
