# %% [markdown]
# # 7. SGD, momentum, RMSProp, Adam
#
# **What you will see.** Four ways to turn a gradient into a step, each in a few lines, walk down a narrow valley. Then
# two factors in Adam that look like a detail, and a GAN without them: half of its pixels are stuck after five steps.
#
# **How long it takes.** Ten seconds on one core.
#
# **The number to expect.** 15.8 learning rates: Adam's first step with $\beta = (0.5, 0.999)$, without its correction.
#
# **What you need.** What a gradient is; for the last experiment, the dense GAN of chapter 5.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.data import Batches, load
from minigan.models import models

FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng = np.random.default_rng(0)

# %% [markdown]
# ## A narrow valley, seen through a minibatch
#
# Training lowers a mean over many examples, $f(\theta) = \frac1n \sum_i f_i(\theta)$. Here an example is a point $x_i$
# of the plane that pulls $\theta$ towards itself, fifty times harder along one axis than along the other:
#
# $$ f_i(\theta) = \tfrac12 (\theta - x_i)^{\mathsf T} A\, (\theta - x_i), \qquad
#    \nabla f_i(\theta) = A\, (\theta - x_i), \qquad A = \mathrm{diag}(1, 50) $$
#
# The gradient of $f$ is the mean of all $\nabla f_i$. The mean over a **minibatch** of $B$ random examples is cheaper,
# right on the average, and its error falls like $1 / \sqrt B$. A popular text says that stochastic gradient descent
# updates one random gradient. But only the examples are random: they estimate the whole, and *all* parameters change.

# %%
CURVATURES = np.array([1.0, 50.0])
examples = rng.standard_normal((4096, 2))
examples -= examples.mean(axis=0)  # so that the minimum of f is at 0
gradient = lambda theta, batch=examples: CURVATURES * (theta - batch.mean(axis=0))
estimate = lambda theta: gradient(theta, examples[rng.integers(len(examples), size=16)])
start = np.array([-6.0, 1.0])
errors = {B: [gradient(start, b) - gradient(start) for b in examples.reshape(-1, B, 2)] for B in (1, 16, 256)}
print("std of the error:", {B: np.std(error, axis=0).round(2).tolist() for B, error in errors.items()})

# %% [markdown]
# ## Four optimizers
#
# Each is an endless loop that yields $\theta$ after every step. Let $g$ be the gradient at $\theta$, or its estimate.
# **SGD**, stochastic gradient descent, with **learning rate** $\eta$: $\theta \leftarrow \theta - \eta g$. Along an
# axis of curvature $a$ this multiplies the distance to the minimum by $1 - \eta a$. The steep axis needs $\eta < 2/50$,
# and then the flat one crawls. **Momentum** (Polyak 1964) lets steps that agree gather speed, and steps that alternate
# cancel: $v \leftarrow \mu v - \eta g$, $\theta \leftarrow \theta + v$. With $\mu = 0$ it is SGD.


# %%
def sgd(theta, gradient, lr, momentum=0):
    v = 0
    while True:
        v = momentum * v - lr * gradient(theta)
        theta = theta + v
        yield theta


# %% [markdown]
# **RMSProp** (Tieleman and Hinton 2012) divides each component of the gradient by its usual size, the root of a running
# mean of its square, $v \leftarrow \beta v + (1 - \beta) g^2$: it steps by $-\eta g / (\sqrt v + \epsilon)$, with a
# tiny $\epsilon$ against zeros. **Adam** (Kingma and Ba 2015) averages $g$ as well. But running means that start from
# zero are too small at first: if $g$ stays the same, $(1 - \beta^t) g$ after $t$ steps. So Adam divides by that factor:
#
# $$ m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
#    \theta \leftarrow \theta - \eta \frac{\hat m}{\sqrt{\hat v} + \epsilon}, \quad
#    \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t} $$


# %%
def rmsprop(theta, gradient, lr, beta=0.9, eps=1e-8):
    v = 0
    while True:
        g = gradient(theta)
        v = beta * v + (1 - beta) * g**2
        theta = theta - lr * g / (np.sqrt(v) + eps)
        yield theta


def adam(theta, gradient, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = v = 0
    for t in itertools.count(1):
        g = gradient(theta)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        theta = theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        yield theta


# %%
WAYS = {"SGD": (sgd, {"lr": 0.036}, "0.45"), "momentum": (sgd, {"lr": 0.02, "momentum": 0.8}, "#e69f00")}
WAYS |= {"RMSProp": (rmsprop, {"lr": 0.1}, "#009e73"), "Adam": (adam, {"lr": 0.3}, "#d55e00")}  # tuned by hand
walk = lambda way, f, **settings: np.array([start, *itertools.islice(way(start, f, **settings), 100)])
height = lambda theta: (CURVATURES * theta**2).sum(axis=-1) / 2
plane = np.stack(np.meshgrid(np.linspace(-6.5, 2, 200), np.linspace(-2, 2, 200)))
figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), layout="constrained", width_ratios=(3, 2))
for (left, right), f, kind in zip(axes, (gradient, estimate), ("exact", "minibatches of 16"), strict=True):
    left.contour(*plane, height(plane.transpose(1, 2, 0)), levels=np.geomspace(0.3, 100, 9), colors="0.85")
    for name, (way, settings, colour) in WAYS.items():
        thetas = walk(way, f, **settings)
        left.plot(*thetas.T, color=colour, marker=".", markersize=4, linewidth=1, label=name)
        right.semilogy(height(thetas), color=colour)
    left.set(title=f"gradient: {kind}", xlabel="flat axis", ylabel="steep axis", ylim=(-2, 2))
    right.set(title="height above the minimum", xlabel="step", ylabel="f", ylim=(1e-5, 1e3))
axes[0, 0].legend(frameon=False, ncols=4, loc="lower center")
figure.savefig(FIGURES / "07_valley.png", dpi=120)

# %% [markdown]
# SGD zigzags between the walls; momentum swings; RMSProp and Adam rescale the axes, so to them it is no valley. With
# minibatches none comes to rest: longer steps are faster, but kicked about harder in the end.
#
# ## Sixteen learning rates at once
#
# Under a constant gradient Adam's steps are one learning rate long. Uncorrected, step $t$ is longer by the factor $(1 -
# \beta_1^t) / \sqrt{1 - \beta_2^t}$. With $\beta_1 = 0.5$, $\beta_2 = 0.999$, as in most GANs, $m$ fills up in a few
# steps, $v$ in a thousand, and the factor is $0.5 / \sqrt{0.001} = 15.8$ at first, then 16.8. (Some programs divide by
# $1 - \beta$, without the power. That mends the first step, and the hundredth has 0.2 of its length.) Put into the
# learning rate of a dense GAN, such a factor sends pixels beyond $\pm 0.99$, where $\tanh$ is flat and they are stuck.
# SGD runs along: a popular text announces SGD, its code has Adam, and they are two things. SGD steps by $\eta$ times
# the gradient, Adam by about $\eta$ *whatever the gradient*.


# %%
def first_steps(optimizer, longer=lambda t: 1, **settings):
    data, rng = load("digits"), np.random.default_rng(0)
    noise = lambda n: mg.Tensor(rng.standard_normal((n, 100), dtype=np.float32))
    G, D = models["dense"](data.shape, 100, rng=rng)
    g_optimizer, d_optimizer = (optimizer(net.parameters(), lr=0.0002, **settings) for net in (G, D))
    batches, loss, shown = Batches(data, 64, rng), mg.gan.losses["non-saturating"], noise(200)
    samples = [G(shown).numpy()]  # before the first step, and below after each
    for t in range(1, 21):
        g_optimizer.lr = d_optimizer.lr = 0.0002 * longer(t)
        x, fake = mg.Tensor(next(batches)), G(noise(64)).detach()
        d_optimizer.step(mg.grad(loss.discriminator(D(x), D(fake)), D.parameters()))
        g_optimizer.step(mg.grad(loss.generator(D(G(noise(64)))), G.parameters()))
        samples.append(G(shown).numpy())
    return np.array(samples)


# %%
longer = lambda t: (1 - 0.5**t) / (1 - 0.999**t) ** 0.5
runs = {"Adam, uncorrected": first_steps(mg.optim.Adam, longer, betas=(0.5, 0.999))}
runs |= {"Adam": first_steps(mg.optim.Adam, betas=(0.5, 0.999)), "SGD": first_steps(mg.optim.SGD)}
moved = {name: np.abs(samples - samples[0]).mean(axis=(1, 2, 3, 4)) for name, samples in runs.items()}
stuck = {name: (np.abs(samples[5]) > 0.99).mean() for name, samples in runs.items()}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
left.loglog(np.arange(1, 5001), longer(np.arange(1, 5001)), "#d55e00")
left.set(title="Adam's steps, uncorrected", xlabel="step", ylabel="length / learning rate")
for name, colour in zip(runs, ("#d55e00", "0", "0.6"), strict=True):
    print(f"{name:17} pixels moved by {moved[name][1]:.4f} in the first step; {stuck[name]:.0%} stuck after five")
    right.semilogy(range(1, 21), moved[name][1:], color=colour, marker=".", label=name)
right.set(title="a dense GAN", xlabel="step", ylabel="change of pixels", xticks=range(0, 21, 5))
right.legend(frameon=False)
figure.savefig(FIGURES / "07_bias_correction.png", dpi=120)

# %% [markdown]
# ## What this chapter claims, asserted

# %%
assert max(np.abs(np.mean(error, axis=0)).max() for error in errors.values()) < 1e-12
np.testing.assert_allclose([np.std(errors[B], axis=0) * B**0.5 for B in errors], [CURVATURES] * 3, rtol=0.25)
np.testing.assert_allclose(walk(sgd, gradient, lr=0.036)[77], (1 - 0.036 * CURVATURES) ** 77 * start)
np.testing.assert_allclose([longer(1), longer(2), longer(100) / longer(1)], [15.811388, 16.774, 0.20497], rtol=1e-4)
np.testing.assert_allclose(walk(adam, gradient, lr=1)[1] - start, [1, -1], rtol=1e-6)
np.testing.assert_allclose(walk(adam, lambda x: 9 * gradient(x), lr=1), walk(adam, gradient, lr=1), atol=1e-5)
assert stuck["Adam, uncorrected"] > 0.4 > 0.01 > stuck["Adam"]
assert moved["Adam, uncorrected"][1] > 5 * moved["Adam"][1] > 500 * moved["SGD"][1]
for (way, settings, _), name in zip(WAYS.values(), ("SGD", "SGD", "RMSProp", "Adam"), strict=True):
    theta = mg.nn.Parameter(start.copy())
    optimizer = getattr(mg.optim, name)([theta], **settings)
    for ours in walk(way, gradient, **settings)[1:]:
        optimizer.step([mg.Tensor(gradient(theta.numpy()))])
        np.testing.assert_allclose(theta.numpy(), ours, rtol=1e-9, atol=1e-12)

# %% [markdown]
# ## Exercises
#
# Write yours into `exercises/07.py`; `minigan chapters check 7` compares.
#
# 1. *Derive.* Estimates on an axis are $a \theta$ plus noise of variance $\sigma^2$. What variance has SGD in the end?
# 2. *Fill in.* Nesterov's momentum takes the gradient where $v$ is about to carry $\theta$: at $\theta + \mu v$.
# 3. *Predict, then run.* Turn the valley by 45 degrees. Which of the four walk the same path, only turned?
# 4. *Find the bug.* RMSProp, as someone wrote it. Its first step is right.
#
# ## What is not known
#
# There are convex functions on which Adam never converges (Reddi, Kale, Kumar 2018, arXiv:1904.09237). Why it trains
# many networks far better than SGD, GANs among them, has several explanations and no agreed one. And a GAN is no
# valley: each player moves the ground under the other (chapter 9).
