# %% [markdown]
# # Solutions to chapter 14

# %%
import numpy as np

import minigan as mg
from minigan.models import models

# %% [markdown]
# **1. Derive.** Each pixel $c$ can be chosen alone, and the derivative of the mean by $c$ must vanish. For squares
# that is $2 \operatorname{E}(c - x) = 0$: the mean. For absolute values it is the share of images below $c$ less the
# share above: the median, which is black wherever most images are. For $e^{u/2} - u/2$ with $u = c - x$ it is
# $\frac12 \operatorname{E}(e^{(c - x)/2} - 1) = 0$, so $c = -2 \log \operatorname{E} e^{-x/2}$, below the mean, for
# this cost grows faster where $c$ is too large. It is always one picture for all noise: another cost, another
# average.


# %%
def best_pictures(images):
    return images.mean(axis=0), np.median(images, axis=0), -2 * np.log(np.exp(-images / 2).mean(axis=0))


# %% [markdown]
# **2. Fill in.** The axes of the batch and of the two sides of the map are averaged over; channels are on the last.


# %%
def batch_norm(x, weight, bias, running_mean, running_variance, momentum=0.1, eps=1e-5):
    n = x[..., 0].size
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    y = weight * (x - mean) / np.sqrt(variance + eps) + bias
    running_mean = running_mean + momentum * (mean - running_mean)
    running_variance = running_variance + momentum * (variance * n / (n - 1) - running_variance)
    return y, running_mean, running_variance


# %% [markdown]
# **3. Predict, then run.** In training mode the tutorial's generator makes the same picture of both, all grey. Its
# first batch norm has a channel for each of the 12,544 numbers; in a batch of equal noise each is equal to its
# mean, and only $\beta$ is left of it, which is 0 in a new network. In evaluation mode the pictures differ. In
# `dcgan` the first batch norm comes after the numbers were made into maps, and a channel has 49 places: there is
# something left to standardise, and the pictures differ in both modes.
#
# **4. Find the bug.** The roles of the two factors are swapped: each step went 0.999 of the way to the new weights, so
# that the average forgot the last step but one. `beta` is the part that *stays*.


# %%
def averaged(path, beta):
    average = path[0].copy()
    for weights in path[1:]:
        average += (1 - beta) * (weights - average)
    return average


# %% [markdown]
# ## Checked another way
#
# The pictures by trying many values, batch norm and the average by the library and by their closed forms.


# %%
def inputs_of_best_pictures(rng):
    n, h, w = 2 * rng.integers(0, 4) + 1, *rng.integers(1, 4, 2)
    return (rng.uniform(-1, 1, (n, h, w, 1)),)


def inputs_of_batch_norm(rng):
    n, h, w, c = rng.integers(1, 4, 4)
    vectors = rng.normal(size=(3, c))
    return rng.normal(2, 3, (n + 1, h, w, c)), *vectors, rng.uniform(0.5, 2, c), rng.uniform(0.05, 0.5)


INPUTS = {
    "best_pictures": inputs_of_best_pictures,
    "batch_norm": inputs_of_batch_norm,
    "averaged": lambda rng: (rng.normal(size=(rng.integers(1, 9), 3)), rng.uniform(0.6, 0.999)),
}

rng = np.random.default_rng(0)
images = rng.uniform(-1, 1, (7, 1, 1, 1))
tried = np.linspace(-1, 1, 20001)
u = tried - images.reshape(-1, 1)
for picture, cost in zip(best_pictures(images), (u**2, np.abs(u), np.exp(u / 2) - u / 2), strict=True):
    np.testing.assert_allclose(picture.item(), tried[cost.mean(axis=0).argmin()], atol=1e-4)
print("1: no other value costs less")

x, weight, bias, mean, variance, momentum = inputs_of_batch_norm(rng)
layer = mg.nn.BatchNorm(len(mean), momentum=momentum).to(dtype="float64")
layer.load_state_dict({"weight": weight, "bias": bias, "running_mean": mean, "running_variance": variance})
expected = layer(mg.Tensor(x)).numpy(), *list(layer.state_dict().values())[2:]
for one, other in zip(batch_norm(x, weight, bias, mean, variance, momentum), expected, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
print("2: batch norm is the library's")

for name, mode, differ in (("tutorial", True, False), ("tutorial", False, True), ("dcgan", True, True)):
    G, _ = models[name]((28, 28, 1), 100, rng=rng)
    latents = rng.standard_normal((2, 1, 100), dtype=np.float32).repeat(64, axis=1)
    one, other = (G.train(mode)(mg.Tensor(z)).numpy() for z in latents)
    assert (np.abs(one - other).max() > 0.01) == differ
    assert differ or np.abs(one).max() < 0.01  # grey, but for rounding
print("3: grey, unless something is left to standardise")

path, beta = rng.normal(size=(6, 3)), 0.7
shares = [beta**5, *((1 - beta) * beta ** np.arange(4, -1, -1))]
np.testing.assert_allclose(sum(shares), 1)
np.testing.assert_allclose(averaged(path, beta), shares @ path)
print("4: the average is the sum of what is left of each step")
