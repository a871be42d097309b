"""The one entry point for matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from minigan.backend.devices import Device, device_of
from minigan.backend.graphs import keep
from minigan.backend.namespaces import array_namespace

_multiply: ContextVar[Callable[[Any, Any], Any] | None] = ContextVar("multiply", default=None)


def matmul(a: Any, b: Any) -> Any:
    """The product of two matrices (2-D @ 2-D) or of two equally long stacks of them (3-D @ 3-D)."""
    if a.ndim == b.ndim == 2:
        if a.shape[1] == b.shape[0]:
            # An outer product, as behind a single logit, is no work for a BLAS, which takes several times as long.
            return a * b if a.shape[1] == 1 else _product(a, b)
    elif a.ndim == b.ndim == 3:
        (batch, _, inner), (batch_b, inner_b, _) = a.shape, b.shape
        if inner == inner_b and batch == batch_b:
            return _product(a, b)
    _refuse(a.shape, b.shape)


def _product(a: Any, b: Any) -> Any:
    return (_multiply.get() or array_namespace(a).matmul)(a, b)


@contextmanager
def multiplying(multiply: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Inside the block `matmul` calls this function: while a graph is captured the array library's own cannot."""
    token = _multiply.set(multiply)
    try:
        yield
    finally:
        _multiply.reset(token)


def column_sums(x: Any) -> Any:
    """The sums over the rows of a matrix (n, k): (k,). A product with ones is five times as fast as a reduction."""
    return matmul(_ones(x), x)[0]


_longest: dict[tuple[Device, Any], Any] = {}
"""The longest row of ones that was needed, for each device and dtype: no more memory than a column of its matrix."""


def _ones(x: Any) -> Any:
    """A row of ones, as many as x has rows: (1, n)."""
    key = device_of(x), x.dtype
    if key not in _longest or _longest[key].shape[1] < x.shape[0]:
        _longest[key] = array_namespace(x).ones((1, x.shape[0]), dtype=x.dtype)
    return keep(_longest[key])[:, : x.shape[0]]


def _refuse(a: tuple[int, ...], b: tuple[int, ...]) -> NoReturn:
    if len(a) != len(b) or len(a) not in (2, 3):
        raise ValueError(f"matmul: expected 2-D @ 2-D or 3-D @ 3-D, got {a} @ {b}; reshape the operands")
    if a[-1] != b[-2]:
        raise ValueError(f"matmul: cannot multiply {a} @ {b}: inner sizes {a[-1]} and {b[-2]} differ")
    raise ValueError(f"matmul: cannot multiply {a} @ {b}: batch sizes {a[0]} and {b[0]} differ")
