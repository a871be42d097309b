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

Nothing here is new arithmetic: W_l a is a matrix product, `conv2d` or `conv_transpose2d`, and the rules of these ops
give W_l^T g and g t^T. The cost is that of two passes forward, one backward and one product for each weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minigan import nn, ops
from minigan.autograd import Op, Tensor, grad
from minigan.autograd.op import recording
from minigan.autograd.tensor import node
from minigan.backend import array_namespace, device_of
from minigan.nn import Module

Array = Any


class Linear:
    """y = W x + b, W x one op that is linear in x and in W: its rule 0 gives W^T g, its rule 1 gives g x^T."""

    lowest = False
    """Whether no weights lie below: sweep 4 ends here."""

    def __init__(self, layer: Module, op: Op, **settings: Any) -> None:
        self.op, self.settings = op, settings
        self.weight, self.bias = layer.weight, layer.bias
        self.W = layer.weight.data

    def forward(self, a: Array) -> Array:
        """W a + b."""
        self.a = a
        y = self.op(a, self.W, **self.settings)
        if self.bias is not None:
            y += self.bias.data
        return y

    def backward(self, g: Array) -> Array:
        """W^T g."""
        self.g = g
        return self.op.vjp(0, g, None, (self.a, self.W), self.settings)

    def tangent(self, t: Array) -> Array:
        """W t; notes g t^T."""
        self.gradients = [(self.weight, self.op.vjp(1, self.g, None, (t, self.W), self.settings))]
        return self.op(t, self.W, **self.settings)

    def backward_again(self, r: Array | None) -> Array | None:
        """W^T r; notes r a^T and the sum of r."""
        if r is None:
            return None
        self.gradients.append((self.weight, self.op.vjp(1, r, None, (self.a, self.W), self.settings)))
        if self.bias is not None:
            self.gradients.append((self.bias, r.sum(axis=tuple(range(r.ndim - 1)))))
        return None if self.lowest else self.op.vjp(0, r, None, (self.a, self.W), self.settings)


class Activation:
    """y = phi(x), element by element; `derivatives(x)` gives phi, phi' and phi'' (None if it is 0 everywhere)."""

    gradients = ()

    def __init__(self, derivatives: Callable[[Array], tuple[Array, Array, Array | None]]) -> None:
        self.derivatives = derivatives

    def forward(self, a: Array) -> Array:
        """phi(a)."""
        y, self.slope, self.curvature = self.derivatives(a)
        return y

    def backward(self, g: Array) -> Array:
        """phi'(a) g."""
        if self.curvature is not None:
            self.curvature *= g
        g *= self.slope
        return g

    def tangent(self, t: Array) -> Array:
        """phi'(a) t."""
        if self.curvature is not None:
            self.curvature *= t
        t *= self.slope
        return t

    def backward_again(self, r: Array | None) -> Array | None:
        """phi'(a) r + phi''(a) g t."""
        if r is None:
            return self.curvature
        r *= self.slope
        if self.curvature is not None:
            r += self.curvature
        return r


class Reshaping:
    """The same values in another shape; one length may be -1."""

    gradients = ()

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, a: Array) -> Array:
        """To the shape of the output."""
        self.input_shape = a.shape
        return a.reshape(a.shape[0], *self.shape)

    def backward(self, g: Array) -> Array:
        """To the shape of the input."""
        return g.reshape(self.input_shape)

    def tangent(self, t: Array) -> Array:
        """To the shape of the output."""
        return t.reshape(t.shape[0], *self.shape)

    def backward_again(self, r: Array | None) -> Array | None:
        """To the shape of the input."""
        return None if r is None else r.reshape(self.input_shape)


def leaky(s: Array, slope: float) -> tuple[Array, Array, None]:
    """phi' is 1 where s > 0 and the slope elsewhere, phi'' is 0."""
    d = (s > 0).astype(s.dtype)
    array_namespace(s).clip(d, slope, 1.0, out=d)  # a `maximum` takes four times as long
    return s * d, d, None


def tanh(s: Array) -> tuple[Array, Array, Array]:
    """phi' = 1 - phi^2."""
    y = ops.tanh(s)
    d = 1 - y * y
    return y, d, -2 * y * d


def sigmoid(s: Array) -> tuple[Array, Array, Array]:
    """phi' = phi(s) phi(-s)."""
    y, z = ops.sigmoid(s), ops.sigmoid(-s)
    d = y * z
    return y, d, d * (z - y)


def softplus(s: Array) -> tuple[Array, Array, Array]:
    """phi' is the sigmoid."""
    d = ops.sigmoid(s)
    return ops.softplus(s), d, d * ops.sigmoid(-s)


Step = Linear | Activation | Reshaping

STEPS: dict[type[Module], Callable[[Any], Step]] = {
    nn.Dense: lambda layer: Linear(layer, ops.matrix_product),
    nn.Conv2d: lambda layer: Linear(layer, ops.conv2d, stride=layer.stride, padding=layer.padding),
    nn.ConvTranspose2d: lambda layer: Linear(
        layer,
        ops.conv_transpose2d,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
    ),
    nn.Flatten: lambda layer: Reshaping(-1),
    nn.Reshape: lambda layer: Reshaping(*layer.shape),
    nn.LeakyReLU: lambda layer: Activation(lambda s: leaky(s, layer.slope)),
    nn.ReLU: lambda layer: Activation(lambda s: leaky(s, 0.0)),
    nn.Tanh: lambda layer: Activation(tanh),
    nn.Sigmoid: lambda layer: Activation(sigmoid),
    nn.Softplus: lambda layer: Activation(softplus),
}
"""What each layer is in the four sweeps. A class derived from one of these may compute anything: it is not in here."""


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


def weight_gradients(
    critic: Module, x: Array, cost: Callable[[Tensor], Tensor], weight: float
) -> tuple[Tensor, list[Tensor]]:
    """P = weight * mean(cost(J)) at the points x (N, ...), and its gradients with respect to critic.parameters().

    Args:
        critic: one for which `is_analytic` holds.
        x: an array on the critic's device.
        cost: what the samples pay, (N,), for their slopes (N, ...).
        weight: a factor.
    """
    steps = _steps(critic)
    a = x
    for step in steps:
        a = step.forward(a)
    g = array_namespace(a).ones_like(a)
    for step in reversed(steps):
        g = step.backward(g)
    value, v = _mean_and_slope(cost, g)
    t = weight * v
    for step in steps:
        t = step.tangent(t)
    r = None
    for step in reversed(steps):
        r = step.backward_again(r)
    return node(weight * value), _gather(critic, steps)


def _steps(critic: Module) -> list[Step]:
    steps = [STEPS[type(layer)](layer) for layer in layers(critic)]
    for step in steps:
        if isinstance(step, Linear):
            step.lowest = True
            break
    return steps


def _mean_and_slope(cost: Callable[[Tensor], Tensor], J: Array) -> tuple[Array, Array]:
    """mean(cost(J)) and its derivative with respect to J."""
    with recording(True):
        J = Tensor(J, requires_grad=True, device=device_of(J))
        value = ops.mean(cost(J))
    (v,) = grad(value, [J])
    return value.data, v.data


def _gather(critic: Module, steps: list[Step]) -> list[Tensor]:
    """The gradients in the order of the parameters; zero where nothing was noted."""
    sums: dict[Tensor, Array] = {}
    for step in steps:
        for parameter, gradient in step.gradients:
            sums[parameter] = sums[parameter] + gradient if parameter in sums else gradient
    return [node(sums[p] if p in sums else array_namespace(p.data).zeros_like(p.data)) for p in critic.parameters()]
