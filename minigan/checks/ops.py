"""A check for every op of the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigan import ops
from minigan.autograd import Tensor, constant
from minigan.backend import device_of, to_device
from minigan.checks.case import Case, case, distinct, positive, spread

_ROWS = np.array([0, 2, 2])  # an index that occurs twice
_BITS = np.random.default_rng(0).integers(0, 2**16, (3, 4), np.uint16)


def op_cases() -> list[Case]:
    """All of them, in the order in which the files of `minigan.ops` come."""
    return [case("op", name, f, *arrays) for name, (f, *arrays) in _table().items()]


def _table() -> dict[str, tuple]:
    """The function and the inputs for each op."""
    matrix, row, image, kernel = spread((3, 4)), spread((4,), 1), spread((2, 5, 4, 2)), spread((3, 2, 2, 3), 1)
    features, strided = spread((2, 3, 2, 3), 2), {"stride": 2, "padding": (1, 0)}
    return {
        "add": (ops.add, matrix, row),
        "subtract": (ops.subtract, matrix, row),
        "multiply": (ops.multiply, matrix, row),
        "divide": (ops.divide, matrix, positive((4,), 1)),
        "negative": (ops.negative, matrix),
        "power": (lambda x: ops.power(x, 2.5), positive((3, 4))),
        "absolute": (ops.absolute, matrix),
        "where": (lambda a, b: ops.where(_like(a, spread((3, 4), 2) > 0), a, b), matrix, row),
        "maximum": (ops.maximum, distinct((3, 4)), distinct((4,), 1, offset=0.1)),
        "minimum": (ops.minimum, distinct((3, 4)), distinct((4,), 1, offset=0.1)),
        "exp": (ops.exp, matrix),
        "log": (ops.log, positive((3, 4))),
        "log1p": (ops.log1p, positive((3, 4)) - 1),
        "sqrt": (ops.sqrt, positive((3, 4))),
        "sum": (lambda x: ops.sum(x, axis=0), matrix),
        "max": (lambda x: ops.max(x, axis=1, keepdims=True), distinct((3, 4))),
        "logsumexp": (lambda x: ops.logsumexp(x, axis=1), matrix),
        "norm": (lambda x: ops.norm(x, axis=1), matrix),
        "broadcast_to": (lambda x: ops.broadcast_to(x, shape=(2, 3, 4)), spread((3, 1))),
        "sum_to": (lambda x: ops.sum_to(x, shape=(3, 1)), spread((2, 3, 4))),
        "reshape": (lambda x: ops.reshape(x, shape=(2, -1)), matrix),
        "transpose": (lambda x: ops.transpose(x, axes=(2, 0, 1)), spread((2, 3, 4))),
        "getitem": (lambda x: ops.getitem(x, index=_like(x, _ROWS)), matrix),
        "put": (lambda g: ops.put(g, index=_like(g, _ROWS), shape=(4, 4)), matrix),
        "concatenate": (lambda a, b: ops.concatenate(a, b, axis=1), matrix, spread((3, 2), 1)),
        "pad": (lambda x: ops.pad(x, widths=((1, 0), (2, 1))), matrix),
        "matrix_product": (ops.matrix_product, matrix, spread((4, 2), 1)),
        "tanh": (ops.tanh, matrix),
        "sigmoid": (ops.sigmoid, matrix),
        "softplus": (ops.softplus, matrix),
        "leaky_relu": (ops.leaky_relu, matrix),
        "dropout": (lambda x: ops.dropout(x, _like(x, _BITS), p=0.4), matrix),
        "leaky_mask": (lambda g: ops.leaky_mask(g, _like(g, spread((3, 4), 1)), slope=0.2), matrix),
        "softmax": (ops.softmax, matrix),
        "conv2d": (_with(ops.conv2d, **strided), image, kernel),
        "conv_transpose2d": (_with(ops.conv_transpose2d, output_padding=(0, 1), **strided), features, kernel),
        "conv2d_weight": (_with(ops.conv2d_weight, kernel_size=(3, 2), **strided), image, features),
        "batch_norm": (_with(ops.batch_norm, slope=0.2), spread((4, 2, 3)), positive((3,), 1), spread((3,), 2)),
        "standardize": (lambda x: ops.standardize(x, axes=(0,)), spread((5, 3))),
    }


def _with(op: Callable[..., Tensor], **settings: Any) -> Callable[..., Tensor]:
    return lambda *xs: op(*xs, **settings)


def _like(x: Any, array: np.ndarray) -> Any:
    """A constant on the device of x."""
    return to_device(array, device_of(constant(x)))
