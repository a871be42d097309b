"""In which order the two players move."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minigan.autograd import Tensor

if TYPE_CHECKING:
    from minigan.training.trainer import Trainer


def alternating(trainer: Trainer) -> dict[str, Tensor]:
    """The discriminator moves `critic_steps` times, then the generator answers to where it is now."""
    for fake in trainer.fakes(trainer.config.critic_steps):
        real = trainer.real_batch()
        judged = trainer.discriminator_step(real, fake)
    return _shown(judged, trainer.generator_step(real))


def simultaneous(trainer: Trainer) -> dict[str, Tensor]:
    """Both compute their gradients before either moves; the steps of the critic before the last come first."""
    *fakes, last = trainer.fakes(trainer.config.critic_steps)
    for fake in fakes:
        trainer.discriminator_step(trainer.real_batch(), fake)
    real = trainer.real_batch()
    judged = trainer.discriminator_gradients(real, last)
    gradients, g_loss = trainer.generator_gradients(real)
    trainer.improve_discriminator(judged)
    trainer.g_optimizer.step(gradients)
    return _shown(judged, g_loss)


def extragradient(trainer: Trainer) -> dict[str, Tensor]:
    """Both look ahead by a simultaneous step, and move from where they were with the gradients found there.

    Gidel et al. 2019, arXiv:1802.10551, algorithm 1, with a new batch for the look-ahead and for the step.
    """
    real = trainer.real_batch()
    judged = trainer.discriminator_gradients(real)
    gradients, _ = trainer.generator_gradients(real)
    trainer.d_optimizer.extrapolate(judged.gradients)
    trainer.g_optimizer.extrapolate(gradients)
    real = trainer.real_batch()
    judged = trainer.discriminator_gradients(real)
    gradients, g_loss = trainer.generator_gradients(real)
    trainer.improve_discriminator(judged)
    trainer.g_optimizer.step(gradients)
    return _shown(judged, g_loss)


UPDATES: dict[str, Callable[[Trainer], dict[str, Tensor]]] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "extragradient": extragradient,
}


def _shown(judged, g_loss: Tensor) -> dict[str, Tensor]:
    return {"d_loss": judged.loss, "g_loss": g_loss, "penalty": judged.penalty}
