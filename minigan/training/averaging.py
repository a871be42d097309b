"""Averaging of a network over its training."""

from __future__ import annotations

import copy

from minigan.autograd import no_grad
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
        self._parameters = ParameterBuffer(self.network.parameters())

    def update(self, network: Module, t: int) -> None:
        """Follow the network after its step t = 1, 2, ...; at t = 1 the average becomes its equal."""
        rate = (GAMMA + 1) / (GAMMA + t)
        with no_grad():
            own = [self._parameters.data, *(b for _, b in self.network.named_buffers())]
            new = [ParameterBuffer.of(network.parameters()).data, *(b for _, b in network.named_buffers())]
            for average, value in zip(own, new, strict=True):
                average *= 1 - rate
                average += rate * value
        for module in self.network.modules():
            if isinstance(module, SpectralNorm):
                module.iterate()  # an average of unit vectors is none
