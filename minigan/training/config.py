"""What a run is: every setting, resolved and checked before anything starts."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any

from minigan.errors import UsageError
from minigan.gan import losses, penalties
from minigan.models import models
from minigan.optim import optimizers, schedules


class ConfigError(UsageError):
    """A setting that does not exist or has an impossible value."""


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of a run; `config.json` of a run folder holds them."""

    data: str = "fashion"
    model: str = "dcgan"
    loss: str = "non-saturating"
    penalty: str = "none"
    steps: int = 3000
    batch_size: int = 16
    lr: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    critic_steps: int = 1
    latent_size: int = 100
    seed: int = 0
    device: str = "cpu"
    optimizer: str = "adam"
    updates: str = "alternating"
    d_lr: float | None = None
    """The discriminator's learning rate, if it has one of its own (two time scales)."""
    schedule: str = "constant"
    lr_end: float | None = None
    """What the learning rate goes to by the schedule; both players' shrink by the same factor."""
    penalty_weight: float | None = None
    """None: the default of the penalty."""
    penalty_end: float | None = None
    """What the penalty's weight goes to, by the same factor each step, over the first 80 % of the run."""
    constraint: str = "none"
    clip: float = 0.01
    """The bound on the critic's weights, for the constraint "clip"."""
    instance_noise: float = 0.0
    """Standard deviation of the noise on all that the discriminator sees; it shrinks linearly to 0."""

    def __post_init__(self) -> None:
        check_name("model", self.model, models)
        check_name("loss", self.loss, losses)
        check_name("penalty", self.penalty, penalties)
        for name in ("data", "device"):
            if not isinstance(getattr(self, name), str):
                raise ConfigError(f"{name}: expected a name, got {getattr(self, name)!r}")
        for name in ("steps", "batch_size", "critic_steps", "latent_size"):
            _check_number(name, getattr(self, name), int, least=1)
        _check_number("seed", self.seed, int, least=0)
        _check_number("lr", self.lr, float, least=0.0)
        if not 0 < self.lr < 1e3:
            raise ConfigError(f"lr: expected a learning rate above 0 and below 1000, such as 0.0002, got {self.lr}")
        _check_betas(self.betas)
        self._check_game()
        self._check_ends()
        object.__setattr__(self, "betas", tuple(self.betas))  # JSON has lists only

    def _check_game(self) -> None:
        check_name("optimizer", self.optimizer, optimizers)
        check_name("updates", self.updates, UPDATES)
        check_name("constraint", self.constraint, CONSTRAINTS)
        check_name("schedule", self.schedule, schedules)
        if (self.updates == "extragradient") != self.optimizer.startswith("extra-"):
            raise ConfigError(
                f"updates {self.updates!r} and optimizer {self.optimizer!r} do not go together: extragradient updates "
                "need extra-sgd or extra-adam, and these need extragradient updates"
            )
        if self.updates == "extragradient" and self.critic_steps != 1:
            raise ConfigError(f"critic_steps: extragradient moves both players once a step, got {self.critic_steps}")
        for name in ("clip", "instance_noise"):
            _check_number(name, getattr(self, name), float, least=0.0)

    def _check_ends(self) -> None:
        for name in ("d_lr", "lr_end", "penalty_weight", "penalty_end"):
            value = getattr(self, name)
            if value is not None:
                _check_number(name, value, float, least=0.0)
        if (self.schedule == "constant") != (self.lr_end is None):
            raise ConfigError(
                f"schedule {self.schedule!r} with lr_end {self.lr_end}: a schedule needs the rate it ends at, and "
                "lr_end needs a schedule (linear, cosine or geometric)"
            )
        if self.penalty == "none" and (self.penalty_weight is not None or self.penalty_end is not None):
            raise ConfigError("penalty_weight and penalty_end need a penalty, but it is 'none'; choose one")


UPDATES = ("alternating", "simultaneous", "extragradient")
CONSTRAINTS = ("none", "clip", "spectral")

BY_DATA: dict[str, dict[str, Any]] = {
    name: {"model": "toy", "latent_size": 2} for name in ("ring", "grid", "swiss_roll", "moons")
}
"""Settings in which a data set departs from the defaults."""

BY_MODEL: dict[str, dict[str, Any]] = {
    "dense": {"batch_size": 64, "lr": 2e-4, "betas": (0.5, 0.999)},  # the source article's
    "toy": {"batch_size": 256, "lr": 1e-3, "betas": (0.5, 0.9)},
    "tutorial": {"batch_size": 64, "lr": 1e-4, "betas": (0.9, 0.999)},  # the tutorial's, but for its batch of 256
}
"""Settings in which a model departs from the defaults."""

BY_LOSS: dict[str, dict[str, Any]] = {
    # Gulrajani et al. 2017, algorithm 1: the critic must be near its optimum, and Adam without momentum.
    "wasserstein": {"penalty": "wgan-gp", "critic_steps": 5, "lr": 1e-4, "betas": (0.0, 0.9)},
}
"""Settings that a loss needs; they win over those of the model, and these over those of the data set."""

BY_CONSTRAINT: dict[str, dict[str, Any]] = {
    # Arjovsky et al. 2017, algorithm 1.
    "clip": {"penalty": "none", "critic_steps": 5, "optimizer": "rmsprop", "lr": 5e-5, "betas": (0.0, 0.99)},
    "spectral": {"penalty": "none"},
}
"""Settings that go with a constraint on the critic; they win over those of the loss."""


def resolve(data: str, **chosen: Any) -> Config:
    """The settings for a data set and, where given (not None), the choices of the user."""
    chosen = {name: value for name, value in chosen.items() if value is not None}
    settings = BY_DATA.get(data, {}) | chosen
    defaults = BY_MODEL.get(settings.get("model"), {}) | BY_LOSS.get(settings.get("loss"), {})
    defaults |= BY_CONSTRAINT.get(settings.get("constraint"), {})
    return Config(data=data, **(defaults | settings))


def from_dict(settings: dict[str, Any]) -> Config:
    """The config that `dataclasses.asdict` gave; ConfigError if it has unknown settings."""
    known = {field.name for field in dataclasses.fields(Config)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigError(f"unknown settings {unknown}; the run may have been written by a newer version of minigan")
    return Config(**settings)


def check_name(setting: str, name: Any, known: Iterable[str]) -> None:
    """Raise ConfigError, with the nearest known name, if a setting names what does not exist."""
    if not isinstance(name, str) or name not in known:
        similar = difflib.get_close_matches(str(name), known, n=1)
        guess = f" Did you mean {similar[0]}?" if similar else ""
        raise ConfigError(f"{setting}: expected one of {', '.join(known)}, got {name!r}.{guess}")


def _check_number(setting: str, value: Any, kind: type, least: float) -> None:
    numbers = (int, float) if kind is float else int
    if isinstance(value, bool) or not isinstance(value, numbers) or not value >= least:
        described = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{setting}: expected {described} of at least {least}, got {value!r}")


def _check_betas(betas: Any) -> None:
    is_pair = isinstance(betas, list | tuple) and len(betas) == 2
    if not is_pair or not all(isinstance(beta, int | float) and 0 <= beta < 1 for beta in betas):
        raise ConfigError(f"betas: expected two numbers from 0 to below 1, got {betas!r}")
