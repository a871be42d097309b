"""A chain of layers, and the table that shows what is in a network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from minigan.autograd import Tensor, no_grad
from minigan.nn.activations import LeakyReLU, ReLU
from minigan.nn.module import Module, evaluating, traced, tracing
from minigan.nn.normalisation import BatchNorm


class Sequential(Module):
    """Layers applied one after the other. Parameters are named by position: `layers.0.weight`."""

    def __init__(self, *layers: Module) -> None:
        self.layers = list(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all layers. A (leaky) ReLU behind a batch norm is done by it, unless outputs are traced."""
        done = False
        for layer, behind in itertools.zip_longest(self.layers, self.layers[1:]):
            if done:
                done = False
            elif type(layer) is BatchNorm and type(behind) in (LeakyReLU, ReLU) and not traced():
                x, done = layer(x, behind.slope), True
            else:
                x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def describe(self) -> str:
        """The number of layers."""
        return f"{len(self.layers)} layers"


def summary(network: Module, input_shape: tuple[int, ...]) -> str:
    """A table of the layers of a network: output shape and number of parameters of each.

    `input_shape` is that of one sample, such as (100,) or (28, 28, 1). The network is left as it was.
    """
    device = network.parameters()[0].device
    with no_grad(), evaluating(network), tracing() as trace:
        network(Tensor(np.zeros((1, *input_shape), dtype=np.float32), device=device))
    layers = [(m, y) for m, y in trace if not any(m.children())]
    rows = [(repr(m), _shape(y.shape[1:]), f"{sum(p.size for p in m.parameters()):,}") for m, y in layers]
    total = f"{sum(p.size for p in network.parameters()):,}"
    rows = [("layer", "output", "parameters"), ("input", _shape(input_shape), ""), *rows, ("total", "", total)]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    rule = "-" * (sum(widths) + 4)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
