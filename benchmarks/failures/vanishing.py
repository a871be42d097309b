"""Vanishing gradients: before a good discriminator the minimax loss has nothing left to teach the generator.

As Arjovsky and Bottou 2017 (arXiv:1701.04862, figures 2 and 3) did it with images: a generator is held fixed, a
discriminator learns to tell its samples from the data, and now and then the gradient that each loss would give the
generator is measured. The minimax loss weighs each sample by sigmoid(D(G(z))), the non-saturating one by
sigmoid(-D(G(z))): as D(G(z)) falls, the first goes to 0, the second to 1.

The generator here makes a small cloud in the middle of the ring, so that no sample of one lies near the other.
"""

from __future__ import annotations

import dataclasses

import numpy as np

import minigan as mg
from benchmarks.failures.networks import dense_network
from minigan import nn, optim
from minigan.data import ring
from minigan.plotting import GENERATED, GRADIENT, add_legend, new_figure

BATCH = 256
LOSSES = {"minimax": GRADIENT, "non-saturating": GENERATED}


@dataclasses.dataclass(frozen=True)
class Course:
    """What is measured after each number of `steps` of the discriminator."""

    steps: list[int] = dataclasses.field(default_factory=list)
    logit: list[float] = dataclasses.field(default_factory=list)
    """The mean of D(G(z))."""
    norms: dict[str, list[float]] = dataclasses.field(default_factory=lambda: {name: [] for name in LOSSES})
    """For each loss, the norm of its gradient with respect to the generator's parameters."""


def show(steps: int = 3000, width: int = 128, checks: int = 12) -> Course:
    """Train the discriminator alone; measure at numbers of steps that grow by equal factors."""
    rng, data = np.random.default_rng(0), ring()
    G, D = dense_network(2, width, 2, nn.ReLU, rng), dense_network(2, width, 1, lambda: nn.LeakyReLU(0.2), rng)
    G.parameters()[-2].data[...] *= 0.2  # the small cloud
    optimizer = optim.Adam(D.parameters(), 1e-3, betas=(0.5, 0.999))
    loss = mg.gan.losses["minimax"]
    course = Course()
    when = {0, *np.geomspace(1, steps, checks).round().astype(int).tolist()}
    for step in range(steps + 1):
        fake = G(rng.standard_normal((BATCH, 2), dtype=np.float32))
        if step in when:
            measure(course, step, G, D, fake)
        d_loss = loss.discriminator(D(data.sample(BATCH, rng)), D(fake.detach()))
        optimizer.step(mg.grad(d_loss, D.parameters()))
    return course


def measure(course: Course, step: int, G: nn.Module, D: nn.Module, fake: mg.Tensor) -> None:
    """Note the gradients that the losses would give the generator."""
    logits = D(fake)
    course.steps.append(step)
    course.logit.append(float(logits.numpy().mean()))
    for name in LOSSES:
        gradients = mg.grad(mg.gan.losses[name].generator(logits), G.parameters())
        # In float64, since the square of a vanishing float32 is zero.
        square = sum(float(np.square(g.numpy(), dtype=np.float64).sum()) for g in gradients)
        course.norms[name].append(square**0.5)


def describe(course: Course) -> str:
    """A line for each measurement."""
    lines = ["D steps   mean D(G(z))   |gradient| minimax   non-saturating   ratio"]
    for i, (step, logit) in enumerate(zip(course.steps, course.logit, strict=True)):
        saturating, other = (course.norms[name][i] for name in LOSSES)
        lines.append(f"{step:>7}   {logit:>12.2f}   {saturating:>18.2e}   {other:>14.2e}   {saturating / other:.1e}")
    return "\n".join(lines)


def draw(course: Course):
    """The two gradient norms against the steps of the discriminator."""
    figure, axes = new_figure(width=5.5, height=3.6)
    for name, colour in LOSSES.items():
        axes.plot(course.steps[1:], course.norms[name][1:], color=colour, linewidth=1.8, label=name, marker="o")
    axes.set(xscale="log", yscale="log", xlabel="steps of the discriminator alone")
    axes.set_ylabel("norm of the generator's gradient")
    add_legend(axes, columns=2)
    return figure
