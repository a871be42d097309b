"""The settings of the game: schedules, annealing, noise, constraints, the order of the moves."""

import math

import numpy as np
import pytest
from tiny_runs import differing, snapshot, tiny_config, tiny_trainer

from minigan import Tensor, nn
from minigan.cli import main
from minigan.gan import losses, penalties
from minigan.models import AutoEncoder
from minigan.optim import OptimisticAdam, RMSProp, optimizers
from minigan.training import ConfigError, checkpoint, load_config, resolve
from minigan.training.config import CONSTRAINTS, UPDATES
from minigan.training.updates import UPDATES as MOVES

DENSE = {"model": "dense", "batch_size": 4}
pytestmark = pytest.mark.usefixtures("narrow")


def test_every_order_of_moves_has_a_name():
    assert tuple(MOVES) == UPDATES


def test_learning_rates_follow_the_schedule():
    trainer = tiny_trainer(steps=4, lr=1e-3, d_lr=4e-3, schedule="cosine", lr_end=1e-5, **DENSE)
    for k in range(4):
        trainer.step()
        expected = 1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi * k / 4)) / 2
        assert trainer.g_optimizer.lr == pytest.approx(expected, rel=1e-12)
        assert trainer.d_optimizer.lr == pytest.approx(4 * expected, rel=1e-12)


def test_without_a_schedule_they_stay():
    trainer = tiny_trainer(lr=1e-3, d_lr=4e-3, **DENSE)
    trainer.step()
    assert (trainer.g_optimizer.lr, trainer.d_optimizer.lr) == (1e-3, 4e-3)
    trainer = tiny_trainer(lr=1e-3, **DENSE)
    assert trainer.d_optimizer.lr == 1e-3


def test_the_weight_of_a_penalty_is_annealed_over_most_of_the_run():
    trainer = tiny_trainer(steps=10, penalty="r1", penalty_weight=8.0, penalty_end=0.5, **DENSE)
    weights = []
    for trainer.steps in range(10):
        weights.append(trainer.penalty_weight())
    np.testing.assert_allclose(weights[:8], 8.0 * (0.5 / 8.0) ** (np.arange(8) / 8), rtol=1e-12)
    assert weights[8:] == [0.5, 0.5]
    assert tiny_trainer(penalty="r1").penalty_weight() == penalties["r1"].weight
    assert tiny_trainer(penalty="r1", penalty_weight=0.3).penalty_weight() == 0.3


def test_the_penalty_has_the_weight_that_was_asked_for():
    one, three = (
        tiny_trainer(penalty="r1", penalty_weight=w, model="dense").step()["penalty"].item() for w in (1.0, 3.0)
    )
    assert three == pytest.approx(3 * one, rel=1e-6)


@pytest.mark.parametrize("penalty", [name for name in penalties if name != "none"])
def test_closed_form_and_double_backward_train_alike(penalty):
    fast, slow = (tiny_trainer(penalty=penalty, penalty_weight=2.0, **DENSE) for _ in range(2))
    assert fast.has_closed_form
    slow.has_closed_form = False
    for _ in range(2):
        a, b = fast.step(), slow.step()
    assert a["penalty"].item() == pytest.approx(b["penalty"].item(), rel=1e-5)
    for name, value in fast.discriminator.state_dict().items():
        np.testing.assert_allclose(value, slow.discriminator.state_dict()[name], atol=2e-6, err_msg=name)


def test_a_kernel_loss_has_the_slope_of_its_witness_bounded():
    trainer = tiny_trainer(loss="cramer", penalty="wgan-gp", **DENSE)
    assert not trainer.has_closed_form
    penalised = trainer.step()["penalty"].item()
    trainer = tiny_trainer(loss="cramer", penalty="wgan-gp", **DENSE)
    trainer.loss.witness = lambda critic, real, fake: lambda x: critic(x).sum(axis=1)
    assert trainer.step()["penalty"].item() != pytest.approx(penalised, rel=0.01)


def test_instance_noise_shrinks_to_nothing():
    trainer = tiny_trainer(steps=4, instance_noise=0.5, **DENSE)
    x = Tensor(np.zeros((4, 50, 50, 1), dtype=np.float32))
    for trainer.steps, std in enumerate([0.5, 0.375, 0.25, 0.125]):
        noisy = trainer.noisy(x).numpy()
        assert noisy.dtype == np.float32
        assert noisy.std() == pytest.approx(std, rel=0.03)
    trainer.steps = 4
    assert trainer.noisy(x) is x


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_all_that_the_discriminator_sees_is_noisy(loss):
    trainer = tiny_trainer(instance_noise=0.5, loss=loss, **DENSE)
    real, seen = trainer.real_batch(), []
    trainer.noisy = lambda x: seen.append(x) or x
    judged = trainer.discriminator_step(real)
    assert len(seen) == 2
    assert judged.real_logits.shape == (4, 1)
    trainer.generator_step(real)
    assert len(seen) == 4 if losses[loss].compares else 3


def test_without_noise_none_is_drawn():
    trainer = tiny_trainer(**DENSE)
    before = str(trainer.streams["noise"].bit_generator.state)
    trainer.step()
    assert str(trainer.streams["noise"].bit_generator.state) == before


# Constraints


def test_clipping_keeps_every_weight_of_the_critic_within_the_bound_after_its_step():
    trainer = tiny_trainer(constraint="clip", clip=0.003, lr=0.01, **DENSE)
    assert max(abs(p.numpy()).max() for p in trainer.discriminator.parameters()) > 0.003
    trainer.discriminator_step(trainer.real_batch())
    assert max(abs(p.numpy()).max() for p in trainer.discriminator.parameters()) == np.float32(0.003)
    generator = max(abs(p.numpy()).max() for p in trainer.generator.parameters())
    assert generator > 0.003


def test_the_spectral_constraint_normalises_the_discriminator_alone():
    trainer = tiny_trainer(constraint="spectral", **DENSE)
    kinds = {type(m) for m in trainer.discriminator}
    assert nn.SpectralNorm in kinds
    assert nn.Dense not in kinds
    assert not any(isinstance(m, nn.SpectralNorm) for m in trainer.generator.modules())
    before = snapshot(trainer)
    trainer.step()
    changed = differing(before, snapshot(trainer))
    assert {"discriminator.layers.1.u", "discriminator.layers.1.layer.weight"} <= set(changed)


@pytest.mark.parametrize("name", ["ebgan", "began"])
def test_energy_losses_have_an_auto_encoder(name):
    trainer = tiny_trainer(loss=name, **DENSE)
    assert isinstance(trainer.discriminator, AutoEncoder)
    real = trainer.real_batch()
    x = real.numpy().reshape(4, -1)
    D = trainer.discriminator
    restored = D.decoder(D.code(real)).numpy()
    np.testing.assert_allclose(D(real).numpy()[:, 0], -abs(restored - x).mean(axis=1), rtol=1e-5)
    assert (trainer.loss is losses[name]) == (name == "ebgan")


# The order of the moves


def by_hand(trainer, moves):
    """Run `moves(trainer, real)` in the place of a step."""
    trainer.set_rates()
    moves(trainer, trainer.real_batch())
    trainer.steps += 1
    trainer.average.update(trainer.generator, trainer.steps)
    return snapshot(trainer)


def test_simultaneous_players_look_before_either_moves():
    chosen, plain = (tiny_trainer(updates="simultaneous", **DENSE) for _ in range(2))
    chosen.step()

    def moves(trainer, real):
        judged, (gradients, _) = trainer.discriminator_gradients(real), trainer.generator_gradients(real)
        trainer.g_optimizer.step(gradients)
        trainer.d_optimizer.step(judged.gradients)

    assert differing(snapshot(chosen), by_hand(plain, moves)) == []
    alternating = tiny_trainer(**DENSE)
    alternating.step()
    changed = differing(snapshot(chosen), snapshot(alternating))
    assert "generator.layers.0.weight" in changed
    assert "discriminator.layers.1.weight" not in changed


def test_extragradient_players_look_ahead():
    settings = {"updates": "extragradient", "optimizer": "extra-adam"} | DENSE
    chosen, plain = (tiny_trainer(**settings) for _ in range(2))
    chosen.step()

    def moves(trainer, real):
        for player in ("extrapolate", "step"):
            judged, (gradients, _) = trainer.discriminator_gradients(real), trainer.generator_gradients(real)
            getattr(trainer.d_optimizer, player)(judged.gradients)
            getattr(trainer.g_optimizer, player)(gradients)
            real = real if player == "step" else trainer.real_batch()

    assert differing(snapshot(chosen), by_hand(plain, moves)) == []


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_the_critic_moves_as_often_as_asked(updates):
    trainer = tiny_trainer(updates=updates, critic_steps=3, **DENSE)
    trainer.critic_moves = 0
    improve = trainer.improve_discriminator

    def counted(judged):
        trainer.critic_moves += 1
        improve(judged)

    trainer.improve_discriminator = counted
    trainer.step()
    assert trainer.critic_moves == 3
    assert trainer.g_optimizer.steps == 1


@pytest.mark.parametrize("name", optimizers)
def test_every_optimizer_trains(name):
    updates = "extragradient" if name.startswith("extra-") else "alternating"
    trainer = tiny_trainer(optimizer=name, updates=updates, betas=(0.3, 0.7), lr=1e-3, **DENSE)
    assert type(trainer.g_optimizer) is type(trainer.d_optimizer) is optimizers[name]
    before = snapshot(trainer)
    trainer.step()
    assert {"generator.layers.0.weight", "discriminator.layers.1.weight"} <= set(differing(before, snapshot(trainer)))


def test_the_betas_reach_the_optimizer():
    made = {
        name: tiny_trainer(optimizer=name, betas=(0.3, 0.7), **DENSE).g_optimizer
        for name in ("sgd", "rmsprop", "adamw")
    }
    assert made["sgd"].momentum == 0.3
    assert made["rmsprop"].beta == 0.7
    assert made["adamw"].betas == (0.3, 0.7)
    assert isinstance(tiny_trainer(optimizer="optimistic-adam", **DENSE).d_optimizer, OptimisticAdam)


# Going on


ALL = {
    "began": {"loss": "began"},
    "schedule": {"schedule": "linear", "lr_end": 1e-5, "penalty": "r1+r2", "penalty_end": 1e-3, "instance_noise": 0.1},
    "extragradient": {"updates": "extragradient", "optimizer": "extra-adam", "loss": "relativistic"},
    "spectral": {"constraint": "spectral", "loss": "hinge", "optimizer": "optimistic-adam"},
    "clip": {"loss": "wasserstein", "constraint": "clip", "lr": 1e-3},
    "kernel": {"loss": "mmd", "penalty": "wgan-gp"},
}


@pytest.mark.parametrize("case", ALL)
def test_a_run_goes_on_exactly_from_its_checkpoint(case, tmp_path):
    settings = {"steps": 6} | DENSE | ALL[case]
    whole = tiny_trainer(**settings)
    for _ in range(6):
        whole.step()
    first = tiny_trainer(**settings)
    for _ in range(3):
        first.step()
    path = checkpoint.save(first, tmp_path)
    second = tiny_trainer(**settings)
    checkpoint.restore(second, *checkpoint.read(path))
    for _ in range(3):
        second.step()
    assert differing(snapshot(whole), snapshot(second)) == []
    assert {k: v.tolist() for k, v in whole.loss.state_dict().items()} == {
        k: v.tolist() for k, v in second.loss.state_dict().items()
    }


@pytest.mark.parametrize("case", ALL)
def test_strict_and_cpu_agree_bit_for_bit(case):
    runs = [tiny_trainer(device=device, **(DENSE | ALL[case])) for device in ("cpu", "strict")]
    for trainer in runs:
        for _ in range(2):
            trainer.step()
    assert differing(*map(snapshot, runs)) == []


# What the user says


def test_constraints_bring_their_settings():
    clipped = resolve("ring", loss="wasserstein", constraint="clip")
    assert (clipped.penalty, clipped.optimizer, clipped.critic_steps) == ("none", "rmsprop", 5)
    assert resolve("ring", loss="wasserstein", constraint="spectral").penalty == "none"
    assert resolve("ring", loss="wasserstein", constraint="spectral", penalty="r1").penalty == "r1"
    assert isinstance(tiny_trainer("ring", loss="wasserstein", constraint="clip").d_optimizer, RMSProp)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adm"}, "Did you mean adam"),
        ({"updates": "together"}, "updates: expected one of alternating, simultaneous, extragradient"),
        ({"constraint": "clipp"}, "Did you mean clip"),
        ({"schedule": "cosin", "lr_end": 0.1}, "Did you mean cosine"),
        ({"schedule": "cosine"}, "needs the rate it ends at"),
        ({"lr_end": 1e-5}, "lr_end needs a schedule"),
        ({"updates": "extragradient"}, "need extra-sgd or extra-adam"),
        ({"optimizer": "extra-adam"}, "need extragradient updates"),
        ({"updates": "extragradient", "optimizer": "extra-sgd", "critic_steps": 2}, "critic_steps: .* got 2"),
        ({"penalty_weight": 1.0}, "need a penalty"),
        ({"penalty_end": 1.0}, "need a penalty"),
        ({"d_lr": -1.0}, "d_lr: expected a number of at least 0"),
        ({"d_lr": "fast"}, "d_lr: expected a number"),
        ({"instance_noise": -0.1}, "instance_noise: expected a number of at least 0"),
        ({"clip": "hard"}, "clip: expected a number"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        tiny_config(**settings)


def test_the_command_line_has_a_flag_for_each(tmp_path):
    flags = "--loss wasserstein --constraint clip --clip 0.02 --critic-steps 2 --optimizer sgd --d-lr 0.002 "
    flags += "--schedule linear --lr-end 0.0001 --instance-noise 0.1 --updates simultaneous --lr 0.001"
    assert main(["train", "ring", "--steps", "2", "--out", str(tmp_path / "a"), *flags.split()]) == 0
    config = load_config(tmp_path / "a")
    assert (config.constraint, config.clip, config.critic_steps, config.optimizer) == ("clip", 0.02, 2, "sgd")
    assert (config.d_lr, config.lr_end, config.schedule, config.instance_noise) == (0.002, 0.0001, "linear", 0.1)
    assert config.updates == "simultaneous"
    flags = "--penalty r1 --penalty-weight 0.3 --penalty-end 0.01"
    assert main(["train", "ring", "--steps", "2", "--out", str(tmp_path / "b"), *flags.split()]) == 0
    config = load_config(tmp_path / "b")
    assert (config.penalty, config.penalty_weight, config.penalty_end) == ("r1", 0.3, 0.01)


def test_the_command_line_explains_what_does_not_go_together(tmp_path, capsys):
    command = ["train", "digits", "--loss", "wasserstein", "--constraint", "clip", "--out", str(tmp_path / "a")]
    assert main(command) == 2
    assert "LayerNorm" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_help_names_every_choice(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in (*losses, *penalties, *optimizers, *UPDATES, *CONSTRAINTS):
        assert name in text.replace("- ", "-"), name
