"""Constraints on weights: clipping in place, packed or not, and the penalty on columns that are not orthogonal."""

import math

import numpy as np
import pytest
from helpers import assert_same, drawing, normal, rng, scatter, snapshot, tensor
from hypothesis import given
from hypothesis import strategies as st

from minigan import grad, gradcheck, nn, optim
from minigan.backend import get_device, strict
from minigan.gan import clip_weights, losses, orthogonal_penalty
from minigan.nn import ParameterBuffer


def critic(device, dtype=np.float32):
    r = rng()
    D = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 3, (3, 2), 2, 1, rng=r), nn.LeakyReLU()),
        nn.ConvTranspose2d(3, 4, (2, 3), rng=r),
        nn.Flatten(),
        nn.Dense(80, 1, rng=r),
    )
    return scatter(D.to(device, dtype), device)


# Clipping

PACKINGS = {
    "packed": lambda D: ParameterBuffer(D.parameters()),
    "not packed": lambda D: None,
    "packed in part": lambda D: ParameterBuffer(D.parameters()[:-1]),
    "packed in another order": lambda D: ParameterBuffer(D.parameters()[::-1]),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("limit", [0.01, 0.1, 0.5])
def test_every_value_beyond_the_limit_comes_to_it_and_all_others_stay(limit, packing, device):
    D = critic(device)
    buffer = PACKINGS[packing](D)
    before, arrays = snapshot(D), [p.data for p in D.parameters()]
    clip_weights(D, limit)
    c = np.float32(limit)
    assert_same(snapshot(D), {name: np.where(w > c, c, np.where(w < -c, -c, w)) for name, w in before.items()})
    for kind in ("weight", "bias"):
        sizes = np.concatenate([abs(w).ravel() for name, w in before.items() if name.endswith(kind)])
        assert (sizes > c).any()
        assert (sizes < c).any() == (limit > 0.1)
    assert all(p.data is array for p, array in zip(D.parameters(), arrays, strict=True))  # in place
    assert {id(p.buffer) for p in D.parameters()} <= {id(buffer), id(None)}


def test_a_network_in_the_same_buffer_is_left_alone(device):
    D, G = critic(device), critic(device)
    before = snapshot(G)
    ParameterBuffer(D.parameters() + G.parameters())
    clip_weights(D, 0.1)
    assert_same(snapshot(G), before)
    assert max(abs(w).max() for w in snapshot(D).values()) == np.float32(0.1)


def test_a_packed_critic_is_clipped_in_one_pass():
    D = critic(get_device("strict"))
    ParameterBuffer(D.parameters())
    with strict.transfers("forbid"), strict.counting() as counts:
        clip_weights(D, 0.01)
    assert counts.launches == 1


def test_after_each_step_of_the_critic_no_weight_is_beyond_the_limit(device):
    """Clipping comes after the step: before it, the step would leave weights outside."""
    D, limit = critic(device), 0.05
    optimizer = optim.SGD(D.parameters(), 0.5)
    for seed in range(3):
        real, fake = (normal((4, 5, 4, 2), device, [seed, i], np.float32) for i in range(2))
        optimizer.step(grad(losses["wasserstein"].discriminator(D(real), D(fake)), D.parameters()))
        assert max(abs(w).max() for w in snapshot(D).values()) > limit
        clip_weights(D, limit)
        assert max(abs(w).max() for w in snapshot(D).values()) == np.float32(limit)


def test_a_weight_that_is_not_a_number_stays_one(device):
    D = critic(device)
    D[3].bias.data[...] = math.nan
    clip_weights(D, 0.1)
    assert np.isnan(D[3].bias.numpy()).all()


def test_a_network_with_one_parameter_or_none(device):
    clip_weights(nn.Sequential(nn.Flatten(), nn.Tanh()), 0.1)
    layer = nn.Dense(1, 1, rng=rng(), bias=False).to(device)
    layer.weight.data[...] = -3.0
    clip_weights(layer, 0.1)
    assert layer.weight.item() == np.float32(-0.1)


@pytest.mark.parametrize("layer", [nn.BatchNorm(3), nn.LayerNorm(3)])
@pytest.mark.parametrize("mode", [True, False])
def test_a_critic_whose_scale_would_be_clipped_is_refused(layer, mode):
    D = nn.Sequential(nn.Dense(2, 3, rng=rng()), nn.Sequential(layer, nn.Tanh()), nn.Dense(3, 1, rng=rng()))
    before = snapshot(D.train(mode))
    with pytest.raises(
        ValueError, match=r"has (Batch|Layer)Norm\(.*\), whose scale .* clipped to 0.01 .* use a critic"
    ):
        clip_weights(D, 0.01)
    assert_same(snapshot(D), before)


@pytest.mark.parametrize("limit", [0, -0.01, math.nan])
def test_a_limit_that_is_not_positive_is_refused(limit, device):
    D = critic(device)
    before = snapshot(D)
    with pytest.raises(ValueError, match="limit above 0, got"):
        clip_weights(D, limit)
    assert_same(snapshot(D), before)


# Orthogonality


def columns(layer):
    """The part of the weight that belongs to each output channel, as a vector: the columns of W."""
    w, outputs = layer.weight.numpy(), {nn.Dense: 1, nn.Conv2d: 3, nn.ConvTranspose2d: 2}[type(layer)]
    return [w.take(i, axis=outputs).ravel() for i in range(w.shape[outputs])]


def expected(layers, diagonal):
    """The sum over the pairs of columns of <a, b>^2, and (|a|^2 - 1)^2 where they are the same."""
    total = 0.0
    for W in map(columns, layers):
        for i, a in enumerate(W):
            for j, b in enumerate(W):
                total += (a @ b - (i == j)) ** 2 if diagonal else (i != j) * (a @ b) ** 2
    return total


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_penalty_sums_over_pairs_of_columns_of_each_layer(diagonal, device):
    D = critic(device, np.float64)
    layers = [D[0][0], D[1], D[3]]
    for network, those in ((D, layers), (D[0], layers[:1]), (D[1], layers[1:2]), (D[3], layers[2:])):
        penalty = orthogonal_penalty(network, 0.3, diagonal=diagonal)
        assert penalty.shape == ()
        assert penalty.item() == pytest.approx(0.3 * expected(those, diagonal), rel=1e-12)
    assert orthogonal_penalty(D, diagonal=diagonal).item() == pytest.approx(1e-4 * expected(layers, diagonal))


def dense(W, device, dtype=np.float64):
    layer = nn.Dense(*W.shape, rng=rng()).to(device, dtype)
    layer.weight.data[...] = tensor(W, device, dtype).data
    return layer


@drawing(25)
@given(n=st.integers(1, 5), extra=st.integers(0, 3), c=st.floats(-2, 2), seed=st.integers(0, 2**32 - 1))
def test_orthogonal_columns_of_length_c(device, n, extra, c, seed):
    """W = c Q with Q^T Q = I: the off-diagonal penalty is 0, the other n (c^2 - 1)^2."""
    Q, _ = np.linalg.qr(rng(seed).standard_normal((n + extra, n)))
    layer = dense(c * Q, device)
    assert orthogonal_penalty(layer, 1.0).item() == pytest.approx(0, abs=1e-24)
    assert orthogonal_penalty(layer, 1.0, diagonal=True).item() == pytest.approx(n * (c**2 - 1) ** 2, abs=1e-12)


def test_columns_and_not_rows_are_asked_to_be_orthogonal(device):
    """A filter for each output: 1 x 3 has three of them along one line, 3 x 1 has one alone."""
    wide, tall = np.array([[1.0, 2.0, -1.0]]), np.array([[1.0], [2.0], [-1.0]])
    assert orthogonal_penalty(dense(wide, device), 1.0).item() == pytest.approx(2 * (4 + 1 + 4))
    assert orthogonal_penalty(dense(tall, device), 1.0).item() == 0
    assert orthogonal_penalty(dense(tall, device), 1.0, diagonal=True).item() == pytest.approx(25)


@pytest.mark.parametrize("diagonal", [False, True])
def test_its_derivatives_agree_with_central_differences(diagonal, device):
    D = critic(device, np.float64)
    layers = [D[0][0], D[1], D[3]]

    def penalty(*weights):
        for layer, weight in zip(layers, weights, strict=True):
            layer.weight = weight
        return orthogonal_penalty(D, 0.7, diagonal=diagonal)

    gradcheck(penalty, [layer.weight for layer in layers], order=3)


@pytest.mark.parametrize("diagonal", [False, True])
def test_its_gradient_in_closed_form(diagonal, device):
    """d/dW |W^T W - I|^2 = 4 W (W^T W - I), and 4 W (W^T W * (1 - I)) without the diagonal."""
    W = rng().standard_normal((5, 3))
    layer = dense(W, device)
    (gradient,) = grad(orthogonal_penalty(layer, 0.5, diagonal=diagonal), [layer.weight])
    product = W.T @ W
    difference = product - np.eye(3) if diagonal else product - np.diag(np.diag(product))
    np.testing.assert_allclose(gradient.numpy(), 0.5 * 4 * W @ difference, rtol=1e-12)


def test_descending_it_makes_columns_orthogonal_and_keeps_their_lengths_apart(device):
    layer = dense(rng().standard_normal((6, 4)) * [0.5, 1.0, 1.5, 2.0], device)
    optimizer = optim.SGD([layer.weight], 0.02)
    for _ in range(400):
        optimizer.step(grad(orthogonal_penalty(layer, 1.0), [layer.weight]))
    W = layer.weight.numpy()
    lengths = np.linalg.norm(W, axis=0)
    assert abs(W.T @ W - np.diag(lengths**2)).max() < 1e-2
    assert lengths.max() > 2 * lengths.min() > 0.2


def test_float32_stays_float32_on_its_device(device):
    D = critic(device)
    for diagonal in (False, True):
        penalty = orthogonal_penalty(D, diagonal=diagonal)
        assert (penalty.dtype, penalty.device) == (np.float32, device)
        weights = [layer.weight for layer in (D[0][0], D[1], D[3])]
        assert {g.dtype for g in grad(penalty, weights)} == {np.dtype(np.float32)}


def test_the_raw_weight_inside_a_spectral_norm_is_meant(device):
    layer = dense(rng().standard_normal((4, 3)), device)
    wrapped = nn.SpectralNorm(layer, rng=rng())
    assert orthogonal_penalty(wrapped).item() == orthogonal_penalty(layer).item()


def test_a_network_without_a_matrix_is_refused():
    with pytest.raises(ValueError, match=r"expected a network with a Dense.* got Sequential\(1 layers\)"):
        orthogonal_penalty(nn.Sequential(nn.LayerNorm(3)))
