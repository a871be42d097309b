"""The table of derivatives: every op, one small file a subject.

`arithmetic`, `elementary`, `reductions`, `shape`, `products`, `activations`, `convolution`, `normalisation`,
`dropout`.
"""

from minigan.ops.activations import leaky_mask, leaky_relu, relu, sigmoid, softmax, softplus, tanh
from minigan.ops.arithmetic import (
    absolute,
    add,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    subtract,
    where,
)
from minigan.ops.convolution import conv2d, conv2d_weight, conv_transpose2d
from minigan.ops.dropout import dropout
from minigan.ops.elementary import exp, log, log1p, sqrt
from minigan.ops.normalisation import batch_norm, layer_norm, standardize
from minigan.ops.operators import attach
from minigan.ops.products import matmul, matrix_product
from minigan.ops.reductions import logsumexp, max, mean, min, norm, standard_deviation, sum, variance  # noqa: A004
from minigan.ops.shape import broadcast_to, concatenate, getitem, pad, put, reshape, stack, sum_to, transpose

attach()

__all__ = [
    "absolute",
    "add",
    "batch_norm",
    "broadcast_to",
    "concatenate",
    "conv2d",
    "conv2d_weight",
    "conv_transpose2d",
    "divide",
    "dropout",
    "exp",
    "getitem",
    "layer_norm",
    "leaky_mask",
    "leaky_relu",
    "log",
    "log1p",
    "logsumexp",
    "matmul",
    "matrix_product",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "norm",
    "pad",
    "power",
    "put",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "softplus",
    "sqrt",
    "stack",
    "standard_deviation",
    "standardize",
    "subtract",
    "sum",
    "sum_to",
    "tanh",
    "transpose",
    "variance",
    "where",
]
