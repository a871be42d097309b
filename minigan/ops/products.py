"""Matrix products."""

from __future__ import annotations

from typing import Any

from minigan import backend
from minigan.autograd import op
from minigan.ops.shape import reshape, transpose


@op
def matrix_product(a, b):
    """The product of two matrices, or of two stacks of as many matrices."""
    return backend.matmul(a, b)


def matmul(a: Any, b: Any) -> Any:
    """a @ b for matrices (M, K) @ (K, N), stacks (B, M, K) @ (B, K, N), and (..., K) @ (K, N).

    Raises ValueError naming both shapes if they do not fit.
    """
    if a.ndim > 2 and b.ndim == 2:
        rows = matrix_product(reshape(a, shape=(-1, a.shape[-1])), b)
        return reshape(rows, shape=a.shape[:-1] + (b.shape[-1],))
    return matrix_product(a, b)


def _t(a: Any) -> Any:
    """Exchange the last two axes."""
    return transpose(a, axes=(1, 0) if a.ndim == 2 else (0, 2, 1))


matrix_product.vjps(
    lambda g, y, a, b: matrix_product(g, _t(b)),
    lambda g, y, a, b: matrix_product(_t(a), g),
)
