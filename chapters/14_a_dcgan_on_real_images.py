# %% [markdown]
# # 14. A DCGAN on real images
#
# **What you will see.** A popular tutorial's convolutional GAN, counted layer by layer; a smaller one that learns to
# draw clothes in a minute; and a generator fitted to the images directly, which draws one grey thing for every noise.
#
# **How long it takes.** A minute and a quarter on one core.
#
# **The number to expect.** The GAN's pictures have about 95 % of the variance of real ones, the fitted ones 0.6 %.
#
# **What you need.** The game of chapter 1, and the convolutions of chapter 6.

# %%
import os
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.data import Batches, load
from minigan.models import models
from minigan.nn import evaluating, freezing
from minigan.plotting import GENERATED, REAL, image_grid
from minigan.training import Average

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng, nn = np.random.default_rng(0), mg.nn
data = load("fashion")  # 10,000 images of 28 x 28 pixels, each from -1 (black) to 1 (white)
real = data.batch(np.arange(len(data)))

# %% [markdown]
# ## Layer by layer
#
# A **DCGAN** (Radford, Metz and Chintala 2015, arXiv:1511.06434) makes a few small maps of features from the noise, and
# enlarges them to an image by transposed convolutions. The discriminator goes the other way by convolutions of stride
# 2. (Some texts count DCGAN among the "traditional methods" that GANs improve on. Its last three letters say GAN.) Here
# is `tutorial`, the network of the TensorFlow tutorial for MNIST, and `dcgan`, the library's own.
#
# The arithmetic is easy to count. A convolution multiplies each of its $k^2 c_{\text{in}} c_{\text{out}}$ weights once
# for each window. There is one for each pixel of the output map, or of the input map if it is transposed. So for a map
# of $h \times w$ it takes $h w k^2 c_{\text{in}} c_{\text{out}}$ products; a dense layer takes one for each weight.


# %%
def products(network, x):
    """Print the shape after each layer, and the products it takes for one image; return their sum."""
    total = 0
    for layer in network:
        before, x = x.shape, layer(x)
        windows = {nn.Conv2d: x.shape[1:3], nn.ConvTranspose2d: before[1:3], nn.Dense: (1, 1)}.get(type(layer))
        count = windows[0] * windows[1] * layer.weight.size if windows else 0
        total += count
        print(f"  {type(layer).__name__:16} {' x '.join(map(str, x.shape[1:])):14}", f"{count:>11,}" if count else "")
    return total


costs, networks = {}, {name: models[name](data.shape, 100, rng=rng) for name in ("tutorial", "dcgan")}
for name, (G, D) in networks.items():
    print(name)
    with mg.no_grad(), evaluating(G), evaluating(D):  # evaluation mode is explained below
        costs[name] = [products(G, mg.Tensor(np.zeros((1, 100), np.float32))), products(D, mg.Tensor(real[:1]))]
    print("products for one image, to make it and to judge it:", *(f"{cost:,}" for cost in costs[name]))

# %% [markdown]
# `dcgan` has kernels of $4 \times 4$ (no checkerboards, chapter 6), fewer channels, and one block less. Making an image
# takes a 26th of the products, judging one a sixth.
#
# ## Batch norm in a game
#
# **Batch norm** standardises each channel over the batch, then scales and shifts it by two learnt numbers:
#
# $$ y = \gamma \frac{x - \operatorname{mean}(x)}{\sqrt{\operatorname{var}(x) + \epsilon}} + \beta. $$
#
# In training mode, mean and variance are those of the batch, and running averages are kept of them; in evaluation mode
# these take their place. So *a sample depends on its company*, unless it is drawn in evaluation mode; and drawing in
# training mode moves the running averages. While the other player learns, `freezing` lets them stand still.

# %%
G, _ = networks["tutorial"]
normal = lambda n, rng: mg.Tensor(rng.standard_normal((n, 100), dtype=np.float32))
z = normal(1, rng)
in_company = lambda: G(mg.ops.concatenate(z, normal(15, rng))).numpy()[0]
with mg.no_grad(), evaluating(G):
    alone = in_company(), in_company()
with mg.no_grad(), freezing(G):
    company = in_company(), in_company()
for mode, (one, other) in {"evaluation": alone, "training": company}.items():
    print(f"one noise in two batches, {mode} mode: pixels differ by up to {np.abs(one - other).max():.1f}")

# %% [markdown]
# ## Training
#
# The discriminator learns from real images and new samples; then the generator, through the discriminator. A third
# network follows: the **average** of the generator over about the last sixteenth of all steps so far. The generator
# circles about something (chapter 9), and the mean of its places is nearer to it. The pictures are of this average.


# %%
def train(name, steps, batch, lr, betas):
    """Pictures of the averaged generator at four times, {step: (500, 28, 28, 1)}, and the seconds of a step."""
    rng, loss, shots, clock = np.random.default_rng(0), mg.gan.losses["non-saturating"], {}, []
    G, D = models[name](data.shape, 100, rng=rng)
    g_optimizer, d_optimizer = (mg.optim.Adam(network.parameters(), lr, betas=betas) for network in (G, D))
    average, batches, z = Average(G), Batches(data, batch, np.random.default_rng(1)), normal(500, rng)
    for step in range(1, steps + 1):
        clock.append(time.process_time())
        with mg.no_grad(), freezing(G):
            fake = G(normal(batch, rng))
        d_loss = loss.discriminator(D(mg.Tensor(next(batches))), D(fake))
        d_optimizer.step(mg.grad(d_loss, D.parameters()))
        with freezing(D):
            g_loss = loss.generator(D(G(normal(batch, rng))))
        g_optimizer.step(mg.grad(g_loss, G.parameters()))
        average.update(G, step)
        if step in (steps // 20, steps // 8, steps * 2 // 5, steps):
            with mg.no_grad():
                shots[step] = average.network(z).numpy()
    return shots, np.median(np.diff(clock))


# %%
shots, quick = train("dcgan", 40 if FAST else 2000, 16, lr=1e-3, betas=(0.5, 0.999))
_, slow = train("tutorial", 4, 16, lr=1e-4, betas=(0.9, 0.999))  # its own settings, but 16 images a batch, not 256
print(f"a step: dcgan {quick:.3f} s, tutorial {slow:.2f} s, so {slow * 3e6 / 16 / 3600:.0f} hours for 50 x 60,000")

# %%
figure, axes = plt.subplots(2, 2, figsize=(8, 8.5), layout="constrained")
for axis, (step, images) in zip(axes.flat, shots.items(), strict=True):
    axis.imshow(image_grid(images[:36]), cmap="gray")
    axis.set_title(f"step {step}", color=GENERATED)
    axis.axis("off")
figure.savefig(FIGURES / "14_over_time.png", dpi=120)

# %% [markdown]
# First blots, then outlines, and after 32,000 real images trousers and shoes. The tutorial's run would take hours.
#
# ## Without a discriminator
#
# "Train the generator to minimise the squared difference between its images and real ones", some texts say, and a
# program goes with it: `generator.train_on_batch(noise, images)`. But which image belongs to which noise? None: $z$ and
# $x$ are drawn independently. With $\mu = \operatorname{E} x$, the mean image,
#
# $$ \operatorname{E} |G(z) - x|^2 = \operatorname{E} |G(z) - \mu|^2 + \operatorname{E} |x - \mu|^2, $$
#
# since the product of the two differences has mean zero. The generator has a say in the first term only, which is least
# where $G(z) = \mu$ for all $z$. A small dense generator learns that in seconds.

# %%
G = nn.Sequential(nn.Dense(100, 128, rng=rng), nn.ReLU(), nn.Dense(128, 784, rng=rng), nn.Tanh(), nn.Reshape(28, 28, 1))
optimizer, batches, errors = mg.optim.Adam(G.parameters(), 1e-3), Batches(data, 64, np.random.default_rng(1)), []
for _ in range(300 if FAST else 1500):
    error = ((G(normal(64, rng)) - mg.Tensor(next(batches))) ** 2).mean()
    optimizer.step(mg.grad(error, G.parameters()))
    errors.append(error.item())
fitted, floor = G(normal(500, rng)).numpy(), real.var(axis=0).mean()
variance = lambda images: images.var(axis=0).mean() / floor
print(f"squared error {np.mean(errors[-100:]):.4f}, variance of a pixel {floor:.4f}")
pictures = {"real": real, "fitted by squared error": fitted, "GAN": shots[max(shots)]}
print("variance of the pictures, as a share of that:", {name: f"{variance(x):.4f}" for name, x in pictures.items()})

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.5), layout="constrained")
for axis, (title, images) in zip(axes, pictures.items(), strict=True):
    axis.imshow(image_grid(images[:25]), cmap="gray")
    axis.set_title(title, color=REAL if images is real else GENERATED)
    axis.axis("off")
figure.savefig(FIGURES / "14_mean_image.png", dpi=120)

# %% [markdown]
# ## What this chapter claims, asserted

# %%
assert costs["tutorial"][0] == 100 * 12544 + 49 * 25 * 256 * 128 + 49 * 25 * 128 * 64 + 196 * 25 * 64
np.testing.assert_allclose(costs["tutorial"], np.multiply(costs["dcgan"], [26, 6]), rtol=0.05)
np.testing.assert_allclose(*alone, atol=1e-5)  # its company does not matter in evaluation,
assert np.abs(company[0] - company[1]).max() > 0.1  # but in training
before, _, after = (G := networks["tutorial"][0]).state_dict(), G(normal(16, rng)), G.state_dict()
assert any((before[name] != after[name]).any() for name in before)  # where drawing leaves a trace
np.testing.assert_allclose(np.mean(errors[-100:]), floor, rtol=0.05 if FAST else 0.02)
assert variance(fitted) < (0.05 if FAST else 0.01)
assert FAST or 0.7 < variance(shots[2000]) < 1.1

# %% [markdown]
# ## Exercises
#
# In `exercises/14.py`; `minigan chapters check 14` checks what you write, and `solutions/14.py` has the answers.
#
# 1. *Derive.* The one picture that is best under absolute errors, and under a cost that is not symmetric.
# 2. *Fill in.* Batch norm in training mode, and its running averages.
# 3. *Predict, then run.* A batch of 64 times the same noise, in training mode, into each of the two generators.
# 4. *Find the bug.* An average of weights that is hardly one.
#
# ## What is not known
#
# How good pictures are: the variance tells the mean image from a GAN, but mere noise varies, too. Nor can anybody
# compute which layers and rates will learn in a minute. Those of `dcgan` were found by trying.
