"""Gradient clipping: bounds on the length of a step (Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063).

    optimizer.step(clip_by_global_norm(mg.grad(loss, network.parameters()), 1.0))

Values that are not a number stay so: clipping hides no failure.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

from minigan.autograd import Tensor, no_grad
from minigan.ops import maximum, minimum, sqrt


def clip_by_value(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Each value to the nearest in [-limit, limit]. This may turn the direction of the step.

    Raises ValueError for a limit that is not above 0 and for a gradient None.
    """
    _check(gradients, limit)
    with no_grad():
        return [minimum(maximum(g, -limit), limit) for g in gradients]


def clip_by_global_norm(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """All gradients times min(1, limit / |g|), |g| the norm over all of them (Pascanu et al., algorithm 1).

    The direction stays, the length is `limit` at most. The norm is never read back to the host.
    Raises ValueError for a limit that is not above 0 and for a gradient None.
    """
    _check(gradients, limit)
    with no_grad():
        length = sqrt(functools.reduce(operator.add, [(g * g).sum() for g in gradients]))
        factor = limit / maximum(length, limit)
        return [g * factor for g in gradients]


def _check(gradients: Sequence[Tensor | None], limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"limit: expected a number above 0, got {limit}")
    if not gradients:
        raise ValueError("expected at least one gradient, got an empty list")
    for i, g in enumerate(gradients):
        if g is None:
            raise ValueError(f"gradient {i} is None: the loss does not depend on that parameter")
