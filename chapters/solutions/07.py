# %% [markdown]
# # Solutions to chapter 7

# %%
import numpy as np

import minigan as mg

# %% [markdown]
# **1. Derive.** A step is $\theta' = (1 - \eta a)\, \theta - \eta \xi$ with the noise $\xi$. It is independent of
# $\theta$, so the variances add up: $V' = (1 - \eta a)^2 V + \eta^2 \sigma^2$. When it has settled, $V' = V$:
#
# $$ V = \frac{\eta^2 \sigma^2}{1 - (1 - \eta a)^2} = \frac{\eta\, \sigma^2}{a\, (2 - \eta a)} $$
#
# For small $\eta$ it is proportional to $\eta$: half the learning rate, half the variance, and twice the way to go.


# %%
def settled_variance(lr, a, sigma):
    return lr * sigma**2 / (a * (2 - lr * a))


# %% [markdown]
# **2. Fill in.** Written in $p = \theta + \mu v$, the point where the gradient is taken, it is the library's
# `SGD(..., nesterov=True)`.


# %%
def nesterov(theta, curvatures, lr, mu, steps):
    v = 0 * theta
    for _ in range(steps):
        v = mu * v - lr * curvatures * (theta + mu * v)
        theta = theta + v
    return theta


# %% [markdown]
# **3. Predict, then run.** SGD and momentum. When the valley is turned, so are its gradients, and the steps are sums
# of gradients times numbers. RMSProp and Adam divide each *component* by a number of its own. These belong to the axes,
# not to the valley: turned by 45 degrees, both components are as steep as each other, and the advantage is gone.
#
# **4. Find the bug.** $v$ never forgets: the old $v$ must be multiplied by $\beta$. As it stands it is a sum, so the
# steps shrink for ever; up to a factor this is AdaGrad (Duchi, Hazan, Singer 2011), RMSProp's ancestor.


# %%
def rmsprop(theta, gradients, lr, beta):
    v = np.zeros_like(theta)
    for g in gradients:
        v = beta * v + (1 - beta) * g**2
        theta = theta - lr * g / (np.sqrt(v) + 1e-8)
    return theta


# %% [markdown]
# ## The inputs of the check, and the solutions checked in another way


# %%
def inputs_of_settled_variance(rng):
    a = rng.uniform(0.1, 10)
    return rng.uniform(0.01, 1.9) / a, a, rng.uniform(0.1, 3)


def inputs_of_nesterov(rng):
    n, steps = rng.integers(1, 5), int(rng.integers(1, 20))
    return rng.standard_normal(n), rng.uniform(0.1, 5, n), rng.uniform(0.01, 0.2), rng.uniform(0.1, 0.95), steps


def inputs_of_rmsprop(rng):
    n, steps = rng.integers(1, 5), rng.integers(2, 20)
    return rng.standard_normal(n), rng.standard_normal((steps, n)), rng.uniform(0.01, 0.2), rng.uniform(0.5, 0.99)


INPUTS = {
    "settled_variance": inputs_of_settled_variance,
    "nesterov": inputs_of_nesterov,
    "rmsprop": inputs_of_rmsprop,
}

rng = np.random.default_rng(0)
theta = np.zeros(20_000)  # so many runs at once
for _ in range(60):
    theta = theta - 0.3 * (2 * theta + 0.5 * rng.standard_normal(theta.shape))
np.testing.assert_allclose(theta.var(), settled_variance(0.3, 2, 0.5), rtol=0.05)
print(f"1: {settled_variance(0.3, 2, 0.5):.5f}; 20,000 runs settle at {theta.var():.5f}")

start, curvatures, lr, mu, steps = inputs_of_nesterov(rng)
parameter = mg.nn.Parameter(start.copy())
optimizer = mg.optim.SGD([parameter], lr, momentum=mu, nesterov=True)
for _ in range(steps):
    optimizer.step([mg.Tensor(curvatures * parameter.numpy())])
before, theta = (nesterov(start, curvatures, lr, mu, n) for n in (steps - 1, steps))
np.testing.assert_allclose(theta + mu * (theta - before), parameter.numpy(), rtol=1e-10, atol=1e-14)
print(f"2: after {steps} steps, one more look ahead is where the library is")


def final(make, turn):
    """Where an optimizer of the library ends in the valley turned by a matrix, turned back."""
    parameter = mg.nn.Parameter(turn @ np.array([-6.0, 1.0]))
    optimizer = make([parameter])
    for _ in range(30):
        theta = turn.T @ parameter.numpy()
        optimizer.step([mg.Tensor(turn @ (np.array([1.0, 50.0]) * theta))])
    return turn.T @ parameter.numpy()


makers = {
    "SGD": lambda p: mg.optim.SGD(p, 0.036),
    "momentum": lambda p: mg.optim.SGD(p, 0.02, momentum=0.8),
    "RMSProp": lambda p: mg.optim.RMSProp(p, 0.1),
    "Adam": lambda p: mg.optim.Adam(p, 0.3),
}
turned = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
same = {name: bool(np.allclose(final(make, turned), final(make, np.eye(2)))) for name, make in makers.items()}
assert same == {"SGD": True, "momentum": True, "RMSProp": False, "Adam": False}
print("3: the same path:", same)

start, gradients, lr, beta = inputs_of_rmsprop(rng)
parameter = mg.nn.Parameter(start.copy())
optimizer = mg.optim.RMSProp([parameter], lr, beta)
for g in gradients:
    optimizer.step([mg.Tensor(g)])
np.testing.assert_allclose(rmsprop(start, gradients, lr, beta), parameter.numpy(), rtol=1e-10, atol=1e-14)
print("4: it ends where the library's ends")
