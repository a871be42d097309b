# %% [markdown]
# # Exercises of chapter 2
#
# Write the functions, then `minigan chapters check 2`. Exercises 1 and 4 are not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** Why is the rule of a matrix product $y = a b$ back to $a$ equal to $g b^T$, and back to $b$ equal to
# $a^T g$?
#
# **2. Fill in.**


# %%
def softmax_rule(g, a):
    """Back from $y_i = e^{a_i} / \\sum_j e^{a_j}$, taken in each row of a (n, m): the derivative with respect to a.

    g (n, m) is the derivative with respect to y.
    """
    raise NotImplementedError


# %% [markdown]
# **3. Fill in.** No way back here: carry the velocity along with the value, step by step.


# %%
def carried_forward(x, u, W, v):
    """How fast $y = \\tanh(x W) v$ changes when x (n, k) moves with velocity u (n, k): (y, its velocity)."""
    raise NotImplementedError


# %% [markdown]
# **4. Predict, then run.** Let `h = x`, and then `h = h + h` twenty times. How many paths lead from the last `h` back
# to `x`, how many rules does `grad` call, and what is the derivative? What happens for two thousand times?
#
# **5. Find the bug.** The way back through $y = x + \tanh(x W)$. Half of it is missing.


# %%
def residual_rules(g, x, W):
    """The derivatives with respect to x (n, k) and W (k, k), from that with respect to y, g (n, k)."""
    t = np.tanh(x @ W)
    g_sum = g * (1 - t**2)
    g_x = g
    g_W = x.T @ g_sum
    g_x = g_sum @ W.T
    return g_x, g_W
