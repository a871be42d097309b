# %% [markdown]
# # Solutions to chapter 2

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** $y_{ij} = \sum_k a_{ik} b_{kj}$. The number $a_{ik}$ takes part in all $y_{ij}$ of row $i$, each time
# with the factor $b_{kj}$, so
#
# $$ \frac{\partial L}{\partial a_{ik}} = \sum_j \frac{\partial L}{\partial y_{ij}} b_{kj} = \sum_j g_{ij} (b^T)_{jk} $$
#
# which is $(g b^T)_{ik}$. In the same way $\partial L / \partial b_{kj} = \sum_i a_{ik} g_{ij} = (a^T g)_{kj}$. The
# shapes leave no other choice.

# %% [markdown]
# **2. Fill in.** $\partial y_i / \partial a_j = y_i (1 - y_i)$ for $i = j$ and $-y_i y_j$ otherwise, so that
# $\sum_i g_i\, \partial y_i / \partial a_j = y_j \left(g_j - \sum_i g_i y_i\right)$. No matrix of all these derivatives
# is ever built.


# %%
def softmax_rule(g, a):
    y = np.exp(a - a.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    return y * (g - (g * y).sum(axis=1, keepdims=True))


# %% [markdown]
# **3. Fill in.** Each step turns (value, velocity) into (value, velocity). One pass gives the velocity of all outputs
# for one direction $u$; the way back gives the derivatives of one output for all directions. So forward is cheaper for
# few inputs and many outputs, and nearly hopeless for a million weights, which would take a million passes.


# %%
def carried_forward(x, u, W, v):
    s, s_velocity = x @ W, u @ W
    h = np.tanh(s)
    h_velocity = (1 - h**2) * s_velocity
    return h @ v, h_velocity @ v


# %% [markdown]
# **4. Predict, then run.** Each doubling offers two ways, so there are $2^{20}$ paths, one for each unit of the
# derivative, 1048576. `grad` calls two rules for each doubling: 40. For two thousand times the value overflows
# after 1024 doublings, with a warning, since float64 ends below $2^{1024}$; and then Python raises a `RecursionError`,
# since `in_order` is two thousand calls deep. The library says, rightly for float64, that the derivative is infinite.

# %% [markdown]
# **5. Find the bug.** $x$ is used twice, so its derivative is a sum. The last assignment to `g_x` forgot what had come
# back along the other path. It should add.


# %%
def residual_rules(g, x, W):
    t = np.tanh(x @ W)
    g_sum = g * (1 - t**2)
    return g + g_sum @ W.T, x.T @ g_sum


# %% [markdown]
# ## Checked another way
#
# The rules by the library; the velocity by a complex step (chapter 3).


# %%
def normal(rng, *shapes):
    return tuple(rng.standard_normal(shape) for shape in shapes)


def inputs_of_softmax_rule(rng):
    n, m = rng.integers(1, 6, 2)
    return normal(rng, (n, m), (n, m))


def inputs_of_carried_forward(rng):
    n, k, hidden = rng.integers(1, 6, 3)
    return normal(rng, (n, k), (n, k), (k, hidden), (hidden, 1))


def inputs_of_residual_rules(rng):
    n, k = rng.integers(1, 6, 2)
    return normal(rng, (n, k), (n, k), (k, k))


INPUTS = {
    "softmax_rule": inputs_of_softmax_rule,
    "carried_forward": inputs_of_carried_forward,
    "residual_rules": inputs_of_residual_rules,
}


def library_gradients(f, g, *arrays):
    tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
    return [t.numpy() for t in mg.grad(f(*tensors), tensors, grad_output=mg.Tensor(g))]


rng = np.random.default_rng(0)
g, a = inputs_of_softmax_rule(rng)
np.testing.assert_allclose(softmax_rule(g, a), *library_gradients(mg.ops.softmax, g, a), rtol=1e-10, atol=1e-14)
print("2: the rule is the library's")

x, u, W, v = inputs_of_carried_forward(rng)
y, velocity = carried_forward(x, u, W, v)
np.testing.assert_allclose(y, np.tanh(x @ W) @ v, rtol=1e-12)
np.testing.assert_allclose(velocity, (np.tanh((x + 1e-30j * u) @ W) @ v).imag / 1e-30, rtol=1e-12)
print("3: the velocity is that of a complex step")

h = x = mg.Tensor(np.ones(()), requires_grad=True)
for _ in range(20):
    h = h + h
assert mg.grad(h, [x])[0].item() == 2**20
print("4: the derivative is 2^20")

g, x, W = inputs_of_residual_rules(rng)
expected = library_gradients(lambda x, W: x + mg.ops.tanh(x @ W), g, x, W)
for ours, theirs in zip(residual_rules(g, x, W), expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)
print("5: both derivatives are the library's")
