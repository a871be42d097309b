# %% [markdown]
# # Exercises of chapter 5
#
# Write the functions, then `minigan chapters check 5`. Exercise 3 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** The leaky ReLU multiplies what is negative by $\alpha$. Begin with $\operatorname{E} h^2$.


# %%
def leaky_variance(n_in, alpha):
    """The variance of the weights with which a layer after a leaky ReLU keeps $\\operatorname{E} y^2$."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** Let the data choose (Mishkin and Matas 2015, arXiv:1511.06422). A layer is a ReLU, then weights, as in
# the chapter.


# %%
def scaled(y, weights):
    """Each matrix of the list times a number, such that with y (N, n) all layers give values with std 1: a list."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** At which width is $\mathcal N(0, 0.02^2)$ He's rule? Set `WIDTH` to it, and `LAYERS` to 3.
# Some assertions will then fail. Which, and why?
#
# **4. Find the bug.** Someone's Glorot initialiser, whose weights come out too small.


# %%
def glorot_uniform(u, n_in, n_out):
    """Weights from U(-a, a) with variance 2 / (n_in + n_out), made of numbers u from U(0, 1)."""
    a = np.sqrt(2 / (n_in + n_out))
    return a * (2 * u - 1)
