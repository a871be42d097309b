"""Point clouds: the centres are where the papers put them, and the samples are where the centres are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.data import grid, moons, ring, swiss_roll
from minigan.errors import DataError

SAMPLES = 20_000


def sample(data, n=SAMPLES, seed=0):
    return data.sample(n, np.random.default_rng(seed))


def distances(points, centres):
    return np.linalg.norm(points[:, None] - centres[None], axis=-1)


@given(modes=st.integers(1, 40), radius=st.floats(0.1, 10))
def test_a_ring_has_as_many_distinct_centres_as_modes(modes, radius):
    centres = ring(modes, radius).centres
    assert centres.shape == (modes, 2)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), radius)
    apart = distances(centres, centres)[~np.eye(modes, dtype=bool)]
    assert modes == 1 or np.isclose(apart.min(), 2 * radius * np.sin(np.pi / modes))


def test_the_grid_is_that_of_the_paper():
    centres = {tuple(centre) for centre in grid().centres}
    assert centres == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


@pytest.mark.parametrize("data", [ring(), grid(), ring(modes=3, std=0.2, radius=2)], ids=repr)
def test_a_mixture_covers_its_modes_evenly_with_the_right_spread(data):
    apart = distances(sample(data), data.centres)
    nearest = apart.min(axis=1)
    # In two dimensions the share within 3 sigma is 1 - exp(-3 ** 2 / 2), not the 0.997 of one dimension.
    assert np.mean(nearest < 3 * data.std) == pytest.approx(1 - np.exp(-4.5), abs=0.005)
    assert np.mean(nearest < data.std) == pytest.approx(1 - np.exp(-0.5), abs=0.015)
    counts = np.bincount(apart.argmin(axis=1), minlength=len(data.centres))
    expected = SAMPLES / len(data.centres)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_the_spread_is_round():
    points = sample(ring(modes=1, radius=1, std=0.5)) - [1, 0]
    np.testing.assert_allclose(np.cov(points.T), 0.25 * np.eye(2), atol=0.01)


def test_the_swiss_roll_is_a_spiral():
    points = sample(swiss_roll(noise=0, scale=1), 500)
    radius = np.linalg.norm(points, axis=1)
    assert radius.min() == pytest.approx(1.5 * np.pi, rel=0.02)
    assert radius.max() == pytest.approx(4.5 * np.pi, rel=0.02)
    on_spiral = radius[:, None] * np.column_stack([np.cos(radius), np.sin(radius)])
    np.testing.assert_allclose(points, on_spiral, atol=1e-3)


def test_the_moons_are_two_half_circles():
    points = sample(moons(noise=0), 1000)
    x, y = points.T
    is_upper = np.isclose(np.hypot(x, y), 1, atol=1e-5) & (y >= -1e-6)
    is_lower = np.isclose(np.hypot(x - 1, y - 0.5), 1, atol=1e-5) & (y <= 0.5 + 1e-6)
    assert (is_upper | is_lower).all()
    assert 400 < is_upper.sum() < 600
    assert x[is_upper].min() < -0.99 < 0.99 < x[is_upper].max()
    assert x[is_lower].min() < 0.01 < 1.99 < x[is_lower].max()


@pytest.mark.parametrize(("shape", "unit"), [(swiss_roll, 7.5), (moons, 1)])
def test_noise_is_gaussian_of_the_size_asked_for(shape, unit):
    # The noise is drawn last, so that equal seeds give equal points beneath it.
    noise = (sample(shape(noise=0.2)) - sample(shape(noise=0))) * unit
    np.testing.assert_allclose(np.cov(noise.T), 0.04 * np.eye(2), atol=0.002)
    assert np.abs(noise.mean(axis=0)).max() < 0.01


@pytest.mark.parametrize("make", [ring, grid, swiss_roll, moons])
def test_samples_are_fresh_and_repeat_with_the_seed(make):
    data, rng = make(), np.random.default_rng(3)
    first, second = data.sample(7, rng), data.sample(7, rng)
    assert (first.shape, first.dtype, data.shape) == ((7, 2), np.float32, (2,))
    assert (first != second).all()
    np.testing.assert_array_equal(first, data.sample(7, np.random.default_rng(3)))
    assert data.sample(0, rng).shape == (0, 2)


@pytest.mark.parametrize("data", [grid(std=0.3), moons()], ids=repr)
def test_scaled_data_are_the_same_in_other_units(data):
    half = data.scaled(0.5)
    np.testing.assert_array_equal(sample(half, 50), sample(data, 50) / 2)
    if data.centres is not None:
        np.testing.assert_array_equal(half.centres, data.centres / 2)
        assert half.std == data.std / 2
        assert half.scaled(4).std == data.std * 2
    assert (half.name, half.scaled(2).centres is None) == (data.name, data.centres is None)


@pytest.mark.parametrize("make", [lambda: ring(modes=0), lambda: grid(side=-1)])
def test_a_mixture_of_nothing_is_refused(make):
    with pytest.raises(DataError, match="at least 1"):
        make()
