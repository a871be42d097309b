# %% [markdown]
# # Exercises of chapter 4
#
# Write the functions, then `minigan chapters check 4`. Exercise 3 is not checked by machine.

# %% [markdown]
# **1. Derive.** And: is there a $w$ from which descent on the penalty cannot move it?


# %%
def penalty_gradient(w, v, x):
    """The derivatives of $P = (|D'(x)| - 1)^2$ with respect to w and v, for $D(x) = v \\tanh(w x)$; all numbers."""
    raise NotImplementedError


# %% [markdown]
# **2. Fill in.** The loss of a linear classifier. Do not build $H$.


# %%
def hessian_times(u, w, X):
    """$H u$ at w (k,) for $f(w) = \\sum_n \\log(1 + e^{-x_n \\cdot w})$, with the x_n in the rows of X (n, k)."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** Replace $\tanh$ by $\max(x, 0)$ in the chapter's critic. Its second derivative is zero
# wherever there is one. Which derivatives of the penalty are zero: that by $x$, by $W$, by $c$, by $v$?
#
# **4. Find the bug.** $f(x) = x^T A x$ was tested with a random covariance matrix $A$, and the test passed.


# %%
def quadratic_hessian_times(u, x, A):
    """$H u$ for $f(x) = x^T A x$; x and u (k,), A (k, k)."""

    def gradient(x):
        return 2 * A @ x

    return gradient(x + u) - gradient(x)  # exact, since the gradient is linear
