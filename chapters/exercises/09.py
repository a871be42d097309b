# %% [markdown]
# # Exercises of chapter 9
#
# Write the functions, then `minigan chapters check 9`. Exercise 3 is not checked by machine.

# %%
import numpy as np


def field(z):
    """F at z = (theta, psi), as in the chapter."""
    theta, psi = z
    return np.array([psi, -theta]) / (1 + np.exp(theta * psi))


# %% [markdown]
# **1. Derive.** And what does the determinant say about circles?


# %%
def alternating_matrix(h):
    """The matrix (2, 2) of an alternating step near the solution, as it acts on the column (theta, psi)."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** There is no gradient before the first step: take 0 for it. Up to which $h$ do the steps arrive?


# %%
def optimistic_path(z, h, steps):
    """The points (steps + 1, 2) of $z \\gets z - h (2 F_t - F_{t-1})$ from z (2,) on; both players move at once."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** With chapter 1's loss, $L_G = -\log \sigma(D(\theta)) = -\log \sigma(-\theta \psi)$, the
# field is $F = (\psi\, \sigma(\theta \psi), -\theta\, \sigma(-\theta \psi))$, and $J$ stays what it was. Take 500
# alternating steps of 0.2 from (1, 1). Do they circle for ever?
#
# **4. Find the bug.** This runs away as fast as two simultaneous steps.


# %%
def extragradient_step(z, h):
    """One extragradient step from z (2,)."""
    ahead = z - h * field(z)
    return ahead - h * field(ahead)


# %% [markdown]
# **5. Find the bug.** Let the loss of the discriminator be $-f(\theta \psi)$ for some $f$ with slope $f'(0)$ (the
# chapter has $f = \log \sigma$, with slope $\frac12$), and let R1 have the weight $\gamma$. A published paper gives the
# eigenvalues of $-J$ as below, with a root that vanishes at *critical* friction: below it the players still circle,
# above it they creep. For the chapter's $f$ that would be at $\gamma = \sqrt 2$.


# %%
def eigenvalues_with_r1(gamma, slope):
    """The eigenvalues (2,) of -J, complex numbers, the one with the positive root first; slope is $f'(0) > 0$."""
    root = np.sqrt(complex(gamma**2 / 4 - slope))
    return np.array([-gamma / 2 + root, -gamma / 2 - root])
