# %% [markdown]
# # 8. The game
#
# **What you will see.** What the two players of a GAN would do if they were perfect. On a few points everything can be
# computed: the best discriminator, what the game is worth, what the generator then descends, and where nobody can gain.
#
# **How long it takes.** Three seconds on one core.
#
# **The number to expect.** $-\log 4 = -1.386$, the value of the game where nobody can gain any more.
#
# **What you need.** The losses of chapter 1, logarithms, and `mg.grad`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.plotting import DISCRIMINATOR, GENERATED, REAL

FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng = np.random.default_rng(0)

# %% [markdown]
# ## A world of twelve points
#
# The data take the values $x = 0, \ldots, 11$ with the probabilities $p(x)$, and the generator makes them with $q(x)$.
# The discriminator is a table: a logit $D(x)$ for each point. Nothing is sampled: a batch holds each point just as
# often as its probability says, so that means over the batch *are* expectations. In the original game (Goodfellow et
# al. 2014, arXiv:1406.2661) one number is at stake, the *value*
#
# $$ V = \operatorname{E}_p \log \sigma(D(x)) + \operatorname{E}_q \log(1 - \sigma(D(x))). $$
#
# The discriminator climbs it, the generator descends it. (Chapter 10 shows games in which a sign is wrong.)

# %%
x = np.arange(12)
bump = lambda centre, width: np.exp(-(((x - centre) / width) ** 2) / 2)
counts = np.round(1 + 100 * bump(2.5, 1.2) + 60 * bump(9, 1.5)), np.round(1 + 100 * bump(6, 2))
p, q = (n / n.sum() for n in counts)
real, fake = (mg.Tensor(np.eye(12)[np.repeat(x, n.astype(int))]) for n in counts)  # a row for each sample: (n, 12)
log_sigma = lambda t: -np.logaddexp(0, -t)  # -log(1 + exp(-t))
value = lambda D, p, q: p * log_sigma(D) + q * log_sigma(-D)  # what each point adds to V

# %% [markdown]
# ## The best discriminator
#
# Since $1 - \sigma(D) = \sigma(-D)$, each $x$ adds $p \log \sigma(D) + q \log \sigma(-D)$ to $V$, and a table may
# choose each $D(x)$ alone. The derivative $p\, \sigma(-D) - q\, \sigma(D)$ vanishes where
# $\sigma(D) / \sigma(-D) = e^D = p / q$. So
#
# $$ D^*(x) = \log \frac{p(x)}{q(x)}, \qquad \sigma(D^*) = \frac{p}{p + q}. $$
#
# Does learning find it? A table descends the library's loss.

# %%
table = mg.nn.Parameter(mg.Tensor(np.zeros((12, 1))).data)
loss, optimizer = mg.gan.losses["minimax"], mg.optim.SGD([table], lr=10.0)
for _ in range(3000):
    optimizer.step(mg.grad(loss.discriminator(real @ table, fake @ table), [table]))
learnt, best = table.numpy()[:, 0], np.log(p / q)
print(f"the largest difference from log p/q: {abs(learnt - best).max():.0e}")

# %% [markdown]
# ## What the game is worth
#
# With $D^*$ and the mean $m = \frac{p + q}{2}$,
#
# $$ V = \sum_x p \log \frac{p}{2 m} + q \log \frac{q}{2 m} = -\log 4 + \operatorname{KL}(p \| m)
#      + \operatorname{KL}(q \| m) = -\log 4 + 2 \operatorname{JSD}(p, q). $$
#
# $\operatorname{KL}(p \| m) = \sum_x p \log \frac pm$ is the Kullback-Leibler divergence of $p$ from $m$, and the mean
# of the two is the *Jensen-Shannon divergence*: 0 if $p = q$, else more, and at most $\log 2$.

# %%
kl = lambda p, q: np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0]))
jsd = lambda p, q: (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2
print(f"V = {value(best, p, q).sum():.12f} and -log 4 + 2 JSD = {-np.log(4) + 2 * jsd(p, q):.12f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
D = np.linspace(-5, 5, 201)
for i, colour, kind in ((2, REAL, "mostly real"), (4, "0.5", "between"), (6, GENERATED, "mostly generated")):
    left.plot(D, value(D, p[i], q[i]), color=colour, label=f"x = {i}, {kind}")
    left.plot(best[i], value(best[i], p[i], q[i]), "o", color=colour)
left.set(xlabel="logit D(x)", ylabel="what x adds to V", ylim=(-1, 0), title="V is greatest where D is log p/q")
right.bar(x - 0.2, p, 0.4, color=REAL, alpha=0.6, label="p, real")
right.bar(x + 0.2, q, 0.4, color=GENERATED, alpha=0.6, label="q, generated")
right.plot(x, p / (p + q), "_", color=DISCRIMINATOR, markersize=18, markeredgewidth=2, label="p / (p + q)")
right.plot(x, 1 / (1 + np.exp(-learnt)), "o", color=DISCRIMINATOR, markersize=6, label="σ(D), learnt")
right.set(xlabel="x", ylabel="probability", ylim=(0, 1), xticks=x, title="a table that has learnt")
left.legend(frameon=False, loc="lower center")
right.legend(frameon=False)
figure.savefig(FIGURES / "08_best.png", dpi=120)

# %% [markdown]
# ## What the generator descends
#
# Let the generator have a table, too: $q = \operatorname{softmax}(\theta)$. Its step holds $D$ fixed, at what is best
# against the $q$ of now. Since $V$ is level in $D$ there, it does not matter that $D^*$ would follow: the gradient is
# that of $-\log 4 + 2 \operatorname{JSD}$. The generator of chapter 1 descends $-\log \sigma(D) = -\log \sigma(-D) - D$
# instead. That is the opposite, and $\operatorname{E}_q(-D^*) = \operatorname{KL}(q \| p)$, where holding $D$ does not
# matter either, since $\sum_x q = 1$. So the gradients are those of
#
# $$ 2 \operatorname{JSD}(p, q) \qquad \text{and} \qquad \operatorname{KL}(q \| p) - 2 \operatorname{JSD}(p, q) $$
#
# (Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 2.5). It is half true that GANs minimise the Jensen-Shannon
# divergence: with the original loss, and while $D$ is the best. With the other it even enters with a minus sign.

# %%
softmax = lambda theta: np.exp(theta) / np.exp(theta).sum()
LOSSES = {"minimax": lambda D: log_sigma(-D), "non-saturating": lambda D: -log_sigma(D)}
gradient = lambda losses, q: q * (losses - q @ losses)  # of the mean of the losses of all points, with respect to theta
ways = {name: [q] for name in LOSSES}  # all q on the way
for name, way in ways.items():
    for _ in range(400):
        D = np.log(p / way[-1])
        way.append(softmax(np.log(way[-1]) - 2 * gradient(LOSSES[name](D), way[-1])))
error = lambda q: np.minimum(p, q).sum() / 2  # how often the best D is wrong, if half of the samples are real
for name, way in ways.items():
    print(f"{name:14} JSD {jsd(p, q):.3f} to {jsd(p, way[-1]):.0e}, error of D {error(q):.0%} to {error(way[-1]):.0%}")

# %% [markdown]
# ## Where nobody gains
#
# Both arrive at $q = p$. There $D^* = 0$ everywhere and $V = -\log 4$. Every other $D$ has a lower $V$, and against
# $D = 0$ no $q$ has another. Neither player gains by moving alone: a **Nash equilibrium**, and the only one, since for
# $q \ne p$ the generator gains by moving to where $D^*$ is highest. A text has it that this game "minimises the
# greatest error of $D$". It is about the least, that of the best $D$, and the generator *raises* it.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for (name, way), style in zip(ways.items(), ("-", "--"), strict=True):
    left.plot([value(np.log(p / q), p, q).sum() for q in way[:100]], style, color=GENERATED, label=name)
left.axhline(-np.log(4), color="0", linewidth=0.8, linestyle=":", label="-log 4")
left.set(xlabel="step of the generator", ylabel="V for the best D", title="the generator descends")
s, goal = np.linspace(0, 1, 101)[:, None], np.eye(12)[best.argmax()]
for name, q0, style in (("at the start", q, "--"), ("at q = p", p, "-")):
    D0 = np.log(p / q0)
    right.plot(s, value(D0 + 2 * s, p, q0).sum(axis=1), style, color=DISCRIMINATOR, label=f"D moves, {name}")
    right.plot(s, value(D0, p, q0 + s * (goal - q0)).sum(axis=1), style, color=GENERATED, label=f"q moves, {name}")
right.set(xlabel="s, how far one player moves alone", ylabel="V", title="D wants V high, q wants it low")
for axis in (left, right):
    axis.legend(frameon=False)
figure.savefig(FIGURES / "08_game.png", dpi=120)

# %% [markdown]
# On the right $D$ adds $2 s$ to all logits, or the share $s$ of all samples moves to where $D^*$ was highest at first.
# At the start (dashed) that pays for the generator, who wants $V$ low. At $q = p$ it pays for nobody.
#
# ## Too far apart
#
# And if $p$ and $q$ share no point? Then $m = \frac p2$ wherever $p > 0$, and $\operatorname{JSD} = \log 2$, at every
# distance. $D^*$ is infinite, $V = 0$, and being nearer is worth nothing. Chapters 10 and 12 are about this.

# %%
shifted = lambda d: np.pad(np.array([1, 2, 3, 2, 1]) / 9, (d, 20 - d))  # a triangle, five points wide
apart = [jsd(shifted(0), shifted(d)) for d in range(21)]
print("JSD of the triangle and itself moved by d:", ", ".join(f"{apart[d]:.3f} (d = {d})" for d in (1, 4, 5, 20)))

# %% [markdown]
# ## What this chapter claims, asserted

# %%
np.testing.assert_allclose(learnt, best, atol=1e-12)
logits = [mg.Tensor((batch.numpy() @ best)[:, None]) for batch in (real, fake)]
values = value(best, p, q).sum(), -loss.discriminator(*logits).item()
np.testing.assert_allclose(values, -np.log(4) + 2 * jsd(p, q), rtol=1e-12)
divergences = {"minimax": lambda q: 2 * jsd(p, q), "non-saturating": lambda q: kl(q, p) - 2 * jsd(p, q)}
for name, divergence in divergences.items():
    np.testing.assert_allclose(mg.gan.losses[name].generator(logits[1]).item(), q @ LOSSES[name](best), rtol=1e-12)
    around = [(softmax(np.log(q) + s), softmax(np.log(q) - s)) for s in 1e-5 * np.eye(12)]
    differences = [(divergence(up) - divergence(down)) / 2e-5 for up, down in around]
    np.testing.assert_allclose(gradient(LOSSES[name](best), q), differences, atol=1e-9)
    np.testing.assert_allclose(ways[name][-1], p, atol=1e-3)
    assert error(ways[name][0]) < 0.25 < 0.499 < error(ways[name][-1])
assert value(rng.normal(0, 3, (100, 12)), p, p).sum(axis=1).max() < -np.log(4)
np.testing.assert_allclose(value(0, p, rng.dirichlet(np.ones(12), size=100)).sum(axis=1), -np.log(4))
np.testing.assert_allclose(apart[5:], np.log(2), rtol=1e-14)

# %% [markdown]
# ## Exercises
#
# In `exercises/08.py`; `minigan chapters check 8` checks what you write, and `solutions/08.py` has the answers.
#
# 1. *Derive.* The best logit if real samples get the label 0.9 instead of 1. How large can it become?
# 2. *Derive.* The best $D$ for least squares, and what its generator then descends. Is it $\chi^2$, as is often said?
# 3. *Predict, then run.* Let the generator take 1000 steps against one and the same $D$. Where does it go?
# 4. *Find the bug.* A Jensen-Shannon divergence that is larger than $\log 2$.
#
# ## What is not known
#
# Real discriminators are neither tables nor the best. What the generator of a real GAN descends, while both networks
# learn, is no divergence that anyone could write down.
