"""The Wasserstein-1 distance on the line, where it has a closed form."""

from __future__ import annotations

import numpy as np

from minigan.errors import DataError


def wasserstein_1d(x: np.ndarray, y: np.ndarray) -> float:
    """W1 of two samples of numbers `(n,)` and `(m,)`: the integral over u in [0, 1] of |F^-1(u) - G^-1(u)|.

    F^-1 and G^-1 are the quantile functions, step functions here, and the integral is exact. On the line the
    best transport keeps the order (Vallender 1974), so for n = m it is the mean of |x_(i) - y_(i)|.

    Raises DataError for arrays of another shape, empty, or not finite.
    """
    x, y = _sorted("x", x), _sorted("y", y)
    # F^-1 is x_(i) on ((i - 1) / n, i / n]. Equal fractions i / n = j / m are equal floats too, both being rounded
    # correctly, so that no sliver is left between them.
    x_ends, y_ends = (np.arange(1, len(a) + 1) / len(a) for a in (x, y))
    ends = np.union1d(x_ends, y_ends)
    gaps = np.abs(x[np.searchsorted(x_ends, ends)] - y[np.searchsorted(y_ends, ends)])
    return float(gaps @ np.diff(ends, prepend=0))


def _sorted(name, array):
    values = np.asarray(array, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise DataError(f"{name}: expected finite numbers of shape (N,), N at least 1, got shape {values.shape}")
    return np.sort(values)
