"""Optimizers, each formula written out in one place."""

from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer
from minigan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
