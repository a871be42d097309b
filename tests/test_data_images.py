"""Pixels as bytes and as numbers in [-1, 1], and the set of images."""

import numpy as np
import pytest

from minigan.data import ImageData, from_uint8, to_uint8
from minigan.errors import DataError

LEVELS = np.arange(256, dtype=np.uint8)


def test_all_256_levels_come_back():
    numbers = from_uint8(LEVELS)
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(to_uint8(numbers), LEVELS)
    np.testing.assert_array_equal(to_uint8(numbers.astype(np.float64)), LEVELS)


def test_the_ends_are_exact_and_the_levels_even():
    numbers = from_uint8(LEVELS)
    assert numbers[0] == -1
    assert numbers[255] == 1
    np.testing.assert_allclose(np.diff(numbers), 2 / 255, atol=1e-6)


def test_numbers_are_rounded_and_clipped():
    step = 2 / 255
    numbers = np.array([-9.0, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.4 * step, 9.0, np.inf, -np.inf])
    assert to_uint8(numbers).tolist() == [0, 0, 1, 255, 255, 255, 0]
    assert to_uint8(numbers).dtype == np.uint8


@pytest.mark.parametrize("images", [LEVELS, np.array([0.0, np.nan]), np.array([0, 1])])
def test_to_uint8_refuses_what_it_would_distort(images):
    with pytest.raises(DataError, match="expects floats"):
        to_uint8(images)


def test_from_uint8_refuses_what_it_would_distort():
    with pytest.raises(DataError, match="expects uint8, not float64"):
        from_uint8(np.zeros(3))


def test_a_batch_holds_the_images_asked_for():
    images = np.random.default_rng(0).integers(256, size=(5, 2, 3, 1), dtype=np.uint8)
    data = ImageData("tiny", images, None, "a test")
    batch = data.batch(np.array([4, 0, 4]))
    assert (len(data), data.shape) == (5, (2, 3, 1))
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(to_uint8(batch), images[[4, 0, 4]])


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((4, 2, 2), np.uint8), None),
        (np.zeros((4, 2, 2, 1)), None),
        (np.zeros((4, 2, 2, 1), np.uint8), np.zeros(3, int)),
        (np.zeros((4, 2, 2, 1), np.uint8), np.zeros((4, 1), int)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images, labels):
    with pytest.raises(DataError, match="tiny: expected"):
        ImageData("tiny", images, labels, "a test")
