"""`grad`: reverse-mode differentiation of any order, by one walk over the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.autograd.op import recording
from minigan.autograd.tensor import Tensor, constant, node
from minigan.backend import array_namespace, is_array


def grad(
    output: Tensor,
    inputs: Sequence[Tensor],
    grad_output: Any = None,
    create_graph: bool = False,
) -> list[Tensor | None]:
    """Gradients of `output` with respect to each of `inputs`.

    Args:
        output: the tensor to differentiate; a single number unless `grad_output` is given.
        inputs: tensors that require gradients, leaves or not.
        grad_output: the vector of the vector-Jacobian product, in shape and dtype of `output`; by default one.
        create_graph: record the backward pass too, so that the gradients can be differentiated again.

    Returns:
        One tensor for each input, in its shape and (if all that enters has one dtype) its dtype; None for an
        input that `output` was not computed from, zeros where it was but the derivative vanishes everywhere.
        Gradients may share memory with each other: do not change them in place.

    Only nodes on a path from `inputs` to `output` are visited. Raises TypeError for an input that is no
    tensor or requires no gradient, ValueError for an output that is not a single number and for a
    `grad_output` that does not fit.
    """
    _check(output, inputs, grad_output)
    reached = ancestors(output)
    needed = _on_path(reached, inputs)
    wanted = set(inputs)
    gradients: dict[Tensor, Any] = {}
    if output in needed:
        seed = _seed(output, grad_output)
        gradients[output] = (seed if isinstance(seed, Tensor) else node(seed)) if create_graph else constant(seed)
    with recording(create_graph):
        for y in reversed(reached):
            if y.op is None or y not in gradients:
                continue
            g = gradients[y] if y in wanted else gradients.pop(y)
            for a, contribution in _contributions(y, g, needed, create_graph):
                known = gradients.get(a)
                gradients[a] = contribution if known is None else known + contribution
    depended = set(reached)
    return [_result(x, gradients, depended) for x in inputs]


def ancestors(output: Tensor) -> list[Tensor]:
    """All tensors that `output` was computed from and that require gradients, itself included, oldest first."""
    seen = {output}
    stack = [output]
    while stack:
        for a in stack.pop().args:
            if isinstance(a, Tensor) and a.requires_grad and a not in seen:
                seen.add(a)
                stack.append(a)
    return sorted(seen, key=lambda tensor: tensor.order)


def leaves(output: Tensor) -> list[Tensor]:
    """The ancestors of `output` that no operation made, such as parameters."""
    return [tensor for tensor in ancestors(output) if tensor.op is None and tensor.requires_grad]


def _on_path(reached: list[Tensor], inputs: Sequence[Tensor]) -> set[Tensor]:
    """Those of `reached` through which a derivative with respect to `inputs` flows."""
    needed = set(inputs)
    for y in reached:
        if y not in needed and any(
            isinstance(a, Tensor) and a in needed and y.op.differentiates(i) for i, a in enumerate(y.args)
        ):
            needed.add(y)
    return needed


def _contributions(y: Tensor, g: Any, needed: set[Tensor], create_graph: bool) -> list[tuple[Tensor, Any]]:
    """What the node `y` adds to the gradient of each of its arguments that is needed."""
    wanted = [(i, a) for i, a in enumerate(y.args) if isinstance(a, Tensor) and a in needed and y.op.differentiates(i)]
    if create_graph:
        return [(a, y.op.vjp(i, g, y, y.args, y.kwargs)) for i, a in wanted]
    arrays = tuple(constant(a) for a in y.args)
    if y.op.array_rule is not None:
        asked = {i for i, _ in wanted}
        is_wanted = [i in asked for i in range(len(arrays))]
        all_gradients = y.op.array_rule(g, y.data, y.kept, is_wanted, *arrays, **y.kwargs)
        return [(a, all_gradients[i]) for i, a in wanted]
    return [(a, y.op.vjp(i, g, y.data, arrays, y.kwargs)) for i, a in wanted]


def _seed(output: Tensor, grad_output: Any) -> Any:
    if grad_output is None:
        return array_namespace(output.data).ones_like(output.data)
    return grad_output


def _result(x: Tensor, gradients: dict[Tensor, Any], depended: set[Tensor]) -> Tensor | None:
    if x in gradients:
        g = gradients[x]
        return g if isinstance(g, Tensor) else node(g)
    if x in depended:
        return node(array_namespace(x.data).zeros_like(x.data))
    return None


def _check(output: Tensor, inputs: Sequence[Tensor], grad_output: Any) -> None:
    if not isinstance(output, Tensor):
        raise TypeError(f"grad: expected a Tensor as output, got {type(output).__name__}")
    if isinstance(inputs, Tensor):
        raise TypeError("grad: expected a list of tensors as inputs, got a single Tensor; write grad(output, [x])")
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"grad: expected tensors as inputs, but inputs[{i}] is {type(x).__name__}")
        if not x.requires_grad:
            raise TypeError(f"grad: inputs[{i}], {x.dtype}{list(x.shape)}, was made without requires_grad=True")
    if grad_output is None:
        if output.size != 1:
            raise ValueError(
                f"grad: output has shape {output.shape}, not a single number; "
                "reduce it (output.sum(), output.mean()) or pass grad_output"
            )
        return
    u = constant(grad_output)
    if not is_array(u):
        raise TypeError(f"grad: expected an array or a Tensor as grad_output, got {type(u).__name__}")
    if (u.shape, u.dtype) != (output.shape, output.dtype):
        raise ValueError(
            f"grad: grad_output is {u.dtype}{list(u.shape)}, output is {output.dtype}{list(output.shape)}; "
            "shape and dtype must be equal"
        )
