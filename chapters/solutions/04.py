# %% [markdown]
# # Solutions to chapter 4

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** With $t = \tanh(w x)$ and $s = 1 - t^2$ the slope is $D' = v w s$, and
# $\partial s / \partial w = -2 t s x$. So
#
# $$ \frac{\partial D'}{\partial w} = v s (1 - 2 w x t), \qquad \frac{\partial D'}{\partial v} = w s, $$
#
# and each is to be multiplied by $2 (|D'| - 1)$ times the sign of $D'$. At $w = 0$ the slope is 0, where its absolute
# value has a kink. With the sign of 0 taken as 0, as is usual, the derivative vanishes and descent stands still,
# although the penalty is as large as 1 there and smaller on both sides.


# %%
def penalty_gradient(w, v, x):
    t = np.tanh(w * x)
    s = 1 - t**2
    slope = v * w * s
    outer = 2 * (abs(slope) - 1) * np.sign(slope)
    return outer * v * s * (1 - 2 * w * x * t), outer * w * s


# %% [markdown]
# **2. Fill in.** The gradient is $-\sum_n \sigma(-m_n) x_n$ with $m_n = x_n \cdot w$. Its derivative in the direction
# $u$ is $\sum_n \sigma(m_n) \sigma(-m_n) (x_n \cdot u) x_n$: two products with $X$, whatever $k$ is.


# %%
def hessian_times(u, w, X):
    p = 0.5 * (1 + np.tanh(X @ w / 2))
    return X.T @ (p * (1 - p) * (X @ u))


# %% [markdown]
# **3. Predict, then run.** Where no unit sits at its kink, $\nabla_x D = W (m \circ v)$, with $m_j = 1$ for the units
# that are on and 0 for the others. That depends on $W$ and $v$, so the penalty moves them. It does not depend on $x$
# nor on $c$: these two derivatives are zero. The second derivative of $D$ that a penalty needs is a mixed one, once by
# $x$ and once by the weights, and not the curvature in $x$, which is zero here.

# %% [markdown]
# **4. Find the bug.** The gradient of $x^T A x$ is $(A + A^T) x$, which is $2 A x$ only for symmetric $A$. Every
# covariance matrix is symmetric: the test looked where the bug cannot be seen (chapter 3).


# %%
def quadratic_hessian_times(u, x, A):
    return A @ u + A.T @ u


# %% [markdown]
# ## Checked another way
#
# All by the library, whose derivatives of derivatives the chapter compared with closed forms.


# %%
def normal(rng, *shapes):
    return tuple(rng.standard_normal(shape) for shape in shapes)


def inputs_of_hessian_times(rng):
    n, k = rng.integers(1, 6, 2)
    return normal(rng, (k,), (k,), (n, k))


def inputs_of_quadratic_hessian_times(rng):
    k = rng.integers(2, 6)
    return normal(rng, (k,), (k,), (k, k))


INPUTS = {
    "penalty_gradient": lambda rng: tuple(rng.standard_normal(3)),
    "hessian_times": inputs_of_hessian_times,
    "quadratic_hessian_times": inputs_of_quadratic_hessian_times,
}


def leaf(array):
    return mg.Tensor(np.asarray(array), requires_grad=True)


def by_library(f, u, *arrays):
    """H u for f as a function of the first of the arrays."""
    tensors = [leaf(a) for a in arrays]
    (gradient,) = mg.grad(f(*tensors), tensors[:1], create_graph=True)
    return mg.grad((gradient * mg.Tensor(u)).sum(), tensors[:1])[0].numpy()


rng = np.random.default_rng(0)
arrays = normal(rng, (), (), ())
w, v, x = (leaf(a) for a in arrays)
(slope,) = mg.grad(v * mg.ops.tanh(w * x), [x], create_graph=True)
expected = [g.item() for g in mg.grad((abs(slope) - 1) ** 2, [w, v])]
np.testing.assert_allclose(penalty_gradient(*arrays), expected, rtol=1e-12)
print("1: both derivatives are the library's")

u, w, X = inputs_of_hessian_times(rng)
expected = by_library(lambda w, X: mg.ops.softplus(-(X @ w.reshape(-1, 1))).sum(), u, w, X)
np.testing.assert_allclose(hessian_times(u, w, X), expected, rtol=1e-10, atol=1e-14)
print("2: H u is the library's")

x, W, c, v = (leaf(a) for a in normal(rng, (7, 2), (2, 5), (5,), (5, 1)))
(gradient,) = mg.grad((mg.ops.relu(x @ W + c) @ v).sum(), [x], create_graph=True)
gradients = mg.grad(((mg.ops.norm(gradient, axis=1) - 1) ** 2).mean(), [x, W, c, v])
assert [bool(g.numpy().any()) for g in gradients] == [False, True, False, True]
print("3: the derivatives by x and c are zero, those by W and v are not")

u, x, A = inputs_of_quadratic_hessian_times(rng)
expected = by_library(lambda x, A: (x * (A @ x.reshape(-1, 1)).reshape(-1)).sum(), u, x, A)
np.testing.assert_allclose(quadratic_hessian_times(u, x, A), expected, rtol=1e-10, atol=1e-14)
print("4: H u is the library's")
