"""Architectures by name: each builds a generator and a discriminator for samples of a given shape."""

from collections.abc import Callable

from minigan.models.convolutional import dcgan, tutorial
from minigan.models.dense import dense, toy
from minigan.models.energy import AutoEncoder
from minigan.nn import Sequential

Builder = Callable[..., tuple[Sequential, Sequential]]

models: dict[str, Builder] = {"dcgan": dcgan, "tutorial": tutorial, "dense": dense, "toy": toy}
"""`models["dcgan"]((28, 28, 1), 100, rng=rng)` gives (generator, discriminator).

With `per_sample=True` the discriminator's logit for a sample depends on that sample alone, as gradient
penalties need it; `tutorial`, `dense` and `toy` have no other discriminator. `outputs` is how many numbers the
discriminator gives for a sample: one logit, or the features that a kernel compares.
"""

__all__ = ["AutoEncoder", "Builder", "dcgan", "dense", "models", "toy", "tutorial"]
