"""A captured step does what the plain one does, bit for bit on the device "strict"; nothing of the host is baked in."""

import contextlib
import functools
import gc
import itertools
import operator
import sys

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import differing, snapshot, tiny_config, tiny_data, tiny_trainer

from minigan.backend import (
    available_devices,
    capture,
    changing,
    from_host,
    joined,
    keep,
    matmul,
    on_host,
    rehearsal,
    strict,
    to_device,
    to_host,
)
from minigan.backend.graphs import _Numbers
from minigan.errors import DeviceError
from minigan.gan import losses, penalties
from minigan.models import models
from minigan.ops import conv_algorithms
from minigan.optim import Optimizer, optimizers
from minigan.training import Trainer, checkpoint, run, train
from minigan.training import capture as training_capture
from minigan.training.averaging import Average
from minigan.training.capture import capture_step
from minigan.training.guard import all_finite
from minigan.training.record import Record

pytestmark = pytest.mark.usefixtures("narrow")


def on_strict(*values):
    return to_device(np.array(values, dtype=np.float32), "strict")


# ---------------------------------------------------------------- the strict device records and replays


def test_a_capture_runs_nothing_and_a_replay_everything():
    x, total = on_strict(1, 2, 3), on_strict(0)
    with strict.capture() as graph:
        y = 2 * x
        x += 1
        total[...] = (x * y).sum()
    assert to_host(x).tolist() == [1, 2, 3]
    assert to_host(total).tolist() == [0]
    assert np.isnan(to_host(y)).all()
    assert len(graph) == 5
    for x_after, y_after in (([2, 3, 4], [2, 4, 6]), ([3, 4, 5], [4, 6, 8])):
        graph.replay()
        assert to_host(x).tolist() == x_after
        assert to_host(y).tolist() == y_after
        assert to_host(total).tolist() == [np.dot(x_after, y_after)]


X = strict.xp
COMPUTATIONS = {
    "x += y": operator.iadd,
    "x = y": lambda x, y: x.__setitem__(Ellipsis, y),
    "part": lambda x, y: x.__setitem__(slice(1, 3), 2 * y[:2]),
    "out": lambda x, y: X.multiply(x, y, out=x),
    "sqrt": lambda x, y: X.sqrt(abs(x), out=y),
    "view": lambda x, y: x.reshape(2, 2).T.__iadd__(y.reshape(2, 2)),
    "mean": lambda x, y: x.__isub__(y.mean()),
    "scalar": lambda x, y: X.add(x, y[1], out=x),
    "product": lambda x, y: x.__setitem__(Ellipsis, matmul(x.reshape(2, 2), y.reshape(2, 2)).reshape(4)),
    "at": lambda x, y: X.add.at(x, (y > 0).astype(np.int64), 0.5),
    "clip": lambda x, y: X.clip(x, -3.0, 3.0, out=x),
    "method": lambda x, y: x.fill(0.5),
    "pieces": lambda x, y: x.__iadd__(X.concatenate(X.split(y, 2)[::-1])),
    "several": lambda x, y: x.__imul__(X.frexp(y)[0]),
    "taken": lambda x, y: x.__setitem__(Ellipsis, y[X.argsort(x)]),
}


@drawing(60)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(COMPUTATIONS)), st.integers(0, 2), st.integers(0, 2)), max_size=8),
    st.integers(1, 3),
)
def test_any_program_replayed_gives_what_it_gives_when_it_is_run_again(program, times):
    def arrays():
        rng = np.random.default_rng(0)
        return [to_device(rng.standard_normal(4).astype(np.float32), "strict") for _ in range(3)]

    def go_through(memory):
        for name, i, j in program:
            COMPUTATIONS[name](memory[i], memory[j])

    eager, replayed = arrays(), arrays()
    with strict.capture() as graph:
        go_through(replayed)
    for _ in range(times):
        go_through(eager)
        graph.replay()
    for left, right in zip(eager, replayed, strict=True):
        assert to_host(left).tobytes() == to_host(right).tobytes()


def test_what_the_host_does_in_a_capture_is_not_replayed():
    x, steps = on_strict(0.0), 0
    with strict.capture() as graph:
        steps += 1
        x += steps
    for _ in range(3):
        graph.replay()
    assert steps == 1
    assert to_host(x).tolist() == [3]  # 1 + 2 + 3 if it were run again


READ, SEND, JOIN = "read it after a replay", r"minigan\.backend\.from_host", r"minigan\.backend\.joined"


@pytest.mark.parametrize(
    ("transfer", "remedy"),
    [
        (lambda x: to_device(np.ones(2, np.float32), "strict"), SEND),
        (lambda x: x.set(np.ones(2, np.float32)), SEND),
        (lambda x: x[[1, 0]], SEND),
        (lambda x: x.get(), READ),
        (lambda x: float(x.sum()), READ),
        (lambda x: bool(x[0] > 0), READ),
        (lambda x: x[x > 0], READ),
        (X.nonzero, READ),
        (lambda x: X.concatenate([x] * 9), JOIN),
        (lambda x: X.stack([x] * 9), JOIN),
    ],
)
def test_no_transfer_can_be_captured(transfer, remedy):
    x = on_strict(1, 2)
    with strict.transfers("allow"):
        with pytest.raises(strict.TransferError, match="a captured graph cannot; .*" + remedy), strict.capture():
            transfer(x)
        transfer(x)


@pytest.mark.parametrize(
    "multiply", [lambda a: a @ a, lambda a: X.matmul(a, a), lambda a: a.dot(a), lambda a: X.einsum("ij,jk", a, a)]
)
def test_the_products_that_cupy_cannot_capture_are_refused(multiply):
    a = to_device(np.eye(2, dtype=np.float32), "strict")
    with pytest.raises(strict.StrictError, match=r"use minigan\.backend\.matmul"), strict.capture():
        multiply(a)
    multiply(a)


def test_a_failed_capture_leaves_memory_and_the_device_as_they_were():
    x = on_strict(1, 2)
    with pytest.raises(ValueError, match="cannot multiply"), strict.capture():
        matmul((x.__iadd__(1)).reshape(1, 2), x.reshape(1, 2))
    assert to_host(x).tolist() == [1, 2]
    x += 1
    assert to_host(x @ x) == 4 + 9


def test_captures_are_not_nested():
    with strict.capture(), pytest.raises(RuntimeError, match="nested"), strict.capture():
        pass


def test_a_replay_is_one_launch_without_transfers():
    x = on_strict(1, 2)
    with strict.capture() as graph:
        for _ in range(10):
            x += 1
    with strict.transfers("forbid"), strict.counting() as counts:
        graph.replay()
    assert (counts.launches, counts.h2d, counts.d2h) == (1, 0, 0)
    assert to_host(x).tolist() == [11, 12]


# ---------------------------------------------------------------- what changes from step to step


def test_without_a_capture_the_doors_are_plain_calls(device):
    drawn = np.arange(3, dtype=np.float32)
    x = from_host(lambda: drawn, device)
    assert to_host(x).tolist() == [0, 1, 2]
    assert device.name != "cpu" or x is drawn
    assert changing(lambda: 0.5, x) == 0.5
    assert type(changing(lambda: 0.5, x)) is float
    done = []
    on_host(lambda: done.append(1))
    assert done == [1]


class Walk:
    """A step with everything that changes: drawn numbers, a rate that depends on the step, a count."""

    def __init__(self, device, dtype):
        self.rng, self.t = np.random.default_rng(0), 0
        self.x = to_device(np.zeros(3, dtype), device)
        self.order = []

    def draw(self):
        self.order.append("draw")
        return self.rng.standard_normal(3).astype(self.x.dtype)

    def rate(self):
        self.order.append("rate")
        return 1 / (3 * self.t)

    def count(self):
        self.order.append("count")
        self.t += 1

    def step(self):
        on_host(self.count)
        self.x += changing(self.rate, self.x) * from_host(self.draw, "strict")
        self.x *= changing(lambda: 1 - self.rate(), self.x)


def test_a_rehearsal_computes_at_once_what_a_capture_would_record():
    eager, rehearsed = Walk("strict", np.float32), Walk("strict", np.float32)
    for _ in range(3):
        with rehearsal("strict"), strict.counting() as counts:
            rehearsed.step()
        eager.step()
        assert counts.h2d == 3
        assert to_host(rehearsed.x).tobytes() == to_host(eager.x).tobytes()
    with rehearsal("strict"):
        rate = changing(lambda: 0.1, eager.x)
        assert (rate.shape, rate.dtype, to_host(rate)) == ((), np.float32, np.float32(0.1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_doors_open_again_in_their_order_before_each_replay(dtype):
    eager, captured = Walk("strict", dtype), Walk("strict", dtype)
    with capture("strict") as graph:
        captured.step()
    for step in range(4):
        if step:
            graph.refill()
        graph.replay()
        eager.step()
        assert captured.order == eager.order
        assert captured.t == eager.t
        assert to_host(captured.x).tobytes() == to_host(eager.x).tobytes()


def test_what_is_drawn_may_lie_on_the_device_already():
    batches = itertools.cycle([on_strict(1), on_strict(2), on_strict(3)])
    total = on_strict(0)
    with strict.counting() as counts:
        with capture("strict") as graph:
            total += from_host(lambda: next(batches), "strict")
        for step in range(4):
            if step:
                graph.refill()
            graph.replay()
    assert counts.h2d == 0
    assert to_host(total).tolist() == [1 + 2 + 3 + 1]


def test_numbers_are_sent_together_and_there_may_be_many_but_not_endlessly_many():
    x = on_strict(0)
    with capture("strict") as graph:
        for i in range(_Numbers.MOST):
            x += changing(lambda i=i: i, x)
    with strict.counting() as counts:
        graph.refill()
    graph.replay()
    assert counts.h2d == 1
    assert to_host(x).tolist() == [1023 * 1024 / 2]
    with pytest.raises(RuntimeError, match="1024 numbers"), capture("strict"):
        sum(changing(lambda: 1.0, x) for _ in range(_Numbers.MOST + 1))


def test_a_graph_keeps_the_memory_that_was_made_for_it():
    x = on_strict(1, 2)
    with capture("strict") as graph:
        y = x * from_host(lambda: np.full(2, 3, np.float32), "strict") + 1
        y = joined([y, y * y])
    for _ in range(2):
        gc.collect()
        noise = [to_device(np.full(2, np.nan, np.float32), "strict") for _ in range(50)]
        graph.refill()
        graph.replay()
        assert to_host(y).tolist() == [4, 7, 16, 49]
    assert len(noise) == 50


@pytest.mark.parametrize("kept", [False, True])
def test_memory_from_before_must_be_kept_by_somebody(kept):
    held, x = on_strict(0, 0), on_strict(1, 2, 3, 4)
    with capture("strict") as graph:
        held += keep(x)[1:3] if kept else x[1:3]
    graph.replay()
    del x
    with contextlib.nullcontext() if kept else pytest.raises(RuntimeError, match=r"let go .* minigan\.backend\.keep"):
        graph.replay()
    assert to_host(held).tolist() == ([4, 6] if kept else [2, 3])


@pytest.mark.parametrize("count", [1, 8, 9, 30])
def test_joined_is_concatenate_in_a_capture_too(count):
    pieces = [on_strict(*range(i + 1)) for i in range(count)]
    expected = np.concatenate([to_host(piece) for piece in pieces])
    np.testing.assert_array_equal(to_host(joined(pieces)), expected)
    with capture("strict") as graph:
        whole = joined(pieces)
    graph.replay()
    np.testing.assert_array_equal(to_host(whole), expected)


def test_the_cpu_has_no_graphs():
    with pytest.raises(DeviceError, match="expected a GPU"), capture("cpu"):
        pass
    with pytest.raises(DeviceError, match="expected a GPU"), rehearsal("cpu"):
        pass
    with pytest.raises(DeviceError, match="expected a GPU"):
        capture_step(tiny_trainer("ring"))


# ---------------------------------------------------------------- whole training steps

GAMES = [
    *({"model": model, "data": "ring" if model == "toy" else "digits"} for model in models),
    *({"loss": loss, "updates": "simultaneous"} for loss in losses),
    *({"penalty": penalty, "penalty_end": 0.01} for penalty in penalties if penalty != "none"),
    *({"penalty": penalty, "model": "dense", "data": "digits", "critic_steps": 2} for penalty in penalties),
    *(
        {"optimizer": name, "schedule": "linear", "lr_end": 1e-5, "penalty": "r1"}
        | ({"updates": "extragradient"} if name.startswith("extra-") else {})
        for name in optimizers
    ),
    {"constraint": "clip"},
    {"constraint": "spectral", "model": "dense", "data": "digits"},
    {"constraint": "spectral", "model": "dcgan", "data": "digits"},
    {"instance_noise": 0.3, "d_lr": 1e-4},
]
SETTINGS = {"data": "ring", "device": "strict", "steps": 6}


@pytest.fixture
def soon(monkeypatch):
    """A capture after one rehearsal, not three."""
    monkeypatch.setattr(training_capture, "REHEARSED", 1)


def compare(steps=4, **game):
    """What differs between plain and captured steps, of the trainer and of the losses."""
    plain, captured = (tiny_trainer(**(SETTINGS | game)) for _ in range(2))
    step = capture_step(captured)
    shown, expected = [step() for _ in range(steps)], [plain.step() for _ in range(steps)]
    found = differing(snapshot(plain), snapshot(captured))
    for i, (left, right) in enumerate(zip(shown, expected, strict=True)):
        found += [f"{name} {i}" for name in right if left[name].numpy().tobytes() != right[name].numpy().tobytes()]
    return found


def described(game):
    return " ".join(str(value) for name, value in game.items() if name != "data")


@pytest.mark.parametrize("game", GAMES, ids=described)
def test_captured_steps_are_the_plain_ones_bit_for_bit(soon, game):
    assert compare(**game) == []


GPUS = [name for name in available_devices() if name not in ("cpu", "strict")]


@pytest.mark.parametrize(("device", "game"), [(device, game) for device in GPUS for game in GAMES])
def test_captured_steps_are_the_plain_ones_on_a_gpu(device, game):
    plain, captured = (tiny_trainer(**(SETTINGS | {"steps": 9} | game | {"device": device})) for _ in range(2))
    step = capture_step(captured)
    for _ in range(6):
        expected, shown = plain.step(), step()
    for name, loss in expected.items():
        np.testing.assert_allclose(shown[name].numpy(), loss.numpy(), rtol=0, atol=2e-3)
    left, right = snapshot(plain), snapshot(captured)
    for name, array in left.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(right[name], array, rtol=0, atol=2e-3, err_msg=name)
        else:
            np.testing.assert_array_equal(right[name], array, err_msg=name)


def test_a_captured_step_launches_once_and_sends_what_was_drawn(soon):
    trainer = tiny_trainer(**SETTINGS, penalty="wgan-gp")
    step = capture_step(trainer)
    step()
    with strict.counting() as plain:
        trainer.step()
    step()
    with strict.counting() as captured:
        step()
    assert plain.launches > 10 * captured.launches
    # The data, two batches of latents, what the penalty draws, all numbers: sent and put in their place, then one
    # launch, and three losses copied.
    assert (captured.h2d, captured.d2h, captured.launches) == (5, 0, 5 + 1 + 3)


def test_losses_stay_when_the_next_step_is_taken(soon):
    trainer = tiny_trainer(**SETTINGS)
    step = capture_step(trainer)
    shown = [step() for _ in range(4)]
    values = [losses["d_loss"].item() for losses in shown]
    assert len(set(values)) == 4
    assert shown[0]["d_loss"].item() == values[0]


def test_a_new_learning_rate_counts_from_the_next_step(soon):
    plain, captured = (tiny_trainer(**SETTINGS) for _ in range(2))
    step = capture_step(captured)
    for i in range(5):
        for trainer in (plain, captured):
            trainer.g_optimizer.lr = 1e-3 / (i + 1)
        plain.step()
        step()
    assert differing(snapshot(plain), snapshot(captured)) == []


def test_between_captured_steps_a_run_is_sampled_saved_and_restored(soon, tmp_path):
    config, data = tiny_config("digits", device="strict", steps=9, model="dcgan"), tiny_data()
    plain, captured = Trainer(config, data), Trainer(config, data)
    step = capture_step(captured)
    for _ in range(3):
        plain.step()
        step()
    np.testing.assert_array_equal(captured.samples(), plain.samples())
    checkpoint.save(captured, tmp_path)
    for _ in range(2):
        step()
    checkpoint.restore(captured, *checkpoint.newest(tmp_path))
    for _ in range(2):
        plain.step()
        step()
    assert differing(snapshot(plain), snapshot(captured)) == []


def test_a_run_of_captured_steps_is_the_plain_run_also_where_it_was_resumed(soon, tmp_path, monkeypatch):
    for picture in ("draw_frame", "draw_pictures"):
        monkeypatch.setattr(Record, picture, lambda self: None)
    data, ends = tiny_data("ring"), {}
    for name, parts in {"plain": {7: False}, "captured": {3: True, 4: False, 7: True}}.items():
        for steps, captured in parts.items():
            trainer, _ = train(tiny_config("ring", steps=steps, device="strict"), data, tmp_path / name, captured)
        ends[name] = snapshot(trainer), (tmp_path / name / "metrics.csv").read_bytes()
    assert differing(ends["plain"][0], ends["captured"][0]) == []
    assert ends["plain"][1] == ends["captured"][1]


def test_what_cannot_be_captured_is_refused_before_a_run_begins():
    with pytest.raises(DeviceError, match="expected a GPU"):
        run.rehearse(tiny_config("ring"), tiny_data("ring"), capture=True)


def test_constants_that_others_let_go_are_kept(soon, monkeypatch):
    monkeypatch.setattr(conv_algorithms, "_cheapest", lambda *sizes: "fourier")
    trainer = tiny_trainer(**(SETTINGS | {"data": "digits", "model": "dcgan"}))
    step = capture_step(trainer)
    step()
    step()
    conv_algorithms._make.cache_clear()
    gc.collect()
    step()
    assert all_finite(trainer)


@pytest.mark.parametrize(
    "move",
    [
        lambda trainer: trainer.discriminator.to(dtype=np.float64),
        lambda trainer: setattr(trainer.loss, "k", 0.5),
        lambda trainer: setattr(trainer.d_optimizer, "m", trainer.d_optimizer.m.copy()),
        lambda trainer: setattr(trainer.average.network.parameters()[0], "data", on_strict(1)),
    ],
)
def test_a_step_whose_arrays_have_moved_is_refused(soon, move):
    trainer = tiny_trainer(**SETTINGS, loss="began")
    step = capture_step(trainer)
    for _ in range(3):
        step()
    before = trainer.steps
    move(trainer)
    with pytest.raises(RuntimeError, match="make a new one with capture_step"):
        step()
    assert trainer.steps == before


# ---------------------------------------------------------------- these tests see what they must see

PENALTIES = sys.modules["minigan.gan.penalties"]
HIDDEN = {
    "the rates of the optimizers": lambda patch: patch.setattr(Optimizer, "number", lambda self, value: value()),
    "the number of a step": lambda patch: patch.setattr(Optimizer, "descend", descend_and_count_in_python),
    "the rate of the average": lambda patch: patch.setattr("minigan.training.averaging.changing", lambda f, like: f()),
    "the weight of the penalty": lambda patch: patch.setattr("minigan.training.trainer.changing", lambda f, like: f()),
    "latents": lambda patch: patch.setattr("minigan.training.trainer.from_host", draw_once),
    "the points of the penalty": lambda patch: patch.setattr(PENALTIES, "from_host", draw_once),
    "dropout": lambda patch: patch.setattr("minigan.nn.normalisation.from_host", draw_once),
    "an array in the place of another": lambda patch: patch.setattr(training_capture._Slot, "carry", put_back),
}
GAME = {"penalty": "wgan-gp", "penalty_end": 0.1, "optimizer": "optimistic-adam"}


def descend_and_count_in_python(self, g):
    self.steps += 1
    self.update(self.buffer.data, g)


def put_back(self):
    setattr(self.owner, self.name, self.kept)


def draw_once(draw, device):
    """As `from_host`, but the same values in every step."""
    return from_host(functools.cache(draw), device)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_hides_on_the_host_is_seen(soon, monkeypatch, hidden):
    game = {"model": "tutorial", "data": "digits"} if hidden == "dropout" else GAME
    assert compare(steps=3, **game) == []
    monkeypatch.setattr(training_capture, "capture", lambda device: hiding(device, monkeypatch, hidden))
    assert compare(steps=3, **game) != []


@contextlib.contextmanager
def hiding(device, monkeypatch, hidden):
    """A capture, and only the capture, during which something is kept on the host that a graph cannot know."""
    with capture(device) as graph, monkeypatch.context() as patch:
        HIDDEN[hidden](patch)
        yield graph


class Tiring(type(losses["hinge"])):
    """A loss that counts its steps in Python."""

    weight = 1.0

    def start(self):
        return Tiring()

    def after_step(self, real_logits, fake_logits):
        self.weight *= 0.9

    def discriminator(self, real_logits, fake_logits):
        return self.weight * super().discriminator(real_logits, fake_logits)


@pytest.mark.parametrize("refused", ["a loss that counts", "a number that becomes an array"])
def test_a_loss_with_numbers_on_the_host_is_refused(soon, monkeypatch, refused):
    if refused == "a loss that counts":
        monkeypatch.setitem(losses, "hinge", Tiring())
    trainer = tiny_trainer(**SETTINGS, loss="hinge" if refused == "a loss that counts" else "began")
    step = capture_step(trainer)
    step()
    if refused == "a number that becomes an array":
        trainer.loss.load_state_dict({"k": np.array(0.5)})
    with pytest.raises(RuntimeError, match="keeps a number on the host that changes"):
        step()


def test_a_draw_that_goes_another_way_is_refused(soon, monkeypatch):
    monkeypatch.setattr("minigan.nn.normalisation.from_host", lambda draw, device: to_device(draw(), device))
    trainer = tiny_trainer(**(SETTINGS | {"data": "digits", "model": "tutorial"}))
    step = capture_step(trainer)
    step()
    with pytest.raises(strict.TransferError, match=r"let minigan\.backend\.from_host do it"):
        step()


def test_the_average_counts_by_a_function_in_a_capture():
    network = tiny_trainer(**SETTINGS).generator
    by_number, by_function = Average(network), Average(network)
    for t in (1, 2, 3):
        by_number.update(network, t)
        by_function.update(network, lambda t=t: t)
    for left, right in zip(by_number.network.parameters(), by_function.network.parameters(), strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())
