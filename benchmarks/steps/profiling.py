"""Where the time of a step goes: each op with its gradient rules, matrix products apart, the optimizer, the rest."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from benchmarks.steps import products
from benchmarks.steps.ours import make_trainer
from benchmarks.steps.timing import CLOCKS, digits
from benchmarks.steps.workloads import WORKLOADS
from minigan import nn
from minigan.autograd.op import registry
from minigan.training import Trainer

WORKLOADS_HERE = ("dcgan28",)
PRODUCTS, TRANSFORMS, REST = "matrix products", "transforms of fast convolutions", "all else: recording, the graph"
LEAST = 0.005
"""What takes a smaller part is shown together."""


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each workload and part of its step ms and share, the largest first."""
    progress.reset(total=len(options.only))
    for name in options.only:
        trainer = make_trainer(WORKLOADS[name])
        trainer.step()
        spent = measure(trainer, options.blocks, CLOCKS[options.clock])
        total = sum(spent.values())
        small = [part for part, seconds in spent.items() if seconds < LEAST * total and part != REST]
        spent["small parts"] = sum(spent.pop(part) for part in small)
        progress.update()
        for part, seconds in spent.most_common():
            yield f"{name}: {part}", {"ms": digits(1e3 * seconds), "share, %": digits(100 * seconds / total)}


def measure(trainer: Trainer, steps: int, clock: Callable[[], float]) -> Counter[str]:
    """Seconds of one step, the mean of several, by part."""
    watch = Stopwatch(clock)
    with contextlib.ExitStack() as stack:
        for op in registry.values():
            label = f"{op.name}, without its products" if op.name.startswith("conv") else op.name
            parts = {"forward": watch.timed(label, op.forward)}
            if op.rules:
                parts["rules"] = tuple(rule and watch.timed(label, rule) for rule in op.rules)
            if op.rule_for_each:
                parts["rule_for_each"] = watch.timed(label, op.rule_for_each)
            if op.array_rule:
                parts["array_rule"] = watch.timed(label, op.array_rule)
            stack.enter_context(mock.patch.multiple(op, **parts))
        stack.enter_context(products.watching(lambda module, product: _product(watch, module, product)))
        stack.enter_context(mock.patch.object(nn.Dropout, "forward", watch.timed("dropout masks", nn.Dropout.forward)))
        for optimizer in (trainer.g_optimizer, trainer.d_optimizer):
            stack.enter_context(mock.patch.object(optimizer, "step", watch.timed("optimizer", optimizer.step)))
        step = watch.timed(REST, trainer.step)
        for _ in range(steps):
            step()
    return Counter({label: seconds / steps for label, seconds in watch.spent.items()})


class Stopwatch:
    """Time by label; what runs inside a timed function under a label of its own does not count for the outer one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock, self.spent, self.inside = clock, Counter(), [0.0]

    def timed(self, label: str, function: Callable) -> Callable:
        """The function, its time noted."""

        def call(*args: Any, **settings: Any) -> Any:
            self.inside.append(0.0)
            start = self.clock()
            try:
                return function(*args, **settings)
            finally:
                seconds = self.clock() - start
                self.spent[label] += seconds - self.inside.pop()
                self.inside[-1] += seconds

        return call


def _product(watch: Stopwatch, module: str, product: Callable) -> Callable:
    plain, transform = watch.timed(PRODUCTS, product), watch.timed(TRANSFORMS, product)
    return lambda a, b: (transform if products.is_transform(module, a) else plain)(a, b)
