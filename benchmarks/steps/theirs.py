"""The same training step in PyTorch: as people write it, and as an expert would."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from benchmarks.steps.twins import channels_first, twin
from benchmarks.steps.workloads import Workload
from minigan import nn

Tensor = torch.Tensor


class Written:
    """As tutorials have it: the discriminator is called for each batch, and in the generator's step its weight
    gradients are computed too, and thrown away. `device` is PyTorch's name of where all of it lives, data included.
    """

    def __init__(self, workload: Workload, G: nn.Sequential, D: nn.Sequential, device: str = "cpu") -> None:
        self.config, self.shape, self.device = workload.config(), workload.shape, device
        self.G, self.D = twin(G, (workload.latent_size,)).to(device), twin(D, workload.shape).to(device)
        self.real = itertools.cycle([torch.from_numpy(channels_first(x)).to(device) for x in workload.batches()])
        self.prepare(workload)
        self.g_optimizer, self.d_optimizer = self.optimizer(self.G), self.optimizer(self.D)
        self.bce = torch.nn.BCEWithLogitsLoss()
        self.ones, self.zeros = (make(workload.batch, 1, device=device) for make in (torch.ones, torch.zeros))

    def prepare(self, workload: Workload) -> None:
        """Nothing to prepare."""

    def optimizer(self, network: Any) -> torch.optim.Optimizer:
        """Adam as it comes."""
        return torch.optim.Adam(network.parameters(), self.config.lr, self.config.betas)

    def step(self) -> dict[str, Tensor]:
        """Train once. Returns the losses."""
        for _ in range(self.config.critic_steps):
            shown = self.critic_step(next(self.real), self.G(self.latents()).detach())
        return shown | {"g_loss": self.generator_step()}

    def critic_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        self.d_optimizer.zero_grad()
        d_loss = self.d_loss(*self.judge(real, fake))
        penalty = self.penalty(real, fake) if self.config.penalty == "wgan-gp" else torch.zeros((), device=self.device)
        (d_loss + penalty).backward()
        self.d_optimizer.step()
        return {"d_loss": d_loss, "penalty": penalty}

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of both batches."""
        return self.D(real), self.D(fake)

    def generator_step(self) -> Tensor:
        self.g_optimizer.zero_grad()
        g_loss = self.g_loss(self.D(self.G(self.latents())))
        g_loss.backward()
        self.g_optimizer.step()
        return g_loss

    def d_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        if self.config.loss == "wasserstein":
            return fake.mean() - real.mean()
        return self.bce(real, self.ones) + self.bce(fake, self.zeros)

    def g_loss(self, fake: Tensor) -> Tensor:
        return -fake.mean() if self.config.loss == "wasserstein" else self.bce(fake, self.ones)

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        e = self.mixture(real)
        x = (e * real + (1 - e) * fake).requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.D(x).sum(), x, create_graph=True)
        return 10 * ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()

    def latents(self, batches: int = 1) -> Tensor:
        return torch.randn(batches * self.config.batch_size, self.config.latent_size, device=self.device)

    def mixture(self, real: Tensor) -> Tensor:
        """How much of each point between a pair is real."""
        return torch.rand(len(real), *(1 for _ in self.shape), device=self.device)


class Expert(Written):
    """All that PyTorch offers an eager step: the discriminator frozen in the generator's step, real and
    generated samples judged together and all fakes made at once where no batch norm forbids it, no graph for the
    fakes of the critic, fused Adam, and channels last where that helps.
    """

    def prepare(self, workload: Workload) -> None:
        self.mixed = [any("BatchNorm" in type(m).__name__ for m in network) for network in (self.G, self.D)]
        if workload.channels_last:
            for network in (self.G, self.D):
                network.to(memory_format=torch.channels_last)
            batches = [next(self.real).contiguous(memory_format=torch.channels_last) for _ in workload.batches()]
            self.real = itertools.cycle(batches)

    def optimizer(self, network: Any) -> torch.optim.Optimizer:
        """Adam in one kernel."""
        return torch.optim.Adam(network.parameters(), self.config.lr, self.config.betas, fused=True)

    def step(self) -> dict[str, Tensor]:
        for fake in self.fakes(self.config.critic_steps):
            shown = self.critic_step(next(self.real), fake)
        self.D.requires_grad_(False)
        g_loss = self.generator_step()
        self.D.requires_grad_(True)
        return shown | {"g_loss": g_loss}

    def fakes(self, count: int) -> list[Tensor]:
        with torch.no_grad():
            if self.mixed[0]:
                return [self.G(self.latents()) for _ in range(count)]
            return list(self.G(self.latents(count)).split(self.config.batch_size))

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        if self.mixed[1]:
            return super().judge(real, fake)
        return self.D(torch.cat([real, fake])).split(len(real))
