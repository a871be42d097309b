"""What strict arrays refuse, when host and device may exchange data, and how often they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

POLICIES = ("allow", "explicit", "forbid")

_policy: ContextVar[str] = ContextVar("policy", default="explicit")
_READ, _SEND = "read it after a replay", "do it before, or let minigan.backend.from_host do it before each replay"
_counters: ContextVar[tuple[Counts, ...]] = ContextVar("counters", default=())


class StrictError(TypeError):
    """Code that works on NumPy alone: CuPy refuses it, or quietly computes something else."""


class TransferError(RuntimeError):
    """A copy between host and device that the policy in force does not permit."""


@dataclass
class Counts:
    """How often host and device met: copies to the device, copies to the host, computations started."""

    h2d: int = 0
    d2h: int = 0
    launches: int = 0


@contextmanager
def counting() -> Iterator[Counts]:
    """Count what happens on the strict device inside the block; blocks may be nested."""
    counts = Counts()
    token = _counters.set((*_counters.get(), counts))
    try:
        yield counts
    finally:
        _counters.reset(token)


@contextmanager
def transfers(policy: str) -> Iterator[None]:
    """Set which transfers are permitted inside the block.

    "allow" permits all that CuPy permits, "explicit" (the default) only those that say so: `to_host`,
    `to_device`, `.get()`, `.set()`, `asnumpy`, `asarray` of host data. "forbid" permits none, like the
    capture of a CUDA graph; a training step must run under it.
    """
    if policy not in POLICIES:
        raise ValueError(f"transfers(policy): expected one of {POLICIES}, got {policy!r}")
    token = _policy.set(policy)
    try:
        yield
    finally:
        _policy.reset(token)


@contextmanager
def capturing() -> Iterator[None]:
    """Permit no transfer inside the block, since a graph cannot hold one."""
    token = _policy.set("capture")
    try:
        yield
    finally:
        _policy.reset(token)


def count_launch() -> None:
    """Note one computation on the device."""
    for counts in _counters.get():
        counts.launches += 1


def to_host(action: str, explicit: bool = False) -> None:
    """Note that `action` reads device memory, or refuse it."""
    _permit(f"{action} copies from device to host", "minigan.backend.to_host(x) or x.get()", _READ, explicit)
    for counts in _counters.get():
        counts.d2h += 1


def to_device(action: str, explicit: bool = False) -> None:
    """Note that `action` writes device memory from the host, or refuse it."""
    _permit(f"{action} copies from host to device", "minigan.backend.to_device(x, device)", _SEND, explicit)
    for counts in _counters.get():
        counts.h2d += 1


def _permit(transfer: str, remedy: str, in_capture: str, explicit: bool) -> None:
    policy = _policy.get()
    if policy == "forbid":
        raise TransferError(f"{transfer}, and transfers('forbid') permits none here; move it out of the block")
    if policy == "capture":
        raise TransferError(f"{transfer}, and a captured graph cannot; {in_capture}")
    if policy == "explicit" and not explicit:
        raise TransferError(f"{transfer} without saying so; use {remedy}, or avoid it")
