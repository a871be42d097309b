"""`Kernel`: a formula for every element, written twice, for NumPy and in CUDA.

On a device every NumPy-like call starts a computation of its own, a launch, which costs microseconds however small the
arrays; a formula of several calls also writes and reads its arrays again and again. A kernel is one launch and one
pass. `minigan.backend.kernels` is the table of all of them.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan.backend.namespaces import array_namespace

table: dict[str, Kernel] = {}
"""Every kernel by name; the tests enumerate it, so a kernel without a case fails the suite."""


class Argument(NamedTuple):
    """One parameter of a CUDA text.

    `kind` is a dtype, or a capital letter for any dtype, the same one wherever the letter stands. Arrays are broadcast
    against each other, and the name means the one element of the place `i`; a `raw` one is not, it is indexed by the
    text, flat and in C order: x[5].
    """

    kind: str
    name: str
    raw: bool


class Kernel:
    """One entry of the table, called like its reference: `leaky_relu(x, 0.2)`.

    NumPy arrays go to the reference. On the `strict` device it runs on their memory, as one launch under the rules of
    CuPy; CuPy arrays go to the CUDA text, one `cupy.ElementwiseKernel`. The first parameter must be an array, the
    others may be Python numbers where the text does not index them.

    The launch rule: the text runs for each place of the common shape of all arrays that are not raw. The outputs are
    new arrays of that shape, unless the reference has them as parameters: then it and the text write into the arrays
    that they are given, may read them too, and return None.

    Attributes:
        reference: the NumPy function, whose parameters have the names of the text's, in any order.
        inputs, outputs: the parameters of the text.
        text: its body, in CUDA C++.
    """

    def __init__(self, reference: Callable[..., Any], inputs: str, outputs: str, text: str) -> None:
        self.reference, self.text = reference, text
        self.name, self.__doc__ = reference.__name__, reference.__doc__
        self.inputs, self.outputs = _arguments(inputs), _arguments(outputs)
        names = list(inspect.signature(reference).parameters)
        self.in_place = self.outputs[0].name in names
        self.taken = (*self.inputs, *self.outputs) if self.in_place else self.inputs
        """The parameters that a caller gives, in CuPy's order."""
        if sorted(names) != sorted(argument.name for argument in self.taken):
            raise TypeError(f"kernel {self.name}: its text has the parameters {self.taken}, its reference {names}")
        self._order = [names.index(argument.name) for argument in self.taken]
        self._launchers: dict[Any, Callable[..., Any]] = {}
        table[self.name] = self

    def __call__(self, *args: Any) -> Any:
        """The outputs: one array, a tuple of several, or None where they were written into given arrays."""
        xp = array_namespace(args[0])
        if xp is np:
            return self.reference(*args)
        if xp not in self._launchers:
            self._launchers[xp] = self._launcher(xp)
        return self._launchers[xp](*args)

    def ordered(self, args: Sequence[Any]) -> list[Any]:
        """The arguments of a call in the order of `taken`."""
        return [args[k] for k in self._order]

    def _launcher(self, xp: Any) -> Callable[..., Any]:
        if xp.__name__ != "cupy":
            return functools.partial(importlib.import_module("minigan.backend.strict.launch").launch, self)
        inputs, outputs = (", ".join(map(_declaration, group)) for group in (self.inputs, self.outputs))
        compiled = xp.ElementwiseKernel(inputs, outputs, self.text, self.name, no_return=self.in_place)
        return lambda *args: compiled(*self.ordered(args))

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"


def kernel(inputs: str, outputs: str, text: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a kernel of its NumPy reference: `@kernel("T x, T slope", "T y", "y = x > 0 ? x : slope * x;")`."""
    return lambda reference: Kernel(reference, inputs, outputs, text)


def _arguments(text: str) -> tuple[Argument, ...]:
    words = [each.split() for each in text.split(",")]
    return tuple(Argument(kind, name, bool(raw)) for *raw, kind, name in words)


def _declaration(argument: Argument) -> str:
    return f"raw {argument.kind} {argument.name}" if argument.raw else f"{argument.kind} {argument.name}"
