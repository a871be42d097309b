"""State dicts from and to PyTorch: every axis at its place, every name, and the same outputs where PyTorch is there."""

import numpy as np
import pytest
from helpers import assert_same, drawing, rng, scatter
from hypothesis import given
from hypothesis import strategies as st

from minigan import nn, no_grad
from minigan.models import AutoEncoder, models

SHAPES = {"dcgan": (8, 12, 3), "tutorial": (8, 12, 3), "dense": (4, 6, 3), "toy": (2,)}


def filled(network):
    """The network with values in every array that differ from each other, statistics included."""
    scatter(network, network.parameters()[0].device)
    for i, (name, buffer) in enumerate(network.named_buffers()):
        values = rng(99 + i).standard_normal(buffer.shape)
        buffer[...] = abs(values) + 0.1 if name.endswith("variance") else values
    return network


@pytest.fixture(
    params=[(name, player) for name in SHAPES for player in ("G", "D", "D for each sample alone")], ids=" ".join
)
def case(request):
    """(network, shape of a sample that goes in) of every model, with colours and sides where they can go wrong."""
    name, player = request.param
    networks = models[name](SHAPES[name], 5, rng=rng(), per_sample=player.endswith("alone"))
    return (filled(networks[0]), (5,)) if player == "G" else (filled(networks[1]), SHAPES[name])


def channels(shape):
    return shape[-1] if len(shape) == 3 else 1


def test_every_model_is_here():
    assert list(SHAPES) == list(models)


def test_there_and_back_is_the_same(case):
    network, shape = case
    state = network.state_dict()
    there = nn.to_torch(network, channels=channels(shape))
    back = nn.from_torch(network, there, channels=channels(shape))
    assert_same(dict(sorted(back.items())), dict(sorted(state.items())))
    network.load_state_dict(back)


def test_there_and_back_for_an_auto_encoder_and_spectral_norm():
    for network in (
        AutoEncoder((4, 4, 1), rng=rng()),
        nn.spectrally_normalised(models["dcgan"]((8, 8, 1), 5, rng=rng())[1], rng=rng()),
    ):
        state = filled(network).state_dict()
        back = nn.from_torch(network, nn.to_torch(network))
        assert_same(dict(sorted(back.items())), dict(sorted(state.items())))


@drawing(20)
@given(st.lists(st.integers(1, 4), min_size=6, max_size=6))
def test_kernels_go_axis_by_axis(sizes):
    kh, kw, a, b, c, d = sizes
    conv = nn.Conv2d(a, b, (kh, kw), rng=rng())
    transposed = nn.ConvTranspose2d(b, c, (kh, kw), rng=rng())
    network = filled(nn.Sequential(conv, transposed, nn.LayerNorm((d, a, c))))
    there = nn.to_torch(network)
    assert list(there) == ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]
    for i, j in np.ndindex(kh, kw):
        np.testing.assert_array_equal(there["0.weight"][:, :, i, j], conv.weight.data[i, j].T)
        np.testing.assert_array_equal(there["1.weight"][:, :, i, j], transposed.weight.data[i, j].T)
    for k in range(c):
        np.testing.assert_array_equal(there["2.bias"][k], network[2].bias.data[:, :, k])
    assert all(x.flags.c_contiguous for x in there.values())


def test_a_vector_of_pixels_changes_its_order():
    """2 x 1 pixels of 3 channels: 0a 0b 0c 1a 1b 1c here, 0a 1a 0b 1b 0c 1c there."""
    order = [0, 3, 1, 4, 2, 5]
    network = nn.Sequential(
        nn.Dense(2, 6, rng=rng()), nn.BatchNorm(6), nn.ReLU(), nn.Reshape(2, 1, 3), nn.Tanh(), nn.Flatten(),
        nn.Dense(6, 2, rng=rng()), nn.BatchNorm(2),
    )  # fmt: skip
    network[0].weight.data[...] = [[0, 1, 2, 3, 4, 5], [10, 11, 12, 13, 14, 15]]
    network[0].bias.data[...] = range(6)
    network[1].running_variance[...] = range(6)
    network[6].weight.data[...] = [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]
    network[7].bias.data[...] = [1, 2]
    there = nn.to_torch(network)
    np.testing.assert_array_equal(there["0.weight"], [[k, 10 + k] for k in order])
    np.testing.assert_array_equal(there["0.bias"], order)
    np.testing.assert_array_equal(there["1.running_var"], order)
    np.testing.assert_array_equal(there["6.weight"], [order, [6 + k for k in order]])
    np.testing.assert_array_equal(there["7.bias"], [1, 2])


def test_the_vectors_of_spectral_norm_change_their_order():
    """v goes over the window (kh, kw, in) here, (in, kh, kw) there; u over the outputs."""
    conv = nn.spectrally_normalised(nn.Conv2d(2, 3, (1, 2), rng=rng()), rng=rng())
    conv.u[...], conv.v[...] = [[7], [8], [9]], [[0], [1], [2], [3]]
    there = nn.to_torch(conv)
    np.testing.assert_array_equal(there["parametrizations.weight.0._u"], [7, 8, 9])
    np.testing.assert_array_equal(there["parametrizations.weight.0._v"], [0, 2, 1, 3])
    assert there["parametrizations.weight.original"].shape == (3, 2, 1, 2)


def test_batch_norm_counts_batches_there():
    network = nn.Sequential(nn.Dense(3, 4, rng=rng()), nn.BatchNorm(4))
    there = nn.to_torch(network)
    counter = there["1.num_batches_tracked"]
    assert (counter.shape, counter.dtype, counter.item()) == ((), np.int64, 0)
    assert list(nn.to_torch(nn.BatchNorm(2))) == [
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]
    del there["1.num_batches_tracked"]
    assert set(nn.from_torch(network, there)) == set(network.state_dict())


def test_nested_chains_and_their_names():
    network = nn.Sequential(nn.Sequential(nn.Dense(2, 3, rng=rng()), nn.ReLU()), nn.Dense(3, 1, rng=rng()))
    assert list(nn.to_torch(network)) == ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]
    names = list(nn.to_torch(AutoEncoder((4,), rng=rng())))
    assert names[0] == "encoder.0.weight"
    assert names[-1] == "decoder.2.bias"


def test_anything_that_asarray_takes(device):
    network = nn.Dense(2, 2, rng=rng()).to(device)
    state = nn.from_torch(network, {"weight": [[1, 2], [3, 4]], "bias": (5, 6)})
    network.load_state_dict(state)
    np.testing.assert_array_equal(network.weight.numpy(), [[1, 3], [2, 4]])
    np.testing.assert_array_equal(nn.to_torch(network)["weight"], [[1, 2], [3, 4]])


def test_a_state_that_does_not_fit_is_refused():
    network = nn.Sequential(nn.Dense(2, 3, rng=rng()))
    with pytest.raises(ValueError, match=r"missing \['0.bias'\], unexpected \['1.bias'\]"):
        nn.from_torch(network, {"0.weight": np.zeros((3, 2)), "1.bias": np.zeros(3)})
    with pytest.raises(ValueError, match=r"0.weight: expected shape \(3, 2\), as layers.0.weight has, got \(2, 3\)"):
        nn.from_torch(network, {"0.weight": np.zeros((2, 3)), "0.bias": np.zeros(3)})
    with pytest.raises(ValueError, match=r"0.bias: expected shape \(3,\), as layers.0.bias has, got \(4,\)"):
        nn.from_torch(network, {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(4)})
    with pytest.raises(ValueError, match=r"missing \['0.bias'\], unexpected nothing"):
        nn.from_torch(network, {"0.weight": np.zeros((3, 2))})
    with pytest.raises(ValueError, match=r"missing nothing, unexpected \['0.scale'\]"):
        nn.from_torch(network, {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(3), "0.scale": np.zeros(3)})


@pytest.mark.parametrize("shape", [(2, 6), (1, 2, 3, 2)])
def test_only_a_shape_of_three_lengths_is_a_feature_map(shape):
    network = filled(nn.Sequential(nn.Dense(2, 12, rng=rng()), nn.LayerNorm(12), nn.Reshape(*shape)))
    there = nn.to_torch(network)
    np.testing.assert_array_equal(there["0.weight"], network[0].weight.data.T)
    np.testing.assert_array_equal(there["1.bias"], network[1].bias.data)
    as_map = nn.to_torch(nn.Sequential(network[0], network[1], nn.Reshape(2, 1, 6)))
    np.testing.assert_array_equal(as_map["1.bias"], network[1].bias.data.reshape(2, 6).T.reshape(-1))


def test_what_has_no_twin_is_refused():
    class Own(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(2, dtype=np.float32))

    with pytest.raises(TypeError, match=r"expected Dense.*got Own\(\); convert its arrays by hand"):
        nn.to_torch(nn.Sequential(Own()))
    with pytest.raises(TypeError, match=r"got LayerNorm\(\(2, 3\)\)"):
        nn.to_torch(nn.Sequential(nn.LayerNorm((2, 3))))
    latents = nn.Sequential(nn.Reshape(2, 2, 3), nn.Conv2d(3, 1, 1, rng=rng()))
    with pytest.raises(ValueError, match=r"layers.0.Reshape\(2, 2, 3\): expected .*3 channels, got one of 1"):
        nn.to_torch(latents)
    nn.to_torch(nn.Sequential(nn.Reshape(1, 1, 3), nn.Conv2d(3, 1, 1, rng=rng())))
    fewer = nn.Sequential(nn.Conv2d(1, 6, 1, rng=rng()), nn.Flatten(), nn.Reshape(2, 1, 3))
    with pytest.raises(ValueError, match=r"layers.2.Reshape\(2, 1, 3\): expected .*3 channels, got one of 6"):
        nn.to_torch(fewer)
    odd = nn.Sequential(nn.Flatten(), nn.Dense(8, 1, rng=rng()))
    with pytest.raises(ValueError, match=r"layers.1.weight: expected lengths that are multiples.*3 before.*\(8, 1\)"):
        nn.to_torch(odd, channels=3)


# ------------------------------------------------------------------ beside PyTorch


@pytest.fixture
def torch():
    """PyTorch on one thread: more would wait for each other, the networks are so small."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


@pytest.mark.parametrize("training", [True, False])
def test_the_twin_computes_the_same(torch, case, training):
    from benchmarks.steps.twins import channels_first, twin

    network, shape = case
    network.train(training)
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0
    other = twin(network, shape).train(training).double()  # where rounding hides nothing
    network.to(dtype=np.float64)
    x = rng(7).standard_normal((4, *shape))
    with torch.no_grad(), no_grad():
        theirs = other(torch.from_numpy(channels_first(x))).numpy()
        ours = channels_first(network(x).numpy())
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * abs(theirs).max())
    # The running statistics moved alike, and come home.
    back = nn.from_torch(network, other.state_dict(), channels=channels(shape))
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(back[name], value, rtol=1e-10, atol=1e-10, err_msg=name)


def test_spectral_norm_has_the_same_sigma(torch):
    from torch.nn.utils.parametrizations import spectral_norm

    from benchmarks.steps.twins import channels_first

    network = nn.Sequential(
        nn.Conv2d(2, 3, (2, 3), rng=rng()), nn.ConvTranspose2d(3, 2, (3, 2), rng=rng(1)),
        nn.Flatten(), nn.Dense(5 * 4 * 2, 3, rng=rng(2)),
    )  # fmt: skip
    network = nn.spectrally_normalised(network, rng=rng(3)).eval()
    t = torch.nn
    layers = [t.Conv2d(2, 3, (2, 3)), t.ConvTranspose2d(3, 2, (3, 2)), t.Flatten(), t.Linear(40, 3)]
    other = t.Sequential(*(layer if isinstance(layer, t.Flatten) else spectral_norm(layer) for layer in layers)).eval()
    other.load_state_dict({name: torch.from_numpy(x) for name, x in nn.to_torch(network).items()})
    x = rng(4).standard_normal((3, 4, 5, 2)).astype(np.float32)
    with torch.no_grad(), no_grad():
        theirs = other(torch.from_numpy(channels_first(x))).numpy()
        np.testing.assert_allclose(network(x).numpy(), theirs, rtol=1e-5, atol=1e-6)
    assert_same(
        dict(sorted(nn.from_torch(network, other.state_dict()).items())), dict(sorted(network.state_dict().items()))
    )
