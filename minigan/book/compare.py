"""When are two results the same? Bit for bit, up to rounding, or not."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan.autograd import Tensor


class Mismatch(Exception):  # noqa: N818 - a finding, not a failure
    """Two results that cannot be subtracted, and why."""


def difference(expected: Any, got: Any) -> tuple[float, bool]:
    """The largest difference between two results, and whether rounding explains it.

    Results are numbers, arrays, tensors, and tuples, lists or dictionaries of results. Rounding explains a
    difference up to the square root of the machine epsilon of what was expected, relative to its largest entry.

    Raises:
        Mismatch: the results have different structures or shapes.
    """
    largest, rounding = 0.0, True
    for one, other in _pairs(expected, got, "the result"):
        error, allowed = _largest_difference(one, other), _allowed(one)
        largest, rounding = max(largest, error), rounding and error <= allowed
    return largest, rounding


def arrays(value: Any) -> list[np.ndarray]:
    """All arrays and numbers inside tuples, lists, dictionaries and tensors; whatever else is there is left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [array for part in value for array in arrays(part)]
    value = value.numpy() if isinstance(value, Tensor) else value
    return [np.asarray(value)] if isinstance(value, np.ndarray | np.generic | bool | int | float | complex) else []


def _pairs(expected, got, place) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if isinstance(expected, dict):
        if not isinstance(got, dict) or set(got) != set(expected):
            raise Mismatch(f"{place} should be a dictionary with the keys {', '.join(map(repr, expected))}")
        for key in expected:
            yield from _pairs(expected[key], got[key], f"{place}[{key!r}]")
    elif isinstance(expected, tuple | list) and isinstance(got, tuple | list):
        if len(got) != len(expected):
            raise Mismatch(f"{place} should have {len(expected)} parts, not {len(got)}")
        for i, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _pairs(one, other, f"{place}[{i}]")
    elif expected is None or isinstance(expected, str):
        if type(got) is not type(expected) or got != expected:
            raise Mismatch(f"{place} should be {expected!r}, not {got!r}")
    elif got is None:
        raise Mismatch(f"{place} is None; is there a return?")
    else:
        yield _same_shape(expected, got, place)


def _same_shape(expected, got, place):
    expected, got = (x.numpy() if isinstance(x, Tensor) else x for x in (expected, got))
    expected = np.asarray(expected)
    try:
        got = np.asarray(got)
    except ValueError as error:  # rows of different lengths
        raise Mismatch(f"{place} should be an array of shape {expected.shape}") from error
    if got.dtype.kind not in "biufc":
        raise Mismatch(f"{place} should be a number or an array, not {got.dtype if got.ndim else type(got.item())}")
    if got.shape != expected.shape:
        raise Mismatch(f"{place} has the shape {got.shape}, not {expected.shape}")
    return expected, got


def _largest_difference(expected, got):
    """Infinite where one is not a finite number and the other is something else."""
    same = (expected == got) | ((expected != expected) & (got != got))
    expected, got = (x[~same].astype(np.result_type(x, np.float64)) for x in (expected, got))
    with np.errstate(all="ignore"):
        errors = np.abs(expected - got)
    return float(np.where(np.isfinite(errors), errors, np.inf).max(initial=0.0))


def _allowed(expected):
    epsilon = float(np.finfo(expected.dtype if expected.dtype.kind in "fc" else np.float64).eps)
    finite = np.abs(expected[np.isfinite(expected)])
    return epsilon**0.5 * float(finite.max(initial=0.0)) + 100 * epsilon
