"""Layers, losses, penalties and optimizers at drawn sizes: what holds for all of them, whatever the shape."""

import inspect
import itertools

import numpy as np
import pytest
from helpers import as_function, assert_same, drawing, rng, scatter, snapshot, tensor
from hypothesis import assume, given
from hypothesis import strategies as st

from minigan import Tensor, grad, gradcheck, nn, optim
from minigan.autograd.gradcheck import numerical_derivative
from minigan.checks.case import bent
from minigan.gan import input_gradient_norm, losses, penalties

counts = st.integers(1, 3)
seeds = st.integers(0, 2**32 - 1)


def spaced(shape, seed):
    """Values from -1 to 1, none within 1/40 of a multiple of 1/12; of up to 24 no two are closer than 1/20."""
    r, size = rng(seed), int(np.prod(shape))
    level = r.permutation(size) % 24 - 12
    return ((level + 0.5 + r.uniform(-0.2, 0.2, size)) / 12).reshape(shape)


def check_float32_and_inputs(f, arrays, device):
    """f of float32 and its gradients of two orders are float32, on the device, and leave the inputs as they were."""
    xs = [tensor(a, device, np.float32, requires_grad=True) for a in arrays]
    before = [x.numpy().copy() for x in xs]
    y = f(*xs)
    first = [g for g in grad((y * y).sum(), xs, create_graph=True) if g is not None]
    second = [g for g in grad(sum((g * g).sum() for g in first), xs) if g is not None]
    assert first
    for t in [y, *first, *second]:
        assert t.dtype == np.float32
        assert t.device == device
    for x, values in zip(xs, before, strict=True):
        np.testing.assert_array_equal(x.numpy(), values)


# Layers: each entry draws a layer, the shape of a sample, and the shape of what the layer makes of it


def dense(draw, r):
    inputs, outputs = draw(counts), draw(counts)
    return nn.Dense(inputs, outputs, rng=r, bias=draw(st.booleans())), (inputs,), (outputs,)


def geometry(draw):
    """(kernel, stride, padding, left over) along an axis, and its lengths before and after the adjoint."""
    small, kernel, stride = draw(counts), draw(counts), draw(counts)
    extra = draw(st.integers(0, stride - 1))
    full = (small - 1) * stride + kernel + extra
    padding = draw(st.integers(0, min(2, (full - 1) // 2)))
    return kernel, stride, padding, extra, small, full - 2 * padding


def convolution(kind):
    def entry(draw, r):
        kernel, stride, padding, extra, small, large = zip(geometry(draw), geometry(draw), strict=True)
        assume(large[0] != large[1])
        inputs, outputs, bias = draw(counts), draw(counts), draw(st.booleans())
        if kind is nn.Conv2d:
            return kind(inputs, outputs, kernel, stride, padding, rng=r, bias=bias), (*large, inputs), (*small, outputs)
        layer = kind(inputs, outputs, kernel, stride, padding, extra, rng=r, bias=bias)
        return layer, (*small, inputs), (*large, outputs)

    return entry


def spectral(draw, r):
    kind = draw(st.sampled_from([nn.Dense, nn.Conv2d, nn.ConvTranspose2d]))
    layer, *shapes = LAYERS[kind](draw, r)
    return nn.SpectralNorm(layer, rng=r), *shapes


def sequential(draw, r):
    first, shape, (hidden,) = dense(draw, r)
    outputs = draw(counts)
    return nn.Sequential(first, nn.Softplus(), nn.Dense(hidden, outputs, rng=r)), shape, (outputs,)


def shaped(make, outputs=lambda shape: shape):
    """A layer for a drawn shape with at least three values on the last axis: two are standardized to almost +-1."""

    def entry(draw, r):
        shape = (*draw(st.lists(st.integers(1, 2), max_size=2)), draw(st.integers(3, 4)))
        return make(draw, shape, r), shape, outputs(shape)

    return entry


LAYERS = {
    nn.Dense: dense,
    nn.Conv2d: convolution(nn.Conv2d),
    nn.ConvTranspose2d: convolution(nn.ConvTranspose2d),
    nn.SpectralNorm: spectral,
    nn.Sequential: sequential,
    nn.BatchNorm: shaped(lambda draw, shape, r: nn.BatchNorm(shape[-1])),
    nn.LayerNorm: shaped(lambda draw, shape, r: nn.LayerNorm(shape[draw(st.integers(-len(shape), -1)) :])),
    nn.Dropout: shaped(lambda draw, shape, r: nn.Dropout(draw(st.floats(0, 0.8)), rng=r)),
    nn.LeakyReLU: shaped(lambda draw, shape, r: nn.LeakyReLU(draw(st.floats(0, 1)))),
    nn.ReLU: shaped(lambda draw, shape, r: nn.ReLU()),
    nn.Tanh: shaped(lambda draw, shape, r: nn.Tanh()),
    nn.Sigmoid: shaped(lambda draw, shape, r: nn.Sigmoid()),
    nn.Softplus: shaped(lambda draw, shape, r: nn.Softplus()),
    nn.Flatten: shaped(lambda draw, shape, r: nn.Flatten(), lambda shape: (int(np.prod(shape)),)),
    nn.Reshape: shaped(lambda draw, shape, r: nn.Reshape(*shape[::-1]), lambda shape: shape[::-1]),
}
each_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)


@st.composite
def layers(draw, kind):
    """(layer with random weights and running statistics, a batch, the shape of the output of a sample)."""
    seed = draw(seeds)
    layer, shape, outputs = LAYERS[kind](draw, rng(seed))
    n = draw(st.integers(3, 4) if kind is nn.BatchNorm else counts)
    x = spaced((n, *shape), seed)
    scatter(layer.to("cpu", np.float64), "cpu", seed % 1000)
    layer(0.5 + x)  # so that the running statistics are not 0 and 1, and u and v belong to the weights
    return layer, x, outputs


def test_every_layer_has_an_entry():
    kinds = {thing for name in nn.__all__ if inspect.isclass(thing := getattr(nn, name))}
    assert set(LAYERS) == {kind for kind in kinds if issubclass(kind, nn.Module)} - {nn.Module}


@each_layer
@drawing(4)
@given(data=st.data(), training=st.booleans())
def test_derivatives_of_a_layer_to_third_order(kind, device, data, training):
    layer, x, _ = data.draw(layers(kind))
    layer.to(device).train(training)
    weights = [Tensor(p.data) for p in layer.parameters()]
    with nn.freezing(layer):  # or a spectral norm would be another function in each call
        gradcheck(bent(as_function(layer)), [tensor(x, device), *weights], order=3)


@each_layer
@drawing(4)
@given(data=st.data(), training=st.booleans())
def test_a_layer_keeps_float32_and_its_inputs(kind, device, data, training):
    layer, x, _ = data.draw(layers(kind))
    layer.to(device, np.float32).train(training)
    state, weights = snapshot(layer), [p.numpy() for p in layer.parameters()]
    with nn.freezing(layer):
        layer(tensor(x, device, np.float32))
        assert_same(snapshot(layer), state)
        check_float32_and_inputs(as_function(layer), [x, *weights], device)


@each_layer
@drawing(6)
@given(data=st.data())
def test_a_layer_makes_of_a_batch_what_it_makes_of_each_sample(kind, device, data):
    """Of the shape that was asked for; in training mode too, unless that mixes samples or draws masks."""
    layer, x, outputs = data.draw(layers(kind))
    layer.to(device).train(kind not in (nn.BatchNorm, nn.Dropout))
    with nn.freezing(layer):
        whole = layer(tensor(x, device)).numpy()
        alone = [layer(tensor(sample[None], device)).numpy() for sample in x]
    assert whole.shape == (len(x), *outputs)
    np.testing.assert_allclose(whole, np.concatenate(alone), rtol=1e-12, atol=1e-13)


# Losses

each_loss = pytest.mark.parametrize("loss", losses.values(), ids=list(losses))
PAIRED = {"relativistic"}
POOLED = {"softmax", "mmd", "cramer"}  # a sample that is seen twice counts otherwise than one seen once


@st.composite
def logits(draw, loss):
    """Batches of different sizes, from -3 to 3, away from the kinks of hinges at -1 and 1, and of |a - b|."""
    fewest = 1 if loss.features == 1 else 2
    n, m, _ = draw(st.permutations(range(fewest, fewest + 3)))
    m = n if loss.name in PAIRED else m
    shape = draw(st.sampled_from([(), (1,), (2, 1)]) if loss.features == 1 else st.tuples(counts))
    both = 3 * spaced((n + m, *shape), draw(seeds))
    return both[:n], both[n:]


def players(loss):
    """What each player descends, as functions of real and fake logits in this order."""
    return loss.discriminator, lambda real, fake: loss.generator(fake, real)


@each_loss
@drawing(3)
@given(data=st.data(), turn=st.integers(0, 1))
def test_derivatives_of_a_loss_to_third_order(loss, device, data, turn):
    batches = data.draw(logits(loss))
    gradcheck(players(loss)[turn], [tensor(a, device) for a in batches], order=3)


@each_loss
@drawing(4)
@given(data=st.data())
def test_a_loss_is_a_scalar_that_knows_no_order_of_samples(loss, device, data):
    """Of pairs it knows who belongs together. A loss made of means knows no difference of a batch said twice."""
    real, fake = batches = data.draw(logits(loss))
    orders = [data.draw(st.permutations(range(len(a)))) for a in batches]
    orders = orders[:1] * 2 if loss.name in PAIRED else orders
    others = [[a[order] for a, order in zip(batches, orders, strict=True)]]
    if loss.name not in POOLED | PAIRED:
        others += [[np.concatenate([real, real]), fake], [real, np.concatenate([fake, fake, fake])]]
    for player in players(loss):
        check_float32_and_inputs(player, batches, device)
        value, *same = (player(*(tensor(a, device) for a in pair)) for pair in [batches, *others])
        assert value.shape == ()
        for other in same:
            np.testing.assert_allclose(other.numpy(), value.numpy(), rtol=1e-12, atol=1e-13)


# Penalties

each_penalty = pytest.mark.parametrize("name", [name for name in penalties if name != "none"])


@st.composite
def critics(draw):
    """(smooth dense critic with random weights and a mean slope of 2, real, fake)."""
    seed, shape = draw(seeds), draw(st.sampled_from([(1,), (3,), (2, 1, 2)]))
    sizes = [int(np.prod(shape)), *draw(st.lists(counts, min_size=1, max_size=2)), 1]
    parts = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(sizes):
        smooth = draw(st.sampled_from([nn.Tanh, nn.Sigmoid, nn.Softplus]))
        parts += [nn.Dense(inputs, outputs, rng=rng(), bias=draw(st.booleans())), smooth()]
    critic = nn.Sequential(*parts[:-1]).to("cpu", np.float64)
    batch = (draw(counts), *shape)
    real, fake = spaced(batch, seed), spaced(batch, seed + 1)
    last = list(scatter(critic, "cpu", seed % 1000).modules())[-1]
    last.weight.data *= 2 / input_gradient_norm(critic, real).mean().item()
    return critic, real, fake


def slopes(score, x):
    """grad D at each point of x, by central differences along each axis."""
    along = lambda e: numerical_derivative(lambda t: score(x + t * e).numpy().reshape(-1), 1e-3)
    return np.stack([along(e) for e in np.eye(x[0].size).reshape(-1, *x.shape[1:])], axis=1).reshape(x.shape)


@each_penalty
@drawing(4)
@given(drawn=critics(), weight=st.floats(0.1, 10), seed=seeds)
def test_a_penalty_and_its_gradients_agree_with_central_differences(name, device, drawn, weight, seed):
    critic, *batches = drawn
    real, fake = (tensor(a, device) for a in batches)
    score, weights = as_function(critic), [tensor(p.numpy(), device) for p in critic.parameters()]
    penalty = lambda *w: penalties[name](lambda x: score(x, *w), real, fake, rng=rng(seed), weight=weight)

    x = Tensor(penalties[name].points(real.data, fake.data, rng(seed))).numpy()
    J = slopes(lambda x: score(tensor(x, device), *weights), x)
    lengths = np.sqrt((J * J).reshape(len(J), -1).sum(axis=1))
    assume((abs(lengths - 1) > 0.01).all() and (lengths > 0.01).all())  # the kinks of max(0, |J| - 1) and of |J|
    cost = penalties[name].cost(tensor(J, device)).numpy()
    np.testing.assert_allclose(penalty(*weights).numpy(), weight * cost.mean(), rtol=1e-7)
    gradcheck(penalty, weights)


@each_penalty
@drawing(4)
@given(drawn=critics(), weight=st.floats(0.1, 10), seed=seeds)
def test_the_closed_form_of_a_penalty_is_double_backward(name, device, drawn, weight, seed):
    critic, *batches = drawn
    for dtype, rtol in ((np.float64, 1e-10), (np.float32, 1e-3)):
        critic.to(device, dtype)
        xs, state = [tensor(a, device, dtype) for a in batches], snapshot(critic)
        doubly = penalties[name](critic, *xs, rng=rng(seed), weight=weight)
        expected = [doubly, *grad(doubly, critic.parameters())]
        closely, gradients = penalties[name].gradients(critic, *xs, rng=rng(seed), weight=weight)
        size = max(abs(e.numpy()).max() for e in expected if e is not None)
        for t, e in zip([closely, *gradients], expected, strict=True):
            assert t.dtype == dtype
            assert e is None or e.dtype == dtype
            np.testing.assert_allclose(t.numpy(), 0 if e is None else e.numpy(), rtol=rtol, atol=rtol * size)
        for x, a in zip(xs, batches, strict=True):
            np.testing.assert_array_equal(x.numpy(), a.astype(dtype))
        assert_same(snapshot(critic), state)


# Optimizers

OPTIONS = {"sgd": {"momentum": 0.9, "nesterov": True}, "adamw": {"weight_decay": 0.5}}
groupings = st.lists(st.sampled_from([(), (1,), (3,), (1, 2), (2, 1, 2)]), min_size=1, max_size=4)


def group(values, shapes, device):
    """Consecutive values as tensors of these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(values, ends[:-1])
    return [tensor(part.reshape(shape), device, values.dtype) for part, shape in zip(parts, shapes, strict=True)]


def flat(tensors):
    return np.concatenate([t.numpy().reshape(-1) for t in tensors])


def path(name, shapes, lr, start, gradients, device):
    """All values after each step; the look-ahead points are steps too."""
    values = [nn.Parameter(t.data) for t in group(start, shapes, device)]
    optimizer = optim.optimizers[name](values, lr, **OPTIONS.get(name, {}))
    for t, given_values in enumerate(gradients):
        ahead = isinstance(optimizer, optim.Extragradient) and t % 2 == 0
        g = group(given_values, shapes, device)
        (optimizer.extrapolate if ahead else optimizer.step)(g)
        np.testing.assert_array_equal(flat(g), given_values)
        assert [p.shape for p in values] == shapes
        yield flat(values)


@pytest.mark.parametrize("name", optim.optimizers)
@drawing(8)
@given(shapes=groupings, data=st.data(), seed=seeds, lr=st.floats(0.01, 0.5), dtype=st.sampled_from(["f4", "f8"]))
def test_the_steps_of_an_optimizer_do_not_depend_on_how_the_numbers_are_grouped(
    name, device, shapes, data, seed, lr, dtype
):
    size = sum(int(np.prod(shape)) for shape in shapes)
    cuts = sorted({0, size, *data.draw(st.sets(st.integers(1, size)))})
    pieces = [(b - a,) for a, b in itertools.pairwise(cuts)]
    start, *gradients = rng(seed).standard_normal((5, size)).astype(dtype)
    one, *others = (list(path(name, s, lr, start, gradients, device)) for s in ([(size,)], shapes, pieces))
    assert {step.dtype for step in one} == {start.dtype}
    assert (one[-1] != start).any()
    for other in others:
        np.testing.assert_array_equal(other, one)
