# %% [markdown]
# # Solutions to chapter 12

# %%
import itertools

import numpy as np

import minigan as mg
from minigan.metrics import wasserstein_1d

# %% [markdown]
# **1. Derive.** The pairs $(0, 1)$ and $(d, d + 1)$ have distance 1, and their points fall on $[0, 1]$ and
# $[d, d + 1]$. The pair $(0, d + 1)$ spreads its points over all of $[0, d + 1]$, and $(d, 1)$ over $[1, d]$. So on
# $[0, 1]$ points have the density $\rho = \frac14 \left(1 + \frac{1}{d + 1}\right)$. There a slope $-s$ contributes
# $\frac{s}{2}$ to the difference and costs $\lambda \rho (s - 1)^2$, which is best for
#
# $$ s = 1 + \frac{1}{4 \lambda \rho} = 1 + \frac{d + 1}{\lambda (d + 2)}. $$
#
# The same holds on $[d, d + 1]$, and the difference is $\frac{s}{2} + \frac{s}{2}$. For $\lambda = 10$ and $d = 10$ it
# is 1.092, where the distance is 1. Between 1 and $d$ the distance asks for no slope at all, and the penalty for slope
# 1 or $-1$: the pairs of a batch are not those of the best plan.


# %%
def reported(d, weight):
    return 1 + (d + 1) / (weight * (d + 2))


# %% [markdown]
# **2. Fill in.** The integral of $|F - G|$: at each border between two bins, what has to be carried across it is the
# difference of all that lies to the left.


# %%
def histogram_distance(p, q):
    return abs(np.cumsum(p - q)).sum()


# %% [markdown]
# **3. Predict, then run.** Every grain has to go to the right, so the work of every plan is $\frac17 (\sum x - \sum
# y)$: all 5040 are best. Between the outermost grains $G > F$ everywhere, so only one critic is best, the one that
# rises throughout, $D(x) = x$.

# %% [markdown]
# **4. Find the bug.** It clips the gradients. That bounds each step, and a thousand steps go as far as they like. What
# has to stay within $[-c, c]$ are the weights, after the step.


# %%
def critic_step(weights, gradients, lr, c):
    return [np.clip(w - lr * g, -c, c) for w, g in zip(weights, gradients, strict=True)]


# %% [markdown]
# ## Checked another way
#
# The slopes by trying forty thousand of them at many points, the histograms by sorting all grains, the step by the
# library.


# %%
def inputs_of_critic_step(rng):
    shapes = [tuple(rng.integers(1, 4, 2)), tuple(rng.integers(1, 4, 1))]
    weights, gradients = ([rng.standard_normal(shape) for shape in shapes] for _ in range(2))
    return weights, gradients, rng.uniform(0.1, 1), rng.uniform(0.1, 1)


def inputs_of_histogram_distance(rng):
    return tuple(rng.dirichlet(np.ones(rng.integers(2, 7)), 2))


INPUTS = {
    "reported": lambda rng: (rng.uniform(1, 20), rng.uniform(0.1, 20)),
    "histogram_distance": inputs_of_histogram_distance,
    "critic_step": inputs_of_critic_step,
}

e = (np.arange(1100) + 0.5) / 1100  # every interpolation weight is as likely
points = np.concatenate([e * x + (1 - e) * y for x in (0, 10) for y in (1, 11)])
share = np.mean(points < 1)
tried = np.linspace(0, 4, 40_001)
best = tried[np.argmax(tried / 2 - 10 * share * (tried - 1) ** 2)]
np.testing.assert_allclose(reported(10, 10), best, atol=1e-4)
print(f"1: of forty thousand slopes none is better than {best:.4f}")

p, q = np.array([2, 0, 1, 3]), np.array([1, 4, 0, 3])
distance = histogram_distance(p / p.sum(), q / q.sum())
np.testing.assert_allclose(distance, wasserstein_1d(np.repeat(range(4), p), np.repeat(range(4), q)), rtol=1e-12)
print(f"2: the histograms are {distance:.4f} apart, as the sorted grains are")

fake = np.array([-0.9, -0.5, -0.2, 0.3, 0.5, 1.0, 1.4])
real = 2 + np.exp(fake)
work = [abs(real - fake[list(plan)]).mean() for plan in itertools.permutations(range(7))]
np.testing.assert_allclose(work, real.mean() - fake.mean())
points = np.sort(np.concatenate([real, fake]))
slopes = np.array(list(itertools.product((-1, 1), repeat=13)))
heights = np.cumsum(np.insert(slopes * np.diff(points), 0, 0, axis=1), axis=1)
values = heights[:, np.isin(points, real)].mean(axis=1) - heights[:, np.isin(points, fake)].mean(axis=1)
assert np.isclose(values, values.max()).sum() == 1
assert (slopes[values.argmax()] == 1).all()
print("3: all plans are best, and one critic")

weights, gradients, lr, c = inputs_of_critic_step(np.random.default_rng(0))
layer = mg.nn.Dense(1, 1, rng=np.random.default_rng(0))
layer.weight, layer.bias = (mg.nn.Parameter(w.copy()) for w in weights)
optimizer = mg.optim.SGD(layer.parameters(), lr)
optimizer.step([mg.Tensor(g) for g in gradients])
mg.gan.clip_weights(layer, c)
for ours, p in zip(critic_step(weights, gradients, lr, c), layer.parameters(), strict=True):
    np.testing.assert_allclose(ours, p.numpy(), rtol=1e-12)
    assert abs(ours).max() <= c
print("4: the step is the library's")
