"""Parameters, and the flat buffer that holds those of a network."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from minigan.autograd import Tensor
from minigan.backend import array_namespace, device_of, joined


class Parameter(Tensor):
    """A tensor that is trained. Its data is a view of a `ParameterBuffer` once an optimizer has packed it."""

    __slots__ = ("buffer",)

    def __init__(self, data: Any) -> None:
        super().__init__(data, requires_grad=True)
        self.buffer: ParameterBuffer | None = None

    def __getstate__(self) -> Any:
        """What `copy.deepcopy` copies: the data, but not the buffer, of which a copied view would be no view."""
        _, slots = super().__getstate__()
        return None, slots | {"buffer": None}


class ParameterBuffer:
    """The parameters of a network, one after the other in one flat array, each parameter a view of it.

    Adam, averaging and the gradient norm are then one pass over one array, on every device.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        _check(self.parameters)
        xp = array_namespace(parameters[0].data)
        self.data = xp.concatenate([p.data.reshape(-1) for p in parameters])
        self.views = []
        start = 0
        for p in parameters:
            self.views.append(self.data[start : start + p.size].reshape(p.shape))
            p.data, p.buffer = self.views[-1], self
            start += p.size

    @staticmethod
    def of(parameters: Sequence[Parameter]) -> ParameterBuffer:
        """The buffer that holds just these parameters in this order; they are packed into a new one if none does."""
        parameters = tuple(parameters)
        buffer = getattr(parameters[0], "buffer", None) if parameters else None
        return buffer if buffer and buffer.holds(parameters) else ParameterBuffer(parameters)

    def holds(self, parameters: Sequence[Parameter]) -> bool:
        """Whether these parameters, and no others, live here."""
        same = len(parameters) == len(self.parameters) and all(map(operator.is_, parameters, self.parameters))
        return same and self.is_current()

    def is_current(self) -> bool:
        """Whether all parameters still live here; `Module.to`, packing anew and `p.data = ...` move them away."""
        return all(p.buffer is self and p.data is view for p, view in zip(self.parameters, self.views, strict=True))

    def gather(self, gradients: Sequence[Tensor | None]) -> Any:
        """The gradients of all parameters as one flat array.

        Raises ValueError for a wrong number of gradients, a gradient None, or one of another shape.
        """
        if len(gradients) != len(self.parameters):
            raise ValueError(f"expected {len(self.parameters)} gradients, one for each parameter, got {len(gradients)}")
        for i, (p, g) in enumerate(zip(self.parameters, gradients, strict=True)):
            if g is None:
                raise ValueError(
                    f"gradient {i} (parameter of shape {p.shape}) is None: the loss does not depend on that "
                    "parameter; check that nothing was detached, or leave the parameter out of the optimizer"
                )
            if g.shape != p.shape:
                raise ValueError(f"gradient {i} has shape {g.shape}, its parameter {p.shape}")
        return joined([g.data.reshape(-1) for g in gradients])


def _check(parameters: tuple[Parameter, ...]) -> None:
    if not parameters:
        raise ValueError("expected at least one parameter, got an empty list")
    for p in parameters:
        if not isinstance(p, Parameter):
            raise TypeError(f"expected the parameters of a module (network.parameters()), got {type(p).__name__}")
    if len(set(parameters)) != len(parameters):
        raise ValueError("a parameter occurs twice in the list; give each one once")
    kinds = {(device_of(p.data).name, str(p.dtype)) for p in parameters}
    if len(kinds) > 1:
        raise ValueError(f"the parameters live on different devices or dtypes {sorted(kinds)}; use Module.to first")
