"""Questions that only a device can answer, and that decide how this library treats it.

Each has a function that gives figures. A function raises Ended where a control shows that its answer would mean
nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu.machine import repeated
from benchmarks.gpu.ours import make_ours, same_weights
from benchmarks.gpu.outcomes import FAILED, Ended
from benchmarks.steps.timing import digits

CALLS, CHAIN, STEPS = 1000, 200, 10


def launch_cost(machine: Any) -> dict[str, Any]:
    """Microseconds of small calls, one after the other: all of it, and what the host spends."""
    xp, rng = machine.xp, np.random.default_rng(0)
    a = xp.asarray(rng.standard_normal((64, 64), dtype=np.float32))
    b, latents = xp.empty_like(a), rng.standard_normal((64, 100), dtype=np.float32)
    calls = {
        "a + a": lambda: a + a,
        "add(a, a, out=b)": lambda: xp.add(a, a, out=b),
        "a.sum()": lambda: a.sum(),
        "matmul(a, a)": lambda: xp.matmul(a, a),
        "asarray(64 x 100 on the host)": lambda: xp.asarray(latents),
    }
    found = {}
    for name, call in calls.items():
        many = repeated(call, CALLS)
        many()
        seconds = machine.seconds(many)
        found[f"{name}, us"] = digits(1e6 * seconds.device / CALLS)
        found[f"{name}, host, us"] = digits(1e6 * seconds.host / CALLS)
    return found


def waiting(machine: Any) -> dict[str, Any]:
    """Which calls wait until the device has done all that came before."""
    xp, rng = machine.xp, np.random.default_rng(0)
    x = xp.asarray(rng.standard_normal((64, 784), dtype=np.float32))
    latents, images = (rng.standard_normal((64, n), dtype=np.float32) for n in (100, 64 * 64 * 3))
    found = {
        "x + x (it must not)": machine.waits(lambda: x + x),
        "float(x.sum()) (it must)": machine.waits(lambda: x.sum().get()),
        "x[mask] = number": machine.waits(lambda: x.__setitem__(x > 9, 0.0)),
        "asarray(latents from the host)": machine.waits(lambda: xp.asarray(latents)),
        "asarray(images from the host)": machine.waits(lambda: xp.asarray(images)),
    }
    if list(found.values())[:2] != [False, True]:
        raise Ended(FAILED, "the controls say that this cannot tell what waits", found)
    return found


def products(machine: Any) -> dict[str, Any]:
    """10^12 operations a second of products, single and in stacks, plain and transposed; and the memory that they
    take beyond their result, which shows copies, in parts of an operand.
    """
    xp, n = machine.xp, machine.size // 8
    x = xp.asarray(np.random.default_rng(0).standard_normal((16, n, n), dtype=np.float32))
    square = x.reshape(4 * n, 4 * n)
    pairs = {
        "single": (square, square),
        "single, transposed": (square.T, square.T),
        "stack of 16": (x, x),
        "stack, transposed": (x.transpose(0, 2, 1), x.transpose(0, 2, 1)),
    }
    found = {}
    for name, (a, b) in pairs.items():
        xp.matmul(a, b)
        with machine.watching() as memory:
            xp.matmul(a, b)
        seconds = machine.seconds(repeated(lambda a=a, b=b: xp.matmul(a, b), STEPS)).device / STEPS
        found[f"{name}, 10^12/s"] = digits(2 * a.size * b.shape[-1] / seconds / 1e12)
        found[f"{name}, copied"] = digits(max(0, memory.peak - a.nbytes) / a.nbytes)
    return found


def accuracy(machine: Any) -> dict[str, Any]:
    """Relative errors of float32 products of size 1024, without and with TF32."""
    xp = machine.xp
    x = xp.asarray(np.random.default_rng(0).standard_normal((2, 1024, 1024), dtype=np.float32))
    exact = xp.matmul(x[0].astype("float64"), x[1].astype("float64"))
    norm = lambda a: float((a * a).sum().get()) ** 0.5
    found = {}
    for name, tf32 in (("float32", False), ("TF32", True)):
        with machine.multiplying(tf32):
            found[f"single, {name}"] = digits(norm(xp.matmul(x[0], x[1]) - exact) / norm(exact))
            found[f"stack, {name}"] = digits(norm(xp.matmul(x[:1], x[1:])[0] - exact) / norm(exact))
    return found


def ceilings(machine: Any) -> dict[str, Any]:
    """The speed of a large product and of large copies: what no step can beat."""
    xp, n = machine.xp, machine.size
    host = np.random.default_rng(0).standard_normal((n, n), dtype=np.float32)
    a, found = xp.asarray(host), {}
    b = xp.empty_like(a)
    for name, tf32 in (("float32", False), ("TF32", True)):
        with machine.multiplying(tf32):
            seconds = _each(machine, lambda: xp.matmul(a, a, out=b))
        found[f"product, {name}, 10^12/s"] = digits(2 * n**3 / seconds / 1e12)
    large = xp.concatenate([a] * 8)
    other = xp.empty_like(large)
    copied = _each(machine, lambda: other.__setitem__(..., large))
    found["copy on the device, GB/s"] = digits(2 * large.nbytes / copied / 1e9)
    found["copy from the host, GB/s"] = digits(a.nbytes / _each(machine, lambda: xp.asarray(host)) / 1e9)
    return found


def pool(machine: Any) -> dict[str, Any]:
    """Whether a warm training step still asks the driver for memory, which is slow."""
    trainer = make_ours(machine, "dcgan28-nodropout")
    for _ in range(STEPS):
        trainer.step()
    with machine.watching() as memory:
        for _ in range(STEPS):
            trainer.step()
    return {"steps": STEPS, "requests to the driver": memory.requests}


def repetition(machine: Any) -> dict[str, Any]:
    """Whether two runs with one seed end with the same weights, bit for bit."""
    pair = [make_ours(machine, "dcgan28") for _ in range(2)]
    for trainer, _ in itertools.product(pair, range(STEPS)):
        trainer.step()
    return {"steps": STEPS, "bit for bit": same_weights(*pair)}


def chain(machine: Any) -> dict[str, Any]:
    """Microseconds of each of many small kernels, launched one by one and as a graph."""
    x = machine.xp.ones((64, 64), dtype="float32")

    def work() -> Any:
        y = x
        for _ in range(CHAIN):
            y = y * 1.0001
        return y

    found = {}
    for name, run in (("one by one, us", work), ("as a graph, us", machine.captured(work))):
        found[name] = digits(1e6 * _each(machine, run) / CHAIN)
    return found


def refusal(machine: Any) -> dict[str, Any]:
    """Whether CuPy's own products can be captured."""
    x = machine.xp.ones((64, 64), dtype="float32")
    try:
        machine.captured(lambda: machine.xp.matmul(x, x))
    except Exception as error:
        return {"matmul can be captured": False, "because": f"{type(error).__name__}: {error}"[:200]}
    return {"matmul can be captured": True}


QUESTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "What does a launch cost?": launch_cost,
    "What waits for the device?": waiting,
    "Are transposed matrices copied?": products,
    "How accurate are products?": accuracy,
    "How fast is the device at most?": ceilings,
    "Does a step ask the driver for memory?": pool,
    "Do runs repeat bit for bit?": repetition,
    "What does a graph save?": chain,
    "Can CuPy's products be captured?": refusal,
}
"""The last one may spoil the process."""


def measure(machine: Any, what: str, seconds: float) -> dict[str, Any]:
    """The answer to one question."""
    return QUESTIONS[what](machine)


def _each(machine: Any, call: Callable[[], Any]) -> float:
    """Seconds of one of several calls, after one to warm up."""
    call()
    return machine.seconds(repeated(call, STEPS)).device / STEPS
