"""What a processor's memory wants: large arrays kept for the next ones, long passes cut into pieces."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

CACHED = 2**16
"""How many elements of each of a few arrays stay in a processor's cache between two passes over them."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
_ONE_GIB, _NEVER = 2**30, 2**31 - 1


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep memory that it frees, and use it again. Returns whether the system could be told so.

    A training step makes and frees the same large arrays again and again. By default the C library gives such
    memory back to the operating system, which hands out new pages, cleared one by one, for the next array: an
    eighth to a quarter of a step. Kept, it is a pool of buffers that nobody has to manage. Where there is no
    `mallopt` (macOS, Windows, musl) nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _ONE_GIB) and mallopt(_M_TRIM_THRESHOLD, _NEVER))


def in_cache(x: Any) -> Iterator[slice]:
    """Pieces of a flat array over which a formula of many passes runs from the cache; all of it on a device."""
    step = CACHED if isinstance(x, np.ndarray) else max(1, x.size)
    return (slice(start, start + step) for start in range(0, x.size, step))
