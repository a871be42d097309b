# %% [markdown]
# # Solutions to chapter 1

# %%
import numpy as np

import minigan as mg


def sigmoid(t):
    return 0.5 * (1 + np.tanh(t / 2))


# %% [markdown]
# **1. Derive.** The loss is an integral over $x$ of $-p(x) \log \sigma(D) - q(x) \log \sigma(-D)$, and the
# discriminator may choose $D$ at each $x$ alone. The derivative by $D$ is $-p\,\sigma(-D) + q\,\sigma(D)$; it
# vanishes where $\sigma(D) / \sigma(-D) = e^D = p / q$. So $D^* = \log p - \log q$, which is 0 where $p = q$: the
# best a discriminator can do against a perfect generator is to have no opinion. For the two Gaussians


# %%
def best_logit(x, centre, spread, a, b):
    def log_density(mean, std):
        return -(((x - mean) / std) ** 2) / 2 - np.log(std)

    return log_density(centre, spread) - log_density(b, abs(a))


# %% [markdown]
# **2. Predict, then run.** It arrives (the centre passes 2.5 after 83 steps instead of 44) but does not settle: in the
# last 1500 of 3000 steps the centre still swings by 0.2 about 3 and the spread is mostly below 0.3. The opponent's
# map is out of date: the generator runs to where samples *were* taken for real, all of them to the same place.

# %% [markdown]
# **3. Find the bug.** $\frac{d}{dD} (-\log \sigma(D)) = -\sigma(-D)$: the minus sign was missing, so the generator
# climbed its loss. It helped the discriminator: its samples moved to where they are easiest to tell apart.


# %%
def generator_gradients(z, a, b, W, c, v, e):
    h = np.tanh((a * z + b) @ W + c)
    logits = h @ v + e
    g = -sigmoid(-logits) / len(z)
    g_x = ((g @ v.T) * (1 - h**2)) @ W.T
    return (g_x * z).sum(axis=0), g_x.sum(axis=0)


# %% [markdown]
# **4. Fill in.** $1 - \sigma(D) = \sigma(-D)$, so the derivative is $-\sigma(D_i) / n$. For a sample that the
# discriminator rejects firmly this is almost 0, where $-\sigma(-D_i) / n$, the pull of the chapter's loss, is
# almost $-1/n$. From `b = -5` the chapter's loss passes 2.5 after 360 steps; the loss of the original game has moved
# `b` by 0.02 in 3000. Chapter 10 is about this.


# %%
def minimax_pull(logits):
    return -sigmoid(logits) / len(logits)


# %% [markdown]
# ## Checked another way
#
# The best logit by trying a thousand of them, the gradients by the library.


# %%
def inputs_of_best_logit(rng):
    return rng.normal(0, 3, rng.integers(1, 6)), rng.normal(), rng.uniform(0.3, 2), rng.normal(), rng.normal()


def inputs_of_generator_gradients(rng):
    n, hidden = rng.integers(1, 6, 2)
    return tuple(rng.standard_normal(shape) for shape in ((n, 1), 1, 1, (1, hidden), hidden, (hidden, 1), 1))


INPUTS = {
    "best_logit": inputs_of_best_logit,
    "generator_gradients": inputs_of_generator_gradients,
    "minimax_pull": lambda rng: (rng.normal(0, 3, (rng.integers(1, 6), 1)),),
}

x, centre, spread, a, b = np.array([1.0]), 1.5, 0.8, -0.6, 0.4
real, fake = (np.exp(-(((x - m) / s) ** 2) / 2) / s for m, s in ((centre, spread), (b, abs(a))))
tried = np.linspace(-4, 4, 80001)
losses = -real * np.log(sigmoid(tried)) - fake * np.log(sigmoid(-tried))
np.testing.assert_allclose(best_logit(x, centre, spread, a, b), tried[losses.argmin()], atol=1e-4)
print("1: no other logit has a lower loss")

z, a, b, W, c, v, e = inputs_of_generator_gradients(np.random.default_rng(0))
scale, shift = (mg.Tensor(p, requires_grad=True) for p in (a, b))
logits = mg.ops.tanh((scale * mg.Tensor(z) + shift) @ mg.Tensor(W) + mg.Tensor(c)) @ mg.Tensor(v) + mg.Tensor(e)
by_machine = mg.grad(mg.gan.losses["non-saturating"].generator(logits), [scale, shift])
for one, other in zip(generator_gradients(z, a, b, W, c, v, e), by_machine, strict=True):
    np.testing.assert_allclose(one, other.numpy(), rtol=1e-12)
print("3: the gradients are those of the library")

logits = mg.Tensor(np.array([[-3.0], [0.5], [2.0]]), requires_grad=True)
(pull,) = mg.grad(mg.gan.losses["minimax"].generator(logits), [logits])
np.testing.assert_allclose(minimax_pull(logits.numpy()), pull.numpy(), rtol=1e-12)
print("4: so is the pull")
