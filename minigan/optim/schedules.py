"""Schedules: how a setting, such as the learning rate, goes from `start` to `end` while a run goes from 0 to 1.

optimizer.lr = schedules["cosine"](1e-3, 1e-5, step / steps)
"""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(start: float, end: float, progress: float) -> float:
    """`start` throughout."""
    _check(progress)
    return float(start)


def linear(start: float, end: float, progress: float) -> float:
    """start (1 - p) + end p."""
    _check(progress)
    return float(start * (1 - progress) + end * progress)


def cosine(start: float, end: float, progress: float) -> float:
    """Half a cosine wave, flat at both ends: the linear one at (1 - cos(pi p)) / 2 (Loshchilov, Hutter 2017)."""
    _check(progress)
    return linear(start, end, (1 - math.cos(math.pi * progress)) / 2)


def geometric(start: float, end: float, progress: float) -> float:
    """start^(1 - p) end^p: in equal times by equal factors. Both ends must be above 0."""
    _check(progress)
    if not (start > 0 and end > 0):
        raise ValueError(f"geometric: expected start and end above 0, got {start} and {end}; use linear to reach 0")
    return float(start ** (1 - progress) * end**progress)


schedules: dict[str, Callable[[float, float, float], float]] = {
    schedule.__name__: schedule for schedule in (constant, linear, cosine, geometric)
}
"""Every schedule by name: `schedules["cosine"](start, end, progress)`, with progress from 0 to 1.

All raise ValueError for a progress that is not from 0 to 1.
"""


def _check(progress: float) -> None:
    if not 0 <= progress <= 1:
        raise ValueError(f"progress: expected the part of the run that is over, from 0 to 1, got {progress}")
