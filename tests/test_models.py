"""Architectures: shapes, sizes, initial weights, and whole training steps against central differences."""

import numpy as np
import pytest
from helpers import assert_same, normal, reseed, rng, snapshot

from minigan import grad, nn, no_grad
from minigan.data import load
from minigan.gan import gradient_penalty, losses
from minigan.models import models
from minigan.nn import BatchNorm
from minigan.training.config import Config
from minigan.training.trainer import Trainer

IMAGES = [(8, 8, 1), (28, 28, 1), (12, 20, 3)]
SHAPES = {
    "dcgan": IMAGES,
    "tutorial": IMAGES,
    "dense": [*IMAGES, (7, 7, 1), (2,)],
    "toy": [(2,), (3,)],
}
"""Shapes that each model makes."""

REFUSED = {
    "dcgan": [(7, 7, 1), (8, 6, 1), (6, 8, 1), (0, 8, 1), (2,), (8, 8)],
    "tutorial": [(7, 7, 1), (8, 6, 1), (6, 8, 1), (0, 8, 1), (2,), (8, 8)],
    "dense": [],
    "toy": [(8, 8, 1), (8, 8)],
}


def pairs(table):
    return [(model, shape) for model, shapes in table.items() for shape in shapes]


def test_every_model_has_its_shapes():
    assert list(SHAPES) == list(REFUSED) == list(models)


@pytest.mark.parametrize(("model", "shape"), pairs(SHAPES))
def test_networks_fit_the_samples(model, shape, device):
    G, D = (network.to(device) for network in models[model](shape, 5, rng=rng()))
    z = normal((2, 5), device, dtype=np.float32)
    with no_grad():
        fake = G(z)
        logits = D(fake)
    assert fake.shape == (2, *shape)
    assert logits.shape == (2, 1)
    assert fake.dtype == logits.dtype == np.float32
    if len(shape) == 3:
        assert np.abs(fake.numpy()).max() <= 1


@pytest.mark.parametrize("model", models)
def test_discriminators_end_in_logits_of_any_size(model):
    """Losses take logits: a tanh or sigmoid at the end would bound them."""
    shape = SHAPES[model][0]
    _, D = models[model](shape, 5, rng=rng())
    for size in (-1e4, 1e4):
        D.parameters()[-1].data[...] = size
        assert D(np.zeros((1, *shape), dtype=np.float32)).item() == size


def test_points_may_lie_anywhere():
    G, _ = models["toy"]((2,), 2, rng=rng())
    G.parameters()[-1].data[...] = -1e4
    assert (G(np.zeros((3, 2), dtype=np.float32)).numpy() == -1e4).all()


@pytest.mark.parametrize(("model", "shape"), pairs(REFUSED))
def test_other_shapes_are_refused_with_advice(model, shape):
    with pytest.raises(ValueError, match=r"got.*use "):
        models[model](shape, 5, rng=rng())


@pytest.mark.parametrize("model", models)
def test_one_seed_makes_one_pair_of_networks(model):
    shape = SHAPES[model][0]
    first, same, other = ([snapshot(n) for n in models[model](shape, 5, rng=rng(seed))] for seed in (0, 0, 1))
    for state, twin, stranger in zip(first, same, other, strict=True):
        assert_same(state, twin)
        assert all((state[name] != stranger[name]).any() for name in state if state[name].ndim > 1)


def size(network):
    return sum(p.size for p in network.parameters())


def test_the_tutorial_has_the_size_of_the_original():
    """The tables that model.summary() prints for the networks of the TensorFlow tutorial."""
    G, D = models["tutorial"]((28, 28, 1), 100, rng=rng())
    start = 7 * 7 * 256
    assert [size(layer) for layer in G if layer.parameters()] == [
        start * 100,
        2 * start,
        5 * 5 * 128 * 256,
        2 * 128,
        5 * 5 * 64 * 128,
        2 * 64,
        5 * 5 * 1 * 64,
    ]
    assert size(G) == 2_305_472
    # Keras counts the running statistics too, as "non-trainable".
    assert size(G) + sum(b.size for _, b in G.named_buffers()) == 2_330_944
    assert [size(layer) for layer in D if layer.parameters()] == [1_664, 204_928, 6_273]
    assert size(D) == 212_865


def test_dcgan_and_dense_have_their_sizes():
    G, D = models["dcgan"]((28, 28, 1), 100, rng=rng(), channels=64)
    assert size(G) == 100 * 6272 + 2 * 128 + 16 * 64 * 128 + 2 * 64 + 16 * 64 + 1
    assert size(D) == 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 6272 + 1
    _, D = models["dcgan"]((28, 28, 1), 100, rng=rng(), channels=64, per_sample=True)
    assert size(D) == 16 * 64 + 64 + 16 * 64 * 128 + 2 * 6272 + 6272 + 1
    G, D = models["dense"]((28, 28, 1), 100, rng=rng())
    assert size(G) == 101 * 784 + 2 * 785 * 784
    assert size(D) == 2 * 785 * 784 + 785
    G, D = models["toy"]((2,), 2, rng=rng())
    assert size(G) == 3 * 128 + 2 * 129 * 128 + 129 * 2
    assert size(D) == 3 * 128 + 2 * 129 * 128 + 129


def weights(network):
    return [p.numpy() for p in network.parameters() if p.ndim > 1]


def fans(w):
    *window, a, b = w.shape
    return np.prod(window) * a, np.prod(window) * b


def assert_stds(network, std):
    """Up to five times the sampling error."""
    for w in weights(network):
        assert w.std() == pytest.approx(std(w), rel=5 / np.sqrt(2 * w.size)), w.shape


def test_initial_weights_are_those_of_the_papers():
    shape = (28, 28, 1)
    for network in models["dcgan"](shape, 100, rng=rng()):
        assert_stds(network, lambda w: 0.02)
    for network in models["toy"]((2,), 2, rng=rng()):
        assert_stds(nn.Sequential(*network[:-1]), lambda w: np.sqrt(2 / fans(w)[0]))
    for network in [*models["tutorial"](shape, 100, rng=rng()), *models["dense"](shape, 100, rng=rng())]:
        assert_stds(network, lambda w: np.sqrt(2 / sum(fans(w))))


@pytest.mark.parametrize("model", models)
def test_discriminators_take_a_gradient_penalty(model, device):
    """Built for samples on their own, none of them has batch norm."""
    shape = SHAPES[model][0]
    _, D = models[model](shape, 5, rng=rng(), per_sample=True)
    D.to(device)
    real, fake = (normal((2, *shape), device, seed=seed, dtype=np.float32) for seed in (0, 1))
    penalty = gradient_penalty(D, real, fake, rng=rng())
    *gradients, _ = grad(penalty, D.parameters())
    assert all(np.isfinite(g.numpy()).all() for g in gradients if g is not None)


def test_the_tutorial_sets_the_constants_of_keras():
    G, D = models["tutorial"]((8, 8, 1), 5, rng=rng())
    assert {(m.momentum, m.eps) for m in G if isinstance(m, BatchNorm)} == {(0.01, 1e-3)}
    assert {m.slope for network in (G, D) for m in network if isinstance(m, nn.LeakyReLU)} == {0.3}
    assert [m.p for m in D if isinstance(m, nn.Dropout)] == [0.3, 0.3]


# Whole steps


SHIFTLESS = {"wasserstein", "hinge", "relativistic", "relativistic-average", "relativistic-average-ls", "softmax"}
SHIFTLESS |= {"ebgan", "mmd", "cramer"}
"""Losses out of which the last bias of D cancels, for hinge and ebgan while no sample is beyond the margin."""

ONE_BY_ONE = {"non-saturating", "relativistic"}
"""Losses with which each parameter is moved on its own. All others see the same networks: what they can get wrong is
the slope at the logits, and with it all gradients, so there all parameters are moved at once."""

STEP_SHAPES = {"dcgan": (4, 4, 1), "tutorial": (4, 4, 1), "dense": (4, 4, 1), "toy": (2,)}


@pytest.mark.parametrize("loss", losses)
@pytest.mark.parametrize("model", models)
def test_gradients_of_both_steps_agree_with_central_differences(model, loss):
    shape, loss = STEP_SHAPES[model], losses[loss]
    networks = models[model](shape, 3, rng=rng(1), outputs=loss.features)
    G, D = (network.to(dtype=np.float64) for network in networks)
    real, z = normal((3, *shape), "cpu"), normal((3, 3), "cpu", seed=1)
    fake, real_logits = G(z).detach(), D(real) if loss.compares else None  # what the other player holds still

    def d_loss():
        reseed(D)
        return loss.discriminator(D(real), D(fake))

    def g_loss():
        reseed(D)
        return loss.generator(D(G(z)), real_logits)

    for player, of_loss in ((D, d_loss), (G, g_loss)):
        gradients = [g.numpy() for g in grad(of_loss(), player.parameters())]
        for i, ((name, _), g) in enumerate(zip(player.named_parameters(), gradients, strict=True)):
            cancels = loss.name in SHIFTLESS and player is D and i == len(gradients) - 1
            assert np.linalg.norm(g) > 1e-6 or cancels, name
        rounding = 1e-8 if loss.features > 1 else 3e-9  # kernels of all pairs are summed and subtracted
        moves = [
            (p, p.numpy(), proportional(p, i), g)
            for i, (p, g) in enumerate(zip(player.parameters(), gradients, strict=True))
        ]
        for together in [[move] for move in moves] if loss.name in ONE_BY_ONE else [moves]:
            numeric = central_difference(of_loss, together)
            analytic = sum(np.sum(g * v) for _, _, v, g in together)
            size = sum(np.linalg.norm(g) * v.std() for _, _, v, g in together)
            assert analytic == pytest.approx(numeric, abs=1e-6 * size + rounding)


def proportional(p, seed):
    """A random direction, no longer than the weights: in a thousand units some kink is near, and it would cross it."""
    return max(p.numpy().std(), 0.01) * rng(seed).standard_normal(p.shape)


def central_difference(of_loss, moves, h=1e-6):
    """The slope of the loss along the directions of all these parameters at once, which are back in the end."""

    def at(t):
        for p, start, v, _ in moves:
            p.data[...] = start + t * v
        with no_grad():
            return of_loss().item()

    slope = (at(h) - at(-h)) / (2 * h)
    at(0)
    return slope


@pytest.fixture(scope="module")
def data():
    return {"images": load("digits"), "points": load("ring")}


@pytest.mark.parametrize("loss", losses)
@pytest.mark.parametrize("model", models)
def test_each_player_moves_itself_alone_and_entirely(model, loss, data, device):
    penalty = "wgan-gp" if loss == "wasserstein" else "none"
    config = Config(model=model, loss=loss, penalty=penalty, batch_size=5, latent_size=3, device=device.name)
    trainer = Trainer(config, data["points" if model == "toy" else "images"])
    G, D = trainer.generator, trainer.discriminator
    real = trainer.real_batch()
    g_before, d_before = snapshot(G), snapshot(D)

    trainer.discriminator_step(real)
    d_after = snapshot(D)
    assert_same(snapshot(G), g_before)
    last_bias = list(d_after)[-1]
    for name in d_after:
        cancels = loss in SHIFTLESS and name == last_bias  # exactly, up to rounding
        assert (d_after[name] != d_before[name]).any() or cancels, name

    trainer.generator_step(real)
    assert_same(snapshot(D), d_after)
    for name, value in snapshot(G).items():
        assert (value != g_before[name]).any(), name
    assert trainer.d_optimizer.steps == trainer.g_optimizer.steps == 1


def test_both_steps_see_fakes_normalised_by_their_own_batch(data):
    """As in evaluation mode they would not be; the two players would then look at different generators."""
    trainer = Trainer(Config(model="dcgan", batch_size=8, latent_size=3), data["images"])
    real = trainer.real_batch()
    for step in (trainer.discriminator_step, trainer.generator_step):
        with nn.tracing() as trace:
            step(real)
        own = set(map(id, trainer.generator))
        normalised = [y.numpy() for m, y in trace if isinstance(m, BatchNorm) and id(m) in own]
        assert len(normalised) == 2
        for y in normalised:
            np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
