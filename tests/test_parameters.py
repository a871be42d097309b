"""Parameters in their flat buffer; modules: names, states, moves, modes, traces and tables."""

import copy
import pickle

import numpy as np
import pytest
from helpers import assert_same, normal, rng, snapshot, tensor

import minigan as mg
from minigan import Tensor, grad, nn, optim
from minigan.backend import get_device
from minigan.nn import Parameter, ParameterBuffer


class Mixed(nn.Module):
    """Parameters, buffers, parts and lists of parts, in no tidy order."""

    def __init__(self):
        r = rng(5)
        self.first = nn.Dense(2, 3, rng=r)
        self.scale = Parameter(np.full(3, 2.0, dtype=np.float32))
        self.count = np.zeros(1, dtype=np.float32)
        self.blocks = [nn.Sequential(nn.BatchNorm(3), nn.Dropout(0.5, rng=r)), nn.Dense(3, 3, rng=r, bias=False)]
        self.label = "not saved"
        self.last = nn.Dense(3, 1, rng=r)

    def forward(self, x):
        x = self.first(x) * self.scale
        for block in self.blocks:
            x = block(x)
        return self.last(x)


NAMES = [
    "first.weight",
    "first.bias",
    "scale",
    "count",
    "blocks.0.layers.0.weight",
    "blocks.0.layers.0.bias",
    "blocks.0.layers.0.running_mean",
    "blocks.0.layers.0.running_variance",
    "blocks.1.weight",
    "last.weight",
    "last.bias",
]
BUFFERS = ["count", "blocks.0.layers.0.running_mean", "blocks.0.layers.0.running_variance"]


def small(device="cpu", seed=0):
    r = rng(seed)
    return nn.Sequential(nn.Dense(2, 3, rng=r), nn.Tanh(), nn.Dense(3, 1, rng=r)).to(device)


def ones(parameters):
    return [tensor(np.ones(p.shape), p.device, p.dtype) for p in parameters]


def descend(optimizer, network, device):
    """One step on the mean of the squared outputs."""
    x = normal((4, 2), device, dtype=network.parameters()[0].dtype)
    y = network(x)
    optimizer.step(grad((y * y).mean(), network.parameters()))


# Names and states


def test_names_are_dotted_and_in_the_order_of_definition():
    module = Mixed()
    assert list(module.state_dict()) == NAMES
    assert [name for name, _ in module.named_buffers()] == BUFFERS
    assert [name for name, _ in module.named_parameters()] == [name for name in NAMES if name not in BUFFERS]
    assert next(name for name, _ in module.named_parameters("net.")) == "net.first.weight"
    for p, (_, q) in zip(module.parameters(), module.named_parameters(), strict=True):
        assert p is q
    assert [name for name, _ in module.children()] == ["first", "blocks.0", "blocks.1", "last"]
    kinds = [type(m).__name__ for m in module.modules()]
    assert kinds == ["Mixed", "Dense", "Sequential", "BatchNorm", "Dropout", "Dense", "Dense"]


def test_generators_come_once_each():
    module = Mixed()
    assert module.generators() == [module.blocks[0][1].rng]
    shared = rng()
    assert nn.Sequential(nn.Dropout(0.1, rng=shared), nn.Dropout(0.1, rng=shared)).generators() == [shared]


def test_a_state_makes_a_round_trip_between_devices(device):
    source, target = Mixed(), Mixed().to(device)
    source.train()(normal((5, 2), "cpu", dtype=np.float32))
    for p in target.parameters():
        p.data[...] = 7
    target.load_state_dict(snapshot(source))
    assert_same(snapshot(target), snapshot(source))
    assert all(p.device == device for p in target.parameters())
    assert all(type(array) is np.ndarray for array in snapshot(target).values())


def test_a_state_fits_another_dtype(device):
    source, target = Mixed().to(device), Mixed().to(device, np.float64)
    target.load_state_dict(snapshot(source))
    assert_same(snapshot(target), snapshot(source))
    assert all(p.dtype == np.float64 for p in target.parameters())
    source.load_state_dict(snapshot(target))
    assert all(p.dtype == np.float32 for p in source.parameters())


def test_a_state_is_a_copy_both_ways(device):
    network = small(device)
    state = snapshot(network)
    for array in state.values():
        array += 1
    changed = snapshot(network)
    assert all((state[name] != changed[name]).all() for name in state)
    network.load_state_dict(state)
    for array in state.values():
        array += 1
    loaded = snapshot(network)
    assert all((state[name] != loaded[name]).all() for name in state)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("layers.2.bias"), r"missing \['layers.2.bias'\]"),
        (lambda state: state.update(extra=np.zeros(1)), r"unexpected \['extra'\]"),
        (lambda state: state.update({"layers.2.bias": np.zeros(2)}), r"layers.2.bias.*\(1,\).*\(2,\)"),
        (lambda state: state.update({"layers.2.bias": np.zeros(())}), r"layers.2.bias"),
        (lambda state: state.update({"layers.0.weight": state["layers.0.weight"].T}), r"layers.0.weight"),
    ],
)
def test_a_foreign_state_changes_nothing(change, words, device):
    network = small(device)
    before = snapshot(network)
    state = snapshot(small(seed=1))
    change(state)
    with pytest.raises(ValueError, match=words):
        network.load_state_dict(state)
    assert_same(snapshot(network), before)


# Moves


def test_to_moves_parameters_and_buffers(device):
    module = Mixed()
    before = snapshot(module)
    assert module.to(device, np.float64) is module
    for value in [*module.parameters(), *(Tensor(buffer) for _, buffer in module.named_buffers())]:
        assert value.device == device
        assert value.dtype == np.float64
    assert list(module.state_dict()) == NAMES
    assert_same(snapshot(module), before)
    module.to(dtype=np.float32)
    assert {p.dtype for p in module.parameters()} == {np.dtype(np.float32)}
    assert {p.device for p in module.parameters()} == {device}
    module.to("cpu")
    assert {p.device for p in module.parameters()} == {get_device("cpu")}


def test_a_moved_network_trains(device):
    network = small("cpu").to(device)
    before = snapshot(network)
    descend(optim.SGD(network.parameters(), 0.1), network, device)
    assert all((snapshot(network)[name] != before[name]).any() for name in before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_of_a_packed_network_lives_alone(copied):
    network = small()
    optimizer = optim.SGD(network.parameters(), 0.1)
    before = snapshot(network)
    twin = copied(network)
    assert_same(snapshot(twin), before)
    optim.SGD(twin.parameters(), 0.1).step(ones(twin.parameters()))
    assert_same(snapshot(network), before)
    for name, value in snapshot(twin).items():
        np.testing.assert_allclose(value, before[name] - 0.1, atol=1e-7)
    optimizer.step(ones(network.parameters()))  # the original is not disturbed
    assert_same(snapshot(network), snapshot(twin))


# The flat buffer


def test_parameters_are_views_of_one_flat_array(device):
    network = small(device)
    before = snapshot(network)
    buffer = optim.SGD(network.parameters(), 0.1).buffer
    assert buffer.data.shape == (2 * 3 + 3 + 3 + 1,)
    assert_same(snapshot(network), before)
    np.testing.assert_array_equal(Tensor(buffer.data).numpy(), np.concatenate([v.ravel() for v in before.values()]))
    buffer.data[...] = 5
    assert all((p.numpy() == 5).all() for p in network.parameters())
    network.parameters()[2].data[...] = 6
    assert Tensor(buffer.data).numpy().tolist() == [5] * 9 + [6] * 3 + [5]


def test_loading_a_state_writes_into_the_flat_array_and_the_optimizer_goes_on(device):
    network = small(device)
    optimizer = optim.SGD(network.parameters(), 0.5)
    state = snapshot(small(seed=1))
    network.load_state_dict(state)
    flat = np.concatenate([value.ravel() for value in state.values()])
    np.testing.assert_array_equal(Tensor(optimizer.buffer.data).numpy(), flat)
    optimizer.step(ones(network.parameters()))
    for name, value in snapshot(network).items():
        np.testing.assert_allclose(value, state[name] - 0.5, atol=1e-7)


def test_two_optimizers_over_the_same_parameters_share_the_buffer(device):
    network = small(device)
    first, second = optim.SGD(network.parameters(), 0.1), optim.Adam(network.parameters())
    assert first.buffer is second.buffer
    assert ParameterBuffer.of(network.parameters()) is first.buffer
    descend(first, network, device)
    descend(second, network, device)


def move(network):
    network.to(dtype=np.float64)


def move_nowhere(network):
    network.to("cpu")


def pack_a_part(network):
    optim.SGD(network[0].parameters(), 0.1)


def pack_in_another_order(network):
    optim.SGD(network.parameters()[::-1], 0.1)


def pack_with_others(network):
    optim.SGD([*network.parameters(), Parameter(np.zeros(1, dtype=np.float32))], 0.1)


def assign(network):
    network[0].weight.data = network[0].weight.data + 1


@pytest.mark.parametrize("leave", [move, move_nowhere, pack_a_part, pack_in_another_order, pack_with_others, assign])
def test_an_optimizer_whose_parameters_have_moved_refuses_to_step(leave):
    network = small()
    optimizer = optim.Adam(network.parameters())
    leave(network)
    before = snapshot(network)
    with pytest.raises(RuntimeError, match="have moved"):
        optimizer.step(ones(network.parameters()))
    assert optimizer.steps == 0
    assert_same(snapshot(network), before)
    descend(optim.SGD(network.parameters(), 0.1), network, "cpu")
    assert all((snapshot(network)[name] != before[name]).any() for name in before)


def test_what_is_no_list_of_parameters_is_refused():
    network = small()
    first, *_ = parameters = network.parameters()
    with pytest.raises(ValueError, match="empty"):
        optim.SGD([], 0.1)
    with pytest.raises(ValueError, match="twice"):
        optim.SGD([*parameters, first], 0.1)
    with pytest.raises(TypeError, match="got Tensor"):
        optim.SGD([Tensor(np.zeros(2), requires_grad=True)], 0.1)
    with pytest.raises(ValueError, match="different devices or dtypes"):
        optim.SGD([first, Parameter(np.zeros(2))], 0.1)
    with pytest.raises(ValueError, match="different devices or dtypes"):
        optim.SGD([first, *small("strict").parameters()], 0.1)
    assert all(p.buffer is None for p in parameters)


def test_a_parameter_requires_its_gradient(device):
    p = nn.Dense(2, 1, rng=rng()).to(device).weight
    assert p.requires_grad
    assert p.buffer is None
    with pytest.raises(TypeError, match="floating"):
        Parameter(np.zeros(2, dtype=int))


# Modes


def modes(module):
    return [(m.training, m.frozen) for m in module.modules()]


def test_train_and_eval_reach_every_part():
    module = Mixed()
    assert modes(module) == [(True, False)] * 7
    assert module.eval() is module
    assert modes(module) == [(False, False)] * 7
    assert module.train() is module
    assert modes(module) == [(True, False)] * 7


@pytest.mark.parametrize(("block", "inside"), [(nn.evaluating, (False, False)), (nn.freezing, (True, True))])
def test_a_mode_ends_with_its_block(block, inside):
    module = Mixed()
    module.blocks[1].eval()
    before = modes(module)
    with block(module) as same:
        assert same is module
        assert modes(module) == [inside if training or inside[1] is False else (False, True) for training, _ in before]
        with block(module):
            pass
        assert modes(module) != before
    assert modes(module) == before
    with pytest.raises(ZeroDivisionError), block(module):
        1 / 0  # noqa: B018
    assert modes(module) == before


# Traces and tables


def test_a_trace_lists_what_was_called_in_the_order_of_finishing(device):
    network = small(device)
    x = normal((4, 2), device, dtype=np.float32)
    with nn.tracing() as trace:
        y = network(x)
        with nn.tracing() as inner:
            network[0](x)
        network[1](x)
    network(x)
    assert [type(m).__name__ for m, _ in trace] == ["Dense", "Tanh", "Dense", "Sequential", "Tanh"]
    assert trace[3] == (network, y)
    assert trace[2][1] is y
    assert [m for m, _ in inner] == [network[0]]


def test_a_summary_shows_shapes_and_parameters(device):
    r = rng()
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, rng=r),
        nn.BatchNorm(4),
        nn.Dropout(0.5, rng=r),
        nn.Flatten(),
        nn.Dense(4 * 14 * 14, 2, rng=r),
    ).to(device)
    network[1].eval()
    before, state, drawn = modes(network), snapshot(network), r.bit_generator.state
    assert nn.summary(network, (28, 28, 1)).splitlines() == [
        "layer                                   output       parameters",
        "-" * 63,
        "input                                   28 x 28 x 1",
        "Conv2d(1, 4, 3x3, stride=2, padding=1)  14 x 14 x 4          40",
        "BatchNorm(4)                            14 x 14 x 4           8",
        "Dropout(0.5)                            14 x 14 x 4           0",
        "Flatten()                               784                   0",
        "Dense(784, 2)                           2                 1,570",
        "-" * 63,
        "total                                                     1,618",
    ]
    assert modes(network) == before
    assert r.bit_generator.state == drawn
    assert_same(snapshot(network), state)


def test_a_summary_of_a_network_with_one_parameter():
    network = nn.Sequential(nn.Dense(2, 1, rng=rng(), bias=False))
    assert nn.summary(network, (2,)).splitlines()[-1].split() == ["total", "2"]


def test_sequential_is_a_sequence():
    network = small()
    assert len(network) == 3
    assert list(network) == [network[0], network[1], network[2]]
    assert network[-1] is network.layers[2]


def test_a_module_takes_arrays_and_tensors(device):
    network = small(device)
    x = normal((4, 2), device, dtype=np.float32)
    np.testing.assert_array_equal(network(x.data).numpy(), network(x).numpy())
    with mg.no_grad():
        assert not network(x).requires_grad
