# %% [markdown]
# # Exercises of chapter 7
#
# Write the functions, then `minigan chapters check 7`. Exercise 3 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** On an axis of curvature $a$ the estimates are $a \theta$ plus independent noise of mean 0 and variance
# $\sigma^2$. SGD with learning rate $\eta$ never comes to rest, but the variance of $\theta$ settles.


# %%
def settled_variance(lr, a, sigma):
    """The variance of theta after very many steps; lr is below 2 / a."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** Nesterov's momentum is momentum, but takes the gradient where $v$ is about to carry $\theta$: at
# $\theta + \mu v$.


# %%
def nesterov(theta, curvatures, lr, mu, steps):
    """Theta (n,) after so many steps on the sum of curvatures * theta**2 / 2, from rest."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** Turn the valley by 45 degrees: the examples, the start, the gradient. Which of the four
# optimizers walk the same path, only turned?
#
# **4. Find the bug.** RMSProp, as someone wrote it. Its first step is right; then it gets slower and slower.


# %%
def rmsprop(theta, gradients, lr, beta):
    """Theta (n,) after a step along each of the gradients (T, n)."""
    v = np.zeros_like(theta)
    for g in gradients:
        v = v + (1 - beta) * g**2
        theta = theta - lr * g / (np.sqrt(v) + 1e-8)
    return theta
