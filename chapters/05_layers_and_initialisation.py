# %% [markdown]
# # 5. Layers and initialisation
#
# **What you will see.** One number, the size of the random weights that a network starts from, decides whether a
# signal survives twenty layers, and whether a small GAN draws many digits, the same one over and over, or noise.
#
# **How long it takes.** A minute on one core.
#
# **The number to expect.** Twenty layers of 784 with ReLU multiply a signal by $9 \cdot 10^{-9}$ if their weights are
# drawn from $\mathcal N(0, 0.02^2)$, by $1/1024$ with Glorot's rule, by 1 with He's.
#
# **What you need.** Chapter 1, and that the variances of independent numbers add up.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.data import Batches, load
from minigan.plotting import GENERATED, GRADIENT, REAL, image_grid

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng, nn = np.random.default_rng(0), mg.nn

# %% [markdown]
# ## A dense layer
#
# A **dense layer** takes a batch $x$ of shape `(N, in)` to $y = x W + b$ of shape `(N, out)`: each output is a weighted
# sum of all inputs. Two in a row would only be one, with the weights $W_1 W_2$. So an **activation** stands between,
# applied to each number alone: the ReLU, $\max(y, 0)$; the leaky ReLU, which keeps a fifth of what is negative; and
# $\tanh$. The biases $b$ start at zero. The weights must not: units with equal weights get equal gradients and stay
# equal for ever. So weights start at random. How large?
#
# ## What happens to the variance
#
# An output $y_j = \sum_i h_i W_{ij}$ sums over $n_{\text{in}}$ inputs. If the weights are independent, with mean 0 and
# variance $s^2$, squares add up: $\operatorname{E} y_j^2 = n_{\text{in}}\, s^2 \operatorname{E} h^2$. The inputs come
# from a ReLU, $h = \max(y', 0)$. Since $y'$ is as often below 0 as above, $\operatorname{E} h^2$ is half of
# $\operatorname{E} y'^2$. A gradient $g$ goes back to $g'$ through the same weights and the same half:
#
# $$ \operatorname{E} y^2 = \frac{n_{\text{in}}\, s^2}{2} \operatorname{E} y'^2, \qquad
#    \operatorname{E} g'^2 = \frac{n_{\text{out}}\, s^2}{2} \operatorname{E} g^2. $$


# %%
def forward(y, weights):
    """The values before and after each layer; a layer is a ReLU, then weights."""
    ys = [y]
    for W in weights:
        ys.append(np.maximum(ys[-1], 0) @ W)
    return ys


def backward(g, weights, ys):
    """The gradients with respect to all ys, from g, that with respect to the last."""
    gs = [g]
    for W, y in zip(weights[::-1], ys[-2::-1], strict=True):
        gs.insert(0, (gs[0] @ W.T) * (y > 0))
    return gs


# %% [markdown]
# Usual rules: **Glorot and Bengio** (2010) take $s^2 = 2 / (n_{\text{in}} + n_{\text{out}})$, a compromise of both
# directions for layers without ReLU. **He and others** (2015) take $2 / n_{\text{in}}$, the first formula above solved
# for a factor of 1. **DCGAN** (2015; chapter 14) takes $0.02^2$, whatever the sizes. $0.1^2$ stands for "too large".

# %%
WIDTH, LAYERS = 784, 20
normal = lambda std: lambda shape, n_in, n_out, rng: (std * rng.standard_normal(shape)).astype(np.float32)
RULES = {"N(0, 0.1²)": (normal(0.1), 0.1**2), "He": (nn.he_normal, 2 / WIDTH)}
RULES |= {"Glorot": (nn.glorot_normal, 1 / WIDTH), "N(0, 0.02²)": (nn.dcgan_normal, 0.02**2)}
there, back, theory = {}, {}, {}
for name, (rule, variance) in RULES.items():
    weights = [rule((WIDTH, WIDTH), WIDTH, WIDTH, rng) for _ in range(LAYERS)]
    y, g = rng.standard_normal((2, 64, WIDTH), dtype=np.float32)
    ys = forward(y, weights)
    there[name], back[name] = ([a.std() for a in arrays] for arrays in (ys, backward(g, weights, ys)))
    theory[name] = (WIDTH * variance / 2) ** (np.arange(LAYERS + 1) / 2)
    print(f"{name:12} twenty layers multiply by {theory[name][-1]:.2g}; measured {there[name][-1]:.2g}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
for name, marker in zip(RULES, "^os*", strict=True):
    left.semilogy(theory[name], "-", there[name], marker, color="0.25", linewidth=0.8, markersize=5)
    right.semilogy(theory[name][::-1], "-", back[name], marker, color=GRADIENT, linewidth=0.8, markersize=5)
    left.text(LAYERS + 0.6, there[name][-1], name, va="center")
    right.text(-0.6, back[name][0], name, va="center", ha="right")
axes = {"xlabel": "after layer", "xticks": range(0, LAYERS + 1, 5)}
left.set(title="the signal, on its way forward", ylabel="standard deviation", xlim=(-1, LAYERS + 6), **axes)
right.set(title="the gradient, on its way back", xlim=(-6, LAYERS + 1), **axes)
figure.savefig(FIGURES / "05_variance.png", dpi=120)

# %% [markdown]
# Lines are the formula, marks measured. At $s = 0.02$ the first layer's gradient is a hundred million times weaker than
# the last one's. (DCGAN lives with it: after each layer *batch norm*, also in chapter 14, restores the scale.)
#
# ## A dense GAN for digits
#
# Three dense layers in each network, with 784 hidden units: a popular first GAN, here for the 8 x 8 digits that come
# with the library. Images are `(N, 8, 8, 1)`, a dense layer wants `(N, 64)`, and popular tutorials forget it. One feeds
# images straight into a dense layer, which fails. Another never flattens, in a discriminator of dense layers. In Keras
# these act on the last axis, so it runs, but it *judges each pixel by itself*: shuffle the pixels of a digit, and the
# same verdicts come out in another order. On the average it cannot tell a digit from its confetti.

# %%
data = load("digits")
digits = data.batch(np.arange(len(data)))  # pixels in [-1, 1]
try:
    nn.Dense(64, 1, rng=rng)(digits)
except ValueError as error:
    print(error)
real = digits.reshape(-1, 64)
confetti = real[:, rng.permutation(64)]
judge = nn.Sequential(nn.Dense(1, 256, rng=rng), nn.LeakyReLU(0.2), nn.Dense(256, 1, rng=rng))
on_digits, on_confetti = (judge(x.reshape(-1, 1)).numpy().reshape(-1, 64).mean(axis=1) for x in (real, confetti))
print(f"largest difference between verdicts on digits and confetti: {np.abs(on_digits - on_confetti).max():.0e}")

# %% [markdown]
# `nn.Flatten()` in front mends both. Here is the GAN, with the loop of chapter 1 in the library's words (Adam is the
# subject of chapter 7). Its **spread** is the variance of its pixels as a share of that of real digits.


# %%
def train(init, steps, batch=64):
    """500 samples of the generator, before and after training."""
    rng = np.random.default_rng(0)
    noise = lambda n: mg.Tensor(rng.standard_normal((n, 100), dtype=np.float32))
    dense = lambda n_in, n_out: nn.Dense(n_in, n_out, rng=rng, init=init)
    G = nn.Sequential(dense(100, 784), nn.ReLU(), dense(784, 784), nn.ReLU(), dense(784, 64), nn.Tanh())
    leaky = nn.LeakyReLU(0.2)
    D = nn.Sequential(nn.Flatten(), dense(64, 784), leaky, dense(784, 784), leaky, dense(784, 1))
    g_optimizer, d_optimizer = (mg.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (G, D))
    batches, loss, shown = Batches(data, batch, rng), mg.gan.losses["non-saturating"], noise(500)
    first = G(shown).numpy()
    for _ in range(steps):
        x, fake = mg.Tensor(next(batches)), G(noise(batch)).detach()  # a constant to D
        d_optimizer.step(mg.grad(loss.discriminator(D(x), D(fake)), D.parameters()))
        g_optimizer.step(mg.grad(loss.generator(D(G(noise(batch)))), G.parameters()))
    return first, G(shown).numpy()


# %%
STEPS = 40 if FAST else 600
starts = {"He": nn.he_normal, "N(0, 0.02²)": nn.dcgan_normal, "N(0, 1)": normal(1.0)}
samples = {name: train(init, STEPS) for name, init in starts.items()}
spread = {name: last.var(axis=0).sum() / real.var(axis=0).sum() for name, (_, last) in samples.items()}
pictures = {"real digits": real} | {f"{name}: spread {spread[name]:.2f}": x for name, (_, x) in samples.items()}
print(*pictures, sep="\n")
figure, axes = plt.subplots(1, 4, figsize=(12, 3.5), layout="constrained")
for axis, (title, x) in zip(axes, pictures.items(), strict=True):
    axis.imshow(image_grid(x[:64].reshape(-1, 8, 8, 1)), cmap="gray")
    axis.set_title(title, color=REAL if x is real else GENERATED)
    axis.axis("off")
figure.savefig(FIGURES / "05_dense_gan.png", dpi=120)

# %% [markdown]
# From **He's** start the pixels vary at once, and digits emerge. From **$\mathcal N(0, 0.02^2)$** their deviation is
# $\sqrt{100} \cdot 0.02 = 0.2$ after the first layer, of 100 inputs, and $0.2 \cdot 0.396^2 = 0.03$ after the third:
# to the discriminator all samples are one, all are pushed the same way, and the generator draws one thing. (In six more
# runs the spread was 0.38 to 0.74 from He's start, below 0.04 from this one; 300 steps later it was 0.49 in one.) From
# **$\mathcal N(0, 1)$**, $\tanh$ gets thousands. Its values $y$ are $\pm 1$ to the last bit, its slope $1 - y^2$ is 0.
#
# ## What this chapter claims, asserted

# %%
np.testing.assert_allclose([theory[name][-1] for name in RULES], [3.92**10, 1, 1 / 1024, 0.1568**10])
for name in RULES:
    np.testing.assert_allclose([there[name], back[name][::-1]], [theory[name]] * 2, rtol=0.5)  # at every layer
np.testing.assert_allclose(on_digits, on_confetti, atol=1e-6)
np.testing.assert_allclose(samples["N(0, 0.02²)"][0].std(), 0.2 * 0.1568, rtol=0.1)
assert (np.abs(samples["N(0, 1)"][0]) == 1).mean() > 0.99
assert FAST or spread["N(0, 0.02²)"] < 0.2 < 0.3 < spread["He"] < 1 < spread["N(0, 1)"]
layers = [layer for _ in range(5) for layer in (nn.ReLU(), nn.Dense(30, 30, rng=rng))]
network = nn.Sequential(*layers).to(dtype="float64")
weights = [layer.weight.numpy() for layer in layers[1::2]]
x, g = (mg.Tensor(a, requires_grad=True) for a in rng.standard_normal((2, 7, 30)))
ys = forward(x.numpy(), weights)
np.testing.assert_allclose(network(x).numpy(), ys[-1], rtol=1e-10, atol=1e-12)
(to_x,) = mg.grad(network(x), [x], g)
np.testing.assert_allclose(to_x.numpy(), backward(g.numpy(), weights, ys)[0], rtol=1e-10, atol=1e-12)

# %% [markdown]
# ## Exercises
#
# Write yours into `exercises/05.py`; `minigan chapters check 5` compares.
#
# 1. *Derive.* He's variance for the leaky ReLU, which multiplies what is negative by $\alpha$.
# 2. *Fill in.* Let the data choose: scale given weights, layer by layer, so that every layer keeps the spread at 1.
# 3. *Predict, then run.* At which width is $\mathcal N(0, 0.02^2)$ He's rule? Set `WIDTH` to it, and `LAYERS` to 3.
# 4. *Find the bug.* Someone's Glorot initialiser, whose weights come out too small.
#
# ## What is not known
#
# The formulas hold at the first step. Training ties the weights to each other and to the data, and what a good start
# does to the path after it is understood for very wide networks at best, for two networks in a game hardly at all.
