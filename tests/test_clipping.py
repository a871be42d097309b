"""Gradient clipping: lengths, directions, and what stays as it is."""

import math

import numpy as np
import pytest
from helpers import drawing, rng, tensor
from hypothesis import given
from hypothesis import strategies as st

from minigan import optim
from minigan.backend import strict
from minigan.optim import clip_by_global_norm, clip_by_value

BOTH = [clip_by_value, clip_by_global_norm]


def gradients(device, seed=0, scale=1.0, dtype=np.float64):
    """Of different shapes and sizes."""
    shapes = [(2, 3), (), (4,), (1, 1)]
    return [
        tensor(scale * 10.0**i * rng((seed, i)).standard_normal(shape), device, dtype) for i, shape in enumerate(shapes)
    ]


def flat(tensors):
    return np.concatenate([t.numpy().ravel() for t in tensors])


@drawing(15)
@given(seed=st.integers(0, 99), exponent=st.floats(-6, 6))
def test_the_global_norm_is_bounded_and_the_direction_kept(device, seed, exponent):
    g, limit = gradients(device, seed), 10.0**exponent
    before, after = flat(g), flat(clip_by_global_norm(g, limit))
    length = math.sqrt(sum(x**2 for x in before.tolist()))
    np.testing.assert_allclose(after, before * min(1.0, limit / length), rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(after), min(length, limit), rtol=1e-14)


@drawing(15)
@given(seed=st.integers(0, 99), exponent=st.floats(-4, 4))
def test_values_are_bounded_one_by_one(device, seed, exponent):
    g, limit = gradients(device, seed), 10.0**exponent
    expected = [math.copysign(min(abs(x), limit), x) for x in flat(g)]
    np.testing.assert_array_equal(flat(clip_by_value(g, limit)), expected)


@pytest.mark.parametrize("clip", BOTH)
def test_what_is_within_the_limit_is_not_changed_by_a_bit(clip, device):
    g = gradients(device)
    np.testing.assert_array_equal(flat(clip(g, 1e6)), flat(g))
    np.testing.assert_array_equal(flat(clip(g, float(np.linalg.norm(flat(g))) * (1 + 1e-12))), flat(g))


@pytest.mark.parametrize("clip", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_dtypes_and_devices_stay_and_the_gradients_too(clip, dtype, device):
    g = gradients(device, dtype=dtype)
    before = flat(g)
    clipped = clip(g, 0.1)
    assert [c.shape for c in clipped] == [x.shape for x in g]
    assert {c.dtype for c in clipped} == {np.dtype(dtype)}
    assert {c.device for c in clipped} == {device}
    np.testing.assert_array_equal(flat(g), before)
    with np.testing.assert_raises(AssertionError):
        np.testing.assert_array_equal(flat(clipped), before)


@pytest.mark.parametrize("clip", BOTH)
def test_a_zero_gradient_stays_zero(clip, device):
    zeros = [0.0 * g for g in gradients(device)]
    np.testing.assert_array_equal(flat(clip(zeros, 0.5)), 0 * flat(zeros))


@pytest.mark.parametrize("clip", BOTH)
def test_a_failure_is_not_hidden(clip, device):
    g = gradients(device)
    g[2] = tensor([1.0, math.nan, 2.0, 3.0], device)
    assert np.isnan(flat(clip(g, 0.5))).any()


@pytest.mark.parametrize("clip", BOTH)
def test_nothing_moves_between_host_and_device(clip):
    g = gradients("strict")
    with strict.transfers("forbid"):
        clip(g, 0.5)


@pytest.mark.parametrize("clip", BOTH)
def test_clipped_gradients_are_constants_that_an_optimizer_takes(clip, device):
    from minigan import grad
    from minigan.nn import Parameter

    p = Parameter(tensor([3.0, -4.0], device).data)
    clipped = clip(grad((p * p).sum(), [p], create_graph=True), 1.0)
    assert not clipped[0].requires_grad
    optim.SGD([p], 1.0).step(clipped)
    expected = [2.0, -3.0] if clip is clip_by_value else [2.4, -3.2]
    np.testing.assert_allclose(p.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("clip", BOTH)
@pytest.mark.parametrize("limit", [0, -1.0, math.nan])
def test_a_limit_is_positive(clip, limit):
    with pytest.raises(ValueError, match="limit: expected a number above 0"):
        clip(gradients("cpu"), limit)


@pytest.mark.parametrize("clip", BOTH)
def test_every_gradient_must_be_there(clip):
    g = gradients("cpu")
    with pytest.raises(ValueError, match="gradient 2 is None"):
        clip([g[0], g[1], None], 1.0)
    with pytest.raises(ValueError, match="at least one gradient"):
        clip([], 1.0)
