# %% [markdown]
# # Solutions to chapter 5

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** Half of the symmetric $y'$ passes unchanged and half is multiplied by $\alpha$, so
# $\operatorname{E} h^2 = \frac12 (1 + \alpha^2) \operatorname{E} y'^2$, and
# $\operatorname{E} y^2 = n_{\text{in}}\, s^2 \operatorname{E} h^2 = \operatorname{E} y'^2$ for
#
# $$ s^2 = \frac{2}{(1 + \alpha^2)\, n_{\text{in}}} . $$
#
# With $\alpha = 0$ it is He's rule, with $\alpha = 1$, where nothing is cut, $1 / n_{\text{in}}$.


# %%
def leaky_variance(n_in, alpha):
    return 2 / ((1 + alpha**2) * n_in)


# %% [markdown]
# **2. Fill in.** One layer after the other, since the values that enter a layer depend on all scales before it. It
# needs no theory of the activation, only a batch of data.


# %%
def scaled(y, weights):
    result = []
    for W in weights:
        h = np.maximum(y, 0)
        result.append(W / (h @ W).std())
        y = h @ result[-1]
    return result


# %% [markdown]
# **3. Predict, then run.** $0.02^2 = 2 / n$ for $n = 5000$. At that width the two rules are one. The assertion of the
# ends fails, since 1/1024 and the others were for twenty layers of 784; that the marks lie on the lines does not
# depend on the width.
#
# **4. Find the bug.** $U(-a, a)$ has the variance $a^2 / 3$, so $a$ is $\sqrt 3$ times the standard deviation:
# $a = \sqrt{6 / (n_{\text{in}} + n_{\text{out}})}$.


# %%
def glorot_uniform(u, n_in, n_out):
    a = np.sqrt(6 / (n_in + n_out))
    return a * (2 * u - 1)


# %% [markdown]
# ## The inputs of the check, and the solutions checked in another way


# %%
def inputs_of_scaled(rng):
    width, layers = rng.integers(3, 12), rng.integers(1, 5)
    size = 10.0 ** rng.integers(-3, 3)
    return rng.standard_normal((16, width)), list(size * rng.standard_normal((layers, width, width)))


INPUTS = {
    "leaky_variance": lambda rng: (int(rng.integers(1, 1000)), rng.random()),
    "scaled": inputs_of_scaled,
    "glorot_uniform": lambda rng: (rng.random((4, 3)), int(rng.integers(1, 100)), int(rng.integers(1, 100))),
}

rng = np.random.default_rng(0)
n, alpha = 600, 0.2
y, W = rng.standard_normal((2, n, n))
after = mg.ops.leaky_relu(y, slope=alpha) @ (leaky_variance(n, alpha) ** 0.5 * W)
np.testing.assert_allclose(after.std(), 1, rtol=0.01)
print(f"1: after a leaky ReLU and a layer of {n} the spread is {after.std():.3f}")

y, weights = rng.standard_normal((16, 9)), list(rng.standard_normal((4, 9, 9)))
spreads = []
for W in scaled(y, weights):
    y = mg.ops.relu(y) @ W
    spreads.append(y.std())
np.testing.assert_allclose(spreads, 1, rtol=1e-12)
print("2: all four layers keep the spread at 1")

np.testing.assert_allclose(2 / 5000, 0.02**2)
print("3: at width 5000")

ours = glorot_uniform(np.random.default_rng(1).random((30, 50)), 30, 50)
library = mg.nn.glorot_uniform((30, 50), 30, 50, np.random.default_rng(1))
np.testing.assert_allclose(ours, library, rtol=1e-5, atol=1e-7)
print("4: the weights are the library's")
