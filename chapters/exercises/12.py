# %% [markdown]
# # Exercises of chapter 12
#
# Write the functions, then `minigan chapters check 12`. Exercise 3 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** Two real samples, at $0$ and $d$, and two generated ones, at $1$ and $d + 1$, with $d > 1$: the
# distance is 1. WGAN-GP pairs real and generated samples at random, so all four pairs are equally likely, and takes
# its points uniformly between the two of a pair. Suppose the critic may be any function, and has
#
# $$ \operatorname{E} D(x) - \operatorname{E} D(y) - \lambda \operatorname{E} (|D'(\hat x)| - 1)^2 $$
#
# as large as it can be, with $D$ falling from 0 to 1 and from $d$ to $d + 1$. What is the difference of the first two?
# (Each slope may be chosen alone. How often does $\hat x$ fall between 0 and 1?)


# %%
def reported(d, weight):
    """E D(x) - E D(y) of the best penalised critic; d > 1 and the penalty's weight are numbers."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** Sand in bins, one unit of length apart.


# %%
def histogram_distance(p, q):
    """The Wasserstein distance between two histograms (k,) on the same k bins, the shares of sand in each bin."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** All seven real grains lie to the right of all seven generated ones. How many of the 5040
# plans are best? Which of the 8192 critics are? Change the grains in the chapter.
#
# **4. Find the bug.** Descent with clipping, for a Wasserstein GAN. Nothing here bounds the slope of the critic.


# %%
def critic_step(weights, gradients, lr, c):
    """The weights after one step down the gradients and the clipping of the WGAN paper; both are lists of arrays."""
    return [w - lr * np.clip(g, -c, c) for w, g in zip(weights, gradients, strict=True)]
