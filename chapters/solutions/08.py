# %% [markdown]
# # Solutions to chapter 8

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** At each $x$ the sum is $r p \log \sigma(D) + ((1 - r) p + q) \log \sigma(-D)$: the old one, with $r p$
# in the place of $p$ and $(1 - r) p + q$ in that of $q$. So $D^* = \log \frac{r p}{q + (1 - r) p}$. It grows as $q$
# gets smaller, but never beyond $\log \frac{r}{1 - r}$, which is $\log 9 = 2.2$ for $r = 0.9$. The discriminator never
# grows sure of itself.


# %%
def best_smoothed_logit(p, q, r):
    return np.log(r * p / (q + (1 - r) * p))


# %% [markdown]
# **2. Derive.** $p (D - 1) + q (D + 1) = 0$ gives $D^* = \frac{p - q}{p + q}$, and the sum is
#
# $$ \sum_x (p + q) {D^*}^2 = \sum_x \frac{(p - q)^2}{p + q}. $$
#
# That is a $\chi^2$, but between $p + q$ and $2 q$, and not between $p$ and $q$. Since $(p - q)^2 \le (p + q)^2$ it is
# at most 2, and just 2 where $p$ and $q$ share no point, whatever their distance: as flat there as the Jensen-Shannon
# divergence.


# %%
def least_squares(p, q):
    D = (p - q) / (p + q)
    return D, np.sum((p - q) ** 2 / (p + q))


# %% [markdown]
# **3. Predict, then run.** All of $q$ goes to one point: after 1000 steps more than 99 % of the samples are at $x = 2$
# with the minimax loss, at $x = 3$ with the other. $D$ is higher still at $x = 1$, but a softmax moves a probability in
# proportion to its size, and $q$ had more at 2 and at 3 to begin with. Against a $D$ that does not answer there is no
# reason to make more than one thing. That the generator makes *all* of the data depends on the order of moves: it has
# to go slowly, and $D$ to keep up. The other way round one gets the *mode collapse* of chapter 11.

# %% [markdown]
# **4. Find the bug.** It compares $p$ and $q$ with each other instead of with their mean. The mean of the two
# divergences $\operatorname{KL}(p \| q)$ and $\operatorname{KL}(q \| p)$ has no bound, and is infinite if a point of
# one is missing from the other.


# %%
def jensen_shannon(p, q):
    def kl(p, q):
        return np.sum(p * np.log(p / q))

    m = (p + q) / 2
    return (kl(p, m) + kl(q, m)) / 2


# %% [markdown]
# ## Checked another way
#
# By the library's losses, on batches that hold each point as often as its probability says.


# %%
def two(rng):
    return tuple(rng.dirichlet(np.ones(rng.integers(2, 6)), 2) + 1e-9)


INPUTS = {
    "best_smoothed_logit": lambda rng: (*two(rng), rng.uniform(0.5, 0.99)),
    "least_squares": two,
    "jensen_shannon": two,
}

rng = np.random.default_rng(0)
counts = rng.integers(1, 30, (2, 6))
p, q = counts / counts.sum(axis=1, keepdims=True)
batches = [mg.Tensor(np.eye(6)[np.repeat(np.arange(6), n)]) for n in counts]


def play(loss, D):
    """D's loss, its gradient, and the logits of the two batches."""
    table = mg.Tensor(D[:, None], requires_grad=True)
    logits = [batch @ table for batch in batches]
    y = loss.discriminator(*logits)
    return y.item(), mg.grad(y, [table])[0].numpy(), logits


_, slope, _ = play(mg.gan.LabelSmoothing(0.9), best_smoothed_logit(p, q, 0.9))
np.testing.assert_allclose(slope, 0, atol=1e-14)
assert best_smoothed_logit(1.0, 1e-9, 0.9) < np.log(9) < best_smoothed_logit(1.0, 1e-9, 0.9) + 1e-7
print("1: at this logit the slope of the library's loss is 0")

loss = mg.gan.LeastSquares(a=-1.0, b=1.0, c=0.0)
D, divergence = least_squares(p, q)
_, slope, logits = play(loss, D)
np.testing.assert_allclose(slope, 0, atol=1e-14)
np.testing.assert_allclose(divergence, 2 * sum(loss.generator(a).item() for a in logits), rtol=1e-12)
assert abs(divergence - np.sum((p - q) ** 2 / q)) > 0.1
np.testing.assert_allclose(least_squares(np.array([1, 1e-12]), np.array([1e-12, 1]))[1], 2)
print("2: so it is at this D, and the generator's losses sum to the divergence")

x = np.arange(12)
bump = lambda centre, width: np.exp(-(((x - centre) / width) ** 2) / 2)
shapes = np.round(1 + 100 * bump(2.5, 1.2) + 60 * bump(9, 1.5)), np.round(1 + 100 * bump(6, 2))
data, start = (n / n.sum() for n in shapes)
D = np.log(data / start)
for name, of_point in (("minimax", -np.logaddexp(0, D)), ("non-saturating", np.logaddexp(0, -D))):
    theta = np.log(start)
    for _ in range(1000):
        made = np.exp(theta) / np.exp(theta).sum()
        theta = theta - 2 * made * (of_point - made @ of_point)
    print(f"3: {name}: {made.max():.1%} of the samples are at x = {made.argmax()}, where D is {D[made.argmax()]:.2f}")
    assert made.max() > 0.99

value, _, _ = play(mg.gan.losses["minimax"], np.log(p / q))
np.testing.assert_allclose(jensen_shannon(p, q), np.log(2) - value / 2, rtol=1e-12)
assert jensen_shannon(np.array([1, 1e-12]), np.array([1e-12, 1])) <= np.log(2)
print("4: the divergence is what the library's loss says")
