"""Every loss by name."""

from __future__ import annotations

from minigan.gan import classical, energy, fgan, kernels, relativistic
from minigan.gan.loss import Loss

losses: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        classical.Minimax(),
        classical.NonSaturating(),
        classical.LabelSmoothing(),
        classical.LeastSquares(),
        classical.Wasserstein(),
        classical.Hinge(),
        relativistic.RelativisticPairing(),
        relativistic.RelativisticAverage(),
        relativistic.RelativisticAverageLeastSquares(),
        relativistic.Softmax(),
        fgan.KullbackLeibler(),
        fgan.ReverseKullbackLeibler(),
        fgan.Pearson(),
        fgan.Neyman(),
        fgan.SquaredHellinger(),
        fgan.JensenShannon(),
        fgan.Original(),
        fgan.TotalVariation(),
        energy.EnergyBased(),
        energy.BoundaryEquilibrium(),
        kernels.MaximumMeanDiscrepancy(),
        kernels.Cramer(),
    )
}
"""`losses["non-saturating"]`; for another setting make your own: `LeastSquares(a=-1, b=1, c=0)`."""
