"""Eight ways to train the Dirac-GAN, measured against theory: `python -m benchmarks.dirac [--figure FILE]`.

One number theta imitates the number 0 before a discriminator of one weight psi (Mescheder, Geiger, Nowozin 2018,
arXiv:1801.04406). Near the equilibrium (0, 0) a step is a matrix, and |lambda|, its largest eigenvalue, the factor
by which the distance shrinks or grows. Measured is the matrix of 50 steps of training, from two displacements of
1e-6; the table sets the 50th root of its largest eigenvalue beside the formula, and the figure shows 500 steps
from (1, 1). Everything is deterministic; the numbers are written to benchmarks/results/dirac.json.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from minigan.errors import MiniganError
from minigan.files import atomic_write
from minigan.gan import Game, dirac_gan, losses, penalties
from minigan.gan.penalties import GradientPenalty
from minigan.optim import SGD, ExtraSGD
from minigan.plotting import GENERATED, REAL, new_figure, save_figure

RESULTS = Path(__file__).parent / "results" / "dirac.json"
LR, STEPS, START = 0.2, 500, (1.0, 1.0)
NEAR, NEAR_STEPS = 1e-6, 50
LAST = 100
"""How many steps at the end of a run the last radii are taken of."""

SLOPE, CURVATURE = 0.5, -0.25
"""f'(0) and f''(0) of the logistic f(t) = -log(1 + exp(-t))."""


@dataclass(frozen=True)
class Method:
    """A way to train, and the eigenvalue that theory gives its step at the equilibrium."""

    name: str
    setting: str
    make: Callable[..., Game]
    step: Callable[[Game], None]
    eigenvalue: complex | None
    outcome: str
    field: Callable[[Game], list] = Game.gradients
    """What the step descends."""
    radii: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    """The radii that theory expects, given the number of steps and the points, where it knows more than |lambda|."""


def game(loss: str, start: tuple[float, float], optimizer: type = SGD, **settings) -> Game:
    """A Dirac-GAN."""
    return dirac_gan(losses[loss], lambda parameters: optimizer(parameters, LR), start, **settings)


def simultaneous_radii(steps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Every step multiplies the squared radius by 1 + h^2 f'(theta psi)^2."""
    slopes = 1 / (1 + np.exp(points[:-1].prod(axis=1)))
    return np.linalg.norm(points[0]) * np.sqrt(np.cumprod(np.append(1, 1 + (LR * slopes) ** 2)))


def non_saturating_radii(steps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The flow has r^2 / 2 ~ 4 / t."""
    return np.sqrt(8 / (LR * np.maximum(steps, 1)))


def wgan_gp(critic, real, fake):
    """(|psi| - 0.3)^2 / 2."""
    return GradientPenalty(target=0.3)(critic, real, fake, rng=np.random.default_rng(0), weight=0.5)


def r1(critic, real, fake):
    """0.3 / 2 psi^2."""
    return penalties["r1"](critic, real, fake, rng=np.random.default_rng(0), weight=0.3)


def flow(real: float, imaginary: float) -> complex:
    """The eigenvalue of a step of gradient descent, from that of the flow."""
    return 1 + LR * complex(real, imaginary)


ALTERNATING = 1 - (LR * SLOPE) ** 2 / 2 + 1j * LR * SLOPE * math.sqrt(1 - (LR * SLOPE) ** 2 / 4)

METHODS = [
    Method(
        "simultaneous descent",
        "minimax",
        partial(game, "minimax"),
        Game.simultaneous_step,
        flow(0, SLOPE),
        "leaves, at any rate",
        radii=simultaneous_radii,
    ),
    Method(
        "alternating descent",
        "minimax",
        partial(game, "minimax"),
        Game.alternating_step,
        ALTERNATING,
        "circles for ever",
    ),
    Method(
        "non-saturating loss",
        "alternating",
        partial(game, "non-saturating"),
        Game.alternating_step,
        ALTERNATING,
        "arrives like $1/\\sqrt{t}$ only",
        radii=non_saturating_radii,
    ),
    Method(
        "WGAN-GP",
        "alternating, $(|\\psi| - 0.3)^2 / 2$",
        partial(game, "wasserstein", penalty=wgan_gp),
        Game.alternating_step,
        None,
        "ends on a cycle",
    ),
    Method(
        "extragradient",
        "minimax",
        partial(game, "minimax", optimizer=ExtraSGD),
        Game.extragradient_step,
        1 - (LR * SLOPE) ** 2 + 1j * LR * SLOPE,
        "arrives, slowly",
    ),
    Method(
        "R1 penalty",
        "simultaneous, $\\gamma = 0.3$",
        partial(game, "minimax", penalty=r1),
        Game.simultaneous_step,
        flow(-0.3 / 2, math.sqrt(SLOPE**2 - 0.3**2 / 4)),
        "arrives",
    ),
    Method(
        "instance noise",
        "simultaneous, $\\sigma = 1$",
        partial(game, "minimax", noise=1.0),
        Game.simultaneous_step,
        flow(CURVATURE, math.sqrt(SLOPE**2 - CURVATURE**2)),
        "arrives",
    ),
    Method(
        "consensus",
        "simultaneous, $\\gamma = 1$",
        partial(game, "minimax"),
        lambda players: players.consensus_step(1.0),
        flow(-(SLOPE**2), SLOPE),
        "arrives",
        field=lambda players: players.consensus_gradients(1.0),
    ),
]


def main(arguments: list[str] | None = None) -> None:
    """Train in all ways, print the table, write the numbers and, if asked for, the figure."""
    parser = argparse.ArgumentParser("python -m benchmarks.dirac", description=__doc__.partition("\n")[0])
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the trajectories into this PNG file")
    options = parser.parse_args(arguments)
    paths = [trajectory(method) for method in METHODS]
    rows = [numbers(method, points) for method, points in zip(METHODS, paths, strict=True)]
    print(table(rows))
    settings = {"lr": LR, "steps": STEPS, "start": START}
    try:
        atomic_write(
            RESULTS, json.dumps(settings | {"methods": [rounded(row) for row in rows]}, indent=1).encode() + b"\n"
        )
        if options.figure:
            draw(options.figure, paths, rows)
    except MiniganError as error:
        sys.exit(f"benchmarks.dirac: {error}")


def trajectory(method: Method) -> np.ndarray:
    """(theta, psi) before the first step and after each: (STEPS + 1, 2)."""
    players = method.make(START)
    points = [players.point()]
    for _ in range(STEPS):
        method.step(players)
        points.append(players.point())
    return np.array(points)


def measured_eigenvalue(method: Method) -> float | None:
    """|lambda| at the equilibrium; None where the field has a kink there and no matrix describes a step."""
    if method.eigenvalue is None:
        return None
    columns = []
    for start in ((NEAR, 0.0), (0.0, NEAR)):
        players = method.make(start)
        for _ in range(NEAR_STEPS):
            method.step(players)
        columns.append(players.point() / NEAR)
    return float(abs(np.linalg.eigvals(np.array(columns).T)).max() ** (1 / NEAR_STEPS))


def numbers(method: Method, points: np.ndarray) -> dict:
    """A row of the table."""
    radii = np.linalg.norm(points, axis=1)
    return {
        "method": method.name,
        "theory": None if method.eigenvalue is None else abs(method.eigenvalue),
        "measured": measured_eigenvalue(method),
        "growth": float(radii[-1] / radii[0]),
        "smallest_last_radius": float(radii[-LAST:].min()),
        "largest_last_radius": float(radii[-LAST:].max()),
    }


def table(rows: list[dict]) -> str:
    """The rows as text."""
    lines = [
        f"{'':<22}{'|lambda|':>10}{'measured':>10}{'difference':>12}{'r_500 / r_0':>13}   r in the last {LAST} steps"
    ]
    for row in rows:
        theory, measured = row["theory"], row["measured"]
        rates = (
            f"{'none':>10}{'':>22}" if theory is None else f"{theory:10.6f}{measured:10.6f}{measured - theory:12.0e}"
        )
        last = f"{row['smallest_last_radius']:.3g} to {row['largest_last_radius']:.3g}"
        lines.append(f"{row['method']:<22}{rates}{row['growth']:13.4g}   {last}")
    return "\n".join(lines)


def rounded(row: dict) -> dict:
    """A row with the digits on which all machines agree."""
    return {key: float(f"{value:.8g}") if isinstance(value, float) else value for key, value in row.items()}


def draw(path: Path, paths: list[np.ndarray], rows: list[dict]) -> None:
    """For each method its path over the field that it descends, and below it the radius against theory."""
    figure, axes = new_figure(width=10.5, height=9)
    axes.remove()
    figure.get_layout_engine().set(h_pad=0.12)
    panels = figure.subplots(4, 4, height_ratios=(3, 1.1, 3, 1.1))
    for i, (method, points, row) in enumerate(zip(METHODS, paths, rows, strict=True)):
        above, below = panels[i // 4 * 2 : i // 4 * 2 + 2, i % 4]
        rate = "no eigenvalue" if row["theory"] is None else f"$|\\lambda|$ = {row['measured']:.4f}"
        above.set_title(method.name, fontsize=11, fontweight="bold", pad=34)
        words = f"{method.setting}\n{rate}: {method.outcome}"
        above.text(0.5, 1.04, words, transform=above.transAxes, fontsize=8.5, ha="center", linespacing=1.4)
        draw_path(above, method, points)
        draw_radius(below, method, points)
        for panel in (above, below):
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(labelsize=8)
        if i % 4 == 0:
            above.set_ylabel("$\\psi$, the discriminator")
            below.set_ylabel("radius")
    handles = [panels[0, 0].lines[0], panels[0, 0].lines[1], *panels[1, 0].lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    save_figure(path, figure)


def draw_path(axes, method: Method, points: np.ndarray) -> None:
    """Darker with time, from the ring to wherever it goes, over arrows of the field."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    edge = 2.4
    ticks = np.linspace(-edge, edge, 12)[1:-1]
    grid = np.array([(theta, psi) for theta in ticks for psi in ticks])
    arrows = -np.array([[own[0].item() for own in method.field(method.make(tuple(at)))] for at in grid])
    arrows /= np.linalg.norm(arrows, axis=1, keepdims=True)
    axes.quiver(*grid.T, *arrows.T, color="0.8", scale=16, width=0.006)
    colours = LinearSegmentedColormap.from_list("time", ["#cdb3e0", GENERATED, "#220038"])
    lines = LineCollection(np.stack([points[:-1], points[1:]], axis=1), cmap=colours, linewidths=1.1)
    lines.set_array(np.arange(len(points) - 1))
    axes.add_collection(lines)
    ring = {"color": "white", "markeredgecolor": GENERATED, "markersize": 6, "linestyle": "none", "zorder": 4}
    axes.plot(*points[0], "o", **ring, label="start (1, 1)")
    axes.plot(
        0, 0, "P", color=REAL, markeredgecolor="white", markersize=8, linestyle="none", zorder=5, label="equilibrium"
    )
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xlabel="$\\theta$, the generator")
    axes.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])


def draw_radius(axes, method: Method, points: np.ndarray) -> None:
    """The radius at each step, and dashed what theory says of it."""
    steps, radii = np.arange(len(points)), np.linalg.norm(points, axis=1)
    axes.semilogy(steps, radii, color=GENERATED, alpha=0.55, linewidth=2.4, label="distance from it")
    expected = expected_radii(method, steps, points)
    if expected is not None:
        axes.semilogy(steps, expected, color="black", linewidth=1, linestyle=(0, (4, 3)), zorder=4, label="theory")
    axes.set(xlim=(0, len(points) - 1), ylim=(1e-3, 1e1), yticks=[1e-3, 1e-2, 1e-1, 1, 10], xlabel="step")
    axes.minorticks_off()
    axes.grid(color="0.92", linewidth=0.8)


def expected_radii(method: Method, steps: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """By the method's own law, or |lambda|^k through the second half of the run, where steps are nearly linear."""
    if method.radii is not None:
        return method.radii(steps, points)
    if method.eigenvalue is None:
        return None
    powers = steps * math.log(abs(method.eigenvalue))
    half = len(points) // 2
    return np.exp(powers + np.mean(np.log(np.linalg.norm(points[half:], axis=1)) - powers[half:]))


if __name__ == "__main__":
    main()
