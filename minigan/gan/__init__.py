"""The adversarial part: losses and penalties."""

from minigan.gan.analytic import is_analytic
from minigan.gan.classical import Hinge, LabelSmoothing, LeastSquares, Minimax, NonSaturating, Wasserstein
from minigan.gan.constraints import clip_weights, orthogonal_penalty
from minigan.gan.energy import BoundaryEquilibrium, EnergyBased, pulling_away_term
from minigan.gan.fgan import FGAN
from minigan.gan.game import Game, Player
from minigan.gan.kernels import Cramer, MaximumMeanDiscrepancy
from minigan.gan.loss import Loss
from minigan.gan.losses import losses
from minigan.gan.penalties import (
    analytic_gradient_penalty,
    gradient_penalty,
    input_gradient_norm,
    penalties,
)
from minigan.gan.penalty import Penalty
from minigan.gan.relativistic import (
    RelativisticAverage,
    RelativisticAverageLeastSquares,
    RelativisticPairing,
    Softmax,
)
from minigan.gan.toys import bilinear_game, dirac_gan

__all__ = [
    "FGAN",
    "BoundaryEquilibrium",
    "Cramer",
    "EnergyBased",
    "Game",
    "Hinge",
    "LabelSmoothing",
    "LeastSquares",
    "Loss",
    "MaximumMeanDiscrepancy",
    "Minimax",
    "NonSaturating",
    "Penalty",
    "Player",
    "RelativisticAverage",
    "RelativisticAverageLeastSquares",
    "RelativisticPairing",
    "Softmax",
    "Wasserstein",
    "analytic_gradient_penalty",
    "bilinear_game",
    "clip_weights",
    "dirac_gan",
    "gradient_penalty",
    "input_gradient_norm",
    "is_analytic",
    "losses",
    "orthogonal_penalty",
    "penalties",
    "pulling_away_term",
]
