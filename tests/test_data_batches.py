"""The stream of batches: whole epochs, and exact resume from anywhere."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import Batches, ImageData, moons, ring, to_uint8
from minigan.errors import DataError


def numbered(count):
    """Images of one pixel that shows the image's own number."""
    pixels = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return ImageData("numbered", pixels, None, "a test")


def stream(data, batch_size=4, seed=0):
    return Batches(data, batch_size, np.random.default_rng(seed))


def take(batches, count):
    return [batches.next() for _ in range(count)]


def numbers(batches, count):
    return [to_uint8(batch).ravel().tolist() for batch in take(batches, count)]


@given(count=st.integers(1, 40), batch_size=st.integers(1, 40), seed=st.integers(0, 99))
def test_an_epoch_shows_no_image_twice_and_drops_the_rest(count, batch_size, seed):
    batch_size = min(batch_size, count)
    batches = stream(numbered(count), batch_size, seed)
    for _ in range(3):
        epoch = np.concatenate(numbers(batches, count // batch_size))
        assert len(set(epoch)) == len(epoch) == count // batch_size * batch_size


def test_each_epoch_has_an_order_of_its_own_and_every_image_its_turn():
    batches = stream(numbered(22), batch_size=4)
    epochs = [np.concatenate(numbers(batches, 5)).tolist() for _ in range(20)]
    assert len({tuple(epoch) for epoch in epochs}) == 20
    assert all(epoch != sorted(epoch) for epoch in epochs)
    assert set().union(*epochs) == set(range(22)), "the dropped images must not be always the same"


def test_equal_seeds_give_equal_batches_and_others_do_not():
    first, same, other = (numbers(stream(numbered(50), seed=seed), 30) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_a_batch_is_float32_in_the_right_shape():
    images = np.zeros((6, 5, 4, 3), np.uint8)
    batch = next(iter(stream(ImageData("black", images, None, "a test"))))
    assert (batch.shape, batch.dtype) == ((4, 5, 4, 3), np.float32)
    assert (batch == -1).all()


def test_points_are_fresh_in_every_batch():
    batches = stream(ring(), batch_size=100)
    first, second = take(batches, 2)
    assert (first.shape, first.dtype) == ((100, 2), np.float32)
    assert (first != second).all()


@settings(deadline=None)
@given(
    data=st.sampled_from([numbered(4), numbered(7), numbered(23), ring(), moons()]),
    before=st.integers(0, 17),
    after=st.integers(0, 17),
    kind=st.sampled_from([np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]),
)
def test_a_restored_stream_goes_on_bit_for_bit(data, before, after, kind):
    batches = Batches(data, 3, np.random.Generator(kind(5)))
    take(batches, before)
    saved = json.dumps(batches.state())
    resumed = Batches(data, 3, np.random.Generator(kind(6)))
    take(resumed, 2)
    resumed.restore(json.loads(saved))
    assert json.dumps(resumed.state()) == saved
    for expected, actual in zip(take(batches, after), take(resumed, after), strict=True):
        assert expected.tobytes() == actual.tobytes()
    assert json.dumps(resumed.state()) == json.dumps(batches.state())


def test_a_state_does_not_change_while_the_stream_goes_on():
    batches = stream(numbered(9))
    state = batches.state()
    before = json.dumps(state)
    take(batches, 5)
    assert json.dumps(state) == before != json.dumps(batches.state())


@pytest.mark.parametrize("data", [numbered(9), ring()], ids=repr)
def test_taking_the_state_does_not_move_the_stream(data):
    watched, unwatched = stream(data), stream(data)
    for _ in range(6):
        watched.state()
        assert watched.next().tobytes() == unwatched.next().tobytes()


def test_a_state_stays_small():
    assert len(json.dumps(stream(ImageData("many", np.zeros((9999, 1, 1, 1), np.uint8), None, "")).state())) < 500


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 5},
        {"images": 10},
        {"position": 3},
        {"position": -1},
        {"position": None},
        {"generator": None},
        {"generator": {}},
        {"generator": np.random.MT19937(0).state},
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change):
    batches = stream(numbered(9))
    expected = numbers(stream(numbered(9)), 6)
    with pytest.raises(DataError, match="saved"):
        batches.restore(stream(numbered(9)).state() | change)
    assert numbers(batches, 6) == expected


def test_points_do_not_go_on_from_images():
    with pytest.raises(DataError, match="must be alike"):
        stream(ring()).restore(stream(numbered(9)).state())


@pytest.mark.parametrize("batch_size", [0, -4])
def test_a_batch_of_nothing_is_refused(batch_size):
    with pytest.raises(DataError, match="at least 1"):
        stream(ring(), batch_size)


def test_too_few_images_are_refused_with_both_numbers():
    with pytest.raises(DataError, match=r"9 images.*batch of 10"):
        stream(numbered(9), batch_size=10)
    stream(numbered(9), batch_size=9)
