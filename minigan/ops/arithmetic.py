"""Arithmetic with broadcasting, and choices between values."""

from __future__ import annotations

from minigan.autograd import constant, op
from minigan.backend import array_namespace, is_array
from minigan.ops.shape import fit


@op
def add(a, b):
    """a + b."""
    return a + b


@op
def subtract(a, b):
    """a - b."""
    return a - b


@op
def multiply(a, b):
    """a b, element by element."""
    return a * b


@op
def divide(a, b):
    """a / b, element by element."""
    return a / b


@op
def negative(a):
    """-a."""
    return -a


@op
def power(a, p):
    """a to the power of a Python number p (for a tensor as exponent write exp(b * log(a)))."""
    if is_array(p):
        raise TypeError("power: expected a Python number as exponent, got an array; write exp(b * log(a))")
    return a**p


@op
def absolute(a):
    """|a|; the derivative at 0 is taken as 0."""
    return abs(a)


@op
def where(condition, a, b):
    """a where the condition holds, b elsewhere. The condition is a constant."""
    return _namespace_of(condition, a, b).where(condition, a, b)


@op
def maximum(a, b):
    """The larger of a and b; at a tie the derivative goes to a."""
    return _namespace_of(a, b).maximum(a, b)


@op
def minimum(a, b):
    """The smaller of a and b; at a tie the derivative goes to a."""
    return _namespace_of(a, b).minimum(a, b)


def _namespace_of(*values):
    return array_namespace(next(v for v in values if is_array(v)))


def _sign(a):
    a = constant(a)
    return array_namespace(a).sign(a)


def _power_vjp(g, y, a, p):
    # p = 0 has derivative 0 also at a = 0, where a ** (p - 1) is infinite.
    return 0.0 * g if p == 0 else g * (p * a ** (p - 1))


add.vjps(lambda g, y, a, b: fit(g, a), lambda g, y, a, b: fit(g, b))
subtract.vjps(lambda g, y, a, b: fit(g, a), lambda g, y, a, b: fit(-g, b))
multiply.vjps(lambda g, y, a, b: fit(g * b, a), lambda g, y, a, b: fit(g * a, b))
divide.vjps(lambda g, y, a, b: fit(g / b, a), lambda g, y, a, b: fit(-g * y / b, b))
negative.vjps(lambda g, y, a: -g)
power.vjps(_power_vjp, None)
absolute.vjps(lambda g, y, a: g * _sign(a))
where.vjps(
    None,
    lambda g, y, condition, a, b: fit(where(condition, g, 0.0), a),
    lambda g, y, condition, a, b: fit(where(condition, 0.0, g), b),
)
maximum.vjps(
    lambda g, y, a, b: fit(where(constant(a) >= constant(b), g, 0.0), a),
    lambda g, y, a, b: fit(where(constant(a) >= constant(b), 0.0, g), b),
)
minimum.vjps(
    lambda g, y, a, b: fit(where(constant(a) <= constant(b), g, 0.0), a),
    lambda g, y, a, b: fit(where(constant(a) <= constant(b), 0.0, g), b),
)
