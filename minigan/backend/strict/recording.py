"""Where the strict device computes: each computation is counted and, inside `capture`, recorded to run again."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
    """Computations that were captured: `replay()` runs them again, on the same memory, in the same order.

    As a CUDA graph it owns the memory that was made in the capture and knows all other by its address only.
    """

    def __init__(self) -> None:
        self._computations: list[tuple[Callable, Any, Any, Any]] = []
        self._made: dict[int, np.ndarray] = {}
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        """How many computations one replay runs."""
        return len(self._computations)

    def replay(self) -> None:
        """Run all computations again: for the host one launch. What the host did in between is not done again.

        Raises RuntimeError if memory from before the capture has been let go.
        """
        policy.count_launch()
        with np.errstate(all="ignore"):
            for function, args, kwargs, results in self._computations:
                _write(results, function(*_each(_at_address, args), **_each(_at_address, kwargs)))

    def protect(self, values: Any) -> None:
        """Note what is in the memory of these arguments, before a computation may change it."""
        for memory in _memories(values):
            root = _root(memory)
            if id(root) not in self._made and id(root) not in self._before:
                self._before[id(root)] = root, root.copy()

    def made(self, result: Any) -> None:
        """Note memory that belongs to the graph: it was not there before."""
        for root in map(_root, _memories(result)):
            if id(root) not in self._before:
                self._made[id(root)] = root

    def add(self, function: Callable, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Record a computation that has run."""
        self._computations.append((function, args, kwargs, result))

    def finish(self) -> None:
        """Leave memory as a GPU does, which runs nothing during the capture: results hold no values yet."""
        for root, before in self._before.values():
            root[...] = before
        for root in self._made.values():
            if root.dtype.kind in "fc":
                root.fill(np.nan)
        self._computations = [
            (function, _each(self._known, args), _each(self._known, kwargs), _each(self._own, results))
            for function, args, kwargs, results in self._computations
        ]
        self._before.clear()

    def _known(self, value: Any) -> Any:
        """An argument as the graph knows it."""
        is_foreign = isinstance(value, np.ndarray) and id(_root(value)) in self._before
        return _Address(value) if is_foreign else value

    def _own(self, result: Any) -> Any:
        """A result that a replay must write into; the others the computation writes itself."""
        return result if isinstance(result, np.ndarray) and id(_root(result)) in self._made else None


class _Address:
    """Memory from before a capture, which is there as long as somebody else keeps it."""

    def __init__(self, memory: np.ndarray) -> None:
        self._owner = weakref.ref(_root(memory))
        self.__array_interface__ = memory.__array_interface__

    def memory(self) -> np.ndarray:
        if self._owner() is None:
            raise RuntimeError(
                "the graph reads or writes memory that has been let go since its capture; hold it as long as the "
                "graph, or pass it through minigan.backend.keep"
            )
        return np.asarray(self)


def rehearsal(device: Any = None) -> AbstractContextManager[None]:
    """Multiply as in a capture, but plainly."""
    return multiplying(_product)


@contextmanager
def capture(device: Any = None) -> Iterator[Graph]:
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


def compute(
    name: str,
    function: Callable,
    args: Sequence[Any],
    kwargs: dict[str, Any] | None = None,
    launches: Callable[[Any], bool] = lambda result: True,
) -> Any:
    """Run `function` on NumPy arrays, the memory of strict arrays, as one computation of the device.

    Every computation of the strict device goes through here. `function` writes into its arguments or returns new
    arrays, and does both again, with the same arguments, whenever a graph is replayed. `launches(result)` says
    whether it was a computation at all, and not only a view or an allocation.
    """
    kwargs = kwargs or {}
    graph = _graph.get()
    if graph is not None:
        _refuse_in_capture(name, args)
        graph.protect((args, kwargs))
    with np.errstate(all="ignore"):  # a device never warns
        result = _each(_as_memory, function(*args, **kwargs))
    if graph is not None:
        graph.made(result)
    if launches(result):
        policy.count_launch()
        if graph is not None:
            graph.add(function, args, kwargs, result)
    return result


def _product(a: StrictArray, b: StrictArray) -> StrictArray:
    """The matrix product that a capture permits."""
    return StrictArray(compute("product", np.matmul, (a._memory, b._memory)))


def _refuse_in_capture(name: str, args: Sequence[Any]) -> None:
    if name in _CUBLAS:
        raise StrictError(f"{name}: CuPy cannot capture its matrix products; use minigan.backend.matmul")
    if name in ("concatenate", "stack") and args and len(args[0]) > MOST_AT_ONCE:
        raise TransferError(
            f"{name}: CuPy sends the addresses of more than {MOST_AT_ONCE} arrays, here {len(args[0])}, to the device, "
            "and a captured graph cannot; use minigan.backend.joined"
        )


def _as_memory(value: Any) -> Any:
    """A NumPy scalar as an array: what a computation gives is memory."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def _at_address(value: Any) -> Any:
    return value.memory() if isinstance(value, _Address) else value


def _write(results: Any, values: Any) -> None:
    """Put what a computation gave now where it gave it before."""
    if isinstance(results, np.ndarray):
        results[...] = values
    elif isinstance(results, tuple | list):
        for result, value in zip(results, values, strict=True):
            _write(result, value)


def _each(change: Callable[[Any], Any], values: Any) -> Any:
    """`change` of a value, or of each one inside tuples, lists and dicts."""
    if isinstance(values, dict):
        return {key: _each(change, value) for key, value in values.items()}
    if type(values) in (tuple, list):
        return type(values)(_each(change, value) for value in values)
    return change(values)


def _memories(values: Any) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    _each(lambda value: found.append(value) if isinstance(value, np.ndarray) else None, values)
    return found


def _root(memory: np.ndarray) -> np.ndarray:
    """The array that owns the memory of a view."""
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    return memory
