"""Optimizers against their formulas, written once more as loops over numbers, and against closed forms."""

import math

import numpy as np
import pytest
from helpers import normal, rng, tensor

from minigan import Tensor, optim
from minigan.nn import Parameter

SHAPES = [(2, 3), (3,), (1, 1)]
STEPS = 10


def parameters(device, dtype=np.float64):
    return [Parameter(normal(shape, device, seed=i, dtype=dtype).data) for i, shape in enumerate(SHAPES)]


def gradients(t, device, dtype=np.float64):
    """Of sizes from 1e-3 to 1e3, another each step."""
    return [
        tensor(rng((t, i)).standard_normal(shape) * 10.0 ** rng((t, i, 1)).uniform(-3, 3, shape), device, dtype)
        for i, shape in enumerate(SHAPES)
    ]


def flat(tensors):
    return np.concatenate([t.numpy().ravel() for t in tensors])


def sgd(theta, gradient, lr, momentum=0.0, nesterov=False):
    """One weight under the gradients gradient(1), gradient(2), ..."""
    v = 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t)
        v = momentum * v - lr * g
        theta += momentum * v - lr * g if nesterov else v
        yield theta


def adam(theta, gradient, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta -= lr * m_hat / (math.sqrt(v_hat) + eps)
        yield theta


OPTIMIZERS = {
    "sgd": (optim.SGD, sgd, {"lr": 0.1}),
    "momentum": (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9}),
    "nesterov": (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, adam, {}),
    "adam for GANs": (optim.Adam, adam, {"lr": 0.05, "betas": (0.5, 0.999)}),
    "adam without momentum": (optim.Adam, adam, {"lr": 0.05, "betas": (0.0, 0.9)}),
    "adam with a large eps": (optim.Adam, adam, {"lr": 0.05, "eps": 0.1}),
    "adam without memory": (optim.Adam, adam, {"lr": 0.05, "betas": (0.0, 0.0)}),
}


def make(case, device, dtype=np.float64):
    kind, _, settings = OPTIMIZERS[case]
    values = parameters(device, dtype)
    return kind(values, **settings), values


def test_every_optimizer_has_a_case():
    kinds = {getattr(optim, name) for name in optim.__all__} - {optim.Optimizer}
    assert {kind for kind, _, _ in OPTIMIZERS.values()} == kinds


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_ten_steps_follow_the_formula(case, device):
    optimizer, values = make(case, device)
    _, formula, settings = OPTIMIZERS[case]
    history = [flat(gradients(t, device)) for t in range(1, STEPS + 1)]
    expected = [
        list(formula(float(theta), lambda t, k=k: float(history[t - 1][k]), **settings))
        for k, theta in enumerate(flat(values))
    ]
    for t in range(1, STEPS + 1):
        optimizer.step(gradients(t, device))
        np.testing.assert_allclose(flat(values), [path[t - 1] for path in expected], rtol=1e-12, atol=1e-12)
    assert optimizer.steps == STEPS


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_step_changes_no_gradient_and_no_gradient_changes_later(case, device):
    optimizer, _ = make(case, device)
    given = gradients(1, device)
    before = [g.numpy() for g in given]
    optimizer.step(given)
    for g, old in zip(given, before, strict=True):
        np.testing.assert_array_equal(g.numpy(), old)
    state = optimizer.state_dict()
    for g in given:
        g.data[...] = 99
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


def test_one_parameter_alone_keeps_its_gradient(device):
    """Nothing is concatenated then, so a careless optimizer would work on the gradient itself."""
    p = Parameter(normal((3,), device).data)
    g = normal((3,), device, seed=1)
    before = g.numpy()
    optim.Adam([p]).step([g])
    np.testing.assert_array_equal(g.numpy(), before)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_float32_stays_float32(case, device):
    optimizer, values = make(case, device, np.float32)
    for t in range(1, 4):
        optimizer.step(gradients(t, device, np.float32))
    state = optimizer.state_dict()
    assert {p.dtype for p in values} == {np.dtype(np.float32)}
    assert {p.device for p in values} == {device}
    assert {state[name].dtype for name in optimizer.slots} == {np.dtype(np.float32)}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_saved_state_continues_bit_for_bit(case, device):
    optimizer, values = make(case, device)
    twin, twin_values = make(case, device)
    for t in range(1, 4):
        optimizer.step(gradients(t, device))
    state = optimizer.state_dict()
    assert set(state) == {"steps", *optimizer.slots}
    for p, q in zip(values, twin_values, strict=True):
        q.data[...] = p.data
    for t in range(4, 7):
        optimizer.step(gradients(t, device))
    twin.load_state_dict(state)  # a state is a copy: the steps above have not changed it
    for t in range(4, 7):
        twin.step(gradients(t, device))
    np.testing.assert_array_equal(flat(twin_values), flat(values))
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], array)


def test_a_loaded_state_is_a_copy(device):
    optimizer, _ = make("adam", device)
    optimizer.step(gradients(1, device))
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    state["m"][...] = 99
    assert (optimizer.state_dict()["m"] != 99).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("v"), "expected a state of"),
        (lambda state: state.update(w=state["m"]), "expected a state of"),
        (lambda state: state.update(v=np.zeros(3)), "v: expected shape"),
        (lambda state: state.update(v=np.zeros(state["v"].size + 1)), "v: expected shape"),
    ],
)
def test_a_foreign_state_changes_nothing(change, words, device):
    optimizer, _ = make("adam", device)
    optimizer.step(gradients(1, device))
    before = optimizer.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("case", ["momentum", "adam"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda gs: [gs[0], None, gs[2]], r"gradient 1 .*\(3,\).* is None"),
        (lambda gs: [*gs[:2], gs[2].reshape(1)], r"gradient 2 has shape \(1,\), its parameter \(1, 1\)"),
        (lambda gs: [gs[0].T, *gs[1:]], r"gradient 0 has shape \(3, 2\)"),
        (lambda gs: gs[:2], "expected 3 gradients.* got 2"),
        (lambda gs: [*gs, gs[0]], "expected 3 gradients.* got 4"),
    ],
)
def test_wrong_gradients_are_refused_and_change_nothing(case, spoil, words, device):
    optimizer, values = make(case, device)
    optimizer.step(gradients(1, device))
    before, state = flat(values), optimizer.state_dict()
    with pytest.raises(ValueError, match=words):
        optimizer.step(spoil(gradients(2, device)))
    np.testing.assert_array_equal(flat(values), before)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("lr", [0, -1.0, math.nan])
def test_a_learning_rate_is_positive(kind, lr):
    with pytest.raises(ValueError, match="lr"):
        kind(parameters("cpu"), lr)


@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, math.nan), (0.9,), (0.9, 0.9, 0.9)])
def test_betas_are_two_numbers_below_one(betas):
    with pytest.raises(ValueError, match="betas"):
        optim.Adam(parameters("cpu"), betas=betas)


@pytest.mark.parametrize("settings", [{"momentum": 1.0}, {"momentum": -0.1}, {"nesterov": True}])
def test_momentum_is_below_one(settings):
    with pytest.raises(ValueError, match="momentum"):
        optim.SGD(parameters("cpu"), 0.1, **settings)


def test_the_base_class_has_no_formula():
    with pytest.raises(NotImplementedError):
        optim.Optimizer(parameters("cpu"), 0.1).step(gradients(1, "cpu"))


# Closed forms of Adam

BETAS = [(0.9, 0.999), (0.5, 0.999), (0.0, 0.9), (0.0, 0.99)]


@pytest.mark.parametrize("betas", BETAS)
def test_the_first_step_of_adam_is_the_sign_of_the_gradient(betas, device):
    values, given = parameters(device), gradients(1, device)
    before = flat(values)
    optim.Adam(values, 0.01, betas, eps=1e-30).step(given)
    np.testing.assert_allclose(flat(values) - before, -0.01 * np.sign(flat(given)), rtol=1e-12)


@pytest.mark.parametrize("betas", BETAS)
def test_a_constant_gradient_gives_constant_steps(betas, device):
    # Without the powers beta ** t (a popular slip) the step would be 0.63 lr after ten steps, 0.08 after a thousand.
    values, given = parameters(device), gradients(1, device)
    optimizer = optim.Adam(values, 0.01, betas, eps=1e-30)
    for _ in range(200):
        before = flat(values)
        optimizer.step(given)
        np.testing.assert_allclose(flat(values) - before, -0.01 * np.sign(flat(given)), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("betas", "factor"), list(zip(BETAS, [3.162, 15.81, 3.162, 10.0], strict=True)))
def test_bias_correction_tames_the_first_step(betas, factor, device):
    """Uncorrected, m / sqrt(v) after one step is (1 - beta1) / sqrt(1 - beta2): 15.81 for the betas of DCGAN."""
    values = parameters(device)
    optimizer = optim.Adam(values, 1.0, betas, eps=1e-30)
    before = flat(values)
    optimizer.step(gradients(1, device))
    state = optimizer.state_dict()
    np.testing.assert_allclose(abs(state["m"]) / np.sqrt(state["v"]), factor, rtol=1e-3)
    np.testing.assert_allclose(abs(flat(values) - before), 1.0, rtol=1e-12)


def test_zero_gradients_leave_everything_in_place(device):
    for case in OPTIMIZERS:
        optimizer, values = make(case, device)
        before = flat(values)
        optimizer.step([Tensor(0 * g.data) for g in gradients(1, device)])
        np.testing.assert_array_equal(flat(values), before, err_msg=case)


def test_adam_does_not_see_the_scale_of_the_loss(device):
    one, thousand = parameters(device), parameters(device)
    optimizers = optim.Adam(one, 0.01, eps=1e-30), optim.Adam(thousand, 0.01, eps=1e-30)
    for t in range(1, 6):
        optimizers[0].step(gradients(t, device))
        optimizers[1].step([1000.0 * g for g in gradients(t, device)])
    np.testing.assert_allclose(flat(one), flat(thousand), rtol=1e-12)
