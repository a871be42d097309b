# %% [markdown]
# # 12. The Wasserstein distance
#
# **What you will see.** The least work that moves one heap of sand onto another, found three times: by trying every
# plan, by sorting, and by a critic who moves nothing. Then what trained critics report instead of that number.
#
# **How long it takes.** Fifteen seconds on one core.
#
# **The number to expect.** The distance is 1.42; critics with clipped weights report anything from 0.0018 to 36.
#
# **What you need.** Chapter 1 (the game) and integrals. Chapter 13 explains the penalty itself.

# %%
import itertools
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.metrics import wasserstein_1d
from minigan.plotting import DISCRIMINATOR, GENERATED, REAL

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Moving sand
#
# Think of real samples $x$ and generated ones $y$ as two heaps of sand. To move a grain from $y$ to $x$ is work
# $|x - y|$. A *plan* is a joint distribution $\gamma$ of pairs $(x, y)$, with $x$ distributed like the data, $p$, and
# $y$ like the generator's $q$. The **Wasserstein distance** is the least work that turns one heap into the other:
#
# $$ W(p, q) = \inf_\gamma \operatorname{E}_{(x, y) \sim \gamma} |x - y| \qquad \text{(primal)} $$
#
# Single grains at 0 and $\theta$ are $|\theta|$ apart, while the divergence of chapter 8 is $\log 2$ for every
# $\theta \ne 0$. With $n$ grains on each side, some best plan keeps all grains whole (Birkhoff 1946); for seven we can
# try all $7! = 5040$. On a line there is no need to. Where two moves cross, swapping their ends is no more work. So it
# is best to send the smallest to the smallest, and so on up: to sort.

# %%
real, fake = np.array([-2.3, -1.6, -1.1, 0.1, 1.8, 2.2, 2.5]), np.array([-0.9, -0.5, -0.2, 0.3, 0.5, 1.0, 1.4])
plans = [abs(real - fake[list(plan)]).mean() for plan in itertools.permutations(range(7))]
by_sorting = abs(np.sort(real) - np.sort(fake)).mean()
print(f"the least work of {len(plans)} plans is {min(plans):.4f}, by sorting {by_sorting:.4f}")

# %% [markdown]
# ## The critic moves nothing
#
# Let $D$ nowhere rise or fall by more than 1 per unit of length (*1-Lipschitz*). Then for every plan
# $\operatorname{E}_p D - \operatorname{E}_q D = \operatorname{E}_\gamma [D(x) - D(y)]$ is at most
# $\operatorname{E}_\gamma |x - y|$: no such critic exceeds any plan. Kantorovich and Rubinstein showed that they meet:
#
# $$ W(p, q) = \sup_{|D'| \le 1} \left(\operatorname{E}_p D - \operatorname{E}_q D\right) \qquad \text{(dual)} $$
#
# A text calls the infimum over plans the loss of a Wasserstein GAN. But nobody plans there: the critic, a network,
# climbs in the dual problem. Our 14 grains leave 13 gaps, and the value is linear in the slope of $D$ on each, so
# slopes 1 and $-1$ are enough, and we can try all $2^{13}$ critics. But the best one is known. A rise of $D$ at $t$
# lifts the share $1 - F(t)$ of $p$ and $1 - G(t)$ of $q$, where $F$ and $G$ are the shares up to $t$. So
#
# $$ \operatorname{E}_p D - \operatorname{E}_q D = \int D'(t)\, \left(G(t) - F(t)\right) dt, \qquad
#    D'(t) = \operatorname{sign}\left(G(t) - F(t)\right) \text{ is best, and } W = \int |G - F| \, dt. $$

# %%
points = np.sort(np.concatenate([real, fake]))
slopes = np.array(list(itertools.product((-1, 1), repeat=13)))
D = np.cumsum(np.insert(slopes * np.diff(points), 0, 0, axis=1), axis=1)  # one critic a row, its value at each point
values = D[:, np.isin(points, real)].mean(axis=1) - D[:, np.isin(points, fake)].mean(axis=1)
print(f"the greatest value of {len(values)} critics is {values.max():.4f}")


def best_critic(real, fake):
    """All points in order, and there the values of a 1-Lipschitz critic that none surpasses; the least is 0."""
    points = np.sort(np.concatenate([real, fake]))
    F, G = (np.searchsorted(np.sort(x), points[:-1], side="right") / len(x) for x in (real, fake))
    D = np.insert(np.cumsum(np.sign(G - F) * np.diff(points)), 0, 0)
    return points, D - D.min()


# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(*best_critic(real, fake), color=DISCRIMINATOR, linewidth=2.5, label="best critic D")
lanes = np.linspace(-2, -0.4, 7)  # both samples are in order
left.quiver(fake, lanes, real - fake, 0 * lanes, color="0.6", angles="xy", scale_units="xy", scale=1, width=0.006)
left.plot(real, lanes, "o", color=REAL, markersize=10, label="real")
left.plot(fake, lanes, "s", color=GENERATED, markersize=9, label="generated")
left.set(xlabel="x", ylabel="D(x)", ylim=(-2.3, 4.1), yticks=range(4), title="the best plan climbs the best critic")
right.hist(values, bins=60, color=DISCRIMINATOR, label="8192 critics: E D(x) - E D(y)")
right.hist(plans, bins=60, color="0.6", label="5040 plans: work")
right.axvline(by_sorting, color="black", linestyle="--", label=f"W = {by_sorting:.3f}")
right.set(xlabel="value", ylabel="how many", ylim=(0, 650), title="no critic above W, no plan below")
for axis in (left, right):
    axis.legend(frameon=False, loc="upper left")
figure.savefig(FIGURES / "12_primal_and_dual.png", dpi=120)

# %% [markdown]
# ## Trained critics
#
# A Wasserstein GAN (Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875) trains a network to make
# $\operatorname{E}_p D - \operatorname{E}_q D$ large. Texts call this value the distance. But ten times the $D$ has ten
# times the value: only the supremum over 1-Lipschitz $D$ is the distance, so something must bound the slope. *Clipping*
# forces all weights and biases into $[-c, c]$ after each step. WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028) adds a
# *penalty* to the loss, $\lambda \operatorname{E} (|D'| - 1)^2$; *one-sided*,
# $\lambda \operatorname{E} \max(0, |D'| - 1)^2$, it lets small slopes be. We try them with the generator held still. A
# report *divided by the steepest slope* of its critic is honest: it cannot exceed $W$.

# %%
real = np.concatenate([rng.normal(-2, 0.4, 128), rng.normal(2, 0.4, 128)]).astype(np.float32)
fake = rng.normal(0.3, 0.7, 256).astype(np.float32)
W, grid = wasserstein_1d(real, fake), np.linspace(-4, 4, 4001)
x, y, on_grid = (mg.Tensor(a[:, None].astype(np.float32)) for a in (real, fake, grid))
wasserstein, penalties = mg.gan.losses["wasserstein"].discriminator, mg.gan.penalties  # loss: E D(y) - E D(x)


def train(penalty="none", clip=None):
    rng = np.random.default_rng(1)
    first, second, third = (mg.nn.Dense(m, n, rng=rng) for m, n in ((1, 64), (64, 64), (64, 1)))
    D = mg.nn.Sequential(first, mg.nn.LeakyReLU(), second, mg.nn.LeakyReLU(), third)
    optimizer = mg.optim.Adam(D.parameters(), lr=1e-3, betas=(0, 0.9))
    for _ in range(200 if FAST else 1000):
        loss = wasserstein(D(x), D(y)) + penalties[penalty](D, x, y, rng=rng, weight=10)
        optimizer.step(mg.grad(loss, D.parameters()))
        if clip:
            mg.gan.clip_weights(D, clip)
    return D


# %%
critics = {f"clipped, c = {c}": train(clip=c) for c in (0.01, 0.03, 0.1, 0.3)}
critics |= {"one-sided penalty": train("wgan-lp"), "two-sided penalty": train("wgan-gp"), "no bound": train()}
report = {name: -wasserstein(D(x), D(y)).item() for name, D in critics.items()}
steepest = {name: mg.gan.input_gradient_norm(D, on_grid.data).numpy().max() for name, D in critics.items()}
honest = {name: report[name] / steepest[name] for name in critics}
for name in critics:
    print(f"{name:17} reports {report[name]:9.4f}, honest {honest[name]:7.4f}, truth {W:.4f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
left.hist([real, fake], bins=40, density=True, histtype="stepfilled", color=[REAL, GENERATED], alpha=0.3)
left.plot(*best_critic(real, fake), color="black", linestyle="--", zorder=3, label="best critic")
shown = {"two-sided penalty": "0.6", "one-sided penalty": DISCRIMINATOR, "clipped, c = 0.01": "#d55e00"}
for name, colour in shown.items():
    heights = critics[name](on_grid).numpy()
    left.plot(grid, (heights - heights.min()) / steepest[name], color=colour, label=name)
left.set(title="critics, divided by their steepest slope", xlabel="x", xlim=(-3.5, 3.5), ylim=(0, 7.5))
right.axvline(W, color="black", linestyle="--", label=f"distance, {W:.2f}")
right.plot(report.values(), report.keys(), "o", color=DISCRIMINATOR, markersize=10, label="reported")
right.plot(honest.values(), honest.keys(), "D", color="white", markeredgecolor="black", label="made honest")
right.set_xscale("symlog", linthresh=1e-3, linscale=0.5)
right.set_xticks([-0.1, 0, 0.01, 1, 100], ["-0.1", "0", "0.01", "1", "100"])
right.set(title="what they report", xlabel="E D(x) - E D(y)")
left.legend(frameon=False)
right.legend(frameon=False, loc="center left")
figure.savefig(FIGURES / "12_critics.png", dpi=120)

# %% [markdown]
# **What clipping costs.** Nearly all weights end at $c$ or $-c$, and few functions are left: made honest, these critics
# see 1.28 of 1.42 at best. And with three layers slopes go like $c^3$: ten times the $c$, almost a thousand times the
# report. That slope is all that the generator is ever told; here it is between 0.0014 and 34.
#
# **What a penalty costs.** The report is too large. Between grains at 0 and $\theta > 0$ a critic $D(x) = \psi x$
# climbs $\psi \theta - \lambda (\psi - 1)^2$ up to $\psi = 1 + \theta / (2 \lambda)$, and reports $\psi \theta$: 1.52
# for $\theta = 1.42$ and $\lambda = 10$, and eight times the distance for $\lambda = 0.1$. And two-sided, it held $D$
# uphill on the left for good: on a line a slope changes its sign only through 0, which costs $\lambda$. One-sided
# (WGAN-LP; Petzka, Fischer, Lukovnikov 2018, arXiv:1709.08894), it lets it pass.
#
# ## What this chapter claims, asserted

# %%
np.testing.assert_allclose([min(plans), values.max()], by_sorting)
best = [np.interp(samples, *best_critic(real, fake)).mean() for samples in (real, fake)]
np.testing.assert_allclose([abs(np.sort(real) - np.sort(fake)).mean(), best[0] - best[1]], W, rtol=1e-5)
assert max(honest[name] for name in critics if "c =" in name) < 0.92 * W < honest["one-sided penalty"] < 1.001 * W
assert report["two-sided penalty"] < 0.5 * W < W < report["one-sided penalty"] < 1.1 * W < 0.1 * report["no bound"]
assert 0.001 < report["clipped, c = 0.01"] < 0.003 < 10 < report["clipped, c = 0.3"] < 60
assert 500 < report["clipped, c = 0.1"] / report["clipped, c = 0.01"] < 1000
assert (abs(critics["clipped, c = 0.01"].parameters()[2].numpy()) > 0.0099).mean() > 0.95
x, y = (mg.Tensor(np.array([[grain]])) for grain in (0.7, 0.0))
for weight, slope in (10, 1.035), (1, 1.35), (0.1, 4.5):  # 1 + theta / (2 weight), where the loss is level
    psi = mg.Tensor(np.array([[slope]]), requires_grad=True)
    penalty = mg.gan.gradient_penalty(lambda x, psi=psi: x @ psi, x, y, rng=rng, weight=weight)
    assert abs(mg.grad(wasserstein(x @ psi, y @ psi) + penalty, [psi])[0].item()) < 1e-12

# %% [markdown]
# ## Exercises
#
# In `exercises/12.py`; `minigan chapters check 12` checks what you write, and `solutions/12.py` has the answers.
#
# 1. *Derive.* What does a penalised critic report if real samples are at 0 and $d$, generated ones at 1 and $d + 1$?
# 2. *Fill in.* The distance between two histograms: the *earth mover's distance*.
# 3. *Predict, then run.* All real grains lie right of all generated ones. How many plans are best? Which critics?
# 4. *Find the bug.* A critic's step that clips, and yet bounds nothing.
#
# ## What is not known
#
# Why Wasserstein GANs work. Trained critics on images are often far from the distance, and a better approximation need
# not make better images (Stanczuk, Etmann, Kreusser, Schönlieb 2021, arXiv:2103.01678).
