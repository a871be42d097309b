"""A look at every matrix product: all of them go through `minigan.backend.matmul`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigan.backend import matmul


@contextlib.contextmanager
def watching(wrap: Callable[[str, Callable], Callable]) -> Iterator[None]:
    """Inside the block every module of the library that uses `matmul` has `wrap(name of the module, matmul)`."""
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == "minigan"]
    users = [m for m in modules if getattr(m, "matmul", None) is matmul]
    for module in users:
        module.matmul = wrap(module.__name__, matmul)
    try:
        yield
    finally:
        for module in users:
            module.matmul = matmul


def operations(a: Any, b: Any) -> int:
    """Multiplications and additions of a product: 2 m k n, for each of a stack."""
    stack = len(b) if b.ndim == 3 else 1
    return 2 * stack * a.shape[-2] * a.shape[-1] * b.shape[-1]


def count(step: Callable[[], Any]) -> int:
    """The operations in all matrix products of a step."""
    total = 0

    def wrap(module: str, product: Callable) -> Callable:
        def counted(a: Any, b: Any) -> Any:
            nonlocal total
            total += operations(a, b)
            return product(a, b)

        return counted

    with watching(wrap):
        step()
    return total


def is_transform(module: str, a: np.ndarray) -> bool:
    """Whether a product is one with a constant of a fast convolution: there, plain matrices on the left."""
    return module.endswith("conv_bilinear") and a.ndim == 2
