"""Schedules: their ends, their direction, their closed forms."""

import math

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st

from minigan.optim import schedules

NAMES = ["constant", "linear", "cosine", "geometric"]
MOVING = NAMES[1:]
values = st.floats(1e-6, 1e3)


def test_the_registry_has_each_by_name():
    assert list(schedules) == NAMES


@pytest.mark.parametrize("name", MOVING)
@drawing(25)
@given(start=values, end=values)
def test_the_ends_are_exact(name, start, end):
    assert schedules[name](start, end, 0) == start
    assert schedules[name](start, end, 1) == end
    assert type(schedules[name](np.float64(start), end, np.float64(0.3))) is float


@pytest.mark.parametrize("name", MOVING)
@drawing(25)
@given(start=values, end=values)
def test_all_go_one_way(name, start, end):
    path = [schedules[name](start, end, i / 50) for i in range(51)]
    slack = 1e-14 * max(start, end)
    steps = np.diff(path) * (1 if end >= start else -1)
    assert (steps >= -slack).all()
    assert min(start, end) - slack <= min(path) <= max(path) <= max(start, end) + slack


@pytest.mark.parametrize("p", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_closed_forms(p):
    start, end = 0.8, 0.05
    assert schedules["constant"](start, end, p) == start
    assert schedules["linear"](start, end, p) == pytest.approx(start + p * (end - start), rel=1e-15)
    half_wave = end + (start - end) * (1 + math.cos(math.pi * p)) / 2
    assert schedules["cosine"](start, end, p) == pytest.approx(half_wave, rel=1e-14)
    assert schedules["geometric"](start, end, p) == pytest.approx(math.exp(math.log(start) + p * math.log(end / start)))


def test_known_values():
    """One point of each that tells it from all others."""
    assert schedules["linear"](4.0, 1.0, 0.25) == 3.25
    assert schedules["cosine"](4.0, 1.0, 0.25) == pytest.approx(2.5 + 0.75 * math.sqrt(2), rel=1e-15)
    assert schedules["geometric"](4.0, 1.0, 0.25) == pytest.approx(2 * math.sqrt(2), rel=1e-15)
    assert schedules["cosine"](4.0, 1.0, 0.5) == pytest.approx(2.5, rel=1e-15)


def test_geometric_goes_in_equal_factors():
    path = [schedules["geometric"](2.0, 0.002, i / 10) for i in range(11)]
    np.testing.assert_allclose(np.divide(path[1:], path[:-1]), 10**-0.3, rtol=1e-13)


def test_cosine_is_flat_at_both_ends():
    for p in (0.0, 1 - 1e-4):
        slope = (schedules["cosine"](1.0, 0.0, p + 1e-4) - schedules["cosine"](1.0, 0.0, p)) / 1e-4
        assert abs(slope) < 1e-3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("progress", [-1e-9, 1 + 1e-9, math.nan, 300])
def test_progress_is_a_part_of_the_run(name, progress):
    with pytest.raises(ValueError, match=r"progress: expected the part of the run that is over, from 0 to 1, got"):
        schedules[name](1.0, 0.1, progress)


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.0), (0.0, 1.0), (-1.0, -2.0), (1.0, -1.0), (math.nan, 1.0)])
def test_geometric_cannot_reach_zero(start, end):
    with pytest.raises(ValueError, match="geometric: expected start and end above 0"):
        schedules["geometric"](start, end, 0.5)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_the_others_can(name):
    assert schedules[name](1.0, 0.0, 1.0) == 0
    assert schedules[name](-1.0, 1.0, 0.5) == pytest.approx(0, abs=1e-15)
