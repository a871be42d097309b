# %% [markdown]
# # Exercises of chapter 1
#
# Write the functions, then `minigan chapters check 1`. Exercise 2 is not checked by machine.

# %%
import numpy as np


def sigmoid(t):
    return 0.5 * (1 + np.tanh(t / 2))


# %% [markdown]
# **1. Derive.**


# %%
def best_logit(x, centre, spread, a, b):
    """The logit $D^*(x)$ that is best for the discriminator, at each x.

    The data are $N(centre, spread^2)$ and the generator makes $a z + b$ with $z$ from $N(0, 1)$.
    """
    raise NotImplementedError


# %% [markdown]
# **3. Find the bug.** A generator trained with these gradients walks away from the data. One sign is wrong.


# %%
def generator_gradients(z, a, b, W, c, v, e):
    """Gradients of $L_G = -E \\log \\sigma(D(a z + b))$ with respect to a and b, each of shape (1,)."""
    h = np.tanh((a * z + b) @ W + c)
    logits = h @ v + e
    g = sigmoid(-logits) / len(z)
    g_x = ((g @ v.T) * (1 - h**2)) @ W.T
    return (g_x * z).sum(axis=0), g_x.sum(axis=0)


# %% [markdown]
# **4. Fill in.**


# %%
def minimax_pull(logits):
    """The derivatives of $E \\log(1 - \\sigma(D))$ with respect to each of the logits (n, 1), an array (n, 1)."""
    raise NotImplementedError
