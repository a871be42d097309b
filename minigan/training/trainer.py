"""The training algorithm (Goodfellow et al. 2014, algorithm 1), and all that changes while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.autograd import Tensor, grad, no_grad
from minigan.backend import get_device, to_device
from minigan.data import Batches, ImageData, PointData
from minigan.gan import losses, penalties
from minigan.models import models
from minigan.nn import Sequential, evaluating, freezing
from minigan.optim import Adam
from minigan.training.averaging import Average
from minigan.training.config import Config

STREAMS = ("weights", "order", "latents", "penalty", "fixed latents")
SHOWN_IMAGES, SHOWN_POINTS = 64, 1000
"""How many samples at fixed latents a run shows."""


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
        self.loss = losses[config.loss]
        self.penalty = penalties[config.penalty]
        self.g_optimizer = Adam(self.generator.parameters(), config.lr, config.betas)
        self.d_optimizer = Adam(self.discriminator.parameters(), config.lr, config.betas)
        self.average = Average(self.generator)
        shown = SHOWN_IMAGES if isinstance(data, ImageData) else SHOWN_POINTS
        self.fixed_latents = self.latents(shown, self.streams["fixed latents"])
        self.steps = 0

    def step(self) -> dict[str, Tensor]:
        """Train once: `critic_steps` steps of the discriminator, one of the generator. Returns the losses.

        The losses stay on the device; nothing here waits for it.
        """
        for _ in range(self.config.critic_steps):
            real = self.real_batch()
            d_loss, penalty = self.discriminator_step(real)
        g_loss = self.generator_step(real)
        self.steps += 1
        self.average.update(self.generator, self.steps)
        return {"d_loss": d_loss, "g_loss": g_loss, "penalty": penalty}

    def discriminator_step(self, real: Tensor) -> tuple[Tensor, Tensor]:
        """Improve the discriminator; the generator, its running statistics included, is left untouched."""
        D, G = self.discriminator, self.generator
        with no_grad(), freezing(G):
            fake = G(self.latents(self.config.batch_size, self.streams["latents"]))
        d_loss = self.loss.discriminator(D(real), D(fake))
        penalty = self.penalty(D, real, fake, rng=self.streams["penalty"])
        self.d_optimizer.step(grad(d_loss + penalty, D.parameters()))
        return d_loss, penalty

    def generator_step(self, real: Tensor) -> Tensor:
        """Improve the generator; the discriminator is left untouched, its weight gradients never computed."""
        D, G = self.discriminator, self.generator
        with freezing(D):
            fake_logits = D(G(self.latents(self.config.batch_size, self.streams["latents"])))
            with no_grad():
                real_logits = D(real) if self.loss.compares else None
        g_loss = self.loss.generator(fake_logits, real_logits)
        self.g_optimizer.step(grad(g_loss, G.parameters()))
        return g_loss

    def real_batch(self) -> Tensor:
        """The next batch of data."""
        return Tensor(self.batches.next(), device=self.device)

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """n latent vectors from N(0, 1): (n, latent_size)."""
        return Tensor(rng.standard_normal((n, self.config.latent_size), dtype=np.float32), device=self.device)

    def samples(self) -> np.ndarray:
        """What the averaged generator makes of the fixed latents, on the host."""
        return generate(self.average.network, self.fixed_latents)


def build(config: Config, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Sequential, Sequential]:
    """The two networks of a run for samples of a shape. A penalty needs a logit for each sample alone."""
    return models[config.model](shape, config.latent_size, rng=rng, per_sample=config.penalty != "none")


def generate(generator: Any, latents: Tensor | np.ndarray) -> np.ndarray:
    """Samples of a generator in evaluation mode, on the host. Leaves no trace in it."""
    with no_grad(), evaluating(generator):
        device = generator.parameters()[0].device
        z = latents if isinstance(latents, Tensor) else Tensor(to_device(latents, device), device=device)
        return generator(z).numpy()
