# %% [markdown]
# # Exercises of chapter 6
#
# Write the functions, then `minigan chapters check 6`. Exercises 1 and 3 are not checked by machine.

# %%
import numpy as np

# %% [markdown]
# **1. Derive.** When does $w_0, \ldots, w_4$, transposed with stride 2, keep a constant row constant, far from its
# ends? Does 1, 4, 6, 4, 1?
#
# **2. Fill in.** One loop over what meets is enough.


# %%
def transpose_row(g, w, s):
    """The transposed convolution of a row g (m,) with the kernel w (k,), stride s and no padding."""
    raise NotImplementedError


# %% [markdown]
# **3. Predict, then run.** How many products reach each pixel of a row: kernel 3 with stride 2, 6 with 3, 2 with 3?
# What is wrong with the last? (Your `transpose_row` can count.)
#
# **4. Find the bug.** The gradient of a kernel. It is right for stride 1, so its author noticed nothing.


# %%
def kernel_gradient(x, g, k, s):
    """What a kernel of k is multiplied by, for a row x (n,), without padding: (k,). g (m,) came back to the output."""
    m = len(g)
    return np.array([x[a : a + m] @ g for a in range(k)])
