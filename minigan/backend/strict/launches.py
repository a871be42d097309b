"""Where the strict device computes: each computation is counted and, inside `capture`, recorded to run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigan.backend.graphs import MOST_AT_ONCE
from minigan.backend.products import multiplying
from minigan.backend.strict import policy
from minigan.backend.strict.array import StrictArray
from minigan.backend.strict.policy import StrictError, TransferError

_graph: ContextVar[Graph | None] = ContextVar("graph", default=None)

_CUBLAS = frozenset({"dot", "einsum", "inner", "matmul", "tensordot", "vdot"})


class Graph:
    """Computations that were captured: `replay()` runs them again, on the same memory, in the same order."""

    def __init__(self) -> None:
        self._computations: list[tuple[Callable, Sequence[Any], dict[str, Any], Any]] = []
        self._before: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}

    def __len__(self) -> int:
        """How many computations one replay runs."""
        return len(self._computations)

    def replay(self) -> None:
        """Run all computations again: for the host one launch. What the host did in between is not done again."""
        policy.count_launch()
        with np.errstate(all="ignore"):
            for function, args, kwargs, results in self._computations:
                _write(results, function(*args, **kwargs))

    def protect(self, values: Any) -> None:
        """Note what is in the memory of these arguments, before a computation may change it."""
        for memory in _memories(values):
            root = _root(memory)
            if id(root) not in self._before:
                self._before[id(root)] = root, root.copy()

    def made(self, result: Any) -> None:
        """Note memory that belongs to the graph."""
        for memory in _memories(result):
            root = _root(memory)
            self._before.setdefault(id(root), (root, None))

    def add(self, function: Callable, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Record a computation that has run."""
        self._computations.append((function, args, kwargs, result))

    def finish(self) -> None:
        """Leave memory as a GPU does, which runs nothing during the capture: results hold no values yet."""
        for root, before in self._before.values():
            if before is not None:
                root[...] = before
            elif root.dtype.kind in "fc":
                root.fill(np.nan)
        self._before.clear()


@contextmanager
def capture() -> Iterator[Graph]:
    """Record what the strict device computes inside the block, as the capture of a CUDA graph does.

    Nothing has happened on the device when the block ends: only `replay()` runs what was recorded. What Python does
    inside the block, such as counting steps, is done once and never again; numbers are those of the capture. Copies
    between host and device are refused (TransferError), and so are matrix products that do not go through
    `minigan.backend.matmul`, since CuPy cannot capture its own.
    """
    if _graph.get() is not None:
        raise RuntimeError("capture: expected no other capture in progress; captures cannot be nested")
    graph = Graph()
    token = _graph.set(graph)
    try:
        with policy.capturing(), multiplying(_product):
            yield graph
    finally:
        _graph.reset(token)
        graph.finish()


def launch(
    name: str,
    function: Callable,
    args: Sequence[Any],
    kwargs: dict[str, Any] | None = None,
    computes: Callable[[Any], bool] = lambda result: True,
) -> Any:
    """Run `function` on NumPy arrays, the memory of strict arrays, as one computation of the device.

    Every computation of the strict device goes through here. `function` writes into its arguments or returns new
    arrays, and does both again, with the same arguments, whenever a graph is replayed. `computes(result)` says
    whether it was a computation at all, and not only a view or an allocation.
    """
    kwargs = kwargs or {}
    graph = _graph.get()
    if graph is not None:
        _refuse_in_capture(name, args)
        graph.protect((args, kwargs))
    with np.errstate(all="ignore"):  # a device never warns
        result = _as_memory(function(*args, **kwargs))
    if graph is not None:
        graph.made(result)
    if computes(result):
        policy.count_launch()
        if graph is not None:
            graph.add(function, args, kwargs, result)
    return result


def _product(a: StrictArray, b: StrictArray) -> StrictArray:
    """The matrix product that a capture permits."""
    return StrictArray(launch("product", np.matmul, (a._memory, b._memory)))


def _refuse_in_capture(name: str, args: Sequence[Any]) -> None:
    if name in _CUBLAS:
        raise StrictError(f"{name}: CuPy cannot capture its matrix products; use minigan.backend.matmul")
    if name in ("concatenate", "stack") and args and len(args[0]) > MOST_AT_ONCE:
        raise TransferError(
            f"{name}: CuPy sends the addresses of more than {MOST_AT_ONCE} arrays, here {len(args[0])}, to the device, "
            "and a captured graph cannot; use minigan.backend.joined"
        )


def _as_memory(result: Any) -> Any:
    """NumPy scalars as arrays: what a computation gives is memory, also inside tuples and lists."""
    if isinstance(result, np.generic):
        return np.asarray(result)
    if type(result) in (tuple, list):
        return type(result)(_as_memory(each) for each in result)
    return result


def _write(results: Any, values: Any) -> None:
    """Put what a computation gave now where it gave it before."""
    if isinstance(results, np.ndarray):
        if values is not results:
            results[...] = values
    elif isinstance(results, tuple | list):
        for result, value in zip(results, values, strict=True):
            _write(result, value)


def _memories(values: Any) -> Iterator[np.ndarray]:
    if isinstance(values, np.ndarray):
        yield values
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _memories(value)
    elif isinstance(values, dict):
        yield from _memories(tuple(values.values()))


def _root(memory: np.ndarray) -> np.ndarray:
    """The array that owns the memory of a view."""
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    return memory
