"""The training algorithm (Goodfellow et al. 2014, algorithm 1), and all that changes while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan.autograd import Tensor, grad, no_grad
from minigan.backend import get_device, to_device
from minigan.data import Batches, ImageData, PointData
from minigan.gan import clip_weights, is_analytic, losses, penalties
from minigan.models import AutoEncoder, models
from minigan.nn import Module, Sequential, evaluating, freezing, spectrally_normalised
from minigan.ops import concatenate
from minigan.optim import Optimizer, optimizers, schedules
from minigan.training.averaging import Average
from minigan.training.config import Config
from minigan.training.updates import UPDATES

STREAMS = ("weights", "order", "latents", "penalty", "fixed latents", "noise")
SHOWN_IMAGES, SHOWN_POINTS = 64, 1000
"""How many samples at fixed latents a run shows."""
ANNEALED = 0.8
"""The part of a run over which the weight of a penalty is annealed."""


class DiscriminatorPass(NamedTuple):
    """What one pass of the discriminator gives: its gradients, and what they come from."""

    gradients: Sequence[Tensor | None]
    loss: Tensor
    penalty: Tensor
    real_logits: Tensor
    fake_logits: Tensor


class Trainer:
    """Two networks, their optimizers, the data and the randomness of a run: `step()` trains once.

    Every random number comes from one of the `streams`, which all descend from the seed, and is drawn on
    the host: a run is the same on every device up to rounding, and goes on exactly from a saved state.
    """

    def __init__(self, config: Config, data: ImageData | PointData) -> None:
        self.config = config
        self.data = data
        self.device = get_device(config.device)
        seeds = np.random.SeedSequence(config.seed).spawn(len(STREAMS))
        self.streams = {name: np.random.default_rng(seed) for name, seed in zip(STREAMS, seeds, strict=True)}
        self.batches = Batches(data, config.batch_size, self.streams["order"])
        self.generator, self.discriminator = build(config, data.shape, self.streams["weights"])
        self.generator.to(self.device)
        self.discriminator.to(self.device)
        self.loss = losses[config.loss].start()
        self.penalty = penalties[config.penalty]
        self.penalised = config.penalty != "none"
        # The closed form is for a penalty on the slope of the discriminator itself, not of a witness made of it.
        self.has_closed_form = self.loss.features == 1 and is_analytic(self.discriminator)
        self.g_optimizer = make_optimizer(config, self.generator, config.lr)
        self.d_optimizer = make_optimizer(config, self.discriminator, config.d_lr or config.lr)
        self.average = Average(self.generator)
        shown = SHOWN_IMAGES if isinstance(data, ImageData) else SHOWN_POINTS
        self.fixed_latents = self.latents(shown, self.streams["fixed latents"])
        self.steps = 0

    def step(self) -> dict[str, Tensor]:
        """Train once: `critic_steps` steps of the discriminator, one of the generator. Returns the losses.

        The losses stay on the device; nothing here waits for it.
        """
        self.set_rates()
        shown = UPDATES[self.config.updates](self)
        self.steps += 1
        self.average.update(self.generator, self.steps)
        return shown

    def discriminator_step(self, real: Tensor, fake: Tensor | None = None) -> DiscriminatorPass:
        """Improve the discriminator; the generator, its running statistics included, is left untouched.

        Without `fake`, a batch of new fake samples is made.
        """
        judged = self.discriminator_gradients(real, fake)
        self.improve_discriminator(judged)
        return judged

    def generator_step(self, real: Tensor) -> Tensor:
        """Improve the generator; the discriminator is left untouched, its weight gradients never computed."""
        gradients, g_loss = self.generator_gradients(real)
        self.g_optimizer.step(gradients)
        return g_loss

    def fakes(self, batches: int = 1) -> list[Tensor]:
        """Batches of new fake samples, as constants: in one pass where the generator treats each sample alone."""
        G, n = self.generator, self.config.batch_size
        at_once = 1 if _mixes_samples(G) else batches
        with no_grad(), freezing(G):
            passes = [G(self.latents(at_once * n, self.streams["latents"])) for _ in range(batches // at_once)]
            return [x[i : i + n] for x in passes for i in range(0, at_once * n, n)]

    def discriminator_gradients(self, real: Tensor, fake: Tensor | None = None) -> DiscriminatorPass:
        """The gradients of the discriminator's loss and penalty at a batch of real and one of (new) fake samples."""
        (fake,) = self.fakes() if fake is None else (fake,)
        real, fake = self.noisy(real), self.noisy(fake)
        D, penalty = self.discriminator, self.penalty
        settings = {"rng": self.streams["penalty"], "weight": self.penalty_weight()}
        if self.penalised and self.has_closed_form:
            found = penalty.gradients_with_loss(D, self.loss.discriminator, real, fake, **settings)
            n = len(real)
            return DiscriminatorPass(found.gradients, found.loss, found.penalty, found.logits[:n], found.logits[n:])
        real_logits, fake_logits = self.judge(real, fake)
        d_loss = self.loss.discriminator(real_logits, fake_logits)
        sloped = self.loss.witness(D, real, fake) if self.penalised else D
        paid = penalty(sloped, real, fake, **settings)
        return DiscriminatorPass(grad(d_loss + paid, D.parameters()), d_loss, paid, real_logits, fake_logits)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of both: in one pass where the discriminator treats each sample alone."""
        D, n = self.discriminator, len(real)
        if _mixes_samples(D):
            return D(real), D(fake)
        logits = D(concatenate(real, fake))
        return logits[:n], logits[n:]

    def improve_discriminator(self, judged: DiscriminatorPass) -> None:
        """Step along the gradients, then put the weights back where the constraint wants them."""
        self.d_optimizer.step(judged.gradients)
        if self.config.constraint == "clip":
            clip_weights(self.discriminator, self.config.clip)
        self.loss.after_step(judged.real_logits, judged.fake_logits)

    def generator_gradients(self, real: Tensor) -> tuple[Sequence[Tensor | None], Tensor]:
        """The gradients of the generator's loss, and the loss."""
        D, G = self.discriminator, self.generator
        with freezing(D):
            fake = self.noisy(G(self.latents(self.config.batch_size, self.streams["latents"])))
            fake_logits = D(fake)
            with no_grad():
                real_logits = D(self.noisy(real)) if self.loss.compares else None
            g_loss = self.loss.generator(fake_logits, real_logits) + self.loss.generator_penalty(D, fake)
        return grad(g_loss, G.parameters()), g_loss

    def set_rates(self) -> None:
        """Learning rates as the schedule wants them at this step."""
        config, schedule = self.config, schedules[self.config.schedule]
        if config.lr_end is not None:
            self.g_optimizer.lr = schedule(config.lr, config.lr_end, self.progress)
            self.d_optimizer.lr = (config.d_lr or config.lr) / config.lr * self.g_optimizer.lr

    def penalty_weight(self) -> float:
        """The weight of the penalty at this step."""
        start = self.penalty.weight if self.config.penalty_weight is None else self.config.penalty_weight
        end = start if self.config.penalty_end is None else self.config.penalty_end
        return start if start == end else schedules["geometric"](start, end, min(1.0, self.progress / ANNEALED))

    @property
    def progress(self) -> float:
        """How much of the run is done, from 0 to 1."""
        return self.steps / self.config.steps

    def noisy(self, x: Tensor) -> Tensor:
        """x with the instance noise of this step."""
        std = self.config.instance_noise * (1 - self.progress)
        if not std:
            return x
        noise = self.streams["noise"].standard_normal(x.shape, dtype=np.float32)
        return x + std * Tensor(to_device(noise, self.device), device=self.device)

    def real_batch(self) -> Tensor:
        """The next batch of data."""
        return Tensor(self.batches.next(), device=self.device)

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """n latent vectors from N(0, 1): (n, latent_size)."""
        return Tensor(rng.standard_normal((n, self.config.latent_size), dtype=np.float32), device=self.device)

    def samples(self) -> np.ndarray:
        """What the averaged generator makes of the fixed latents, on the host."""
        return generate(self.average.network, self.fixed_latents)


def _mixes_samples(network: Module) -> bool:
    """Whether the samples of a batch influence each other, as through batch norm."""
    return any(m.mixes_samples for m in network.modules())


def build(config: Config, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Sequential, Module]:
    """The two networks of a run for samples of a shape, as its loss, penalty and constraint need them."""
    loss, per_sample = losses[config.loss], config.penalty != "none" or config.constraint == "clip"
    builder = models[config.model]
    generator, discriminator = builder(shape, config.latent_size, rng=rng, per_sample=per_sample, outputs=loss.features)
    if loss.energy:
        discriminator = AutoEncoder(shape, rng=rng)
    if config.constraint == "spectral":
        discriminator = spectrally_normalised(discriminator, rng=rng)
    return generator, discriminator


def make_optimizer(config: Config, network: Module, lr: float) -> Optimizer:
    """The optimizer of one player. Of the two betas SGD takes the first as its momentum, RMSProp the second."""
    momentum, decay = config.betas
    settings = {"sgd": {"momentum": momentum}, "rmsprop": {"beta": decay}, "optimistic-sgd": {}, "extra-sgd": {}}
    own = settings.get(config.optimizer, {"betas": config.betas})
    return optimizers[config.optimizer](network.parameters(), lr, **own)


def generate(generator: Any, latents: Tensor | np.ndarray) -> np.ndarray:
    """Samples of a generator in evaluation mode, on the host. Leaves no trace in it."""
    device = generator.parameters()[0].device
    with device.use(), no_grad(), evaluating(generator):
        z = latents if isinstance(latents, Tensor) else Tensor(to_device(latents, device), device=device)
        return generator(z).numpy()
