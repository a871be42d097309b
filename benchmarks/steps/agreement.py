"""Do both compute the same? Losses and gradients of one step from the same weights, latents and batches.

Dropout is off, the one thing that cannot be made equal. PyTorch computes in float64, ours in float64 and in float32.
Among a million units there is one whose input is so near the kink of its ReLU that in float32 rounding decides on
which side it lies, and a gradient may be off by 1e-2 for it. So float64, where none is that near, shows that the step
is the same, and float32, with softplus in the place of every ReLU, how accurately it is computed.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.steps.ours import make_trainer
from benchmarks.steps.workloads import Workload
from minigan import Tensor, nn
from minigan.training import Trainer

ALLOWED = {"float64": 1e-9, "float32": 1e-5}
"""The largest differences allowed, by our dtype."""
SAMPLES = 16
"""How large a batch is checked at most."""


def check(workload: Workload, peers: dict[str, Callable]) -> dict[str, float]:
    """The differences by our dtype, the largest over all peers. Ends the program if they are too large."""
    found, workload = {}, dataclasses.replace(workload, batch=min(workload.batch, SAMPLES))
    for dtype, allowed in ALLOWED.items():
        found[dtype] = max(difference(workload, peer, dtype) for peer in peers.values())
        if not found[dtype] <= allowed:
            raise SystemExit(
                f"benchmarks.steps: {workload.title}: expected losses and gradients that agree with PyTorch's to "
                f"{allowed:.0e} in {dtype}, got a difference of {found[dtype]:.1e}"
            )
    return found


def difference(workload: Workload, peer: Callable, dtype: str, device: str = "cpu") -> float:
    """The largest difference |ours - theirs| / |theirs|, ours computed in that dtype and on that device, of the losses
    and of the gradients of each player's step; |.| is the Euclidean norm over all its parameters.
    """
    trainer = make_trainer(workload, device=device)
    for network in (trainer.generator, trainer.discriminator):
        _tame(network, smooth=dtype == "float32")
    theirs = peer(workload, trainer.generator, trainer.discriminator)
    _share_numbers(trainer, theirs, dtype)
    trainer.g_optimizer, trainer.d_optimizer = ours_g, ours_d = _Recorder(), _Recorder()
    theirs.g_optimizer = theirs_g = _TorchRecorder(trainer.generator, theirs.G, 1)
    theirs.d_optimizer = theirs_d = _TorchRecorder(trainer.discriminator, theirs.D, workload.shape[-1])
    losses = {name: loss.item() for name, loss in trainer.step().items()}
    expected = {name: loss.item() for name, loss in theirs.step().items()}
    found = [abs(losses[name] - expected[name]) / max(1.0, abs(expected[name])) for name in expected]
    found += [_of_step(a, b) for a, b in zip(ours_g.taken + ours_d.taken, theirs_g.taken + theirs_d.taken, strict=True)]
    return max(found)


def _of_step(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    a, b = (np.concatenate([g.reshape(-1) for g in gradients]) for gradients in (ours, theirs))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


class _Recorder:
    """In the place of an optimizer: notes the gradients and moves nothing."""

    def __init__(self) -> None:
        self.taken: list[list[np.ndarray]] = []

    def step(self, gradients: list) -> None:
        self.taken.append([g.numpy() for g in gradients])


class _TorchRecorder(_Recorder):
    """The same for PyTorch, in our layout."""

    def __init__(self, network: nn.Module, twin: Any, channels: int) -> None:
        super().__init__()
        self.network, self.twin, self.channels = network, twin, channels

    def zero_grad(self) -> None:
        self.twin.zero_grad()

    def step(self) -> None:
        gradients = {name: p.grad for name, p in self.twin.named_parameters()}
        state = nn.from_torch(self.network, self.twin.state_dict() | gradients, channels=self.channels)
        self.taken.append([state[name].copy() for name, _ in self.network.named_parameters()])


def _share_numbers(trainer: Trainer, theirs: Any, dtype: str) -> None:
    """Bring ours to a dtype and theirs to float64, and let both see and draw the same numbers."""
    import torch

    n, size = trainer.config.batch_size, trainer.config.latent_size
    of_ours, of_theirs, mixture = (copy.deepcopy(trainer.streams[s]) for s in ("latents", "latents", "penalty"))

    def latents(count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((count, size), dtype=np.float32)

    for network in (trainer.generator, trainer.discriminator):
        network.to(dtype=dtype)
    trainer.latents = lambda count, rng: Tensor(latents(count, of_ours).astype(dtype), device=trainer.device)
    trainer.batches.next = itertools.cycle([x.astype(dtype) for x in trainer.batches.kept]).__next__
    for network in (theirs.G, theirs.D):
        network.double()
    real = theirs.real
    theirs.real, theirs.ones, theirs.zeros = (x.double() for x in real), theirs.ones.double(), theirs.zeros.double()
    theirs.latents = lambda batches=1: torch.from_numpy(latents(batches * n, of_theirs)).double()
    theirs.mixture = lambda x: torch.from_numpy(mixture.random((n,) + (1,) * (x.ndim - 1))).double()


def _tame(network: nn.Sequential, smooth: bool) -> None:
    """Switch dropout off; with `smooth`, put softplus in the place of every ReLU."""
    for i, layer in enumerate(network):
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        elif smooth and isinstance(layer, nn.ReLU | nn.LeakyReLU):
            network.layers[i] = nn.Softplus()
