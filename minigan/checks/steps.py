"""How the error of a numerical derivative depends on its step: why `gradcheck` extrapolates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minigan.autograd import Tensor, grad, no_grad
from minigan.autograd.gradcheck import STEP, numerical_derivative
from minigan.ops import matmul, tanh
from minigan.plotting import DISCRIMINATOR, GENERATED, GRADIENT, add_legend, new_figure, save_figure

STEPS = np.logspace(-12, 0, 121)

_METHODS = {
    "complex step": lambda s, h: s(1j * h).imag / h,
    "central difference": lambda s, h: (s(h) - s(-h)) / (2 * h),
    "extrapolated (Richardson)": numerical_derivative,
}


def errors_by_step(steps: np.ndarray = STEPS, directions: int = 40) -> dict[str, np.ndarray]:
    """Relative errors of three numerical first derivatives, for each step.

    The function is a network of one hidden layer, <u, tanh(x W)>, and exact is what `grad` gives. The errors
    are root mean squares over that many random directions, since rounding alone is erratic.

    Returns:
        For each method an array in the shape of `steps`.
    """
    rng = np.random.default_rng(0)
    x, w, u = rng.standard_normal((1, 6)), rng.standard_normal((6, 8)) / 6**0.5, rng.standard_normal((8, 1))

    def f(x):
        return matmul(tanh(matmul(x, w)), u)

    tensor = Tensor(x, requires_grad=True, device="cpu")
    gradient = grad(f(tensor), [tensor])[0].numpy()
    squares = {name: np.zeros(len(steps)) for name in _METHODS}
    with no_grad():
        for v in rng.standard_normal((directions, *x.shape)):
            along = lambda t, v=v: f(x + t * v / np.linalg.norm(v)).item()
            exact = float((gradient * v).sum() / np.linalg.norm(v))
            for name, derivative in _METHODS.items():
                squares[name] += [(derivative(along, h) - exact) ** 2 for h in steps]
    size = np.linalg.norm(gradient) / x.size**0.5  # the typical size of a derivative along a direction
    return {name: (s / directions) ** 0.5 / size for name, s in squares.items()}


def save_step_errors(path: str | Path) -> None:
    """Draw `errors_by_step` and save the figure as PNG.

    Raises TrainingError if the file cannot be written.
    """
    errors = errors_by_step()
    figure, axes = new_figure(width=7, height=4.6)
    # The complex step lies wide beneath: on the right its error is that of the central difference.
    for (name, values), colour, width in zip(
        errors.items(), (GRADIENT, DISCRIMINATOR, GENERATED), (5, 2, 2), strict=True
    ):
        axes.loglog(STEPS, values, color=colour, linewidth=width, alpha=0.5 if width > 2 else 1, label=name)
    _, central, extrapolated = errors.values()
    _slope(axes, central, h=1e-1, power=2, text="truncation h²", above=True)
    _slope(axes, extrapolated, h=1.6e-2, power=4, text="truncation h⁴", above=False)
    _slope(axes, central, h=1e-9, power=-1, text="rounding ε / h", above=False)
    _mark_best(axes, central, DISCRIMINATOR, "right")
    _mark_best(axes, extrapolated, GENERATED, "left")
    axes.axvline(STEP, color="0.45", linewidth=1, linestyle=":")
    axes.annotate("gradcheck", (STEP, 1), (-5, 0), textcoords="offset points", ha="right", color="0.3", fontsize=9)
    axes.set(xlabel="step h", ylabel="relative error of the derivative", xlim=(STEPS[0], STEPS[-1]), ylim=(3e-17, 10))
    axes.set_title("Too large a step truncates, too small a step rounds", fontsize=11, loc="left")
    add_legend(axes, columns=3)
    save_figure(path, figure)


def _slope(axes, errors, h, power, text, above):
    """A dashed line of slope `power` beside the curve near h, and what the slope means."""
    near = np.array([h / 4, h * 4])
    level = errors[abs(np.log(STEPS / h)).argmin()] * (8 if above else 1 / 10)
    axes.loglog(near, level * (near / h) ** power, color="0.45", linewidth=1, linestyle=(0, (4, 3)))
    offset, align = ((8, 0), "left") if power > 0 and not above else ((-8, -2), "right")
    axes.annotate(text, (h, level), offset, textcoords="offset points", ha=align, va="center", color="0.3", fontsize=9)


def _mark_best(axes, errors, colour, align):
    best = errors.argmin()
    axes.plot(STEPS[best], errors[best], "o", color=colour, markersize=5)
    axes.annotate(
        f"{_power_of_ten(errors[best])} at h = {_power_of_ten(STEPS[best])}",
        (STEPS[best], errors[best]),
        (-6 if align == "right" else 0, -14),
        textcoords="offset points",
        ha=align,
        color=colour,
        fontsize=9,
    )


def _power_of_ten(value):
    digit, exponent = f"{value:.0e}".split("e")
    return rf"{digit}$\cdot10^{{{int(exponent)}}}$"
