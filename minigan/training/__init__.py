"""Training: the loop, averaging, checkpoints, run folders."""

from minigan.training.averaging import Average
from minigan.training.capture import CapturedStep, capture_step
from minigan.training.config import Config, ConfigError, resolve
from minigan.training.run import load_config, new_folder, train
from minigan.training.trainer import Trainer, generate

__all__ = [
    "Average",
    "CapturedStep",
    "Config",
    "ConfigError",
    "Trainer",
    "capture_step",
    "generate",
    "load_config",
    "new_folder",
    "resolve",
    "train",
]
