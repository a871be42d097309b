# %% [markdown]
# # Exercises of chapter 10
#
# Write the functions, then `minigan chapters check 10`. Exercise 3 is not checked by machine.

# %%
import numpy as np


def sigma(t):
    return (1 + np.tanh(t / 2)) / 2


# %% [markdown]
# **1. Derive.** The loss that "squares" has for the discriminator, the mean over pairs of $-\sigma(r_i) \log
# \sigma(f_i)
# - \sigma(-r_i) \log \sigma(-f_i)$. Where do its slopes drive the logits $r$ of real and $f$ of generated samples?


# %%
def cross_entropy_slopes(r, f):
    """The derivatives of the mean with respect to r (n, 1) and to f (n, 1): a pair of arrays (n, 1)."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** The chapter's `ideal` for any two Gaussians, $p = \mathcal N(m, s^2)$ and $q = \mathcal N(b, t^2)$.
# The slope $a'(x)$ of the best logit now depends on $x$.


# %%
def ideal(m, s, b, t, x):
    """dL_G/db before the best discriminator, with their signs: (minimax, non-saturating), two numbers.

    The expectation over q is a weighted mean over the points x (n,), with the weights q(x).
    """
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** In "signs dropped", mend the loss of $D$ only: take `d_loss`. Where does the generator go?
# And what does "squares" do if $v$ starts from zero, as in chapter 1?
#
# **4. Find the bug.** The generator's loss in a program is $-\log(\sigma(a) + 10^{-8})$, so that there is no logarithm
# of
# 0. It has the slope below. What should it be, and how far off is this at $a = -20$ and at $a = -100$?


# %%
def non_saturating_slope(a):
    """The derivative of $-\\log \\sigma(a)$ with respect to a, for each of the logits a (n,)."""
    return -sigma(a) * sigma(-a) / (sigma(a) + 1e-8)
