# %% [markdown]
# # Solutions to chapter 13

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** Let $s = x W + b$ and $y = \tanh s$, so $\tanh'(s) = 1 - y^2 = d$ and $\tanh''(s) = -2 y d$. For one
# sample
#
# $$ J = (w^T \circ d) W^T, \qquad \langle v, J \rangle = \left((v W) \circ d\right) w. $$
#
# This depends on $W$ through the product $v W$, as in the chapter: that contributes $v^T (w^T \circ d)$. And it depends
# on $W$ and $b$ through the factors $d$. If $s$ moves by $ds$, it changes by $r \cdot ds$ with
#
# $$ r = (v W) \circ w^T \circ (-2 y d). $$
#
# And $s = x W + b$ hands $r$ on as in any backward pass: $x^T r$ to $W$, and $r$ to $b$. So
#
# $$ \frac{\partial P}{\partial W} = v^T (w^T \circ d) + x^T r, \qquad \frac{\partial P}{\partial b} = r, \qquad
# \frac{\partial P}{\partial w} = \left((v W) \circ d\right)^T, $$
#
# summed over the samples, with $v = \frac{2}{n} (|J| - 1) J / |J|$. In a deeper critic $r$ goes down from layer to
# layer, and each curved activation adds its own: this is the fourth pass.


# %%
def tanh_penalty_gradients(W, b, w, x):
    y = np.tanh(x @ W + b)
    d = 1 - y**2
    g = w.T * d
    J = g @ W.T
    length = np.linalg.norm(J, axis=1, keepdims=True)
    v = 2 * (length - 1) * J / length / len(x)
    t = v @ W
    r = t * w.T * (-2 * y * d)
    return v.T @ g + x.T @ r, r.sum(axis=0), (t * d).sum(axis=0)[:, None]


# %% [markdown]
# **2. Fill in.** $v = \frac{2 \lambda}{n} \max(0, |J| - 1) \, J / |J|$. Where $|J| \le 1$ the first factor is zero, so
# there $|J|$ may be replaced by any other number before the division: here by 1.


# %%
def one_sided_v(J, weight):
    length = np.sqrt((J**2).sum(axis=(1, 2, 3), keepdims=True))
    return 2 * weight * np.maximum(length - 1, 0) * J / np.maximum(length, 1) / len(J)


# %% [markdown]
# **3. Predict, then run.** With $W_2$ and $b_2$ all of $s_2$ is doubled, so no unit switches. $J$ is a product in which
# each $W_l$ stands once: $\operatorname{E} |J|$ doubles. Its derivatives by $W_1$ and $W_3$ contain $W_2$, and double;
# the one by $W_2$ does not, and stays.
#
# The sums are equal, and each is $\operatorname{E} |J|$: Euler's law for a function that grows in proportion to $W_l$.
# So for the penalty $\left\langle W_l, \partial P / \partial W_l \right\rangle = 2 \lambda \operatorname{E} (|J| - 1)
# |J|$ in every layer. This checks a program without a second one. (With curved activations it holds in the last layer
# only.)

# %% [markdown]
# **4. Find the bug.** `np.linalg.norm` of a matrix, without an axis, takes the root of the sum of *all* squares. For
# $n$ samples of slope one that is $\sqrt n$, and the critic pays $\lambda (\sqrt n - 1)^2$: for 64 samples $49 \lambda$
# instead of 0. What it is trained to is a slope of $1 / \sqrt n$.


# %%
def penalty(J, weight):
    return weight * np.mean((np.linalg.norm(J, axis=1) - 1) ** 2)


# %% [markdown]
# ## Checked another way
#
# By double backward.


# %%
def inputs_of_tanh_penalty_gradients(rng):
    n, k, m = rng.integers(1, 5, 3)
    return tuple(rng.standard_normal(shape) for shape in ((k, m), m, (m, 1), (n, k)))


def inputs_of_one_sided_v(rng):
    J = rng.standard_normal((rng.integers(2, 5), *rng.integers(1, 3, 3)))
    J[0] *= rng.integers(2)
    return J, rng.uniform(0.1, 10)


INPUTS = {
    "tanh_penalty_gradients": inputs_of_tanh_penalty_gradients,
    "one_sided_v": inputs_of_one_sided_v,
    "penalty": lambda rng: (rng.standard_normal(rng.integers(2, 5, 2)), rng.uniform(0.1, 10)),
}

rng = np.random.default_rng(0)
W, b, w = weights = [mg.Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((3, 4), (4,), (4, 1))]
x = mg.Tensor(rng.standard_normal((5, 3)))
value = mg.gan.gradient_penalty(lambda x: mg.ops.tanh(x @ W + b) @ w, x, x, rng=rng, weight=1)
solved = tanh_penalty_gradients(*(p.numpy() for p in (W, b, w, x)))
for ours, other in zip(solved, mg.grad(value, weights), strict=True):
    np.testing.assert_allclose(ours, other.numpy(), rtol=1e-10, atol=1e-14)
print("1: all three are those of double backward")

J = rng.standard_normal((4, 2, 3, 1)) * np.array([0, 0.1, 1, 2]).reshape(4, 1, 1, 1)
slopes = mg.Tensor(J, requires_grad=True)
value = 10 * mg.gan.penalties["wgan-lp"].cost(slopes).mean()
np.testing.assert_allclose(one_sided_v(J, 10), mg.grad(value, [slopes])[0].numpy(), rtol=1e-12)
assert not one_sided_v(J, 10)[:2].any()
print("2: v is the derivative of the library's cost, and zero for small slopes")


def expected_slope(D, x):
    """E |J|, and its derivatives by all weights."""
    x = mg.Tensor(x, requires_grad=True)
    (J,) = mg.grad(D(x).sum(), [x], create_graph=True)
    mean = mg.ops.norm(J, axis=1).mean()
    return mean.item(), [g.numpy() for g in mg.grad(mean, D.parameters()[::2])]


dense = [mg.nn.Dense(m, n, rng=rng) for m, n in ((5, 8), (8, 8), (8, 1))]
D = mg.nn.Sequential(dense[0], mg.nn.LeakyReLU(), dense[1], mg.nn.LeakyReLU(), dense[2]).to(dtype=np.float64)
for layer in dense:
    layer.bias.data[...] = mg.Tensor(rng.standard_normal(layer.bias.shape)).data
x = rng.standard_normal((64, 5))
before, gradients = expected_slope(D, x)
pushes = [np.vdot(layer.weight.numpy(), g) for layer, g in zip(dense, gradients, strict=True)]
np.testing.assert_allclose(pushes, before, rtol=1e-12)
dense[1].weight.data *= 2
dense[1].bias.data *= 2
after, doubled = expected_slope(D, x)
np.testing.assert_allclose(after, 2 * before, rtol=1e-12)
for ours, other, factor in zip(doubled, gradients, (2, 1, 2), strict=True):
    np.testing.assert_allclose(ours, factor * other, rtol=1e-10, atol=1e-14)
print(f"3: E |J| grows from {before:.4f} to {after:.4f}; in each layer the sum was {pushes[0]:.4f}")

ones = np.full((64, 4), 0.5)
assert penalty(ones, 10) == 0
np.testing.assert_allclose(10 * (np.linalg.norm(ones) - 1) ** 2, 490)
linear, x = (mg.Tensor(rng.standard_normal(shape)) for shape in ((3, 1), (64, 3)))
value = mg.gan.gradient_penalty(lambda x: x @ linear, x, x, rng=rng, weight=10)
np.testing.assert_allclose(penalty(np.tile(linear.numpy().T, (64, 1)), 10), value.item(), rtol=1e-12)
print("4: slope one costs nothing; with the norm of the whole batch it would cost 490")
