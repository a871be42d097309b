"""Each algorithm of a convolution: its error beside float64, and the time of the three maps of a training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import minigan as mg
from benchmarks.steps.timing import CLOCKS, digits, median_seconds
from minigan import ops
from minigan.ops.conv_algorithms import ALGORITHMS, choose
from minigan.ops.conv_geometry import Geometry, conv_output_size, pair


class Case(NamedTuple):
    """Samples, height and width, channels in and out, kernel, stride, padding."""

    samples: int
    side: int
    channels: tuple[int, int]
    kernel: int
    stride: int
    padding: int

    def algorithm(self, name: str | None) -> Any:
        """What computes this convolution, by name or by the library's choice; ValueError if it cannot."""
        kernel, stride, padding = (pair(n) for n in (self.kernel, self.stride, self.padding))
        output = conv_output_size(pair(self.side), kernel, stride, padding)
        geometry = Geometry(pair(self.side), kernel, output, stride, padding)
        return choose(name, geometry, self.samples, self.channels)

    def is_treated_by(self, name: str) -> bool:
        """Whether the algorithm can: a kernel may be too large for its tiles."""
        try:
            return self.algorithm(name) is not None
        except ValueError:
            return False

    def __str__(self) -> str:
        c, o = self.channels
        return f"{self.kernel}x{self.kernel} s{self.stride}, {self.side}x{self.side}, {c} to {o}, batch {self.samples}"


CASES = (
    Case(64, 28, (1, 64), 5, 2, 2),
    Case(64, 14, (64, 128), 5, 2, 2),
    Case(64, 7, (128, 256), 5, 1, 2),
    Case(64, 14, (32, 64), 4, 2, 1),
    Case(32, 64, (3, 64), 4, 2, 1),
    Case(32, 32, (64, 128), 4, 2, 1),
    Case(32, 16, (128, 256), 4, 2, 1),
    Case(32, 8, (256, 512), 4, 2, 1),
    Case(32, 32, (64, 64), 3, 1, 1),
    Case(32, 16, (128, 128), 3, 1, 1),
    Case(32, 8, (256, 256), 3, 1, 1),
    Case(32, 16, (64, 64), 1, 1, 0),
)


def study(options: Any, progress: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each geometry the library's choice, ms of all three maps by algorithm, and the largest relative error."""
    progress.reset(total=len(CASES))
    for case in CASES:
        exact, times, errors = maps(case, "direct", "float64")(), {}, {}
        treating = [name for name in ALGORITHMS if case.is_treated_by(name)]
        for name in treating:
            step = maps(case, name, "float32")
            found = zip(step(), exact, strict=True)
            errors[f"{name}, error"] = digits(max(float(abs(a - b).max() / abs(b).max()) for a, b in found))
            times[f"{name}, ms"] = digits(1e3 * median_seconds(step, CLOCKS[options.clock], options.blocks))
        chosen = next(name for name in treating if case.algorithm(name) is case.algorithm(None))
        progress.update()
        yield str(case), {"chosen": chosen} | times | errors


def maps(case: Case, algorithm: str | None, dtype: str) -> Callable[[], list[np.ndarray]]:
    """What computes the output and both gradients of a convolution, always of the same numbers."""
    rng, (c, o) = np.random.default_rng(0), case.channels
    x, w = (
        mg.Tensor(rng.standard_normal(shape, dtype=np.float32).astype(dtype), requires_grad=True)
        for shape in ((case.samples, case.side, case.side, c), (case.kernel, case.kernel, c, o))
    )

    def step() -> list[np.ndarray]:
        y = ops.conv2d(x, w, stride=case.stride, padding=case.padding, algorithm=algorithm)
        return [y.data, *(g.data for g in mg.grad(y, [x, w], grad_output=seed(y.shape)))]

    kept = {}

    def seed(shape: tuple[int, ...]) -> np.ndarray:
        if shape not in kept:
            kept[shape] = np.random.default_rng(1).standard_normal(shape, dtype=np.float32).astype(dtype)
        return kept[shape]

    return step
