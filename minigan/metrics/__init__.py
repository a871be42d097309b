"""Evaluation, on the host: how well generated points cover a mixture, and how far two samples lie apart."""

from minigan.metrics.modes import ModeReport, count_modes
from minigan.metrics.wasserstein import wasserstein_1d

__all__ = ["ModeReport", "count_modes", "wasserstein_1d"]
