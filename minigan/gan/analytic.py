"""The weight gradient of a gradient penalty in closed form: no derivative of a derivative is recorded.

A critic of many layers is a chain a_l = f_l(a_{l-1}) from the sample a_0 = x to the logit a_L. A layer is linear,
f_l(a) = W_l a + b_l, or an activation phi, element by element. A sample pays P = c(J) for its slope J = d a_L / dx.
Four sweeps through the layers give P and its gradient with respect to the weights:

                     layer                  linear                      activation
    1. forward       a_l                  = W_l a_{l-1} + b_l         = phi(a_{l-1})
    2. backward      g_{l-1}              = W_l^T g_l                 = phi'(a_{l-1}) g_l                from g_L = 1
                     J = g_0,  v = dP/dJ
    3. tangent       t_l                  = W_l t_{l-1}               = phi'(a_{l-1}) t_{l-1}            from t_0 = v
    4. backward      r_{l-1}              = W_l^T r_l                 = phi'(a_{l-1}) r_l
       again                                                            + phi''(a_{l-1}) g_l t_{l-1}     from r_L = 0

    dP/dW_l = g_l t_{l-1}^T + r_l a_{l-1}^T,        dP/db_l = r_l        (summed over samples and positions)

Why: the change of P with the weights is that of <v, J> with v held fixed, and <v, J> = t_L, the derivative of the
logit in the direction v. Sweep 3 computes t_L. It is linear in the tangents, so d t_L / d t_l = g_l, which gives the
first term; and r_l = d t_L / d a_l, the influence of the point where phi' was taken, gives the second. Where all
phi are piecewise linear, r = 0: the fourth sweep falls away and biases have no gradient. Of several outputs for one
sample it is the sum that is differentiated, as in double backward.

Nothing here is new arithmetic: W_l a is a matrix product, `conv2d` or `conv_transpose2d`, and W_l^T g and g t^T are
those of their rules, on operands that are prepared once for all sweeps (`minigan.gan.linear_maps`). The cost is that
of two passes forward, one backward and one product for each weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from minigan import nn, ops
from minigan.autograd import Tensor, grad
from minigan.autograd.op import recording
from minigan.autograd.tensor import node
from minigan.backend import array_namespace, device_of
from minigan.gan.chain import STEPS, Activation, Linear, Step, last
from minigan.nn import Module

Array = Any


def is_analytic(critic: Any) -> bool:
    """Whether the weight gradient of a penalty on this critic has the closed form of this file.

    It has for a `Sequential`, nested or not, of dense, convolutional and transposed convolutional layers, changes
    of shape, the activations of `minigan.nn`, and dropout that is switched off.
    """
    return obstacle(critic) is None


def obstacle(critic: Any) -> str | None:
    """Why there is no closed form for this critic; None if there is."""
    if not isinstance(critic, Module):
        return "a plain function does not show its layers"
    for layer in layers(critic):
        if type(layer) is nn.Dropout:
            return f"{layer!r} in training mode draws another mask at each pass (critic.eval() switches it off)"
        if type(layer) not in STEPS:
            return f"{layer!r} is neither a dense or convolutional layer, nor a reshaping, nor an activation"
    return None


def layers(critic: Module) -> Iterator[Module]:
    """The layers of a chain in their order, without those that change nothing."""
    if type(critic) is nn.Sequential:
        for part in critic:
            yield from layers(part)
    elif not (type(critic) is nn.Dropout and (critic.p == 0 or not critic.training)):
        yield critic


class Sweeps(NamedTuple):
    """What the four sweeps give, all of it constant."""

    penalty: Tensor
    gradients: list[Tensor]
    """Of the loss, if there is one, and the penalty together, in the order of the parameters."""
    loss: Tensor | None
    logits: Tensor
    """Of the judged samples."""


def weight_gradients(
    critic: Module,
    points: Array,
    cost: Callable[[Tensor], Tensor],
    weight: float,
    judged: Sequence[Array] = (),
    loss: Callable[[Tensor], Tensor] | None = None,
) -> Sweeps:
    """P = weight * mean(cost(J)) at the points, a loss of other samples' logits, and the gradients of their sum.

    The samples that the loss judges go with the points through sweeps 1 and 2, which are their pass forward and their
    pass backward: g_L is the derivative of the loss by their logits. g a^T is then their share of the gradient.

    Args:
        critic: one for which `is_analytic` holds.
        points: an array (M, ...) on the critic's device.
        cost: what the samples pay, (M,), for their slopes (M, ...).
        weight: a factor.
        judged: batches (N, ...) for the loss; none by default.
        loss: the loss, a scalar, of their logits, one after the other.
    """
    steps, n = _steps(critic), sum(map(len, judged))
    a = array_namespace(points).concatenate([*judged, points]) if n else points
    for step in steps:
        a = step.forward(a)
    logits, g = a[:n], array_namespace(a).ones_like(a)
    if n:
        loss_value, g[:n] = _value_and_slope(loss, logits)
    for step in reversed(steps):
        g = step.backward(g, n)
    value, v = _value_and_slope(lambda J: ops.mean(cost(J)), last(g, len(points)))
    curved = any(isinstance(step, Activation) and step.curvature is not None for step in steps)
    t = weight * v
    for step in steps:
        t = step.tangent(t, n, curved)
    r = None
    for step in reversed(steps):
        r = step.backward_again(r)
    return Sweeps(node(weight * value), _gather(critic, steps), node(loss_value) if n else None, node(logits))


def _steps(critic: Module) -> list[Step]:
    steps = [STEPS[type(layer)](layer) for layer in layers(critic)]
    for step in steps:
        if isinstance(step, Linear):
            step.lowest = True
            break
    return steps


def _value_and_slope(f: Callable[[Tensor], Tensor], x: Array) -> tuple[Array, Array]:
    """f(x), a scalar, and its derivative with respect to x."""
    with recording(True):
        x = Tensor(x, requires_grad=True, device=device_of(x))
        value = f(x)
    (slope,) = grad(value, [x])
    return value.data, slope.data


def _gather(critic: Module, steps: list[Step]) -> list[Tensor]:
    """The gradients in the order of the parameters; zero where nothing was noted."""
    sums: dict[Tensor, Array] = {}
    for step in steps:
        for parameter, gradient in step.gradients:
            sums[parameter] = sums[parameter] + gradient if parameter in sums else gradient
    return [node(sums[p] if p in sums else array_namespace(p.data).zeros_like(p.data)) for p in critic.parameters()]
