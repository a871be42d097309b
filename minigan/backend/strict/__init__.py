"""The `strict` device: checks, without a GPU, that code would run on one.

NumPy computes, but only what CuPy has exists, nothing moves between host and device unasked, and what CuPy
leaves undefined is an error:

    from minigan.backend import strict

    with strict.transfers("forbid"), strict.counting() as counts:
        train_step(...)
    print(counts.launches)
"""

from minigan.backend.strict.array import StrictArray
from minigan.backend.strict.namespace import xp
from minigan.backend.strict.policy import Counts, StrictError, TransferError, counting, transfers
from minigan.backend.strict.recording import Graph, capture, compute

__all__ = [
    "Counts",
    "Graph",
    "StrictArray",
    "StrictError",
    "TransferError",
    "capture",
    "compute",
    "counting",
    "transfers",
    "xp",
]
