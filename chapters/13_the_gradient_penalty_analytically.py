# %% [markdown]
# # 13. The gradient penalty, analytically
#
# **What you will see.** A penalty on a slope needs a derivative of a derivative, and yet one more pass forward is
# enough: twenty lines, without a tape. Then what batch norm does to it, and what a penalty in the wrong places.
#
# **How long it takes.** Fifteen seconds on one core.
#
# **The number to expect.** 200, not 1: the slope between real and generated samples, if no penalty is taken there.
#
# **What you need.** Chapter 4 (the derivative of a derivative); from chapter 12, why the slope of a critic should be 1.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.gan.penalties import GradientPenalty
from minigan.plotting import DISCRIMINATOR, GENERATED, REAL

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng, nn, penalties, slope = np.random.default_rng(0), mg.nn, mg.gan.penalties, mg.gan.input_gradient_norm

# %% [markdown]
# ## Two passes for the slope, a third for the penalty
#
# A critic has layers $s_l = a_{l-1} W_l + b_l$ for $l = 1, \dots, L$, with $a_0 = x$, an activation $a_l =
# \varphi(s_l)$ between them, and $D(x) = s_L$; samples are rows. One pass forward gives all $s_l$. One back gives $g_l
# = \partial D / \partial s_l$, as in chapter 1, from $g_L = 1$ down, and below the first layer the slope $J$:
#
# $$ g_l = \varphi'(s_l) \circ (g_{l+1} W_{l+1}^T), \qquad J = \nabla_x D(x) = g_1 W_1^T $$
#
# A sample pays $P = \lambda (|J| - 1)^2$. How does $P$ change with the weights? First, how does it change with $J$?
#
# $$ v = \frac{\partial P}{\partial J} = 2 \lambda (|J| - 1) \frac{J}{|J|}, \qquad dP = \langle v, dJ \rangle = d
# \langle v, J \rangle \text{ with } v \text{ held fixed} $$
#
# Now $\langle v, J \rangle$ is the speed at which $D$ changes if $x$ moves with velocity $v$. Speeds can be followed
# forwards: each layer hands on what comes in, times its own slope. This is the **tangent pass**:
#
# $$ t_0 = v, \qquad t_l = \varphi'(s_l) \circ (t_{l-1} W_l), \qquad \langle v, J \rangle = t_{L-1} W_L $$
#
# It is a network with the same weights, and a factor $\varphi'(s_l)$ in the place of $\varphi$. Let $\varphi$ be made
# of straight pieces, like LeakyReLU. Then a small change of the weights leaves the factors as they are, and $W_l$ acts
# only in the product $t_{l-1} W_l$. What comes back to it from above is $g_l$ again, through the same weights and
# factors. So by the rule of a matrix product (chapter 2)
#
# $$ \frac{\partial P}{\partial W_l} = t_{l-1}^T \, g_l, \qquad \frac{\partial P}{\partial b_l} = 0. $$


# %%
def penalty_and_gradients(parameters, x, weight=10.0, kink=0.2):
    """P, its mean over samples x (n, k), and dP/dW for each W of [W, b, W, b, ...]; LeakyReLU of slope 1 or `kink`."""
    weights, a, slopes = parameters[::2], x, []
    for W, b in zip(weights[:-1], parameters[1:-1:2], strict=True):  # 1. forward
        s = a @ W + b
        slopes.append(np.where(s > 0, 1, kink))
        a = slopes[-1] * s
    g = [np.ones((len(x), 1))]  # 2. back: g_L, then those below
    for W, slope in zip(weights[:0:-1], slopes[::-1], strict=True):
        g.insert(0, slope * (g[0] @ W.T))
    J = g[0] @ weights[0].T
    length = np.linalg.norm(J, axis=1, keepdims=True)
    t, gradients = 2 * weight * (length - 1) * J / length / len(x), []  # v of each sample's share in the mean
    for W, g_l, slope in zip(weights, g, [*slopes, 1], strict=True):  # 3. forward again
        gradients.append(t.T @ g_l)
        t = slope * (t @ W)
    return weight * np.mean((length - 1) ** 2), gradients


# %% [markdown]
# Three others should agree: double backward, which records pass 2 and differentiates it (chapter 4); the library
# (`minigan/gan/analytic.py`), which takes convolutions too, and curved $\varphi$, where $\varphi'(s_l)$ moves with the
# weights below and a fourth pass is needed (exercise 1); and a difference of $P$ itself when all weights and biases
# move in a random direction (chapter 3).


# %%
def critic(k, phi, *norm):
    """Three dense layers with random biases, and perhaps a normalisation after the first; in float64."""
    first, second, third = (nn.Dense(m, n, rng=rng) for m, n in ((k, 64), (64, 64), (64, 1)))
    D = nn.Sequential(first, *norm, phi(), second, phi(), third).to(dtype=np.float64)
    for b in D.parameters()[1::2]:
        b.data[...] = mg.Tensor(rng.standard_normal(b.shape)).data
    return D


D, x, penalty = critic(5, nn.LeakyReLU), mg.Tensor(rng.standard_normal((64, 5))), penalties["wgan-gp"]
parameters = [p.numpy() for p in D.parameters()]
_, ours = penalty_and_gradients(parameters, x.numpy())
twice = mg.grad(penalty(D, x, x, rng=rng), D.parameters()[::2])  # at points between x and x: at x
closed = penalty.gradients(D, x, x, rng=rng)[1]

# %%
errors = [abs(a - b.numpy()).max() for other in (twice, closed[::2]) for a, b in zip(ours, other, strict=True)]
moves = [rng.standard_normal(p.shape) for p in parameters]
moved = lambda h: penalty_and_gradients([p + h * move for p, move in zip(parameters, moves, strict=True)], x.numpy())[0]
rise, by_difference = sum(map(np.vdot, ours, moves[::2])), (moved(1e-6) - moved(-1e-6)) / 2e-6
print(f"errors up to {max(errors):.0e}; in a random direction P rises by {rise:.8f}, by difference {by_difference:.8f}")

# %% [markdown]
# ## Why not batch norm
#
# All this takes for granted that $D(x_i)$ depends on $x_i$ alone. Only then is the gradient of $\sum_i D(x_i)$, which
# pass 2 computes in one go, the slope at each sample. Batch norm divides by statistics of the whole batch, so all
# $\partial D(x_i) / \partial x_j$ differ from zero, and pass 2 gives their sum over $i$. Layer norm looks at one sample
# only. Here are the lengths of all these derivatives for eight samples.

# %%
few, lengths = mg.Tensor(rng.standard_normal((8, 2)), requires_grad=True), {}
norms = {"no norm": [], "layer norm": [nn.LayerNorm(64)], "batch norm": [nn.BatchNorm(64)]}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for axis, (name, norm) in zip(axes, norms.items(), strict=True):
    D = critic(2, nn.LeakyReLU, *norm)
    rows = [mg.grad(D(few), [few], mg.Tensor(one[:, None]))[0].numpy() for one in np.eye(8)]
    lengths[name] = np.linalg.norm(rows, axis=2)
    axis.imshow(lengths[name], cmap="RdPu", vmin=0)
    axis.set(title=name, xlabel="moved sample j", ylabel="judged sample i")
figure.savefig(FIGURES / "13_batch_norm.png", dpi=120)
seen = slope(lambda x: D(x), few.data).numpy()  # a lambda, or else the library would refuse
print("batch norm: slopes", np.diag(lengths["batch norm"]).round(2), "are taken for", seen.round(2))

# %% [markdown]
# With batch norm just before the last layer, the $D(x_i)$ even have a constant sum. Its gradient is zero: whatever the
# critic does, every sample pays $\lambda (0 - 1)^2$. The library refuses critics with batch norm under a penalty.
#
# ## Where the slope is taken
#
# WGAN-GP takes it at random points between, $\hat x = e x + (1 - e) G(z)$ with one $e \in [0, 1)$ for each pair of a
# real sample and a generated one. A popular article has it at real samples and at generated ones instead, and one
# annotated program sets $e = 1$ below the right formula. Here are real samples around $(2, 0)$, generated ones around
# $(-2, 0)$, and four critics that differ only in where they pay.


# %%
def train(points):
    D, rng, penalty = critic(2, nn.Tanh), np.random.default_rng(0), GradientPenalty()
    penalty.points, optimizer = points, mg.optim.Adam(D.parameters(), lr=1e-3, betas=(0, 0.9))
    for _ in range(200 if FAST else 1000):
        real, fake = (mg.Tensor(rng.normal((centre, 0), 0.3, (128, 2))) for centre in (2, -2))
        by_loss = mg.grad(mg.gan.losses["wasserstein"].discriminator(D(real), D(fake)), D.parameters())
        optimizer.step([a + b for a, b in zip(by_loss, penalty.gradients(D, real, fake, rng=rng)[1], strict=True)])
    return D


# %%
real, fake = (rng.normal((centre, 0), 0.3, (400, 2)) for centre in (2, -2))
way, slopes, report = np.linspace(-0.2, 1.2, 57), {}, {}
places = {"between": "wgan-gp", "at both": "r1+r2", "at real samples": "r1", "at generated samples": "r2"}
figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
for (place, name), colour in zip(places.items(), (DISCRIMINATOR, "#d55e00", REAL, GENERATED), strict=True):
    D = train(penalties[name].points)
    report[place] = (D(mg.Tensor(real)).mean() - D(mg.Tensor(fake)).mean()).item()
    slopes[place] = np.array([slope(D, mg.Tensor(fake + t * (real - fake)).data).numpy().mean() for t in way])
    axis.semilogy(way, slopes[place], color=colour, linewidth=2, label=f"penalty {place}")
    print(f"penalty {place:20s} reports {report[place]:5.1f}, steepest {slopes[place].max():5.1f}")
axis.set(ylim=(0.1, 2000), xticks=[0, 0.5, 1], xticklabels=["generated", "halfway", "real"], ylabel="mean slope |J|")
axis.axhline(1, color="black", linestyle=":")
axis.legend(frameon=False, ncols=2, loc="upper center")
figure.savefig(FIGURES / "13_points.png", dpi=120)

# %% [markdown]
# The heaps are 4 apart, yet three critics report a distance of 140 (chapter 12): where nobody pays, a cliff costs
# nothing. And if only real samples pay, the slope at the generated ones is nearly 0, and from it the generator learns
# nothing. (R1 and R2 take the slope there with another goal, 0, to calm the game as in chapter 9. They charge
# $\frac{\gamma}{2} \operatorname{E} |J|^2$; some programs leave out the $\frac12$.)
#
# ## What this chapter claims, asserted

# %%
assert max(errors) < 1e-12
assert not any(b.numpy().any() for b in closed[1::2])
np.testing.assert_allclose(by_difference, rise, rtol=1e-6)
assert [length[~np.eye(8, dtype=bool)].any() for length in lengths.values()] == [False, False, True]
mixing = nn.Sequential(nn.Dense(2, 64, rng=rng), nn.BatchNorm(64), nn.Dense(64, 1, rng=rng)).to(dtype=np.float64)
np.testing.assert_allclose(penalty(lambda x: mixing(x), few, few, rng=rng).item(), 10)
r1 = penalties["r1"](D, few, few, rng=rng, weight=3).item()
np.testing.assert_allclose(r1, 3 / 2 * np.mean(slope(D, few.data).numpy() ** 2))
assert slopes["between"].max() < 1.3 < 20 < min(slopes[place].max() for place in list(places)[1:])
assert FAST or (report["between"] < 5 and 180 < slopes["at both"].max() < 230 and slopes["at real samples"][8] < 0.1)

# %% [markdown]
# ## Exercises
#
# In `exercises/13.py`; `minigan chapters check 13` checks what you write, and `solutions/13.py` has the answers.
#
# 1. *Derive.* The fourth pass: how the penalty moves $W$, $b$ and $w$ if $D(x) = \tanh(x W + b) \, w$.
# 2. *Fill in.* The $v$ of the one-sided penalty, for images, and finite where the slope is zero.
# 3. *Predict, then run.* Double $W_2$ and $b_2$. What becomes of $|J|$, and of its derivatives by $W_1, W_2, W_3$?
# 4. *Find the bug.* A penalty that a critic of slope one has to pay.
#
# ## What is not known
#
# Which slope to ask for, and where. With R1, training is known to converge near the solution; with WGAN-GP it need not
# even on the Dirac-GAN of chapter 9 (Mescheder, Geiger and Nowozin 2018). Both make good images.
