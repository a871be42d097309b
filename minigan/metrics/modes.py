"""How well points in the plane cover a mixture of round Gaussians: the scores of the 2-D ring and grid.

The protocol is that of VEEGAN (Srivastava et al. 2017, arXiv:1705.07761, section 4.1) and PacGAN (Lin et al.
2018, arXiv:1712.04086, section 4.1). A perfect sampler does not score 100 %: of a Gaussian in the plane,
1 - exp(-3^2 / 2) = 98.889 % lies within 3 std of its centre. More than that means modes narrower than the data's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minigan.errors import DataError


@dataclass(frozen=True)
class ModeReport:
    """The scores of `n` samples on a mixture of K equal Gaussians. High-quality: within `radius` std of a centre."""

    n: int
    """How many samples were scored."""
    modes: int
    """How many of the K modes have a high-quality sample; a perfect sampler finds all."""
    high_quality: float
    """The share of high-quality samples; 1 - exp(-radius^2 / 2) for a perfect sampler."""
    reverse_kl: float
    """KL(h, uniform) = log K - entropy of h, the histogram of the high-quality samples over the modes, in nats.

    From 0 (even) to log K (one mode); about (K - 1) / (2 n) for a perfect sampler, from chance alone. NaN where
    no sample is of high quality, since then there is no histogram.
    """
    spread: float
    """The std of the high-quality samples about the mean of their own mode, in units of the data's std.

    Pooled over modes and coordinates: sqrt(sum |x - mean_k|^2 / (2 (count - modes))). For a perfect sampler it is
    that of a Gaussian cut off at `radius`, 0.974 for 3; well below, each mode has collapsed within itself. NaN
    where no mode has two samples.
    """
    off_mode_kl: float
    """KL(h', p') over K + 1 bins: the K modes, and one for all samples that are not of high quality.

    p' is the perfect sampler's (1 - exp(-radius^2 / 2)) / K for each mode, the rest for the last bin: one number
    for both faults, modes missed and samples astray. At most radius^2 / 2 if every sample is astray.
    """


def count_modes(samples: np.ndarray, centres: np.ndarray, std: float, radius: float = 3.0) -> ModeReport:
    """Score samples `(n, 2)` on the mixture of round Gaussians of one `std` about `centres` `(K, 2)`.

    A sample belongs to the centre nearest to it (Euclidean distance), and is of high quality nearer than
    `radius * std`. A sample that is not finite is of no mode.

    Raises DataError for arrays of other shapes, no samples or centres, centres that are not finite or whose
    modes overlap (nearer than `2 * radius * std`: the count would be of chance), a `std` or `radius` not above 0.
    """
    samples, centres = _points("samples", samples), _points("centres", centres)
    for name, value in (("std", std), ("radius", radius)):
        if not 0 < value < math.inf:
            raise DataError(f"{name}: expected a number above 0, got {value}")
    _refuse_overlap(centres, 2 * radius * std)
    distances = np.linalg.norm(samples[:, None] - centres, axis=2)
    nearest = distances.argmin(axis=1)
    is_good = distances[np.arange(len(samples)), nearest] < radius * std
    good, mode = samples[is_good], nearest[is_good]
    counts = np.bincount(mode, minlength=len(centres))
    outside = math.exp(-(radius**2) / 2)
    perfect = np.append(np.full(len(centres), (1 - outside) / len(centres)), outside)
    return ModeReport(
        n=len(samples),
        modes=int((counts > 0).sum()),
        high_quality=float(is_good.mean()),
        reverse_kl=_kl(counts, np.full(len(centres), 1 / len(centres))),
        spread=_pooled_std(good, mode, counts) / std,
        off_mode_kl=_kl(np.append(counts, len(samples) - len(good)), perfect),
    )


def _kl(counts, p):
    """KL(counts / n, p), NaN for no counts at all."""
    n = counts.sum()
    if n == 0:
        return math.nan
    q = counts[counts > 0] / n
    return max(0.0, float((q * np.log(q / p[counts > 0])).sum()))  # rounding alone can make it negative


def _pooled_std(points, mode, counts):
    """The std of points about the mean of their mode, unbiased: each mean costs one degree of freedom."""
    freedom = 2 * (counts.sum() - (counts > 0).sum())
    if freedom == 0:
        return math.nan
    sums = np.zeros((len(counts), 2))
    np.add.at(sums, mode, points)
    means = sums / np.maximum(counts, 1)[:, None]
    return math.sqrt(np.square(points - means[mode]).sum() / freedom)


def _points(name, array):
    points = np.asarray(array, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise DataError(f"{name}: expected points of shape (N, 2), N at least 1, got {points.shape}")
    return points


def _refuse_overlap(centres, least):
    if not np.isfinite(centres).all():
        raise DataError("centres: expected finite numbers, got NaN or infinity")
    apart = np.linalg.norm(centres[:, None] - centres, axis=2)
    np.fill_diagonal(apart, math.inf)
    i, j = sorted(np.unravel_index(apart.argmin(), apart.shape))
    if apart[i, j] < least:
        raise DataError(
            f"centres: expected all at least {least:g} apart (2 radius std), got {i} and {j} only {apart[i, j]:.3g} "
            "apart; their modes cannot be told from each other. For a ring, 2 pi i / K gives K distinct angles; "
            "linspace(0, 2 pi, K) counts its end twice"
        )
