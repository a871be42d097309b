"""What the failures share: small dense networks, and panels in the style of the library's figures."""

from __future__ import annotations

import numpy as np

from minigan import nn


def dense_network(inputs: int, width: int, outputs: int, activation: type[nn.Module], rng: np.random.Generator):
    """Two hidden layers of `width`."""
    return nn.Sequential(
        nn.Dense(inputs, width, rng=rng),
        activation(),
        nn.Dense(width, width, rng=rng),
        activation(),
        nn.Dense(width, outputs, rng=rng),
    )


def panels(rows: int, columns: int, size: float) -> tuple:
    """A figure of rows x columns square panels, `size` inches each, and its axes `(rows, columns)`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * size, rows * size), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)
