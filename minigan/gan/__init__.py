"""The adversarial part: losses and penalties."""

from minigan.gan.losses import Loss, Minimax, NonSaturating, Wasserstein, losses
from minigan.gan.penalties import gradient_penalty, input_gradient_norm, no_penalty, penalties

__all__ = [
    "Loss",
    "Minimax",
    "NonSaturating",
    "Wasserstein",
    "gradient_penalty",
    "input_gradient_norm",
    "losses",
    "no_penalty",
    "penalties",
]
