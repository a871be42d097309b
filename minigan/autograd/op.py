"""`Op`: an array function together with its vector-Jacobian products (vjps)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigan.autograd.tensor import Tensor, constant, node
from minigan.backend import device_of, is_array
from minigan.errors import DeviceError

registry: dict[str, Op] = {}
"""Every op of the library by name; the tests enumerate it, so an op without a proof fails the suite."""

_recording: ContextVar[bool] = ContextVar("recording", default=True)


@contextlib.contextmanager
def recording(on: bool) -> Iterator[None]:
    """Switch the recording of graphs on or off within a `with` block."""
    token = _recording.set(on)
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Compute without recording: `with no_grad(): samples = G(z)`."""
    return recording(False)


class Op:
    """A differentiable primitive: arrays go in by position, static settings by keyword, one array comes out.

    `forward` works on plain arrays. Each rule `vjp(g, y, *args, **settings)` gives the gradient of one
    argument from the incoming gradient `g`, the output `y` and the inputs. A rule is written once, with
    Python operators and other ops only, so it runs on arrays (nothing is recorded) and on tensors
    (recorded, and so differentiable again). A rule `None` says that the derivative is zero everywhere.
    """

    def __init__(self, forward: Callable[..., Any], keeps: bool = False) -> None:
        self.forward = forward
        self.name = forward.__name__
        self.keeps = keeps
        self.rules: tuple[Callable[..., Any] | None, ...] = ()
        self.rule_for_each: Callable[..., Any] | None = None
        self.array_rule: Callable[..., Any] | None = None
        self.__doc__ = forward.__doc__
        registry[self.name] = self

    def vjps(self, *rules: Callable[..., Any] | None) -> Op:
        """Set one rule `(g, y, *args, **settings) -> gradient` for each argument."""
        self.rules = rules
        return self

    def vjp_each(self, rule: Callable[..., Any]) -> Op:
        """Set the one rule `(i, g, y, *args, **settings)` of an op with any number of arguments."""
        self.rule_for_each = rule
        return self

    def array_vjp(self, rule: Callable[..., Any]) -> Op:
        """Set a faster first-order rule on plain arrays, `(g, y, kept, wanted, *args, **settings) -> gradients`.

        It gives the gradients of all arguments at once and may use what `forward` kept. `wanted` says for each
        argument whether its gradient is asked for; if not, anything may stand in its place. The tests hold
        the rule equal to the polymorphic ones, which stay the definition.
        """
        self.array_rule = rule
        return self

    def differentiates(self, i: int) -> bool:
        """Whether argument `i` has a derivative that is not zero everywhere."""
        return self.rule_for_each is not None or self.rules[i] is not None

    def vjp(self, i: int, g: Any, y: Any, args: tuple, settings: dict) -> Any:
        """The gradient of argument `i`."""
        if self.rule_for_each is not None:
            return self.rule_for_each(i, g, y, *args, **settings)
        return self.rules[i](g, y, *args, **settings)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Apply the op: to arrays plainly, to tensors with a record of how the result was made."""
        arrays, traced, live, leak = [], False, False, False
        for a in args:
            if isinstance(a, Tensor):
                traced = True
                live = live or a.requires_grad
                a = a.data
            elif isinstance(a, np.generic):
                leak = True
            arrays.append(a)
        for value in settings.values():
            leak = leak or isinstance(value, np.generic)
        if leak and traced:  # a NumPy scalar would turn float32 into float64 (NEP 50), a Python number does not
            args = tuple(_plain(a) for a in args)
            arrays = [constant(a) for a in args]
            settings = {name: _plain(value) for name, value in settings.items()}
        try:
            y = self.forward(*arrays, **settings)
        except Exception as error:
            error = _several_devices(arrays, error) or error
            error.add_note(f"in {self.name}({_describe(arrays, settings)})")
            raise error
        kept = None
        if self.keeps:
            y, kept = y
        if not traced:
            return y
        out = node(y)
        out.kept = kept
        if live and _recording.get():
            out.op, out.args, out.kwargs, out.requires_grad = self, args, settings, True
        return out

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def op(forward: Callable[..., Any]) -> Op:
    """Make an op of an array function: `@op`."""
    return Op(forward)


def keeping_op(forward: Callable[..., Any]) -> Op:
    """Make an op of a function that returns `(y, kept)`: `kept` is work saved for the `array_vjp`."""
    return Op(forward, keeps=True)


def _plain(value: Any) -> Any:
    """A NumPy scalar as a Python number, everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _several_devices(arrays: list, error: Exception) -> DeviceError | None:
    """The error that names the devices, where arrays of several met; CuPy's own names two types."""
    devices = sorted({device_of(a).name for a in arrays if is_array(a) and not isinstance(a, np.generic)})
    if len(devices) < 2 or isinstance(error, DeviceError):
        return None
    several = DeviceError(
        f"expected arrays of one device, got some on {' and some on '.join(devices)}; move them with x.to(device), "
        "a network with network.to(device)"
    )
    several.__cause__ = error
    return several


def _describe(arrays: list, settings: dict) -> str:
    shown = [f"{a.dtype}{list(a.shape)}" if hasattr(a, "shape") else repr(a) for a in arrays]
    return ", ".join(shown + [f"{name}={value!r}" for name, value in settings.items()])
