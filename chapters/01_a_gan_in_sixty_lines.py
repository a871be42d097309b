# %% [markdown]
# # 1. A GAN in sixty lines of NumPy
#
# **What you will see.** A generator that has never been shown a formula for the data learns to imitate it, from
# nothing but a stream of examples and an opponent. Both players, all their derivatives and the training loop fit
# on one screen; there is no library underneath.
#
# **How long it takes.** A few seconds on one core.
#
# **The number to expect.** The data are $\mathcal N(3, 0.5^2)$; the generator ends within 0.1 of both numbers.
#
# **What you need.** NumPy, the chain rule, and the idea of gradient descent.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
GREEN, VIOLET, BLUE = "#1a7f37", "#6f2c91", "#2f86f6"  # real, generated, discriminator: so in the whole book

rng = np.random.default_rng(0)

# %% [markdown]
# ## The two players
#
# The **generator** turns noise $z \sim \mathcal N(0, 1)$, normally distributed with mean 0 and standard deviation 1,
# into a sample. Ours can only stretch and shift:
#
# $$ G(z) = a z + b $$
#
# The **discriminator** gives each number $x$ a *logit* $D(x)$: above zero it says "real", below zero "generated".
# It is a network with one hidden layer:
#
# $$ h = \tanh(x W + c), \qquad D(x) = h v + e $$
#
# The probability that it means is $\sigma(D(x))$, with $\sigma(t) = 1 / (1 + e^{-t})$.


# %%
def real_samples(n):
    return 3 + 0.5 * rng.standard_normal((n, 1))


def sigmoid(t):
    return 0.5 * (1 + np.tanh(t / 2))


HIDDEN = 16
W, c = rng.standard_normal((1, HIDDEN)), rng.standard_normal(HIDDEN)
v, e = np.zeros((HIDDEN, 1)), np.zeros(1)  # D(x) = 0 everywhere: no opinion yet
a, b = np.ones(1), np.zeros(1)  # G(z) = z: nothing learnt yet

# %% [markdown]
# ## What each of them wants
#
# The discriminator wants to be right about both kinds. With $\operatorname{E}$ for the mean over many samples, it
# descends the loss
#
# $$ L_D = -\operatorname{E} \log \sigma(D(x)) - \operatorname{E} \log\bigl(1 - \sigma(D(G(z)))\bigr). $$
#
# The generator wants its samples to be taken for real. It descends
#
# $$ L_G = -\operatorname{E} \log \sigma(D(G(z))). $$
#
# ## The derivatives, by hand
#
# Since $\frac{d}{dt} \log \sigma(t) = \sigma(-t)$, a batch of $n$ real samples pulls its logits $D_i$ with $\partial
# L_D / \partial D_i = -\sigma(-D_i) / n$, and a generated one pushes with $+\sigma(D_i) / n$: a sample that is judged
# rightly and firmly has little to say. From there the chain rule goes back through the layers, one line for each, and
# for the generator on through $x = a z + b$.


# %%
def forward(x):
    h = np.tanh(x @ W + c)
    return h, h @ v + e


def discriminator_gradients(real, fake):
    """Gradients of L_D with respect to W, c, v, e."""
    total = [0.0, 0.0, 0.0, 0.0]
    for x, sign in ((real, -1), (fake, +1)):
        h, logits = forward(x)
        g = sign * sigmoid(sign * logits) / len(x)  # dL/dD
        g_hidden = (g @ v.T) * (1 - h**2)  # through h v, then through tanh
        parts = x.T @ g_hidden, g_hidden.sum(axis=0), h.T @ g, g.sum(axis=0)
        total = [t + p for t, p in zip(total, parts, strict=True)]
    return total


# %%
def generator_gradients(z):
    """Gradients of L_G with respect to a, b."""
    h, logits = forward(a * z + b)
    g = -sigmoid(-logits) / len(z)
    g_x = ((g @ v.T) * (1 - h**2)) @ W.T  # which way should each sample move?
    return (g_x * z).sum(axis=0), g_x.sum(axis=0)


# %% [markdown]
# ## The game
#
# In turns: the discriminator improves a little, then the generator does, against the discriminator as it is now.

# %%
STEPS, BATCH, LR_D, LR_G = 600 if FAST else 3000, 256, 0.2, 0.05
SHOWN = [0, STEPS // 60, STEPS // 20, STEPS // 4, STEPS - 1]
history, snapshots = [], []

for step in range(STEPS):
    if step in SHOWN:
        snapshots.append((step, [p.copy() for p in (W, c, v, e, a, b)]))
    fake = a * rng.standard_normal((BATCH, 1)) + b
    for p, g in zip((W, c, v, e), discriminator_gradients(real_samples(BATCH), fake), strict=True):
        p -= LR_D * g
    for p, g in zip((a, b), generator_gradients(rng.standard_normal((BATCH, 1))), strict=True):
        p -= LR_G * g
    history.append((abs(a[0]), b[0]))

history = np.array(history)
spread, centre = history[-STEPS // 6 :].mean(axis=0)
print(f"the generator makes N({centre:.2f}, {spread:.2f}^2); the data are N(3, 0.5^2)")

# %% [markdown]
# ## The picture
#
# Green is the density of the data, violet that of the generator, blue the probability that the discriminator
# gives to "real". It points the way; the generator follows, overshoots, and comes back. In the end the two densities
# lie on each other and there is nothing left to tell apart: the blue line is near one half wherever there are data.


# %%
def density(x, mean, std):
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
grid = np.linspace(-3, 6, 400)[:, None]
for axis, (step, (W_, c_, v_, e_, a_, b_)) in zip(axes.flat, snapshots, strict=False):
    axis.plot(grid, density(grid, 3, 0.5), color=GREEN, label="real")
    axis.plot(grid, density(grid, b_, abs(a_)), color=VIOLET, label="generated")
    axis.plot(grid, sigmoid(np.tanh(grid @ W_ + c_) @ v_ + e_), color=BLUE, label="D says real")
    axis.set(title=f"step {step}", xlabel="x", ylim=(0, 1.15))
last = axes.flat[-1]
for values, target, style, label in ((history[:, 1], 3, "-", "centre b"), (history[:, 0], 0.5, "--", "spread |a|")):
    last.plot(values, style, color=VIOLET, label=label)
    last.axhline(target, color=GREEN, linestyle=":")
last.set(title="the generator over time", xlabel="step")
for axis in (axes.flat[0], last):
    axis.legend(frameon=False, fontsize=8)
FIGURES.mkdir(exist_ok=True)
figure.savefig(FIGURES / "01_two_players.png", dpi=120)
print("figure:", FIGURES / "01_two_players.png")

# %% [markdown]
# ## What this chapter claims, asserted
#
# The derivatives by hand are those that the library computes (which calls these losses *non-saturating*; chapter 10
# says why), and the generator found the data.

# %%
import minigan as mg

loss = mg.gan.losses["non-saturating"]
W_, c_, v_, e_, a_, b_ = weights = [mg.Tensor(p, requires_grad=True) for p in (W, c, v, e, a, b)]
D = lambda x: mg.ops.tanh(x @ W_ + c_) @ v_ + e_
real, fake, z = real_samples(7), a * rng.standard_normal((5, 1)) + b, rng.standard_normal((6, 1))
by_hand = [*discriminator_gradients(real, fake), *generator_gradients(z)]
by_machine = mg.grad(loss.discriminator(D(mg.Tensor(real)), D(mg.Tensor(fake))), weights[:4])
by_machine += mg.grad(loss.generator(D(a_ * mg.Tensor(z) + b_)), weights[4:])
for one, other in zip(by_hand, by_machine, strict=True):
    np.testing.assert_allclose(one, other.numpy(), rtol=1e-10, atol=1e-12)
assert abs(centre - 3) < (0.5 if FAST else 0.1)
assert abs(spread - 0.5) < (0.5 if FAST else 0.1)

# %% [markdown]
# ## Exercises
#
# In `exercises/01.py`; `minigan chapters check 1` checks what you write, and `solutions/01.py` has the answers.
#
# 1. *Derive.* Show that for fixed $a, b$ the best logit is $D^*(x) = \log p(x) - \log q(x)$, with $p$ the density
#    of the data and $q$ that of the generator. (Minimise $L_D$ at each $x$ alone.) What is it when $p = q$?
# 2. *Predict, then run.* Set `LR_D = 0.05`, so that the opponent learns four times as slowly. Does the generator
#    still arrive, and does it stay?
# 3. *Find the bug.* A generator that walks away from the data: one sign is wrong. Which player was it helping?
# 4. *Fill in.* Let the generator descend $\operatorname{E} \log(1 - \sigma(D(G(z))))$ instead, the loss of the
#    original game: what is $\partial L_G / \partial D_i$ now? Start from `b = -5` with each of the two losses.
#
# ## What is not known
#
# Here the players happened to calm down; with `default_rng(2)` they have not after 3000 steps, and the spread is still
# 0.1. Whether and why such a game settles, with networks of millions of weights, nobody can say in advance.
