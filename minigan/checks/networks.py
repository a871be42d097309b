"""Checks for every layer, every loss and every penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigan import nn
from minigan.autograd import Tensor
from minigan.backend import Device, to_device
from minigan.checks.case import Case, bent, case, network_function, spread, tensors
from minigan.gan import losses, penalties
from minigan.nn.layers import LinearLayer


def layer_cases() -> list[Case]:
    """Each layer as a function of its input and its parameters."""
    return [_layer_case(name, *entry) for name, entries in _layers().items() for entry in entries]


def loss_cases() -> list[Case]:
    """Each loss as a function of both batches of logits, for both players."""
    return [each for name in losses for each in _players(name)]


def penalty_cases() -> list[Case]:
    """Each penalty as a function of the critic's weights, alone and within the critic's whole loss."""
    return [
        Case("penalty", name, variant, lambda device, name=name, whole=whole: _penalised(name, device, whole))
        for name in penalties
        for variant, whole in (("alone", False), ("whole critic loss", True))
    ]


def _layers() -> dict[str, list[tuple]]:
    """(how to make it, shape of its input, variant) for each layer class, once or more."""
    rng = np.random.default_rng
    return {
        "Dense": [(lambda: nn.Dense(4, 2, rng=rng(0)), (3, 4))],
        "Conv2d": [(lambda: nn.Conv2d(2, 3, (3, 2), 2, 1, rng=rng(0)), (2, 5, 4, 2))],
        "ConvTranspose2d": [(lambda: nn.ConvTranspose2d(2, 3, 3, 2, 1, 1, rng=rng(0)), (2, 3, 2, 2))],
        "BatchNorm": [
            (lambda: nn.BatchNorm(3), (4, 2, 1, 3), "training"),
            (lambda: _with_statistics(nn.BatchNorm(3)).eval(), (4, 2, 1, 3), "evaluation"),
        ],
        "LayerNorm": [(lambda: nn.LayerNorm((2, 3)), (3, 2, 3))],
        "Dropout": [
            (lambda: nn.Dropout(0.4, rng=rng(0)), (3, 4), "training"),
            (lambda: nn.Dropout(0.4, rng=rng(0)).eval(), (3, 4), "evaluation"),
        ],
        "SpectralNorm": [
            (lambda: _spectral(nn.Dense, 4, 2), (3, 4), "Dense"),
            (lambda: _spectral(nn.Conv2d, 2, 3, (3, 2)), (2, 4, 3, 2), "Conv2d"),
            (lambda: _spectral(nn.ConvTranspose2d, 2, 3, (3, 2), 2), (2, 2, 2, 2), "ConvTranspose2d"),
        ],
        "LeakyReLU": [(nn.LeakyReLU, (3, 4))],
        "ReLU": [(nn.ReLU, (3, 4))],
        "Tanh": [(nn.Tanh, (3, 4))],
        "Sigmoid": [(nn.Sigmoid, (3, 4))],
        "Softplus": [(nn.Softplus, (3, 4))],
        "Flatten": [(nn.Flatten, (3, 2, 2))],
        "Reshape": [(lambda: nn.Reshape(2, 2), (3, 4))],
        "Sequential": [
            (lambda: nn.Sequential(nn.Dense(4, 3, rng=rng(0)), nn.Tanh(), nn.Dense(3, 1, rng=rng(1))), (3, 4))
        ],
    }


def _layer_case(name: str, make: Callable[[], nn.Module], shape: tuple[int, ...], variant: str = "") -> Case:
    def build(device: Device) -> tuple[Callable[..., Tensor], list[Tensor]]:
        f, weights = network_function(make(), device)
        return bent(f), tensors([spread(shape)], device) + weights

    return Case("layer", name, variant, build)


def _with_statistics(layer: nn.BatchNorm) -> nn.BatchNorm:
    """Running statistics that are not those of a new layer, 0 and 1."""
    layer.running_mean += to_device(spread((layer.channels,), 8), layer.weight.device)
    layer.running_variance += to_device(abs(spread((layer.channels,), 9)), layer.weight.device)
    return layer


def _spectral(kind: Callable[..., LinearLayer], *sizes: Any) -> nn.Module:
    """In evaluation mode, since in training u and v move with each call; they fit the weights of the check."""
    layer = kind(*sizes, rng=np.random.default_rng(0), init=lambda shape, *fans: spread(shape, 1))
    return nn.SpectralNorm(layer, rng=np.random.default_rng(1)).eval()


def _players(name: str) -> Iterator[Case]:
    loss, logits = losses[name], (3 * spread((5, 1)), 3 * spread((5, 1), 1))
    for player in ("discriminator", "generator"):
        yield case("loss", name, getattr(loss, player), *logits, variant=player)


def _penalised(name: str, device: Device, whole: bool) -> tuple[Callable[..., Tensor], list[Tensor]]:
    rng = np.random.default_rng
    critic = nn.Sequential(
        nn.Conv2d(1, 2, 3, 2, 1, rng=rng(0)), nn.Tanh(), nn.Flatten(), nn.Dense(8, 1, rng=rng(1), bias=False)
    )
    score, weights = network_function(critic, device)
    real, fake = (x.detach() for x in tensors([spread((3, 4, 4, 1), 5), spread((3, 4, 4, 1), 6)], device))

    def f(*weights: Tensor) -> Tensor:
        loss = penalties[name](lambda x: score(x, *weights), real, fake, rng=rng(2))
        if whole:
            loss = loss + losses["wasserstein"].discriminator(score(real, *weights), score(fake, *weights))
        return loss

    return f, weights
