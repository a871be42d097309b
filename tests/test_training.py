"""The loop does what the algorithm says, each player leaves the other alone, and every record of it is true."""

import copy
import dataclasses
import errno
import math
import os

import numpy as np
import pytest
from tiny_runs import differing, snapshot, tiny_config, tiny_data, tiny_trainer

from minigan.autograd import Tensor, no_grad
from minigan.backend import array_namespace, available_devices
from minigan.backend.products import multiplying
from minigan.backend.strict import counting, transfers
from minigan.errors import CheckpointError, MiniganError, TrainingError
from minigan.files import load_archive
from minigan.gan import losses, penalties
from minigan.models import models
from minigan.nn import BatchNorm, Dense, Flatten, Sequential, evaluating
from minigan.optim import Adam, optimizers
from minigan.training import (
    Average,
    Config,
    ConfigError,
    Trainer,
    checkpoint,
    generate,
    new_folder,
    record,
    resolve,
    run,
    train,
)
from minigan.training.config import BY_LOSS, from_dict
from minigan.training.guard import all_finite
from minigan.training.record import COLUMNS, FRAMES, read_metrics
from minigan.training.report import describe
from minigan.training.sampling import load_generator, slerp

pytestmark = pytest.mark.usefixtures("narrow")


def take(trainer, steps):
    for _ in range(steps):
        trainer.step()
    return trainer


def data_for(model):
    return "ring" if model == "toy" else "digits"


# --- one seed, one run


@pytest.mark.parametrize("data", ["digits", "ring"])
def test_two_runs_with_one_seed_are_bit_equal_and_another_seed_differs(tmp_path, monkeypatch, data):
    monkeypatch.setattr(record, "FRAMES", 1)
    results = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        trainer, stop = train(tiny_config(data, seed=seed), tiny_data(data), tmp_path / name)
        assert not stop
        pictures = [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.png"))]
        results[name] = snapshot(trainer), (tmp_path / name / "metrics.csv").read_bytes(), pictures
    assert differing(results["a"][0], results["b"][0]) == []
    assert results["a"][1:] == results["b"][1:]
    assert "generator.layers.0.weight" in differing(results["a"][0], results["c"][0])
    assert results["a"][1] != results["c"][1]
    assert all(left != right for left, right in zip(results["a"][2], results["c"][2], strict=True))


def test_no_two_streams_of_randomness_are_the_same_or_shared():
    streams = tiny_trainer().streams
    states = {str(stream.bit_generator.state) for stream in tiny_trainer(model="toy", data="ring").streams.values()}
    assert len(states) == len(streams) == 6


def test_training_draws_nothing_from_global_randomness():
    def weights(seed):
        np.random.seed(seed)
        return snapshot(take(tiny_trainer(model="tutorial"), 2))

    assert differing(weights(0), weights(1)) == []


@pytest.mark.usefixtures("one_algorithm")
@pytest.mark.parametrize("penalty", penalties)
@pytest.mark.parametrize("model", models)
@pytest.mark.parametrize("device", [name for name in available_devices() if name != "cpu"])
def test_a_run_is_the_same_on_every_device(device, model, penalty):
    data = data_for(model)
    expected = take(tiny_trainer(data, model=model, penalty=penalty, critic_steps=2), 2)
    found = take(tiny_trainer(data, model=model, penalty=penalty, critic_steps=2, device=device), 1)
    counts = step_counting(found)
    left, right = snapshot(expected), snapshot(found)
    if device == "strict":
        assert (counts.d2h, counts.h2d) == (0, copies_in(model, penalty, critic_steps=2))
        assert differing(left, right) == []
    else:
        assert list(left) == list(right)
        for name, array in left.items():
            if array.dtype.kind == "f":
                np.testing.assert_allclose(right[name], array, rtol=0, atol=2e-3)


# --- no step waits for the device


DRAWN = {"none": 0, "wgan-gp": 1, "wgan-lp": 1, "dragan": 1, "r1": 0, "r2": 0, "r1+r2": 0}
"""How often a penalty draws random numbers."""
DROPOUTS = {"tutorial": 2}


def step_counting(trainer):
    """Train once and count; a step before has sent the constants of the fast convolutions, which stay there."""
    with transfers("explicit"), counting() as counts:
        trainer.step()
    return counts


def copies_in(model, penalty, critic_steps):
    """The copies to the device in a step: all that is drawn on the host, each once, and nothing else."""
    latents = critic_steps if model in ("dcgan", "tutorial") else 1  # batch norm needs each batch alone
    passes = critic_steps * (2 if penalty != "none" else 1) + 1  # of the discriminator, with a mask for each dropout
    return critic_steps * (1 + DRAWN[penalty]) + latents + 1 + DROPOUTS.get(model, 0) * passes


@pytest.mark.parametrize("penalty", ["none", "wgan-gp", "r1+r2"])
@pytest.mark.parametrize("loss", losses)
def test_a_step_reads_nothing_from_the_device_and_sends_only_what_was_drawn(loss, penalty):
    trainer = take(tiny_trainer("ring", device="strict", critic_steps=3, loss=loss, penalty=penalty), 1)
    counts = step_counting(trainer)
    assert (counts.d2h, counts.h2d) == (0, copies_in("toy", penalty, critic_steps=3))
    assert counts.launches > 50


def test_losses_are_noted_where_they_are_and_fetched_together(tmp_path):
    trainer = take(tiny_trainer("ring", device="strict"), 1)
    noted = record.Record(tmp_path, trainer)
    with counting() as counts:
        for _ in range(5):
            noted.add(trainer.step())
        assert counts.d2h == 0
        assert len(noted.fetch()) == 5
        assert counts.d2h == 1


GAMES = {
    **{name: ({"optimizer": name}, 3) for name in optimizers if not name.startswith("extra-")},
    **{name: ({"optimizer": name, "updates": "extragradient"}, 6) for name in optimizers if name.startswith("extra-")},
    "simultaneous": ({"updates": "simultaneous", "critic_steps": 2}, 4),
    "clipped": ({"constraint": "clip", "critic_steps": 2}, 4),
    "spectral": ({"constraint": "spectral"}, 3),
    "noisy": ({"instance_noise": 0.1, "loss": "relativistic"}, 3 + 4),  # on real and fake samples, for both players
    "scheduled": ({"schedule": "cosine", "lr_end": 1e-4, "penalty": "r1", "penalty_end": 0.1}, 3),
}


@pytest.mark.parametrize(("chosen", "copies"), GAMES.values(), ids=GAMES)
def test_so_it_is_in_every_kind_of_game(chosen, copies):
    counts = step_counting(take(tiny_trainer("ring", device="strict", **chosen), 1))
    assert (counts.d2h, counts.h2d) == (0, copies)


@pytest.mark.parametrize("penalty", ["none", "wgan-gp"])
@pytest.mark.parametrize("model", models)
def test_products_on_a_device_are_of_plain_matrices(model, penalty):
    """Of stacks, CuPy copies the transposed ones before it multiplies."""
    trainer = take(tiny_trainer(data_for(model), device="strict", model=model, penalty=penalty), 1)
    sizes = []

    def product(a, b):
        sizes.append((a.ndim, b.ndim))
        return array_namespace(a).matmul(a, b)

    with multiplying(product):
        trainer.step()
    assert len(sizes) > 10
    assert set(sizes) == {(2, 2)}


def test_how_many_launches_a_step_is():
    """On a GPU each costs microseconds, however small the arrays: the part of its speed that shows without one."""
    trainer = tiny_trainer(model="tutorial", device="strict")
    trainer.average.update = lambda network, t: None
    trainer.step()  # the rows of ones for sums are made once
    with counting() as counts:
        trainer.step()
    assert counts.launches == 147


# --- the algorithm


class Diary(Trainer):
    """A trainer that notes what happens in it."""

    def __init__(self, *arguments):
        self.events, self.drawn = [], []
        super().__init__(*arguments)
        self.drawn.clear()
        for player, optimizer in (("D", self.d_optimizer), ("G", self.g_optimizer)):
            optimizer.step = self.noting(f"{player} improved", optimizer.step)

    def noting(self, event, function):
        def noted(*arguments):
            self.events.append(event)
            return function(*arguments)

        return noted

    def discriminator_step(self, real, fake):
        self.events.append("D step")
        self.drawn.append(real.numpy())
        return super().discriminator_step(real, fake)

    def generator_step(self, real):
        self.events.append("G step")
        return super().generator_step(real)

    def latents(self, n, rng):
        z = super().latents(n, rng)
        self.drawn.append(z.numpy())
        return z


@pytest.mark.parametrize("critic_steps", [1, 3])
def test_each_player_is_improved_once_a_sub_step_the_discriminator_first(critic_steps):
    diary = take(Diary(tiny_config(critic_steps=critic_steps), tiny_data()), 2)
    assert diary.events == (["D step", "D improved"] * critic_steps + ["G step", "G improved"]) * 2
    assert (diary.d_optimizer.steps, diary.g_optimizer.steps, diary.steps) == (2 * critic_steps, 2, 2)


def test_every_sub_step_has_latents_and_data_of_its_own():
    diary = take(Diary(tiny_config("ring", critic_steps=2), tiny_data("ring")), 3)
    assert len(diary.drawn) == 3 * (2 + 2)  # two batches, latents for two batches of fakes, and for the generator
    assert len({array.tobytes() for array in diary.drawn}) == len(diary.drawn)
    assert {array.dtype for array in diary.drawn} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("model", "passes"), [("dense", 1), ("dcgan", 3)])
def test_fakes_are_made_in_one_pass_unless_they_would_influence_each_other(model, passes, monkeypatch):
    trainer, twin = (tiny_trainer(model=model) for _ in range(2))
    sizes = []
    forward = type(trainer.generator).forward
    monkeypatch.setattr(type(trainer.generator), "forward", lambda self, z: sizes.append(len(z)) or forward(self, z))
    fakes = trainer.fakes(3)
    n = trainer.config.batch_size
    assert sizes == [3 * n // passes] * passes
    for fake in fakes:
        (expected,) = twin.fakes()
        np.testing.assert_allclose(fake.numpy(), expected.numpy(), rtol=1e-4, atol=1e-6)
        assert fake.shape == (n, *trainer.data.shape)
        assert not fake.requires_grad


@pytest.mark.parametrize(("penalty", "passes"), [("none", 2), ("wgan-gp", 1)])
def test_both_batches_are_judged_in_one_pass_unless_they_would_influence_each_other(penalty, passes, monkeypatch):
    trainer = tiny_trainer(model="dcgan", penalty=penalty)  # batch norm, or layer norm in its place
    D, real, (fake,) = trainer.discriminator, trainer.real_batch(), trainer.fakes()
    expected = D(real).numpy(), D(fake).numpy()
    calls = []
    forward = type(D).forward
    monkeypatch.setattr(type(D), "forward", lambda self, x: calls.append(len(x)) or forward(self, x))
    logits = trainer.judge(real, fake)
    assert len(calls) == passes
    for found, wanted in zip(logits, expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_latents_are_standard_normal():
    z = tiny_trainer("ring").latents(50_000, np.random.default_rng(0)).numpy()
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1) < 0.01
    assert abs((z**4).mean() - 3) < 0.1


def with_batch_norm_in_both(shape, latent_size, *, rng, per_sample=False, outputs=1):
    pixels = math.prod(shape)
    generator = Sequential(Dense(latent_size, 8, rng=rng), BatchNorm(8), Dense(8, pixels, rng=rng))
    return generator, Sequential(Flatten(), Dense(pixels, 8, rng=rng), BatchNorm(8), Dense(8, 1, rng=rng))


@pytest.fixture(params=["tutorial", "both"])
def normalised(request, monkeypatch):
    """A trainer whose networks have running statistics, dropout, or both."""
    monkeypatch.setitem(models, "both", with_batch_norm_in_both)
    data = "ring" if request.param == "both" else "digits"
    return tiny_trainer(data, model=request.param)


PARTS = {"D": ("discriminator.", "d_optimizer."), "G": ("generator.", "g_optimizer.")}


@pytest.mark.parametrize("player", ["D", "G"])
def test_a_step_of_one_player_leaves_no_trace_in_the_other(normalised, player):
    real = normalised.real_batch()
    before = snapshot(normalised)
    step = normalised.discriminator_step if player == "D" else normalised.generator_step
    step(real)
    changed = [name for name in differing(before, snapshot(normalised)) if name != "random"]
    own = [name for name in before if name.startswith(PARTS[player])]
    assert set(changed) <= set(own)
    assert {f"{PARTS[player][0]}layers.1.weight", f"{PARTS[player][1]}m"} & set(changed)
    statistics = [name for name in own if "running" in name]
    assert set(statistics) <= set(changed)
    for network in (normalised.discriminator, normalised.generator):
        assert all(module.training and not module.frozen for module in network.modules())


def logits(trainer, samples):
    with no_grad(), evaluating(trainer.discriminator):
        return float(trainer.discriminator(samples).numpy().mean())


def objectives(trainer, real, fake):
    """What the two players descend, on these samples."""
    with no_grad(), evaluating(trainer.discriminator):
        D, loss = trainer.discriminator, trainer.loss
        return loss.discriminator(D(real), D(fake)).item(), loss.generator(D(fake), D(real)).item()


@pytest.mark.parametrize("loss", losses)
def test_each_player_pulls_its_own_way(loss):
    trainer = tiny_trainer(loss=loss, penalty="none", critic_steps=1, lr=2e-4, model="dense", batch_size=8)
    real = trainer.real_batch()

    def fake():
        with no_grad():
            return trainer.generator(trainer.fixed_latents[:8])

    def apart():
        return logits(trainer, real) - logits(trainer, fake())

    before, gap = objectives(trainer, real, fake())[0], apart()
    for _ in range(5):
        trainer.discriminator_step(real)
    assert objectives(trainer, real, fake())[0] < before
    judges = losses[loss].features == 1  # else D compares distances, and no logit of one sample counts
    assert apart() > gap + 1e-3 or not judges
    before, of_fake = objectives(trainer, real, fake())[1], logits(trainer, fake())
    for _ in range(5):
        trainer.generator_step(real)
    assert objectives(trainer, real, fake())[1] < before
    assert logits(trainer, fake()) > of_fake or not judges


def test_the_penalty_is_a_part_of_what_the_discriminator_descends():
    plain, penalised = (tiny_trainer(penalty=penalty, model="dense") for penalty in ("none", "wgan-gp"))
    losses_of = [trainer.step() for trainer in (plain, penalised)]
    assert losses_of[0]["penalty"].item() == 0 < losses_of[1]["penalty"].item()
    first = [losses["d_loss"].item() for losses in losses_of]  # before any step; summed in another order
    assert first[0] == pytest.approx(first[1], rel=1e-6)
    assert "discriminator.layers.1.weight" in differing(snapshot(plain), snapshot(penalised))
    latents = [str(trainer.streams["latents"].bit_generator.state) for trainer in (plain, penalised)]
    assert latents[0] == latents[1]


# --- the average of the generator


class Constant(Sequential):
    """A network of one weight and one statistic."""

    def __init__(self):
        super().__init__(Dense(1, 1, rng=np.random.default_rng(0), bias=False), BatchNorm(1))

    def become(self, value):
        for array in (self.layers[0].weight.data, self.layers[1].running_mean):
            array[...] = value
        return self


def values(network):
    return network.layers[0].weight.item(), float(network.layers[1].running_mean[0])


def test_the_average_weighs_step_s_by_its_rising_factorial():
    network = Constant()
    average = Average(network.become(-99.0))
    sequence = np.random.default_rng(1).standard_normal(12)
    for t, value in enumerate(sequence, start=1):
        average.update(network.become(value), t)
    weights = [math.prod(range(s, s + 16)) for s in range(1, 13)]  # about s^16
    expected = np.dot(weights, sequence) / sum(weights)
    np.testing.assert_allclose(values(average.network), [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize("value", [1e-9, 3.0, 1e30])
def test_after_the_first_step_the_average_is_the_network(value):
    network = Constant()
    average = Average(network.become(0.7))
    average.update(network.become(value), 1)
    assert values(average.network) == values(network)


def test_the_average_of_a_run_has_its_own_memory_and_follows_the_buffers():
    trainer = tiny_trainer()
    for (_, mine), (_, its) in zip(
        trainer.average.network.named_parameters(), trainer.generator.named_parameters(), strict=True
    ):
        assert not np.shares_memory(mine.data, its.data)
    take(trainer, 1)
    after_one = trainer.average.network.state_dict()
    assert differing(after_one, trainer.generator.state_dict()) == []
    take(trainer, 3)
    after_four, now = trainer.average.network.state_dict(), trainer.generator.state_dict()
    assert differing(after_four, now) == list(now)
    assert differing(after_one, after_four) == list(now)
    assert any("running" in name for name in now)


def test_samples_come_from_the_average_and_leave_everything_as_it_was(tmp_path):
    trainer, _ = train(tiny_config(steps=4), tiny_data(), tmp_path)
    before = snapshot(trainer)
    samples = trainer.samples()
    assert differing(before, snapshot(trainer)) == []
    assert samples.shape == (64, 8, 8, 1)
    assert samples.tobytes() == trainer.samples().tobytes()
    with no_grad(), evaluating(trainer.generator):
        assert (trainer.generator(trainer.fixed_latents).numpy() != samples).any()
    generator, config = load_generator(tmp_path)
    assert config == trainer.config
    assert differing(generator.state_dict(), trainer.average.network.state_dict()) == []


def test_a_generator_in_the_middle_of_training_is_sampled_in_evaluation_mode_and_left_as_it_was():
    trainer = take(tiny_trainer(), 2)
    z = trainer.fixed_latents
    before = snapshot(trainer)
    samples = generate(trainer.generator, z.numpy())
    assert differing(before, snapshot(trainer)) == []
    assert all(module.training for module in trainer.generator.modules())
    with no_grad(), evaluating(trainer.generator):
        assert samples.tobytes() == trainer.generator(z).numpy().tobytes()


def test_how_many_samples_are_shown_does_not_change_the_training(monkeypatch):
    expected = snapshot(take(tiny_trainer(), 1))
    monkeypatch.setattr("minigan.training.trainer.SHOWN_IMAGES", 5)
    assert differing(expected, snapshot(take(tiny_trainer(), 1))) == ["random"]


# --- settings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"model": "dcgann"}, "model: expected one of .*dcgan.* got 'dcgann'. Did you mean dcgan"),
        ({"loss": "wassertein"}, "Did you mean wasserstein"),
        ({"penalty": "wgan"}, "penalty: expected one of none, .*wgan-gp"),
        ({"model": ["dcgan"]}, "model: expected one of"),
        ({"steps": 0}, "steps: expected a whole number of at least 1, got 0"),
        ({"steps": 2.5}, "steps: expected a whole number"),
        ({"steps": True}, "steps: expected a whole number"),
        ({"batch_size": 0}, "batch_size"),
        ({"critic_steps": 0}, "critic_steps"),
        ({"latent_size": -1}, "latent_size"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, got -1"),
        ({"lr": 0.0}, "lr: expected a learning rate above 0"),
        ({"lr": -1e-3}, "lr"),
        ({"lr": math.nan}, "lr: expected .* got nan"),
        ({"lr": math.inf}, "lr: expected .* got inf"),
        ({"lr": 1e6}, "lr: expected .* below 1000"),
        ({"lr": "fast"}, "lr: expected a number"),
        ({"betas": (0.5, 1.0)}, "betas"),
        ({"betas": (0.5,)}, "betas"),
        ({"betas": 3}, "betas"),
        ({"betas": ["a", "b"]}, "betas"),
        ({"data": 3}, "data: expected a name, got 3"),
        ({"device": None}, "device: expected a name"),
    ],
)
def test_an_impossible_setting_is_named_with_what_was_expected(setting, message):
    with pytest.raises(ConfigError, match=message):
        Config(**setting)


def test_choices_win_over_what_a_loss_needs_which_wins_over_the_data():
    assert resolve("ring").model == "toy"
    assert resolve("ring", model="dense").model == "dense"
    assert resolve("ring", loss="wasserstein").penalty == "wgan-gp"
    assert resolve("ring", loss="wasserstein").critic_steps == BY_LOSS["wasserstein"]["critic_steps"] > 1
    assert resolve("digits", loss="wasserstein", penalty="none", lr=0.5).lr == 0.5
    assert resolve("fashion", steps=None) == Config()


def test_settings_come_back_from_a_dictionary_and_unknown_ones_are_refused():
    config = tiny_config()
    assert from_dict(dataclasses.asdict(config)) == config
    with pytest.raises(ConfigError, match=r"unknown settings \['warmup'\].*newer version"):
        from_dict({"warmup": 3})


# --- what a run leaves behind


def test_a_run_writes_all_its_files_and_nothing_else(tmp_path):
    train(tiny_config(steps=30), tiny_data(), tmp_path)
    top = {".lock", "checkpoints", "config.json", "frames", "losses.png", "metrics.csv", "samples.gif", "samples.png"}
    assert {path.name for path in tmp_path.iterdir()} == top
    frames = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert frames == [f"step_{step:08d}.png" for step in range(1, 31)]
    assert [path.name for path in checkpoint.checkpoints(tmp_path / "checkpoints")] == ["step_00000030.npz"]
    from PIL import Image

    with Image.open(tmp_path / "samples.gif") as gif:
        assert gif.n_frames == 30


def test_a_long_run_shows_about_24_frames_and_keeps_two_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "CHECKPOINT_EVERY", 40)
    train(tiny_config(steps=100), tiny_data(), tmp_path)
    assert FRAMES <= len(list((tmp_path / "frames").iterdir())) <= FRAMES + 1
    kept = [path.name for path in checkpoint.checkpoints(tmp_path / "checkpoints")]
    assert kept == ["step_00000080.npz", "step_00000100.npz"]


def test_metrics_have_one_true_row_a_step(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "FRAMES", 1)  # a frame would fetch the losses too early to test that ten make a batch
    trainer, _ = train(tiny_config(steps=23, penalty="wgan-gp"), tiny_data(), tmp_path)
    assert trainer.steps == 23
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS) == "step,d_loss,g_loss,penalty"
    again = tiny_trainer(penalty="wgan-gp")
    for step, line in enumerate(lines[1:], start=1):
        row = again.step()
        assert [float(value) for value in line.split(",")] == [step, *(row[name].item() for name in COLUMNS[1:])]
    assert again.steps == 23


def test_lines_of_metrics_that_are_damaged_are_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    assert read_metrics(path) == []
    path.write_bytes(
        b"step,d_loss,g_loss,penalty\n1,0.5,0.25,0.0\n2,0.5\nx,1,1,1\n3,a,1,1\n\xff\x00\n4,1,2,3,4\n5,1,2,3"
    )
    assert read_metrics(path) == [(1, 0.5, 0.25, 0.0), (5, 1.0, 2.0, 3.0)]


def test_the_report_names_step_settings_losses_and_networks(tmp_path):
    train(tiny_config(steps=2), tiny_data(), tmp_path)
    text = describe(tmp_path)
    assert text.startswith(f"run {tmp_path}: step 2 of 2\n")
    for field in dataclasses.fields(Config):
        assert f"\n  {field.name} " in text
    last = read_metrics(tmp_path / "metrics.csv")[-1]
    assert f"step 2: discriminator {last[1]:.4f}, generator {last[2]:.4f}, penalty 0.0000" in text
    assert "ConvTranspose2d" in text
    assert "Conv2d(1, " in text


def test_a_new_folder_is_the_first_free_one_and_never_a_used_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [str(new_folder("my data!")) for _ in range(3)]
    assert names == ["runs/my-data", "runs/my-data-2", "runs/my-data-3"]
    assert str(new_folder("../..")) == "runs/run"
    (tmp_path / "runs" / "my-data" / "precious").touch()
    with pytest.raises(TrainingError, match="is not empty; go on with --resume"):
        new_folder("x", "runs/my-data")
    with pytest.raises(TrainingError, match="cannot make the folder"):
        new_folder("x", "runs/my-data/precious/deeper")


def test_nothing_is_drawn_or_saved_by_a_rehearsal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run.rehearse(tiny_config(), tiny_data())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"do not go together: .*expects images"):
        run.rehearse(tiny_config("ring", model="dcgan"), tiny_data("ring"))


# --- numbers that are no longer finite


def failing_run(folder, data, **chosen):
    with pytest.raises(TrainingError) as caught:
        train(tiny_config(data, **chosen), tiny_data(data), folder)
    return str(caught.value)


def assert_all_saved_is_finite_and_loads(folder):
    for path in checkpoint.checkpoints(folder / "checkpoints"):
        arrays, meta = checkpoint.read(path)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert meta["steps"] <= int(path.stem.removeprefix("step_"))
    assert all(map(math.isfinite, sum(read_metrics(folder / "metrics.csv"), ())))


class PoisonedFrom(Adam):
    """Adam, until from some step on a chosen value of its gradient is wrong."""

    def __init__(self, *arguments, step, value, **options):
        super().__init__(*arguments, **options)
        self.poison = step, value

    def update(self, theta, g):
        step, value = self.poison
        if self.steps >= step:
            g[-1] = value  # the bias of the last layer
        super().update(theta, g)


@pytest.fixture
def poison(monkeypatch):
    """Make the optimizer of one player see a gradient of some value from some step on, in every trainer."""

    def install(player, step, value):
        original = Trainer.__init__

        def poisoned(trainer, *arguments):
            original(trainer, *arguments)
            old = getattr(trainer, f"{player}_optimizer")
            parameters = old.buffer.parameters
            new = PoisonedFrom(parameters, old.lr, old.betas, step=step, value=value)
            setattr(trainer, f"{player}_optimizer", new)

        monkeypatch.setattr(Trainer, "__init__", poisoned)

    return install


@pytest.mark.parametrize(
    ("player", "name"), [("d", "discriminator layers.6 Dense(128, 1)"), ("g", "generator layers.6")]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30], ids=str)  # 1e30 has a square that is infinite
def test_a_gradient_that_is_not_usable_stops_the_run_with_its_step_and_layer(
    tmp_path, monkeypatch, poison, player, name, value
):
    monkeypatch.setattr(run, "CHECKPOINT_EVERY", 5)
    monkeypatch.setattr(record, "FRAMES", 1)
    poison(player, 13, value)
    message = failing_run(tmp_path, "ring", steps=40)
    assert "stopped, because at step 13 the first layer at fault is " + name in message
    # The generator's gradient is the last thing computed in a step; the discriminator's weights are used after theirs.
    assert ("its gradient is not finite, or too large;" if player == "g" else " is not finite") in message
    assert "; the checkpoint of step 10 is good. Try a smaller --lr" in message
    assert [p.name for p in checkpoint.checkpoints(tmp_path / "checkpoints")] == [
        "step_00000005.npz",
        "step_00000010.npz",
    ]
    assert_all_saved_is_finite_and_loads(tmp_path)
    monkeypatch.undo()
    healed = tiny_trainer("ring")
    checkpoint.restore(healed, *checkpoint.newest(tmp_path / "checkpoints"))
    assert differing(snapshot(take(healed, 4)), snapshot(take(tiny_trainer("ring"), 14))) == []


def test_data_that_turn_bad_are_found_in_the_first_layer_that_sees_them(tmp_path, monkeypatch):
    real_batch = Trainer.real_batch

    def bad_in_step_7(trainer):
        batch = real_batch(trainer)
        return batch * math.nan if trainer.steps == 6 else batch

    monkeypatch.setattr(Trainer, "real_batch", bad_in_step_7)
    monkeypatch.setattr(record, "FRAMES", 1)
    message = failing_run(tmp_path, "ring", steps=20)
    assert (
        "at step 7 the first layer at fault is discriminator layers.0 Dense(2, 128): its output is not finite"
        in message
    )
    assert_all_saved_is_finite_and_loads(tmp_path)


def test_a_learning_rate_that_is_far_too_large_ends_with_advice(tmp_path):
    message = failing_run(tmp_path, "ring", lr=999.0, steps=300)
    assert "no checkpoint was written before. Try a smaller --lr" in message
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_loss_that_is_infinite_while_every_layer_is_fine_is_named_too(tmp_path, monkeypatch):
    class Broken(type(losses["minimax"])):
        def generator(self, fake_logits, real_logits=None):
            return super().generator(fake_logits) - math.inf

    monkeypatch.setitem(losses, "minimax", Broken())
    message = failing_run(tmp_path, "ring", loss="minimax")
    assert "at step 1 g_loss is not finite, though the output of every layer is;" in message


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_all_finite_looks_at_weights_statistics_and_optimizers_of_both(part):
    trainer = take(tiny_trainer(model="tutorial"), 1)
    assert all_finite(trainer)
    optimizer = getattr(trainer, f"{part[0]}_optimizer")
    arrays = [optimizer.buffer.data, optimizer.m, optimizer.v]
    arrays += [buffer for _, buffer in getattr(trainer, part).named_buffers()]
    for array in arrays:
        kept, array[-1] = array[-1].copy(), np.inf
        assert not all_finite(trainer)
        array[-1] = kept
    assert all_finite(trainer)


# --- checkpoints


def test_a_restored_trainer_is_the_saved_one(tmp_path):
    trainer = take(tiny_trainer(model="tutorial", penalty="wgan-gp"), 3)
    state = checkpoint.read(checkpoint.save(trainer, tmp_path))
    other = tiny_trainer(model="tutorial", penalty="wgan-gp", seed=5)
    fixed = copy.deepcopy(other.fixed_latents.numpy())
    checkpoint.restore(other, *state)
    assert differing(snapshot(trainer), snapshot(other)) == []
    assert differing(snapshot(take(trainer, 2)), snapshot(take(other, 2))) == []
    assert other.fixed_latents.numpy().tobytes() == fixed.tobytes()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"model": "dense"}, "does not fit the model 'dense'"),
        ({"latent_size": 6}, "does not fit the model 'dcgan'"),
        ({"batch_size": 5}, "batch_size"),
        ({"data": "ring"}, "trained on other data .*--data"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, other, message):
    state = checkpoint.read(checkpoint.save(tiny_trainer(), tmp_path))
    with pytest.raises(CheckpointError, match=message):
        checkpoint.restore(tiny_trainer(**other), *state)


def test_images_are_known_by_their_content_not_by_their_name(tmp_path):
    state = checkpoint.read(checkpoint.save(tiny_trainer(), tmp_path))
    data = tiny_data()
    checkpoint.restore(Trainer(tiny_config(), dataclasses.replace(data, name="moved")), *state)
    changed = data.images.copy()
    changed[0, 0, 0, 0] ^= 1
    with pytest.raises(CheckpointError, match="other data"):
        checkpoint.restore(Trainer(tiny_config(), dataclasses.replace(data, images=changed)), *state)


def test_the_disk_may_fill_up_at_any_write(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "CHECKPOINT_EVERY", 2)
    trainer, _ = train(tiny_config(steps=4), tiny_data(), tmp_path / "whole")
    fsync, writes = os.fsync, 0

    def fill_up(descriptor):
        nonlocal writes
        writes -= 1
        if writes < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fill_up)
    folder = tmp_path / "run"
    failures = 0
    for moment in range(0, 60, 2):  # each write syncs the file, then the folder
        writes = moment
        try:
            train(tiny_config(steps=4), tiny_data(), folder)
            break
        except MiniganError as error:
            failures += 1
            assert "No space left on device; free some disk space" in str(error)  # noqa: PT017
            assert not list(folder.rglob(".*unfinished"))
            for path in checkpoint.checkpoints(folder / "checkpoints"):
                load_archive(path)
    assert failures > 5
    writes = 1000
    again, _ = train(tiny_config(steps=4), tiny_data(), folder)
    assert differing(snapshot(trainer), snapshot(again)) == []
    assert (folder / "metrics.csv").read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()


# --- latents in between


def directions(count=5, size=7, seed=0):
    return np.random.default_rng(seed).standard_normal((2, count, size)).astype(np.float32)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
def test_from_a_point_to_itself_nothing_moves(t):
    a, _ = directions()
    np.testing.assert_allclose(slerp(a, a, t), a, rtol=1e-6)


def test_the_ends_are_exact_and_the_type_stays():
    a, b = directions()
    assert slerp(a, b, 0.0).tobytes() == a.tobytes()
    assert slerp(a, b, 1.0).tobytes() == b.tobytes()
    assert slerp(a, b, 0.3).dtype == np.float32


def test_between_vectors_of_one_length_the_length_stays_and_the_angle_is_divided_evenly():
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) * 3 for v in directions())
    angle = np.arccos((a * b).sum(1) / 9)
    for t in np.linspace(0, 1, 9):
        middle = slerp(a, b, t)
        np.testing.assert_allclose(np.linalg.norm(middle, axis=1), 3, rtol=1e-5)
        np.testing.assert_allclose(np.arccos(np.clip((a * middle).sum(1) / 9, -1, 1)), t * angle, atol=2e-3)


def test_antipodes_and_zeros_stay_finite():
    a, _ = directions()
    for b in (-a, a * (1 + 1e-7), np.zeros_like(a)):
        for t in (0.0, 0.5, 1.0):
            assert np.isfinite(slerp(a, b, t)).all()


def test_latents_may_live_on_any_device(device):
    trainer = tiny_trainer("ring", device=device.name)
    assert isinstance(trainer.fixed_latents, Tensor)
    assert trainer.fixed_latents.device == device
    assert isinstance(trainer.samples(), np.ndarray)
