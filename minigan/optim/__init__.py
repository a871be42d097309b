"""Optimizers, each formula written out in one place; schedules; gradient clipping."""

from minigan.optim.adam import Adam, AdamW
from minigan.optim.clipping import clip_by_global_norm, clip_by_value
from minigan.optim.extragradient import ExtraAdam, Extragradient, ExtraSGD
from minigan.optim.optimistic import OptimisticAdam, OptimisticSGD
from minigan.optim.optimizer import Optimizer
from minigan.optim.rmsprop import RMSProp
from minigan.optim.schedules import schedules
from minigan.optim.sgd import SGD

optimizers: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
    "optimistic-sgd": OptimisticSGD,
    "optimistic-adam": OptimisticAdam,
    "extra-sgd": ExtraSGD,
    "extra-adam": ExtraAdam,
}
"""Every optimizer by name: `optimizers["adam"](network.parameters(), lr)`."""

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ExtraAdam",
    "ExtraSGD",
    "Extragradient",
    "OptimisticAdam",
    "OptimisticSGD",
    "Optimizer",
    "RMSProp",
    "clip_by_global_norm",
    "clip_by_value",
    "optimizers",
    "schedules",
]
