# %% [markdown]
# # 2. Derivatives by machine
#
# **What you will see.** Forty lines of Python that differentiate whatever is computed with them. The derivatives
# that chapter 1 worked out by hand become one call, and the same GAN trains to the same result.
#
# **How long it takes.** Five seconds on one core.
#
# **The number to expect.** The relative difference from the library's gradients is below $10^{-14}$: rounding.
#
# **What you need.** Chapter 1, and the chain rule.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
GREEN, VIOLET, BLUE, PINK = "#1a7f37", "#6f2c91", "#2f86f6", "#e8488f"  # real, generated, discriminator, gradients

# %% [markdown]
# ## A computation is a chain of small steps
#
# Chapter 1 went back through $L = -\log \sigma(\tanh(x W + c) v + e)$ one operation at a time, and each time did the
# same. It knew $g = \partial L / \partial y$ for the result $y$ of a step, and with the derivative of this one step,
# and nothing else, it found $\partial L / \partial a$ and $\partial L / \partial b$ for what went into it, $a$ and $b$:
#
# | step | rule back to $a$ | rule back to $b$ |
# |---|---|---|
# | $y = a + b$ | $g$ | $g$ |
# | $y = a b$, element by element | $g b$ | $g a$ |
# | $y = a b$, a matrix product | $g b^T$ | $a^T g$ |
# | $y = \tanh a$ | $g (1 - y^2)$ | |
# | $y = \log \sigma(a)$ | $g\, \sigma(-a)$ | |
# | $y = \frac{1}{n} \sum_i a_i$ | $g / n$ for each $a_i$ | |
#
# One rule for each kind of step is enough for all that is built from such steps. A `Tensor` is an array with a memory:
# the tensors it was made from, its *parents*, each with the rule that leads back to it. Through them a loss remembers
# everything down to the weights, as if on a *tape*. The table becomes code below, one line for each step.


# %%
class Tensor:
    """An array, and a pair (parent, rule) for each tensor that it was made from."""

    def __init__(self, data, *history):
        self.data = np.asarray(data, dtype=float)
        self.history = history


def fit(g, a):
    """Sum g over the axes along which NumPy repeated a: every copy of a bias sends its derivative back."""
    g = g.sum(axis=tuple(range(g.ndim - a.data.ndim)))
    return g.sum(axis=tuple(i for i, n in enumerate(a.data.shape) if n == 1), keepdims=True)


# %%
add = lambda a, b: Tensor(a.data + b.data, (a, lambda g: fit(g, a)), (b, lambda g: fit(g, b)))
multiply = lambda a, b: Tensor(a.data * b.data, (a, lambda g: fit(g * b.data, a)), (b, lambda g: fit(g * a.data, b)))
matmul = lambda a, b: Tensor(a.data @ b.data, (a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g))
tanh = lambda a: Tensor(y := np.tanh(a.data), (a, lambda g: g * (1 - y**2)))
sigmoid = lambda t: (1 + np.tanh(t / 2)) / 2  # as in chapter 1; log(sigmoid(t)) = -log(1 + exp(-t))
log_sigmoid = lambda a: Tensor(-np.logaddexp(0, -a.data), (a, lambda g: g * sigmoid(-a.data)))
mean = lambda a: Tensor(a.data.mean(), (a, lambda g: g * np.ones_like(a.data) / a.data.size))
Tensor.__add__, Tensor.__mul__, Tensor.__matmul__, Tensor.__neg__ = add, multiply, matmul, lambda a: a * Tensor(-1.0)

# %% [markdown]
# ## Back through the tape
#
# A tensor may be used more than once, as $W$ is for both batches. Its derivative is the *sum* of what comes back from
# all uses, and is passed on when the last has reported: put parents before children, and read backwards.


# %%
def in_order(tensor, seen):
    """Everything that `tensor` was made from, and then itself: parents come before children."""
    if tensor not in seen:
        for parent, _ in tensor.history:
            in_order(parent, seen)
        seen[tensor] = True  # a dict keeps the order in which it was filled
    return seen


def grad(output, inputs):
    """d output / d x for each x of inputs; output is a single number."""
    gradients = {output: np.ones(())}
    for y in reversed(in_order(output, {})):
        for parent, rule in y.history:
            gradients[parent] = gradients.get(parent, 0.0) + rule(gradients[y])
    return [gradients[x] for x in inputs]


# %% [markdown]
# That is all. Here is the tape of chapter 1's $L_D$ with one hidden unit, one real sample (green) and one generated
# (violet), for which $\log(1 - \sigma(D)) = \log \sigma(-D)$. Values, in the boxes, were computed to the right, and
# derivatives of the loss, in pink, to the left. Each weight (blue) is used in both rows, and gets the sum.

# %%
w, c, v, e = weights = [Tensor(t) for t in (0.8, -1.2, 1.5, -0.3)]
names = ["x", "× w", "+ c", "tanh", "× v", "+ e", "× ±1", "log σ"]
drawn = [(t, k, 0, name, BLUE) for t, k, name in zip(weights, (1, 2, 4, 5), "wcve", strict=True)]
for x, sign, colour in ((2.0, 1, GREEN), (0.5, -1, VIOLET)):
    steps = [h := Tensor(x), h := h * w, h := h + c, h := tanh(h), h := h * v, h := h + e]
    steps += [h := h * Tensor(sign), log_sigmoid(h)]
    drawn += [(t, k, sign, name, colour) for k, (t, name) in enumerate(zip(steps, names, strict=True))]
total = add(*(t for t, _, _, name, _ in drawn if name == "log σ"))
drawn += [(total, 8, 0, "sum", "0.4"), (-total, 9, 0, "loss", "0.4")]

# %%
figure, axis = plt.subplots(figsize=(10, 4.4), layout="constrained")
places, centred = {t: (k, row) for t, k, row, *_ in drawn}, {"ha": "center", "va": "center", "fontsize": 12}
pink = {"color": PINK, "weight": "bold", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1}}
arrow = {"arrowstyle": "->", "color": "0.6", "shrinkA": 24, "shrinkB": 26}
for (t, k, row, name, colour), g in zip(drawn, grad(drawn[-1][0], list(places)), strict=True):
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
    axis.text(k, row, f"{name}\n{t.data:.2f}", bbox=box, **centred)
    axis.text(k, row + (0.36 if row > 0 else -0.36), f"{g:+.2f}", **pink, **centred)
    for parent in {parent for parent, _ in t.history} & set(places):
        axis.annotate("", (k, row), places[parent], arrowprops=arrow, zorder=0)
axis.set(xlim=(-0.5, 9.5), ylim=(-1.5, 1.5), xticks=[], yticks=[], frame_on=False)
FIGURES.mkdir(exist_ok=True)
figure.savefig(FIGURES / "02_tape.png", dpi=120)

# %% [markdown]
# ## The GAN of chapter 1, without a derivative by hand
#
# The same seed, the same learning rates. What is left is what each player wants, $L_D = -\operatorname{E} \log
# \sigma(D(x)) - \operatorname{E} \log \sigma(-D(G(z)))$ and $L_G = -\operatorname{E} \log \sigma(D(G(z)))$.

# %%
D = lambda x, W, c, v, e: tanh(x @ W + c) @ v + e
d_loss = lambda real, fake, *weights: -(mean(log_sigmoid(D(real, *weights))) + mean(log_sigmoid(-D(fake, *weights))))
g_loss = lambda z, a, b, *weights: -mean(log_sigmoid(D(a * z + b, *weights)))
rng = np.random.default_rng(0)
weights = [Tensor(w) for w in (rng.standard_normal((1, 16)), rng.standard_normal(16), np.zeros((16, 1)), np.zeros(1))]
a, b, history = Tensor(np.ones(1)), Tensor(np.zeros(1)), []

# %%
for _ in range(600 if FAST else 3000):
    fake = Tensor(a.data * rng.standard_normal((256, 1)) + b.data)
    real = Tensor(3 + 0.5 * rng.standard_normal((256, 1)))
    for w, g in zip(weights, grad(d_loss(real, fake, *weights), weights), strict=True):
        w.data -= 0.2 * g
    z = Tensor(rng.standard_normal((256, 1)))
    for w, g in zip([a, b], grad(g_loss(z, a, b, *weights), [a, b]), strict=True):
        w.data -= 0.05 * g
    history.append([abs(a.data[0]), b.data[0]])
spread, centre = np.mean(history[-len(history) // 6 :], axis=0)
print(f"the generator makes N({centre:.2f}, {spread:.2f}^2)", "" if FAST else "as it did in chapter 1, by hand")

# %% [markdown]
# ## What this chapter claims, asserted
#
# The tape agrees with the library, on both losses and on a small network that uses $x$ and $A$ twice. The same three
# functions are differentiated by our tape, and then on the library's tensors with its operations in place of ours.

# %%
network = lambda x, A, B: mean(tanh(x @ A) + tanh(tanh(x @ A) @ B))
real, fake, z, x, A, B = (Tensor(rng.standard_normal(s)) for s in ((7, 1), (5, 1), (6, 1), (7, 4), (4, 6), (6, 6)))
cases = [(d_loss, [real, fake, *weights]), (g_loss, [z, a, b, *weights]), (network, [x, A, B])]
ours = [grad(f(*tensors), tensors) for f, tensors in cases]

import minigan as mg

tanh, mean, log_sigmoid = mg.ops.tanh, mg.ops.mean, lambda t: -mg.ops.softplus(-t)  # softplus(t) = log(1 + exp(t))
for (f, tensors), gradients in zip(cases, ours, strict=True):
    tensors = [mg.Tensor(t.data, requires_grad=True) for t in tensors]
    pairs = zip(gradients, mg.grad(f(*tensors), tensors), strict=True)
    difference = max(abs(g - m.numpy()).max() / abs(g).max() for g, m in pairs)
    print(f"{len(tensors)} gradients, the largest relative difference is {difference:.0e}")
    assert difference < 1e-14
assert FAST or (round(centre, 2), round(spread, 2)) == (3.0, 0.5)

# %% [markdown]
# ## Where the library begins
#
# `mg.grad` walks in the same way over the same rules, and adds three things. *No recursion:* `in_order` calls itself
# for each step of a path, and Python stops it after about a thousand; the library numbers tensors as they are made,
# and sorts. *Nothing in vain:* to move $a$ and $b$ we computed the derivatives of $D$'s weights too; the library visits
# only what lies on a path to what it is asked for. *Any order:* our rules compute with arrays, which have no history,
# so what they give cannot be differentiated again. Chapter 4 removes this limit.
#
# ## Exercises
#
# In `exercises/02.py`; `minigan chapters check 2` checks what you write, and `solutions/02.py` has the answers.
#
# 1. *Derive.* Why is the rule of a matrix product $g b^T$ and $a^T g$? (Write one element of $y = a b$ as a sum.)
# 2. *Fill in.* The rule of the softmax $y_i = e^{a_i} / \sum_j e^{a_j}$, where every $y_i$ depends on every $a_j$.
# 3. *Fill in.* Carry derivatives forward: how fast does $\tanh(x W) v$ change when $x$ moves with velocity $u$?
# 4. *Predict, then run.* `h = x`, then `h = h + h` twenty times: how many paths back, how many rules, which derivative?
# 5. *Find the bug.* Someone wrote the way back through $y = x + \tanh(x W)$ by hand. Half of it is missing.
#
# ## What is not known
#
# Backwards and forwards are two of many orders in which the factors of the chain rule can be multiplied. Backwards is
# nearly the best for one loss and many weights. In general, finding the best is NP-complete (Naumann 2008,
# doi:10.1007/s10107-006-0042-z); how much real networks could gain from a good one is an open question.
