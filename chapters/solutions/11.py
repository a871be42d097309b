# %% [markdown]
# # Solutions to chapter 11

# %%
import numpy as np

from minigan.data import ring
from minigan.errors import DataError
from minigan.metrics import count_modes

# %% [markdown]
# **1. Derive.** Of a Gaussian in the plane with standard deviation 1 the share beyond $r$ is
# $\int_r^\infty t e^{-t^2/2} dt = e^{-r^2/2}$, since a ring of radius $t$ and width $dt$ holds
# $2 \pi t\, dt \cdot \frac{1}{2\pi} e^{-t^2/2}$. In units of the generator's own standard deviation the border is at
# $r / \text{width}$. A share of 99.3 %, as was published for a GAN on one mode, means a width of
# $3 / \sqrt{2 \log(1 / 0.007)} = 0.95$.


# %%
def high_quality(width, radius=3.0):
    return 1 - np.exp(-((radius / width) ** 2) / 2)


# %% [markdown]
# **2. Fill in.** A perfect generator has the share $e^{-r^2/2}$ in the last bin and the rest evenly in the others.


# %%
def divergence(counts, astray, radius=3.0):
    outside = np.exp(-(radius**2) / 2)
    p = np.append(np.full(len(counts), (1 - outside) / len(counts)), outside)
    h = np.append(counts, astray) / (np.sum(counts) + astray)
    found = h > 0
    return (h[found] * np.log(h[found] / p[found])).sum()


# %% [markdown]
# **3. Predict, then run.** It finds all 8 (`play(0, 3600, d_steps=5, g_steps=1)`), although both rates are those of the
# collapse: quality 0.61, reverse KL 0.02. The loss of $D$ in the second half is 1.29, *below* the 1.39 of the collapse.
# A discriminator with a lower loss knows something, and only from one that does can the generator learn.
#
# **4. Find the bug.** `linspace(0, 2 * pi, 8)` contains both its ends, and 0 and $2 \pi$ are one angle. So there are
# seven places, and one of them is twice as likely. Counting does not notice: samples there are nearest to the first or
# to the eighth centre by the rounding of a sine, so that both count as found. The library's count refuses such centres.


# %%
def ring_centres(modes, radius):
    angles = 2 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


# %% [markdown]
# ## Checked another way
#
# Shares by sampling, the divergence and the centres by the library.


# %%
def inputs_of_divergence(rng):
    counts = rng.integers(0, 9, rng.integers(1, 9))
    return counts, int(rng.integers(0, 9)) + int(counts.sum() == 0)


INPUTS = {
    "high_quality": lambda rng: (rng.uniform(0.3, 3), rng.uniform(0.5, 4)),
    "divergence": inputs_of_divergence,
    "ring_centres": lambda rng: (int(rng.integers(1, 12)), rng.uniform(0.5, 3)),
}

rng = np.random.default_rng(0)
lengths = np.linalg.norm(1.4 * rng.standard_normal((400_000, 2)), axis=1)
np.testing.assert_allclose(high_quality(1.4), (lengths < 3).mean(), atol=0.002)
np.testing.assert_allclose(high_quality(1.4, radius=1), (lengths < 1).mean(), atol=0.002)
np.testing.assert_allclose(high_quality(3 / np.sqrt(2 * np.log(1 / 0.007))), 0.993)
print("1: the shares are those of 400,000 samples")

counts, astray = np.array([5, 0, 2, 9]), 3
centres = ring(modes=4).centres
samples = np.concatenate([centres.repeat(counts, axis=0), np.zeros((astray, 2))])
np.testing.assert_allclose(divergence(counts, astray), count_modes(samples, centres, 0.01).off_mode_kl)
np.testing.assert_allclose(divergence(np.zeros(4), 7), 4.5)
print("2: the divergence is the library's, and r^2 / 2 if all are astray")

angles = np.linspace(0, 2 * np.pi, 8)
doubled = np.stack([np.cos(angles), np.sin(angles)], axis=1)
samples = doubled[rng.integers(8, size=2500)] + 0.01 * rng.standard_normal((2500, 2))
found = np.bincount(np.linalg.norm(samples[:, None] - doubled, axis=2).argmin(axis=1), minlength=8)
assert (found > 0).all()  # "8 modes", of seven
assert len(np.unique(doubled.round(9), axis=0)) == 7
try:
    count_modes(samples, doubled, 0.01)
except DataError as error:
    print("4:", error)
else:
    raise AssertionError("centres that coincide were accepted")
np.testing.assert_allclose(ring_centres(8, 2.0), ring(modes=8, radius=2.0).centres)
