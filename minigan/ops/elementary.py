"""Elementary functions, element by element."""

from __future__ import annotations

from minigan.autograd import op
from minigan.backend import array_namespace


@op
def exp(x):
    """The exponential function."""
    return array_namespace(x).exp(x)


@op
def log(x):
    """The natural logarithm."""
    return array_namespace(x).log(x)


@op
def log1p(x):
    """log(1 + x), exact for small x."""
    return array_namespace(x).log1p(x)


@op
def sqrt(x):
    """The square root. Its derivative at 0 is infinite: for lengths of vectors use `norm`."""
    return array_namespace(x).sqrt(x)


exp.vjps(lambda g, y, x: g * y)
log.vjps(lambda g, y, x: g / x)
log1p.vjps(lambda g, y, x: g / (1 + x))
sqrt.vjps(lambda g, y, x: g / (2 * y))
