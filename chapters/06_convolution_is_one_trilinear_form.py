# %% [markdown]
# # 6. Convolution is one trilinear form
#
# **What you will see.** Convolution, its two derivatives and the transposed convolution of generators are one sum of
# products, read in three directions. Then where the checkerboards in generated images come from.
#
# **How long it takes.** Five seconds on one core.
#
# **The number to expect.** Agreement within $10^{-12}$; and with kernel 5, stride 2, pixels with 4, 6 or 9 products.
#
# **What you need.** Gradients, and from chapter 5 that squares add up. Nothing of image processing.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.data import load

FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)
rng, ops = np.random.default_rng(0), mg.ops

# %% [markdown]
# ## Where things meet
#
# A **convolution** slides a small window of weights, the **kernel**, over an image; each position gives one pixel of
# the output. The window of output pixel $(i, j)$ starts at row $s i - p$ and column $s j - p$. The **stride** $s$ is
# the jump from window to window, the **padding** $p$ the width of a frame of zeros around the image. So output row $i$
# and kernel row $a$ meet at image row $r = s i + a - p$, and columns likewise. Into $H$ rows and their frame fit
# $\left\lfloor (H + 2p - k) / s \right\rfloor + 1$ windows of $k$ rows. There is no more geometry than this:


# %%
output_size = lambda image, kernel, s, p: tuple((h + 2 * p - k) // s + 1 for h, k in zip(image, kernel, strict=True))


def meetings(image, kernel, s, p):
    """All triples of output pixel, kernel cell and image pixel that meet; each is a (row, column)."""
    for i, j, a, b in itertools.product(*map(range, output_size(image, kernel, s, p) + kernel)):
        r, c = s * i + a - p, s * j + b - p
        if 0 <= r < image[0] and 0 <= c < image[1]:
            yield (i, j), (a, b), (r, c)


# %% [markdown]
# ## Three readings of one sum
#
# $N$ images with $C$ channels are an array $x$ `(N, H, W, C)`, a kernel to $O$ channels is $w$ `(kh, kw, C, O)`. Take a
# third array $g$ in the shape of the output, `(N, OH, OW, O)`. Multiply the numbers where the three meet, and add up:
#
# $$ T(x, w, g) = \sum_{n, i, j, a, b, c, o} x_{n, s i + a - p, s j + b - p, c} \; w_{a, b, c, o} \; g_{n, i, j, o} $$
#
# $T$ is one number, linear in each of its three arguments: a *trilinear form*. Leave one of them out, and collect what
# its numbers would be multiplied by: `conv` leaves out $g$, `conv_transpose` $x$, `conv_weight` $w$. Three maps, one
# loop; the matrix products add over the channels.


# %%
def conv(x, w, s, p):
    g = np.zeros((len(x), *output_size(x.shape[1:3], w.shape[:2], s, p), w.shape[3]))
    for (i, j), (a, b), (r, c) in meetings(x.shape[1:3], w.shape[:2], s, p):
        g[:, i, j] += x[:, r, c] @ w[a, b]
    return g


def conv_transpose(g, w, s, p, image):
    x = np.zeros((len(g), *image, w.shape[2]))
    for (i, j), (a, b), (r, c) in meetings(image, w.shape[:2], s, p):
        x[:, r, c] += g[:, i, j] @ w[a, b].T
    return x


def conv_weight(x, g, s, p, kernel):
    w = np.zeros((*kernel, x.shape[3], g.shape[3]))
    for (i, j), (a, b), (r, c) in meetings(x.shape[1:3], kernel, s, p):
        w[a, b] += x[:, r, c].T @ g[:, i, j]
    return w


# %% [markdown]
# With $\langle u, v \rangle$ for the sum of all $u_k v_k$, every reading must give the same number $T(x, w, g)$:
#
# $$ \langle \mathrm{conv}(x, w), g \rangle = \langle x, \mathrm{convT}(g, w) \rangle =
#    \langle w, \mathrm{convW}(x, g) \rangle $$
#
# Such partners are called **adjoint**. They are all the derivatives there are, since the gradient of
# $\langle x, v \rangle$ in $x$ is $v$: if a loss sends $g$ back to the output, `conv_transpose(g, w)` goes on to the
# image and `conv_weight(x, g)` to the kernel. *Their* derivatives are again the others, at every order.

# %%
worst = 0.0
for k, s, p in itertools.product((1, 3, 4, 5), (1, 2, 3), (0, 1, 2)):
    x, w = rng.standard_normal((2, 9, 8, 3)), rng.standard_normal((k, k, 3, 4))
    g = rng.standard_normal((2, *output_size((9, 8), (k, k), s, p), 4))
    ours = conv(x, w, s, p), conv_transpose(g, w, s, p, (9, 8)), conv_weight(x, g, s, p, (k, k))
    numbers = [(array * partner).sum() for array, partner in zip(ours, (g, x, w), strict=True)]
    worst = max(worst, (max(numbers) - min(numbers)) / np.linalg.norm(ours[0] * g))
    tensors = [mg.Tensor(x, requires_grad=True), mg.Tensor(w, requires_grad=True)]
    y = ops.conv2d(*tensors, stride=s, padding=p)
    for mine, library in zip(ours, [y, *mg.grad(y, tensors, mg.Tensor(g))], strict=True):
        np.testing.assert_allclose(mine, library.numpy(), rtol=1e-12, atol=1e-12)
print(f"36 kernels, strides and paddings: the three numbers differ by {worst:.0e}, relatively")

# %% [markdown]
# ## The adjoint is not the inverse
#
# For a fixed kernel, convolution is a matrix $A$ from all pixels of the image to all pixels of the output. Feed it the
# images that have a single 1, and you see its columns. Transposed convolution is $A^{\mathsf T}$. It has the right
# shape to go back, so generators go from small to large by it; some call it "deconvolution". But it undoes nothing.

# %%
blur = np.outer([1, 3, 3, 1], [1, 3, 3, 1])[:, :, None, None] / 64
A = conv(np.eye(64).reshape(64, 8, 8, 1), blur, 2, 1).reshape(64, 16).T
x = load("fashion").batch(np.array([0])) / 2 + 0.5
pictures = {"A, from 8 x 8 to 4 x 4 pixels": A, "x, 28 x 28": x[0], "A x, 14 x 14": conv(x, blur, 2, 1)[0]}
pictures["back again: not x"] = conv_transpose(conv(x, blur, 2, 1), blur, 2, 1, (28, 28))[0]
figure, axes = plt.subplot_mosaic("AAA;BCD", figsize=(8, 5), layout="constrained", height_ratios=(3, 4))
for axis, (title, picture) in zip(axes.values(), pictures.items(), strict=True):
    axis.imshow(picture, cmap="Greys" if picture is A else "gray")
    axis.set(title=title, xticks=[], yticks=[])
axes["A"].set(xlabel="pixel of the image", ylabel="pixel of the output")
figure.savefig(FIGURES / "06_adjoint.png", dpi=120)

# %% [markdown]
# Going back, the size must be told, since a division was rounded down: with stride 2, images of 7 and 8 rows may have
# outputs of one size. To the $(h - 1) s + k - 2p$ rows from $h$, the library's `output_padding` adds up to $s - 1$.
#
# ## Checkerboards
#
# Count the products that reach each pixel of the larger image: transpose with nothing but ones. Along one axis, kernel
# 5 with stride 2 gives 2 and 3 in turns; along both, 4, 6 and 9. If the stride divides the size of the kernel, or if
# pixels are repeated and then convolved with stride 1, the counts are equal. Since squares add up, random weights give
# a constant image these counts as expected squares. For single images, take generators of three random layers. Their
# **grid** is the share of variance that changes sign from pixel to pixel along an axis: 31/255, or 12 %, in pure noise.

# %%
DOUBLE = {  # how to double x, and the size of the kernel w
    "kernel 5, stride 2": (lambda x, w: ops.conv_transpose2d(x, w, stride=2, padding=2, output_padding=1), 5),
    "kernel 4, stride 2": (lambda x, w: ops.conv_transpose2d(x, w, stride=2, padding=1), 4),
    "repeat, then kernel 3": (lambda x, w: ops.conv_transpose2d(x.repeat(2, 1).repeat(2, 2), w, padding=1), 3),
}


def generate(double, k):
    x = rng.standard_normal((1, 4, 4, 16))
    for channels in (16, 16, 1):
        x = double(np.maximum(x, 0), rng.standard_normal((k, k, channels, 16)))
    return x[0, 8:24, 8:24, 0]  # the middle of 32 x 32


# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 6.4), layout="constrained")
counts, squares, grids, constant = {}, {}, {}, np.ones((1, 8, 8, 1))
for (above, below), (name, (double, k)) in zip(axes.T, DOUBLE.items(), strict=True):
    counts[name] = double(constant, np.ones((k, k, 1, 1)))[0, :, :, 0]
    squares[name] = (double(constant, rng.standard_normal((k, k, 4000, 1)))[0] ** 2).mean(axis=-1)
    images = np.array([generate(double, k) for _ in range(200)])
    power = (np.abs(np.fft.fft2(images - images.mean(axis=(1, 2), keepdims=True))) ** 2).mean(axis=0)
    grids[name] = (power[8].sum() + power[:, 8].sum() - power[8, 8]) / power.sum()  # wave 8 of 0 to 15: + - + - ...
    shown = above.imshow(counts[name], vmin=0, vmax=9)
    below.imshow(images[0], cmap="gray")
    above.set(title=f"{name}\nproducts at each pixel", xticks=[], yticks=[])
    below.set(title=f"an untrained generator\ngrid: {grids[name]:.0%}", xticks=[], yticks=[])
figure.colorbar(shown, ax=axes[0])
figure.savefig(FIGURES / "06_checkerboards.png", dpi=120)

# %% [markdown]
# Kernel 4 is even *on the average over weights*. Its single image has a grid all the same, since even and odd pixels
# come from different weights. Both kernels can learn to be smooth (exercise 1), but only the third way starts so.
# Odena, Dumoulin and Olah (2016, doi:10.23915/distill.00003) saw it in trained GANs.
#
# ## What this chapter claims, asserted

# %%
assert worst < 1e-12
np.testing.assert_array_equal(conv_transpose(np.eye(16).reshape(16, 4, 4, 1), blur, 2, 1, (8, 8)).reshape(16, 64), A)
assert np.abs(A.T @ A - np.eye(64)).max() > 0.9
assert [set(count[4:-4, 4:-4].flat) for count in counts.values()] == [{4, 6, 9}, {4}, {9}]
np.testing.assert_allclose([*squares.values()], [*counts.values()], rtol=0.15)  # over 4000 random kernels
assert grids["repeat, then kernel 3"] < 0.05 < 31 / 255 < 0.25 < grids["kernel 4, stride 2"]

# %% [markdown]
# ## Exercises
#
# Write yours into `exercises/06.py`; `minigan chapters check 6` compares.
#
# 1. *Derive.* When does $w_0, \ldots, w_4$, transposed with stride 2, keep a constant row constant? Does 1, 4, 6, 4, 1?
# 2. *Fill in.* Transposed convolution of a row of pixels, with any stride.
# 3. *Predict, then run.* The counts of a row: kernel 3 with stride 2, 6 with 3, 2 with 3. What is wrong with the last?
# 4. *Find the bug.* The gradient of a kernel. It is right for stride 1, so its author noticed nothing.
#
# ## What is not known
#
# Generated images can often be told by the fine end of their spectrum (Durall and others 2020, arXiv:2003.01826). How
# much of it is due to the way of doubling, how much to the discriminator, is disputed: a generator can learn to make
# up for its grid, and yet the spectra differ (Schwarz and others 2021, arXiv:2111.02447).
