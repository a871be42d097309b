"""The recipes: for each a name and the settings in which it departs from what all share."""

from __future__ import annotations

from typing import Any

from minigan.data import PointData, grid, ring
from minigan.gan import losses

DATA: dict[str, PointData] = {"ring": ring(), "grid": grid().scaled(1 / 2.828)}
"""As in PacGAN; the grid in units in which its coordinates have a std of 1, as WGAN-GP trains on it."""

BUDGET = 5_000
"""How many updates, of either network, a recipe of the common budget makes: critic steps are paid for."""

SHARED: dict[str, Any] = {
    "model": "toy",
    "latent_size": 2,
    "batch_size": 128,
    "lr": 1e-3,
    "lr_end": 1e-5,
    "schedule": "cosine",
    "betas": (0.5, 0.9),
}


def settings(name: str, data: str, steps: int | None = None) -> dict[str, Any]:
    """All settings of a recipe on a data set, but for the seed; `steps` shortens it for a try."""
    chosen = SHARED | RECIPES[name] | BY_DATA.get(name, {}).get(data, {})
    updates = 1 + chosen.get("critic_steps", 1)
    return {"data": data, "steps": BUDGET // updates} | chosen | ({} if steps is None else {"steps": steps})


WASSERSTEIN = {"loss": "wasserstein", "critic_steps": 5, "betas": (0.0, 0.9)}
# The papers' 10 is for images: here a slope of 1 asked for so firmly would blur the modes. Gulrajani et al. take 0.1
# in their own toy code.
GENTLE = {"penalty_weight": 0.1}
# Zero-centred penalties smooth like noise of variance weight: it must end below that of the modes.
ANNEALED = {"penalty_weight": 0.1, "penalty_end": 2e-4}
# All pairs of a batch are compared, and the slope of a witness is penalised by double backward: dear, so less of it.
KERNEL = {"batch_size": 64, "penalty": "wgan-gp", **GENTLE}
# The pair of "relativistic + r1+r2" below with six times the steps, larger batches and steps, and more memory in Adam:
# for these two mixtures, with a budget of its own.
BEST = {
    "loss": "relativistic",
    "penalty": "r1+r2",
    **ANNEALED,
    "steps": 15_000,
    "batch_size": 256,
    "lr": 2e-3,
    "betas": (0.5, 0.99),
}

RECIPES: dict[str, dict[str, Any]] = {
    "best": BEST,
    **{name: {"loss": name} for name in losses if name not in ("wasserstein", "mmd", "cramer")},
    "mmd + wgan-gp": {"loss": "mmd", **KERNEL},
    "cramer + wgan-gp": {"loss": "cramer", **KERNEL},
    "wasserstein + wgan-gp": WASSERSTEIN | {"penalty": "wgan-gp", **GENTLE},
    "wasserstein + wgan-lp": WASSERSTEIN | {"penalty": "wgan-lp", **GENTLE},
    # Arjovsky et al. 2017 clip at 0.01 and learn at 5e-5 for weeks.
    "wasserstein + clipping": WASSERSTEIN | {"constraint": "clip", "clip": 0.1, "optimizer": "rmsprop", "lr": 5e-4},
    "hinge + spectral norm": {"loss": "hinge", "constraint": "spectral"},
    "non-saturating + dragan": {"penalty": "dragan", **GENTLE},
    "non-saturating + r1": {"penalty": "r1", **ANNEALED},
    "non-saturating + r2": {"penalty": "r2", **ANNEALED},
    "non-saturating + r1+r2": {"penalty": "r1+r2", **ANNEALED},
    "relativistic + r1+r2": {"loss": "relativistic", "penalty": "r1+r2", **ANNEALED},
    "non-saturating + noise": {"instance_noise": 0.2},
    "non-saturating, simultaneous": {"updates": "simultaneous"},
    "non-saturating, optimistic": {"optimizer": "optimistic-adam", "updates": "simultaneous"},
    "non-saturating, extragradient": {"optimizer": "extra-adam", "updates": "extragradient", "steps": BUDGET // 4},
}

BY_DATA: dict[str, dict[str, dict[str, Any]]] = {}
"""Settings in which a recipe differs between the data sets."""
