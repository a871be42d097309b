"""Activation functions."""

from __future__ import annotations

from typing import Any

from minigan.autograd import op
from minigan.backend import array_namespace, kernels
from minigan.ops.reductions import sum as sum_


@op
def tanh(x):
    """The hyperbolic tangent."""
    return array_namespace(x).tanh(x)


@op
def sigmoid(x):
    """1 / (1 + exp(-x)), with full relative accuracy in both tails."""
    return kernels.sigmoid(x)


@op
def softplus(x):
    """log(1 + exp(x)), exact for x of any size: max(x, 0) + log(1 + exp(-|x|))."""
    return kernels.softplus(x)


@op
def leaky_relu(x, *, slope=0.2):
    """x where x > 0, slope * x elsewhere: the larger of the two for 0 <= slope <= 1 (Maas, Hannun, Ng 2013)."""
    if not 0 <= slope <= 1:
        raise ValueError(f"leaky_relu: expected a slope from 0 to 1, got {slope}")
    return kernels.leaky_relu(x, slope)


@op
def leaky_mask(g, x, *, slope):
    """g where x > 0, slope * g elsewhere: the derivative of `leaky_relu` times g, linear in g."""
    return kernels.leaky_mask(g, x, slope)


@op
def softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along an axis, exact for x of any size."""
    z = array_namespace(x).exp(x - x.max(axis=axis, keepdims=True))
    return z / z.sum(axis=axis, keepdims=True)


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return leaky_relu(x, slope=0.0)


def _softmax_vjp(g, y, x, *, axis=-1):
    return y * (g - sum_(g * y, axis=axis, keepdims=True))


tanh.vjps(lambda g, y, x: g * (1 - y * y))
sigmoid.vjps(lambda g, y, x: g * y * sigmoid(-x))  # 1 - y would be 0 for x > 37
softplus.vjps(lambda g, y, x: g * sigmoid(x))
leaky_relu.vjps(lambda g, y, x, *, slope=0.2: leaky_mask(g, x, slope=slope))
leaky_mask.vjps(lambda h, y, g, x, *, slope: leaky_mask(h, x, slope=slope), None)
softmax.vjps(_softmax_vjp)

# The same in one launch on a device.
tanh.array_vjp(lambda g, y, kept, wanted, x: (kernels.tanh_vjp(g, y),))
sigmoid.array_vjp(lambda g, y, kept, wanted, x: (kernels.sigmoid_vjp(g, x, y),))
softplus.array_vjp(lambda g, y, kept, wanted, x: (kernels.softplus_vjp(g, x),))
