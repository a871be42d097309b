# %% [markdown]
# # Solutions to chapter 3

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** The derivative of $\frac{h^2}{6} |f'''| + \varepsilon |f| / h$ by $h$ is
# $\frac{h}{3} |f'''| - \varepsilon |f| / h^2$, and vanishes at
#
# $$ h = \sqrt[3]{3 \varepsilon |f| / |f'''|}. $$
#
# There the first term is half of the second, so the error is $\frac{3}{2} \varepsilon |f| / h$. For the chapter's $f$
# at 0.7 these are $h = 8 \cdot 10^{-6}$ and a relative error of $10^{-11}$. The figure shows ten times less here and
# there, since a rounding error is often smaller than the largest possible one.


# %%
def best_step(f, third, epsilon):
    h = np.cbrt(3 * epsilon * f / third)
    return h, 1.5 * epsilon * f / h


# %% [markdown]
# **2. Fill in.** In $f(x + h) + f(x - h)$ the odd terms cancel: it is $2 f + h^2 f'' + \frac{h^4}{12} f'''' + \cdots$.
# Rounding is now divided by $h^2$, so the V stands at larger steps, and higher: best is $h$ near $10^{-4}$, with an
# error near $10^{-8}$. Half of the digits are lost, as with a one-sided first difference.


# %%
def second_difference(before, at, after, h):
    return (after - 2 * at + before) / h**2


# %% [markdown]
# **3. Fill in.** As many passes as weights, but each exact.


# %%
def complex_step_gradient(x, W):
    gradient, h = np.empty_like(W), 1e-30
    for index in np.ndindex(*W.shape):
        stepped = W.astype(complex)
        stepped[index] += 1j * h
        gradient[index] = np.tanh(x @ stepped).sum().imag / h
    return gradient


# %% [markdown]
# **4. Predict, then run.** The step to the left passes the kink and ends where the function is 0. So the central
# difference is $\frac{4}{3} h / 2 h = \frac{2}{3}$; with step $h / 2$ it is $\frac{5}{6} h / h = \frac{5}{6}$; and
# Richardson mixes the two to $\frac{8}{9}$. The derivative is 1. The check of a right rule would fail here, and the
# rule is not to blame.

# %% [markdown]
# **5. Find the bug.** The derivative of $\tanh$ was taken at $x W$, without the bias. Biases begin at zero, and there
# the mistake does not show.


# %%
def dense_rules(g, x, W, b):
    y = np.tanh(x @ W + b)
    g_sum = g * (1 - y**2)
    return g_sum @ W.T, x.T @ g_sum, g_sum.sum(axis=0)


# %% [markdown]
# ## Checked another way
#
# The step by trying ten thousand, the differences on a function with known derivatives, the rest by the library.


# %%
def normal(rng, *shapes):
    return tuple(rng.standard_normal(shape) for shape in shapes)


def inputs_of_complex_step_gradient(rng):
    n, k, m = rng.integers(1, 5, 3)
    return normal(rng, (n, k), (k, m))


def inputs_of_dense_rules(rng):
    n, k, m = rng.integers(1, 5, 3)
    return normal(rng, (n, m), (n, k), (k, m), (m,))


INPUTS = {
    "best_step": lambda rng: (rng.uniform(0.1, 10), rng.uniform(0.1, 10), 10 ** rng.uniform(-16, -7)),
    "second_difference": lambda rng: (*normal(rng, 4, 4, 4), rng.uniform(0.01, 1)),
    "complex_step_gradient": inputs_of_complex_step_gradient,
    "dense_rules": inputs_of_dense_rules,
}


def library_gradients(f, g, *arrays):
    tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
    return [t.numpy() for t in mg.grad(f(*tensors), tensors, grad_output=mg.Tensor(g))]


rng = np.random.default_rng(0)
steps = 10 ** np.linspace(-9, 0, 10_000)
errors = steps**2 / 6 * 0.7 + 1e-16 * 1.2 / steps
step, error = best_step(1.2, 0.7, 1e-16)
np.testing.assert_allclose([step, error], [steps[errors.argmin()], errors.min()], rtol=2e-3)
print(f"1: of ten thousand steps none is better than {step:.1e}")

x, h = np.linspace(-1, 1, 5), 1e-4
by_difference = second_difference(np.exp(x - h), np.exp(x), np.exp(x + h), h)
np.testing.assert_allclose(by_difference, np.exp(x), rtol=1e-7)
print(f"2: the second derivative of exp with an error of {abs(by_difference / np.exp(x) - 1).max():.0e}")

x, W = inputs_of_complex_step_gradient(rng)
y = np.ones((len(x), W.shape[1]))
expected = library_gradients(lambda W: mg.ops.tanh(mg.Tensor(x) @ W), y, W)
np.testing.assert_allclose(complex_step_gradient(x, W), *expected, rtol=1e-12, atol=1e-15)
print("3: the gradient is the library's")

h = 0.01
central, finer = ((max(h / 3 + step, 0) - max(h / 3 - step, 0)) / (2 * step) for step in (h, h / 2))
np.testing.assert_allclose([central, (4 * finer - central) / 3], [2 / 3, 8 / 9])
print("4: two thirds, eight ninths")

g, x, W, b = inputs_of_dense_rules(rng)
expected = library_gradients(lambda x, W, b: mg.ops.tanh(x @ W + b), g, x, W, b)
for ours, theirs in zip(dense_rules(g, x, W, b), expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)
print("5: all three derivatives are the library's")
