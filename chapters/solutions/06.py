# %% [markdown]
# # Solutions to chapter 6

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** Pixel $r$ meets the cells $a$ with $r = 2 i + a$: $w_0, w_2, w_4$ if $r$ is even, $w_1, w_3$
# if it is odd. So a row of ones becomes $w_0 + w_2 + w_4$ and $w_1 + w_3$ in turns, and is constant if these are equal:
# $1 + 6 + 1 = 4 + 4$. The counts, 3 and 2, are what *independent* weights make of it. Weights that are learnt need not
# be independent.
#
# **2. Fill in.** Every number of $g$ lays its multiple of the kernel on the larger row.


# %%
def transpose_row(g, w, s):
    x = np.zeros(s * (len(g) - 1) + len(w))
    for i, number in enumerate(g):
        x[s * i : s * i + len(w)] += number * w
    return x


# %% [markdown]
# **3. Predict, then run.** Far from the ends: 2 and 1 in turns, since 2 does not divide 3; 2 everywhere; and 1, 1, 0,
# so that every third pixel is reached by nothing and stays black whatever the weights are.
#
# **4. Find the bug.** Cell $a$ meets the pixels $s i + a$, one in $s$ of them. With stride 1 these are neighbours.


# %%
def kernel_gradient(x, g, k, s):
    m = len(g)
    return np.array([x[a : a + s * m : s][:m] @ g for a in range(k)])


# %% [markdown]
# ## The inputs of the check, and the solutions checked in another way


# %%
def sizes(rng):
    """The lengths of a smaller row and of a kernel, and a stride."""
    return int(rng.integers(1, 8)), int(rng.integers(1, 6)), int(rng.integers(1, 4))


def inputs_of_transpose_row(rng):
    m, k, s = sizes(rng)
    return rng.standard_normal(m), rng.standard_normal(k), s


def inputs_of_kernel_gradient(rng):
    m, k, s = sizes(rng)
    return rng.standard_normal(s * (m - 1) + k + int(rng.integers(s))), rng.standard_normal(m), k, s


INPUTS = {"transpose_row": inputs_of_transpose_row, "kernel_gradient": inputs_of_kernel_gradient}

rng = np.random.default_rng(0)
row = transpose_row(np.ones(9), np.array([1, 4, 6, 4, 1]), 2)
assert set(row[4:-4]) == {8}
print("1: 1, 4, 6, 4, 1 makes eights of ones")

for _ in range(50):
    g, w, s = inputs_of_transpose_row(rng)
    library = mg.ops.conv_transpose2d(g.reshape(1, 1, -1, 1), w.reshape(1, -1, 1, 1), stride=(1, s))
    np.testing.assert_allclose(transpose_row(g, w, s), library.reshape(-1), rtol=1e-12, atol=1e-14)
print("2: the rows are the library's")

counts = {(k, s): transpose_row(np.ones(12), np.ones(k), s)[6:12].tolist() for k, s in ((3, 2), (6, 3), (2, 3))}
assert counts == {(3, 2): [2, 1, 2, 1, 2, 1], (6, 3): [2] * 6, (2, 3): [1, 1, 0, 1, 1, 0]}
print("3:", counts)

for _ in range(50):
    x, g, k, s = inputs_of_kernel_gradient(rng)
    shapes = x.reshape(1, 1, -1, 1), g.reshape(1, 1, -1, 1)
    library = mg.ops.conv2d_weight(*shapes, kernel_size=(1, k), stride=(1, s))
    np.testing.assert_allclose(kernel_gradient(x, g, k, s), library.reshape(-1), rtol=1e-12, atol=1e-14)
print("4: the gradients are the library's")
