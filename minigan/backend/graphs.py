"""Whole steps as graphs: the device's part of a step is captured once and then launched at once, again and again.

A captured graph is a list of computations on fixed memory. It holds nothing that Python does: numbers in it are those
of the capture. What changes from step to step therefore enters through three doors, which are plain calls as long as
nothing is captured, and which a graph opens again, in their order, before each replay:

    from_host(draw, device)     an array that the host draws: data, latents, masks
    changing(value, like)       a number that the host computes: a learning rate, the weight of an average
    on_host(act)                something that the host keeps for itself: counting steps
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigan.backend.devices import Device, get_device, to_device
from minigan.backend.namespaces import array_namespace
from minigan.errors import DeviceError

MOST_AT_ONCE = 8
"""How many arrays CuPy joins without sending addresses."""

_current: ContextVar[Graph | None] = ContextVar("current", default=None)


def from_host(draw: Callable[[], np.ndarray], device: str | Device) -> Any:
    """What `draw()` gives, on a device. In a capture: memory that gets what it gives now, and then before each replay.

    `draw` must not carry values of this step in its closure: it is called again for later ones, and must then draw
    anew, in the same shape and dtype. It may also choose among arrays that lie on the device already.
    """
    graph = _current.get()
    return to_device(draw(), device) if graph is None else graph.array(draw)


def changing(value: Callable[[], float], like: Any) -> Any:
    """The number `value()`, to compute with the array `like`. In a capture: a 0-d array that gets it as above."""
    graph = _current.get()
    return value() if graph is None else graph.number(value, like)


def on_host(act: Callable[[], None]) -> None:
    """Call `act()`, now and before each replay."""
    graph = _current.get()
    if graph is not None:
        graph.acts.append(act)
    act()


def keep(array: Any) -> Any:
    """The array itself, made before a capture and used in it; the graph keeps its memory, whoever else lets it go."""
    graph = _current.get()
    if graph is not None:
        graph.kept.append(array)
    return array


def joined(arrays: Sequence[Any]) -> Any:
    """Flat arrays of one dtype, one after the other in a new one.

    CuPy joins more than eight by one kernel, and sends it their addresses: quick, but nothing that a graph can hold.
    """
    xp = array_namespace(arrays[0])
    if _current.get() is None or len(arrays) <= MOST_AT_ONCE:
        return xp.concatenate(arrays)
    whole, start = xp.empty(sum(a.size for a in arrays), dtype=arrays[0].dtype), 0
    for a in arrays:
        whole[start : start + a.size] = a
        start += a.size
    return whole


def require_graphs(device: Device) -> None:
    """Raise DeviceError for a device that has no graphs."""
    if device.name == "cpu":
        raise DeviceError("expected a GPU, whose steps can be captured as graphs, got device 'cpu'; use device 'cuda'")


class Graph:
    """A captured step. `refill()` does the host's part of the next step, `replay()` the device's."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.recorded: Any = None
        self.acts: list[Callable[[], None]] = []
        self.kept: list[Any] = []
        self._numbers: dict[np.dtype, _Numbers] = {}
        self._drawn: list[tuple[Any, np.ndarray]] = []

    def replay(self) -> None:
        """Run the computations of the step again: one launch."""
        with self.device.use():
            self.recorded.replay()

    def refill(self) -> None:
        """Do again what the host did while the step was captured, in the same order, and send what comes of it."""
        for act in self.acts:
            act()
        self.send()

    def send(self) -> None:
        """Send what the host gave to where the computations read it."""
        packed = [(numbers.place, numbers.values) for numbers in self._numbers.values()]
        with self.device.use():
            for place, values in (*self._drawn, *packed):
                place[...] = to_device(values, self.device)
        self._drawn.clear()

    def array(self, draw: Callable[[], np.ndarray]) -> Any:
        """Memory for what `draw()` gives."""
        values = draw()
        place = self.device.namespace.empty(values.shape, dtype=values.dtype)
        self._drawn.append((place, values))
        self.acts.append(lambda: self._drawn.append((place, draw())))
        return place

    def number(self, value: Callable[[], float], like: Any) -> Any:
        """Memory for the number `value()`, in the dtype and on the device of `like`."""
        if like.dtype not in self._numbers:
            self._numbers[like.dtype] = _Numbers(like)
        numbers = self._numbers[like.dtype]
        i = numbers.reserve()

        def act() -> None:
            numbers.values[i] = value()

        act()
        self.acts.append(act)
        return numbers.place[i]


class _Numbers:
    """All numbers of one dtype that change from step to step: one small array, one copy."""

    MOST = 1024

    def __init__(self, like: Any) -> None:
        self.values = np.zeros(self.MOST, dtype=like.dtype)
        self.place = array_namespace(like).empty(self.MOST, dtype=like.dtype)
        self.used = 0

    def reserve(self) -> int:
        if self.used == self.MOST:
            raise RuntimeError(f"a captured step can hold {self.MOST} numbers that change, but this one has more")
        self.used += 1
        return self.used - 1


class _Rehearsal(Graph):
    """Stands where a graph would, but what comes through the doors is there at once."""

    def array(self, draw: Callable[[], np.ndarray]) -> Any:
        """An array with what `draw()` gives."""
        return to_device(draw(), self.device)

    def number(self, value: Callable[[], float], like: Any) -> Any:
        """A 0-d array with the number `value()`."""
        return to_device(np.array(value(), dtype=like.dtype), self.device)


@contextlib.contextmanager
def rehearsal(device: str | Device) -> Iterator[None]:
    """Compute what the block computes as a capture would have it, but plainly.

    Kernels are compiled, libraries loaded and constants sent on first use: a capture has no place for that, and must
    come after a rehearsal of the same step.
    """
    device = get_device(device)
    require_graphs(device)
    with _recorder(device).rehearsal(device), _standing(_Rehearsal(device)):
        yield


@contextlib.contextmanager
def capture(device: str | Device) -> Iterator[Graph]:
    """Capture what the block computes on a device, without running it: `with capture("cuda") as graph: step()`.

    After the block the host has done its part of one step, and `graph.replay()` does the device's; for every further
    step, `graph.refill()` and then `graph.replay()`. Results of the block hold values once a replay has run, and each
    replay overwrites them. Arrays made by the block live as long as the graph.

    Raises DeviceError for the CPU, which has no graphs; TransferError (on the device "strict") or an error of CUDA for
    a block that reads a value back or sends one in another way than by `from_host` and `changing`.
    """
    device = get_device(device)
    require_graphs(device)
    graph = Graph(device)
    with _recorder(device).capture(device) as graph.recorded, _standing(graph):
        yield graph
    graph.send()


@contextlib.contextmanager
def _standing(graph: Graph) -> Iterator[None]:
    token = _current.set(graph)
    try:
        yield
    finally:
        _current.reset(token)


def _recorder(device: Device) -> Any:
    """The module that captures on a device: `capture(device)` and `rehearsal(device)`."""
    name = "strict.recording" if device.name == "strict" else "cuda_graph"
    return importlib.import_module(f"minigan.backend.{name}")
