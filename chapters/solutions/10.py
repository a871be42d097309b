# %% [markdown]
# # Solutions to chapter 10

# %%
import numpy as np

import minigan as mg


def sigma(t):
    return (1 + np.tanh(t / 2)) / 2


# %% [markdown]
# **1. Derive.** Since $\log \sigma(f) - \log \sigma(-f) = f$ and $\sigma' = \sigma(r) \sigma(-r)$,
#
# $$ \frac{\partial}{\partial r_i} = -\frac1n \sigma(r_i) \sigma(-r_i) f_i, \qquad
#    \frac{\partial}{\partial f_i} = \frac1n (\sigma(f_i) - \sigma(r_i)). $$
#
# Descent moves $r$ in the direction of the sign of $f$, and $f$ towards $r$. So they run off together, to plus infinity
# or to minus infinity, where both slopes vanish: $D$ is sure of everything, and tells nothing apart. Which of the two
# it is, the random start decides.


# %%
def cross_entropy_slopes(r, f):
    return -sigma(r) * sigma(-r) * f / len(r), (sigma(f) - sigma(r)) / len(r)


# %% [markdown]
# **2. Fill in.** With $a(x) = \frac{(x - b)^2}{2 t^2} - \frac{(x - m)^2}{2 s^2} + \log \frac ts$ the slope is $a'(x) =
# \frac{x - b}{t^2} - \frac{x - m}{s^2}$. A sample is $x = b + t z$, so it moves with $b$ one to one, and $\partial L_G
# / \partial b$ is the mean of the slope of the loss at $a(x)$, times $a'(x)$.


# %%
def ideal(m, s, b, t, x):
    q = np.exp(-(((x - b) / t) ** 2) / 2)
    a = ((x - b) / t) ** 2 / 2 - ((x - m) / s) ** 2 / 2 + np.log(t / s)
    slope = (x - b) / t**2 - (x - m) / s**2
    return np.average(-sigma(a) * slope, weights=q), np.average(-sigma(-a) * slope, weights=q)


# %% [markdown]
# **3. Predict, then run.** It walks away from the data, one wrong sign in a generator that is otherwise in order: after
# 1000 steps it is near $-6$, all its samples in one point, and $D$ is right about all of them. (With both signs wrong
# it found the data. Two mistakes may hide each other for a while.)
#
# With $v = 0$ all logits are 0, and by exercise 1 both slopes vanish, as does that of $(\sigma(r) - \sigma(f))^2$. The
# program runs, prints the losses $\log 2$ and 0, and not one weight ever changes.

# %% [markdown]
# **4. Find the bug.** It should be $-\sigma(-a)$. The program's slope is $\sigma(a) / (\sigma(a) + 10^{-8})$ times
# that: $-0.17$ instead of $-1$ at $a = -20$, and $-4 \cdot 10^{-36}$ at $a = -100$. A constant meant to keep a number
# finite has brought back the vanishing gradient. Losses should take logits: $-\log \sigma(a) = \log(1 + e^{-a})$, which
# is never infinite.


# %%
def non_saturating_slope(a):
    return -sigma(-a)


# %% [markdown]
# ## Checked another way
#
# Slopes by the library; the ideal gradients by moving the samples a little.


# %%
def inputs_of_ideal(rng):
    m, b = rng.standard_normal(2)
    s, t = rng.uniform(0.4, 2, 2)
    return m, s, b, t, np.linspace(b - 8 * t, b + 8 * t, rng.integers(50, 100))


def pair(rng):
    return tuple(rng.normal(0, 3, (2, rng.integers(1, 6), 1)))


INPUTS = {
    "cross_entropy_slopes": pair,
    "ideal": inputs_of_ideal,
    "non_saturating_slope": lambda rng: (rng.uniform(-40, -12, rng.integers(1, 6)),),
}

softplus, mean = mg.ops.softplus, mg.ops.mean
cross_entropy = lambda r, f: mean(mg.ops.sigmoid(r) * softplus(-f) + mg.ops.sigmoid(-r) * softplus(f))
squares = lambda r, f: mean((mg.ops.sigmoid(r) - mg.ops.sigmoid(f)) ** 2)


def by_library(loss, *arrays):
    tensors = [mg.Tensor(a, requires_grad=True) for a in arrays]
    return [g.numpy() for g in mg.grad(loss(*tensors), tensors)]


rng = np.random.default_rng(0)
r, f = pair(rng)
for ours, theirs in zip(cross_entropy_slopes(r, f), by_library(cross_entropy, r, f), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
print("1: both slopes are the library's")

m, s, b, t, h = 1.3, 0.6, -0.4, 0.9, 1e-4
z = np.linspace(-8, 8, 4001)
q = np.exp(-(z**2) / 2)
logit = lambda x: ((x - b) / t) ** 2 / 2 - ((x - m) / s) ** 2 / 2 + np.log(t / s)
of_loss = lambda loss: lambda b: np.average(loss(logit(b + t * z)), weights=q)  # D stays; the samples move
moved = [of_loss(lambda a: -np.logaddexp(0, a)), of_loss(lambda a: np.logaddexp(0, -a))]
differences = [(loss(b + h) - loss(b - h)) / (2 * h) for loss in moved]
np.testing.assert_allclose(ideal(m, s, b, t, b + t * z), differences, rtol=1e-6)
print("2: both gradients are the differences of the losses")


def walk_away(steps):
    """The generator's centre and spread after so many steps of "signs dropped", with the loss of D mended."""
    rng = np.random.default_rng(3)
    start = rng.standard_normal((1, 16)), rng.standard_normal(16), 0.25 * rng.standard_normal((16, 1)), np.zeros(1)
    W, c, v, e = weights = [mg.nn.Parameter(mg.Tensor(p).data) for p in start]
    own = a, b = [mg.nn.Parameter(mg.Tensor(p).data) for p in (np.ones(1), np.zeros(1))]
    D = lambda x: mg.ops.tanh(x @ W + c) @ v + e
    d_optimizer, g_optimizer, loss = mg.optim.SGD(weights, lr=0.2), mg.optim.SGD(own, lr=0.05), mg.gan.losses["minimax"]
    for _ in range(steps):
        x, fake = mg.Tensor(3 + 0.5 * rng.standard_normal((256, 1))), a * mg.Tensor(rng.standard_normal((256, 1))) + b
        d_optimizer.step(mg.grad(loss.discriminator(D(x), D(fake.detach())), weights))
        g_optimizer.step(mg.grad(-mean(softplus(-D(fake))), own))
    return b.item(), abs(a.item())


centre, spread = walk_away(1000)
print(f"3: after 1000 steps the centre is {centre:.2f}, the spread {spread:.3f}")
assert centre < -4
assert spread < 0.05
zeros = np.zeros((4, 1))
assert not np.any([by_library(loss, zeros, zeros) for loss in (cross_entropy, squares)])

a = np.array([-100.0, -20.0, -1.0, 5.0])
np.testing.assert_allclose(non_saturating_slope(a), *by_library(lambda a: softplus(-a).sum(), a), rtol=1e-12)
printed = by_library(lambda a: -mg.ops.log(mg.ops.sigmoid(a) + 1e-8).sum(), a)[0]
np.testing.assert_allclose(printed[:2], [-3.7e-36, -0.171], rtol=0.01)
print("4: the slope is the library's; the program's is", printed[:2])
