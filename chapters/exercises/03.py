# %% [markdown]
# # Exercises of chapter 3
#
# Write the functions, then `minigan chapters check 3`. Exercise 4 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** The error of a central difference is at most about $\frac{h^2}{6} |f'''| + \varepsilon |f| / h$.


# %%
def best_step(f, third, epsilon):
    """The step with the least error and that error, (h, error), from |f|, |f'''| and epsilon, positive numbers."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** How small may h be?


# %%
def second_difference(before, at, after, h):
    """The second derivative at x, up to an error in $h^2$, from arrays f(x - h), f(x) and f(x + h)."""
    raise NotImplementedError


# %% [markdown]
# **3. Fill in.** One element of W at a time.


# %%
def complex_step_gradient(x, W):
    """The derivatives of $\\sum_{ij} \\tanh(x W)_{ij}$ with respect to W (k, m), for x (n, k), by complex steps."""
    raise NotImplementedError


# %% [markdown]
# **4. Predict, then run.** What do `central` and `richardson` give for $\max(x, 0)$ at $x = h / 3$?
#
# **5. Find the bug.** The way back through $y = \tanh(x W + b)$. It passed every check on a network as it is when
# training begins.


# %%
def dense_rules(g, x, W, b):
    """The derivatives with respect to x (n, k), W (k, m) and b (m,), from that with respect to y, g (n, m)."""
    y = np.tanh(x @ W)
    g_sum = g * (1 - y**2)
    return g_sum @ W.T, x.T @ g_sum, g_sum.sum(axis=0)
