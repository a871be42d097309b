"""Averaging of a network over its training."""

from __future__ import annotations

import copy
from collections.abc import Callable

from minigan.autograd import no_grad
from minigan.backend import changing
from minigan.nn import Module, ParameterBuffer, SpectralNorm

GAMMA = 16


class Average:
    """A copy of a network that follows it as a moving average, buffers (running statistics) included:

        average <- beta_t average + (1 - beta_t) network,    1 - beta_t = (gamma + 1) / (gamma + t)

    after step t. This is polynomial-decay averaging (Shamir, Zhang 2013, section 4): step s has weight about
    s^gamma, so the window is always the last 1 / (gamma + 2) of the run so far, 6 %, however long the run is.
    A constant beta, such as 0.999, would still hold the random start when a short run ends.
    """

    def __init__(self, network: Module) -> None:
        self.network = copy.deepcopy(network)
        self.network.eval()
        self.buffer = ParameterBuffer(self.network.parameters())

    def update(self, network: Module, t: int | Callable[[], int]) -> None:
        """Follow the network after its step t = 1, 2, ...; at t = 1 the average becomes its equal.

        In a captured step t must be a function that says which step it is.
        """
        rate, kept = (changing(value, self.buffer.data) for value in _weights(t))
        with no_grad():
            own = [self.buffer.data, *(b for _, b in self.network.named_buffers())]
            new = [ParameterBuffer.of(network.parameters()).data, *(b for _, b in network.named_buffers())]
            for average, value in zip(own, new, strict=True):
                average *= kept
                average += rate * value
        for module in self.network.modules():
            if isinstance(module, SpectralNorm):
                module.iterate()  # an average of unit vectors is none


def _weights(t: int | Callable[[], int]) -> tuple[Callable[[], float], Callable[[], float]]:
    """1 - beta_t, and beta_t."""

    def new() -> float:
        return (GAMMA + 1) / (GAMMA + (t() if callable(t) else t))

    return new, lambda: 1 - new()
