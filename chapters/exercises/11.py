# %% [markdown]
# # Exercises of chapter 11
#
# Write the functions, then `minigan chapters check 11`. Exercise 3 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** A generator has all the modes in the right places and equally often, but its own are round Gaussians
# whose standard deviation is `width` times that of the data. Which share of its samples is good? At which width is
# that 99.3 %?


# %%
def high_quality(width, radius=3.0):
    """The share within `radius` standard deviations of the data, for modes `width` times as wide; numbers."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** The reverse KL counts only good samples, and the quality counts no modes. One number for
# both faults is the divergence over $K + 1$ bins: the modes, and one bin for all samples that are astray,
#
# $$ \sum_{k=0}^{K} h'_k \log \frac{h'_k}{p'_k}, $$
#
# with $h'$ the shares of the generator's samples and $p'$ those of a perfect one. A bin without samples adds nothing.


# %%
def divergence(counts, astray, radius=3.0):
    """The sum above. counts (K,): the good samples of each mode; astray: how many others there are."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** In the chapter the slow discriminator makes one step for five of the generator's. Let it
# make five for one: `play(0, 3600, d_steps=5, g_steps=1)`, still at a third of the rate. Does the generator find all
# modes? And is the discriminator's loss above or below that of the collapse?
#
# **4. Find the bug.** This ring is copied from a well-known program. Papers report "8 modes" on it.


# %%
def ring_centres(modes, radius):
    """The centres of modes evenly spaced on a circle, the first at angle 0, counterclockwise: (modes, 2)."""
    angles = np.linspace(0, 2 * np.pi, modes)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
