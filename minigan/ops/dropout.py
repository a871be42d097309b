"""Dropout: some values set to zero, the others scaled up."""

from __future__ import annotations

from minigan.autograd import keeping_op
from minigan.backend import kernels


@keeping_op
def dropout(x, bits, *, p):
    """0 where the random 16 bits are below 2^16 p, x / (1 - p) elsewhere; linear in x, the bits are constants."""
    return kernels.dropout(x, bits, round(2**16 * p), 1 / (1 - p))


dropout.vjps(lambda g, y, x, bits, *, p: dropout(g, bits, p=p), None)
dropout.array_vjp(lambda g, y, mask, wanted, x, bits, *, p: (g * mask, None))
