# %% [markdown]
# # Exercises of chapter 13
#
# Write the functions, then `minigan chapters check 13`. Exercise 3 is not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** One hidden layer with a curved activation: the critic $D(x) = \tanh(x W + b) \, w$ pays $P =
# \operatorname{E} (|J| - 1)^2$. Its tangent pass gives $\langle v, J \rangle$ from $v$, $W$, the factors $\tanh'(s)$
# and $w$. With $v$ held fixed, how does that change with $W$, $b$ and $w$? (The factors change too. How much is
# $\tanh''$?)


# %%
def tanh_penalty_gradients(W, b, w, x):
    """dP/dW, dP/db and dP/dw at the samples x (n, k), for W (k, m), b (m,) and w (m, 1)."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** Where the tangent pass starts from, for a penalty that lets small slopes be. An image has one slope,
# with one length, over all of its rows, columns and channels.


# %%
def one_sided_v(J, weight):
    """dP/dJ of P = weight * E max(0, |J| - 1)^2, without NaN, for the slopes J (n, height, width, channels)."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** Double $W_2$ and $b_2$ of the chapter's critic with LeakyReLU. What becomes of
# $\operatorname{E} |J|$? What of its derivatives by $W_1$, $W_2$ and $W_3$? And what is the sum of all entries of
# $W_l$, each multiplied by the derivative by it, in each of the three layers?
#
# **4. Find the bug.** Training with this penalty runs without complaint. A critic of slope one everywhere should pay
# nothing, but pays the more, the larger the batch.


# %%
def penalty(J, weight):
    """The penalty of WGAN-GP on the slopes J (n, k) of n samples."""
    return weight * (np.linalg.norm(J) - 1) ** 2
