# %% [markdown]
# # Exercises of chapter 8
#
# Write the functions, then `minigan chapters check 8`. Exercise 3 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** With a label $r$ for real samples the discriminator climbs
# $\operatorname{E}_p [r \log \sigma(D) + (1 - r) \log \sigma(-D)] + \operatorname{E}_q \log \sigma(-D)$ (Salimans et
# al. 2016, arXiv:1606.03498). How large can its best logit become for $r = 0.9$?


# %%
def best_smoothed_logit(p, q, r):
    """The best logit at each point (n,), for distributions p (n,), q (n,) without zeros, and a label r below 1."""
    raise NotImplementedError


# %% [markdown]
# **2. Derive.** In a least-squares GAN (Mao et al. 2016, arXiv:1611.04076) $D$ descends
# $\operatorname{E}_p (D - 1)^2 + \operatorname{E}_q (D + 1)^2$, and the generator $\operatorname{E}_q D^2$. To the
# latter add $\operatorname{E}_p D^2$, which does not depend on the generator while $D$ is held fixed. What is the sum
# for the best $D$? Is it $\chi^2 = \sum_x (p - q)^2 / q$, as is often said, and what is it where $p$ and $q$ share no
# point?


# %%
def least_squares(p, q):
    """The best D (n,) and the sum $E_p D^2 + E_q D^2$ for it, for distributions p (n,) and q (n,) without zeros."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** On the chapter's `ways` the discriminator is the best one at each step. Take the best one of
# the first step instead, and keep it for 1000 steps. Where does $q$ go? Is there a difference between the losses?
#
# **4. Find the bug.** This "Jensen-Shannon divergence" can be larger than $\log 2$.


# %%
def jensen_shannon(p, q):
    """JSD(p, q), a number, for distributions p (n,) and q (n,) without zeros."""

    def kl(p, q):
        return np.sum(p * np.log(p / q))

    return (kl(p, q) + kl(q, p)) / 2
