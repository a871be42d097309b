"""Optimizers against their formulas, written once more as loops over numbers, and against closed forms."""

import math

import numpy as np
import pytest
from helpers import normal, rng, tensor

from minigan import optim
from minigan.backend import strict
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


def adamw(theta, gradient, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        direction = m / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps)
        theta -= lr * (direction + weight_decay * theta)
        yield theta


def rmsprop(theta, gradient, lr=1e-3, beta=0.9, eps=1e-8):
    v = 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t)
        v = beta * v + (1 - beta) * g**2
        theta -= lr * g / (math.sqrt(v) + eps)
        yield theta


def optimistic_sgd(theta, gradient, lr):
    for t in range(1, STEPS + 1):
        theta -= lr * (2 * gradient(t) - (gradient(t - 1) if t > 1 else 0.0))
        yield theta


def optimistic_adam(theta, gradient, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    (beta1, beta2), m, v, before = betas, 0.0, 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        now = m / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps)
        theta += -2 * lr * now + lr * before
        before = now
        yield theta


def extra_sgd(theta, gradient, lr):
    """Odd t: the look-ahead points; even t: the steps."""
    for t in range(1, STEPS + 1, 2):
        yield theta - lr * gradient(t)
        theta -= lr * gradient(t + 1)
        yield theta


def extra_adam(theta, gradient, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        moved = theta - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        if t % 2 == 0:
            theta = moved
        yield moved


OPTIMIZERS = {
    "sgd": (optim.SGD, sgd, {"lr": 0.1}),
    "momentum": (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9}),
    "nesterov": (optim.SGD, sgd, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, adam, {}),
    "adam for GANs": (optim.Adam, adam, {"lr": 0.05, "betas": (0.5, 0.999)}),
    "adam without momentum": (optim.Adam, adam, {"lr": 0.05, "betas": (0.0, 0.9)}),
    "adam with a large eps": (optim.Adam, adam, {"lr": 0.05, "eps": 0.1}),
    "adam without memory": (optim.Adam, adam, {"lr": 0.05, "betas": (0.0, 0.0)}),
    "adamw": (optim.AdamW, adamw, {}),
    "adamw with a large decay": (optim.AdamW, adamw, {"lr": 0.05, "betas": (0.5, 0.99), "weight_decay": 3.0}),
    "rmsprop": (optim.RMSProp, rmsprop, {}),
    "rmsprop with other settings": (optim.RMSProp, rmsprop, {"lr": 0.05, "beta": 0.99, "eps": 0.1}),
    "optimistic sgd": (optim.OptimisticSGD, optimistic_sgd, {"lr": 0.1}),
    "optimistic adam": (optim.OptimisticAdam, optimistic_adam, {}),
    "optimistic adam for GANs": (optim.OptimisticAdam, optimistic_adam, {"lr": 0.05, "betas": (0.5, 0.9), "eps": 0.1}),
    "extra sgd": (optim.ExtraSGD, extra_sgd, {"lr": 0.1}),
    "extra adam": (optim.ExtraAdam, extra_adam, {}),
    "extra adam for GANs": (optim.ExtraAdam, extra_adam, {"lr": 0.05, "betas": (0.5, 0.9), "eps": 0.1}),
}
KINDS = {kind.__name__: kind for kind, _, _ in OPTIMIZERS.values()}


def make(case, device, dtype=np.float64):
    kind, _, settings = OPTIMIZERS[case]
    values = parameters(device, dtype)
    return kind(values, **settings), values


def take(optimizer, t, device, dtype=np.float64):
    """Give it the gradients of time t: of an extragradient method these are the two halves of a step in turn."""
    if isinstance(optimizer, optim.Extragradient) and t % 2 == 1:
        optimizer.extrapolate(gradients(t, device, dtype))
    else:
        optimizer.step(gradients(t, device, dtype))


def test_every_optimizer_has_a_case_and_a_name():
    classes = {thing for name in optim.__all__ if isinstance(thing := getattr(optim, name), type)}
    kinds = classes - {optim.Optimizer, optim.Extragradient}
    assert set(KINDS.values()) == kinds == set(optim.optimizers.values())
    for name, kind in optim.optimizers.items():
        assert kind.__name__.lower() == name.replace("-", "")


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
        take(optimizer, t, device)
        size = max(abs(x) for path in expected for x in path)  # what the sums that were rounded look like
        np.testing.assert_allclose(flat(values), [path[t - 1] for path in expected], rtol=1e-14, atol=1e-14 * size)
    assert optimizer.steps == STEPS


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_step_changes_no_gradient_and_no_gradient_changes_later(case, device):
    optimizer, _ = make(case, device)
    given = gradients(1, device)
    before = [g.numpy() for g in given]
    if isinstance(optimizer, optim.Extragradient):
        optimizer.extrapolate(given)
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
    for t in range(1, 5):
        take(optimizer, t, device, np.float32)
    state = optimizer.state_dict()
    assert {p.dtype for p in values} == {np.dtype(np.float32)}
    assert {p.device for p in values} == {device}
    assert all(state[name].dtype == np.float32 for name in optimizer.slots)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_saved_state_continues_bit_for_bit(case, device):
    optimizer, values = make(case, device)
    twin, twin_values = make(case, device)
    for t in range(1, 5):
        take(optimizer, t, device)
    state = optimizer.state_dict()
    assert set(state) == {"steps", *optimizer.slots}
    for p, q in zip(values, twin_values, strict=True):
        q.data[...] = p.data
    for t in range(5, 9):
        take(optimizer, t, device)
    twin.load_state_dict(state)  # a state is a copy: the steps above have not changed it
    for t in range(5, 9):
        take(twin, t, device)
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


@pytest.mark.parametrize("case", ["momentum", "adam", "adamw", "rmsprop", "optimistic adam", "extra adam"])
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
    take(optimizer, 1, device)
    take(optimizer, 2, device)
    before, state = flat(values), optimizer.state_dict()
    move = optimizer.extrapolate if isinstance(optimizer, optim.Extragradient) else optimizer.step
    with pytest.raises(ValueError, match=words):
        move(spoil(gradients(3, device)))
    np.testing.assert_array_equal(flat(values), before)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@pytest.mark.parametrize("lr", [0, -1.0, math.nan, math.inf])
def test_a_learning_rate_is_positive(kind, lr):
    with pytest.raises(ValueError, match="lr"):
        kind(parameters("cpu"), lr)


@pytest.mark.parametrize("lr", [-1e-9, math.nan, math.inf])
def test_a_learning_rate_set_later_is_a_number(lr):
    optimizer = optim.Adam(parameters("cpu"), 0.1)
    with pytest.raises(ValueError, match="lr: expected a finite number"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_learning_rate_set_to_zero_stops_everything(case, device):
    """All of it: what remains of earlier steps, in a momentum or an optimistic look-ahead, is another matter."""
    optimizer, values = make(case, device)
    before = flat(values)
    optimizer.lr = 0
    take(optimizer, 1, device)
    take(optimizer, 2, device)
    np.testing.assert_array_equal(flat(values), before)


def test_a_learning_rate_may_change_between_steps(device):
    values = parameters(device)
    optimizer = optim.SGD(values, 0.1)
    expected = flat(values)
    for t, lr in enumerate([0.3, 0.02, 7.0], start=1):
        optimizer.lr = lr
        optimizer.step(gradients(t, device))
        expected = expected - lr * flat(gradients(t, device))
        np.testing.assert_allclose(flat(values), expected, rtol=1e-14)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_numpy_number_as_learning_rate_is_a_plain_number(case, device):
    """np.float64 times a float32 array would be float64, which the strict device refuses."""
    optimizer, values = make(case, device, np.float32)
    twin, twin_values = make(case, device, np.float32)
    optimizer.lr, twin.lr = np.float64(0.07), 0.07
    for t in range(1, 5):
        take(optimizer, t, device, np.float32)
        take(twin, t, device, np.float32)
    assert type(optimizer.lr) is float
    np.testing.assert_array_equal(flat(values), flat(twin_values))


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_no_step_moves_data_between_host_and_device(case):
    optimizer, _ = make(case, "strict")
    given = gradients(1, "strict")
    with strict.transfers("forbid"):
        for _ in range(2):
            if isinstance(optimizer, optim.Extragradient):
                optimizer.extrapolate(given)
            optimizer.step(given)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_all_devices_agree(case, device):
    """To the last bit where NumPy computes."""
    here, there = make(case, device), make(case, "cpu")
    for t in range(1, STEPS + 1):
        take(here[0], t, device)
        take(there[0], t, "cpu")
    tolerance = 1e-13 if device.name.startswith("cuda") else 0
    np.testing.assert_allclose(flat(here[1]), flat(there[1]), rtol=tolerance, atol=0)


@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW, optim.OptimisticAdam, optim.ExtraAdam])
@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, math.nan), (0.9,), (0.9, 0.9, 0.9)])
def test_betas_are_two_numbers_below_one(kind, betas):
    with pytest.raises(ValueError, match="betas"):
        kind(parameters("cpu"), betas=betas)


@pytest.mark.parametrize("beta", [1.0, -0.1, math.nan])
def test_the_memory_of_rmsprop_is_below_one(beta):
    with pytest.raises(ValueError, match="beta"):
        optim.RMSProp(parameters("cpu"), beta=beta)


@pytest.mark.parametrize("weight_decay", [-0.1, math.nan])
def test_a_weight_decay_is_not_negative(weight_decay):
    with pytest.raises(ValueError, match="weight_decay"):
        optim.AdamW(parameters("cpu"), weight_decay=weight_decay)


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
    m, v = (1 - betas[0]) * state["m"], (1 - betas[1]) * state["v"]  # the state is kept without these factors
    np.testing.assert_allclose(abs(m) / np.sqrt(v), factor, rtol=1e-3)
    np.testing.assert_allclose(abs(flat(values) - before), 1.0, rtol=1e-12)


def test_zero_gradients_leave_everything_in_place(device):
    for case in OPTIMIZERS:
        if case.startswith("adamw"):
            continue
        optimizer, values = make(case, device)
        before = flat(values)
        zeros = [0 * g for g in gradients(1, device)]
        if isinstance(optimizer, optim.Extragradient):
            optimizer.extrapolate(zeros)
        optimizer.step(zeros)
        np.testing.assert_array_equal(flat(values), before, err_msg=case)


def test_adam_does_not_see_the_scale_of_the_loss(device):
    one, thousand = parameters(device), parameters(device)
    optimizers = optim.Adam(one, 0.01, eps=1e-30), optim.Adam(thousand, 0.01, eps=1e-30)
    for t in range(1, 6):
        optimizers[0].step(gradients(t, device))
        optimizers[1].step([1000.0 * g for g in gradients(t, device)])
    np.testing.assert_allclose(flat(one), flat(thousand), rtol=1e-12)


# Closed forms of AdamW and RMSProp


def test_adamw_decays_by_the_same_factor_every_step(device):
    values = parameters(device)
    optimizer = optim.AdamW(values, 0.1, weight_decay=0.3)
    expected, zeros = flat(values), [0 * g for g in gradients(1, device)]
    for t in range(1, 20):
        optimizer.lr = 0.1 / t  # the decay follows the schedule
        optimizer.step(zeros)
        expected = expected * (1 - 0.3 * (0.1 / t))
        np.testing.assert_array_equal(flat(values), expected)


def test_the_decay_of_adamw_does_not_see_the_gradient(device):
    """Decay through the loss would be divided by sqrt(v): all weights would shrink by lr, at whatever size."""
    plain, decaying = parameters(device), parameters(device)
    before = flat(plain)
    optim.Adam(plain, 0.05).step(gradients(1, device))
    optim.AdamW(decaying, 0.05, weight_decay=0.4).step(gradients(1, device))
    np.testing.assert_allclose(flat(decaying) - flat(plain), -0.05 * 0.4 * before, rtol=1e-12)


def test_adamw_without_decay_is_adam(device):
    plain, decaying = parameters(device), parameters(device)
    optimizers = optim.Adam(plain, 0.05), optim.AdamW(decaying, 0.05, weight_decay=0)
    for t in range(1, 6):
        for optimizer in optimizers:
            optimizer.step(gradients(t, device))
    np.testing.assert_array_equal(flat(plain), flat(decaying))


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.0])
def test_rmsprop_starts_with_long_steps_under_a_constant_gradient(beta, device):
    """v_t = (1 - beta^t) g^2, so step t has length lr / sqrt(1 - beta^t): 3.16 lr, 2.29 lr, ... for beta = 0.9."""
    values, given = parameters(device), gradients(1, device)
    optimizer = optim.RMSProp(values, 0.01, beta, eps=1e-30)
    for t in range(1, 100):
        before = flat(values)
        optimizer.step(given)
        expected = -0.01 * np.sign(flat(given)) / math.sqrt(1 - beta**t)
        np.testing.assert_allclose(flat(values) - before, expected, rtol=1e-11, atol=1e-15)


# Optimistic and extragradient methods


@pytest.mark.parametrize(("plain", "optimistic"), [("SGD", "OptimisticSGD"), ("Adam", "OptimisticAdam")])
def test_an_optimist_is_one_change_ahead_of_plain_descent(plain, optimistic, device):
    """theta = phi + d_t where phi <- phi + d_t: the last change once more, under any schedule of lr."""
    phi, theta = parameters(device), parameters(device)
    optimizer, optimist = KINDS[plain](phi, 0.1), KINDS[optimistic](theta, 0.1)
    for t in range(1, 8):
        before = flat(phi)
        optimizer.lr = optimist.lr = 0.1 / t
        optimizer.step(gradients(t, device))
        optimist.step(gradients(t, device))
        np.testing.assert_allclose(flat(theta), flat(phi) + (flat(phi) - before), rtol=1e-12, atol=1e-12)


def test_extragradient_on_a_parabola(device):
    """With g = a theta a step multiplies by 1 - h a + (h a)^2, where gradient descent has 1 - h a."""
    a, h = 0.7, 0.3
    values = parameters(device)
    optimizer, before = optim.ExtraSGD(values, h), flat(values)
    for t in range(1, 6):
        optimizer.extrapolate([a * p for p in values])
        optimizer.step([a * p for p in values])
        np.testing.assert_allclose(flat(values), before * (1 - h * a + (h * a) ** 2) ** t, rtol=1e-13)


EXTRA = ["extra sgd", "extra adam"]


@pytest.mark.parametrize("case", EXTRA)
def test_the_halves_of_a_step_come_in_order(case, device):
    optimizer, values = make(case, device)
    before = flat(values)
    with pytest.raises(RuntimeError, match=r"expected extrapolate\(gradients\) first"):
        optimizer.step(gradients(1, device))
    np.testing.assert_array_equal(flat(values), before)
    optimizer.extrapolate(gradients(1, device))
    ahead = flat(values)
    with pytest.raises(RuntimeError, match="call step next"):
        optimizer.extrapolate(gradients(2, device))
    np.testing.assert_array_equal(flat(values), ahead)
    optimizer.step(gradients(2, device))
    assert optimizer.steps == 2
    with pytest.raises(RuntimeError, match="first"):
        optimizer.step(gradients(3, device))


@pytest.mark.parametrize("case", EXTRA)
def test_between_the_halves_of_a_step_there_is_no_state(case, device):
    """A state saved there would be that of a point where the training never rests."""
    optimizer, _ = make(case, device)
    state = optimizer.state_dict()
    optimizer.extrapolate(gradients(1, device))
    with pytest.raises(RuntimeError, match="save the state after step"):
        optimizer.state_dict()
    with pytest.raises(RuntimeError, match="load a state after step"):
        optimizer.load_state_dict(state)
    optimizer.step(gradients(2, device))
    assert optimizer.state_dict()["steps"] == 2
    optimizer.load_state_dict(state)
    assert optimizer.state_dict()["steps"] == 0


@pytest.mark.parametrize("case", EXTRA)
def test_wrong_gradients_at_the_look_ahead_point_can_be_mended(case, device):
    (optimizer, values), (twin, twin_values) = make(case, device), make(case, device)
    for one in (optimizer, twin):
        one.extrapolate(gradients(1, device))
    ahead = flat(values)
    with pytest.raises(ValueError, match=r"gradient 1 .*is None"):
        optimizer.step([gradients(2, device)[0], None, gradients(2, device)[2]])
    np.testing.assert_array_equal(flat(values), ahead)
    for one in (optimizer, twin):
        one.step(gradients(2, device))
    np.testing.assert_array_equal(flat(values), flat(twin_values))


def test_moved_parameters_are_noticed_at_the_look_ahead_point(device):
    optimizer, values = make("extra sgd", device)
    optimizer.extrapolate(gradients(1, device))
    values[0].data = values[0].data.copy()
    with pytest.raises(RuntimeError, match="parameters have moved"):
        optimizer.step(gradients(2, device))
