# %% [markdown]
# # 3. Trusting a derivative
#
# **What you will see.** How to prove a derivative wrong without knowing the right one: by finite differences, used
# well; by one number for a million weights; and where such a proof is blind.
#
# **How long it takes.** Five seconds on one core.
#
# **The number to expect.** One wrong sign in a million derivatives is caught by a single number, in 25 of 25 tries.
#
# **What you need.** Taylor's formula, and the discriminator's gradient of chapter 1.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
PALE, PINK, DARK = "#f0a8c8", "#e8488f", "#8c1c55"  # gradients are pink in the whole book
rng = np.random.default_rng(0)

# %% [markdown]
# ## How exact is a difference?
#
# A derivative is a limit of differences, so a difference over a small step $h$ should be close. By Taylor's formula
#
# $$ \frac{f(x + h) - f(x)}{h} = f' + \frac{h}{2} f'' + \cdots, \qquad
#    \frac{f(x + h) - f(x - h)}{2 h} = f' + \frac{h^2}{6} f''' + \cdots $$
#
# The second, *central* difference $C(h)$ is better. With half the step its error is a quarter, so one can mix two of
# them such that the term in $h^2$ cancels (*Richardson*): $\left(4 C(h / 2) - C(h)\right) / 3 = f' + O(h^4)$.
#
# But a computer knows $f$ only up to rounding, some $\varepsilon |f|$ with $\varepsilon = 1.1 \cdot 10^{-16}$, and the
# division by $h$ makes that $\varepsilon |f| / h$. Large $h$ truncate the series, small ones round: the error is a V.
#
# Or step into the complex plane, where $f(x + i h) = f(x) + i h f'(x) - \frac{h^2}{2} f''(x) - \cdots$. The *complex
# step* $\operatorname{Im} f(x + i h) / h = f'(x) + O(h^2)$ subtracts nothing, so even $h = 10^{-200}$ will do. It asks
# that $f$ be analytic: no absolute values, no branches (Squire and Trapp 1998, doi:10.1137/S003614459631241X).

# %%
one_sided = lambda f, x, h: (f(x + h) - f(x)) / h
central = lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h)
richardson = lambda f, x, h: (4 * central(f, x, h / 2) - central(f, x, h)) / 3
complex_step = lambda f, x, h: f(x + 1j * h).imag / h
methods = {"one-sided": one_sided, "central": central, "Richardson": richardson, "complex step": complex_step}

f = lambda x: np.exp(x) * np.tanh(x)
slope = lambda x: np.exp(x) * (np.tanh(x) + 1 - np.tanh(x) ** 2)  # f'
steps = 10.0 ** np.arange(0, -16.25, -0.25)
errors = {}
for name, method in methods.items():
    errors[name] = np.array([abs(method(f, 0.7, h) / slope(0.7) - 1) for h in steps])
    print(f"{name:12s} best error {errors[name].min():.0e}, at h = {steps[errors[name].argmin()]:.0e}")
errors["central in float32"] = np.array([abs(central(f, *np.float32([0.7, h])) / slope(0.7) - 1) for h in steps])

# %% [markdown]
# ## One number for a million weights
#
# A difference for each of a million weights takes two million passes through a network. But to *check* a gradient $g$
# one need not compute another. Draw a random direction $V$ and let all weights move along it at once:
#
# $$ \left.\frac{d}{dt} L(W + t V)\right|_{t = 0} = \langle g, V \rangle = \sum_{ij} g_{ij} V_{ij}. $$
#
# If $g$ is wrong by $d$, then $\langle d, V \rangle$ is missing on the right, which for a random $V$ is almost surely
# not zero. To try it, here is chapter 1's gradient for $W$, without biases. Two bugs can be planted in it: "no tanh'"
# forgets a factor, "wrong batch" takes the hidden values of the real batch for those of the generated one too.


# %%
def loss(W, v, real, fake):
    """-E log sigmoid(D(real)) - E log sigmoid(-D(fake)) with D(x) = tanh(x W) v."""
    return np.logaddexp(0, -np.tanh(real @ W) @ v).mean() + np.logaddexp(0, np.tanh(fake @ W) @ v).mean()


def gradient(W, v, real, fake, bug=None):
    total = 0
    for x, sign in ((real, -1), (fake, 1)):
        h = np.tanh(x @ W)
        g = sign * 0.5 * (1 + np.tanh(sign * h @ v / 2)) / len(x)
        h = np.tanh(real @ W) if bug == "wrong batch" else h
        total += x.T @ ((g @ v.T) * (1 if bug == "no tanh'" else 1 - h**2))
    return total


def disagreements(gradients, V, loss_at):
    """|<g, V> - dL/dt| for each g, in units of the typical size of <g, V>; `loss_at` is a function of t."""
    along = richardson(loss_at, 0.0, 2e-3)  # the step that was best above
    size = np.linalg.norm(gradients[0]) * np.linalg.norm(V) / np.sqrt(V.size)
    return [abs(np.vdot(g, V) - along) / max(size, 1e-8) for g in gradients]


# %%
W, v, real, fake = (rng.standard_normal(shape) / 30 for shape in ((1000, 1000), (1000, 1), (4, 1000), (4, 1000)))
correct, wrong = (gradient(W, v, real, fake) for _ in range(2))
wrong[123, 456] *= -1  # one sign of a million
checks = []
for _ in range(5 if FAST else 25):
    V = rng.standard_normal(W.shape) / 30  # sums of a thousand such numbers, as in x V, are about 1
    checks.append(disagreements([correct, wrong], V, lambda t, V=V: loss(W + t * V, v, real, fake)))
caught = sum(error > 1e-7 for _, error in checks)
print(f"one wrong sign of a million: caught in {caught} of {len(checks)} tries")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", sharey=True)
looks = (PALE, "-"), (PINK, "-"), (DARK, "-"), ("black", "--"), (PINK, ":")
for (name, error), (colour, style) in zip(errors.items(), looks, strict=True):
    left.loglog(steps, np.maximum(error, 1e-17), color=colour, linestyle=style, label=name)
left.set(xlabel="step h", ylabel="relative error", xlim=(2, 5e-17), ylim=(1e-20, 9), title="truncation and rounding")
for series, colour, label in zip(np.transpose(checks), (DARK, PINK), ("correct", "one wrong sign"), strict=True):
    right.semilogy(range(1, len(checks) + 1), series, "o", color=colour, label=label)
right.axhline(1e-7, color="0.45", linestyle="--", label="what mg.gradcheck allows")
right.set(xlabel="random direction, no.", title="one number for a million weights")
for axis in (left, right):
    axis.legend(frameon=False, fontsize=9, loc="lower left")
FIGURES.mkdir(exist_ok=True)
figure.savefig(FIGURES / "03_trust.png", dpi=120)

# %% [markdown]
# ## Where a check is blind
#
# A check compares numbers at one point, and at a special point a wrong rule can give the right number. Below are the
# two bugs, each where it hides and where it cannot.
#
# - *Zero gradients.* Chapter 1 starts from $v = 0$, where the loss does not depend on $W$: whatever the rule says is
#   multiplied by 0.
# - *Symmetric inputs.* If the generated batch equals the real one, mixing them up changes nothing. Symmetric matrices,
#   batches of one, biases of zero and scales of one hide bugs in the same way.
# - *Kinks.* At the kink of $\max(x, 0)$ a central difference gives $\frac{1}{2}$ and a rule 0 or 1. There is no
#   derivative. Move the input away from the kink, rather than allow a larger error.

# %%
W, v, real, fake = (rng.standard_normal(shape) for shape in ((2, 5), (5, 1), (7, 2), (7, 2)))
points, table = {"v = 0": (0 * v, real, fake), "fake = real": (v, real, real), "random": (v, real, fake)}, {}
for bug in (None, "no tanh'", "wrong batch"):
    for name, point in points.items():
        V = rng.standard_normal(W.shape)
        loss_at = lambda t, V=V, point=point: loss(W + t * V, *point)
        (table[bug, name],) = disagreements([gradient(W, *point, bug)], V, loss_at)
    print(f"{bug or 'no bug':12s}" + "".join(f"{name:>14s}: {table[bug, name]:.0e}" for name in points))

# %% [markdown]
# One more blind spot: a right first derivative says nothing about the second. Here is a $\tanh$ made with the library's
# `op`, from a function of arrays and a rule as in chapter 2 (a *vector-Jacobian product*, hence `vjps`). But the rule
# takes $y$ for a constant. Its numbers are right; differentiated again, they seem not to depend on $x$.
#
# `mg.gradcheck` does all of the above, in float64, with random directions for the inputs and for the output; and then
# it takes $\langle \nabla f, V \rangle$ for the next function to check, up to any order.

# %%
import minigan as mg
from minigan.autograd import GradcheckError, constant, op

frozen_tanh = op(lambda x: mg.ops.tanh(x)).vjps(lambda g, y, x: g * (1 - constant(y) ** 2))
print(f"frozen tanh, first order: {mg.gradcheck(frozen_tanh, [W], order=1):.0e}")
try:
    mg.gradcheck(frozen_tanh, [W], order=2)
    raise AssertionError("a frozen factor went unnoticed")
except GradcheckError as error:
    print("frozen tanh,", error)

# %% [markdown]
# ## What this chapter claims, asserted

# %%
logits = lambda x, W, v: mg.ops.tanh(x @ W) @ v
mg_loss = lambda W, v, *x: mg.gan.losses["non-saturating"].discriminator(*(logits(x, W, v) for x in x))
tensors = [mg.Tensor(a, requires_grad=True) for a in (W, v, real, fake)]
by_library = mg.grad(mg_loss(*tensors), tensors)[0].numpy()
np.testing.assert_allclose(gradient(W, v, real, fake), by_library, rtol=1e-10, atol=1e-14)
assert mg.gradcheck(mg_loss, tensors, order=3) < 1e-5
assert mg.gradcheck(mg.ops.tanh, [W], method="complex") < 1e-13
for name, order, reached in zip(methods, (1, 2, 4, 2), (1e-7, 1e-10, 1e-11, 1e-15), strict=True):
    assert abs(np.log10(errors[name][4] / errors[name][8]) - order) < 0.1  # the fall from h = 0.1 to h = 0.01
    assert errors[name].min() < reached
assert caught == len(checks)
assert max(error for error, _ in checks) < 1e-9
assert abs(complex_step(f, 0.7, 1e-200) / slope(0.7) - 1) < 1e-15
hidden = {("no tanh'", "v = 0"), ("wrong batch", "v = 0"), ("wrong batch", "fake = real")}
for (bug, name), error in table.items():
    assert error < 1e-9 if bug is None or (bug, name) in hidden else error > 1e-2

# %% [markdown]
# ## Exercises
#
# In `exercises/03.py`; `minigan chapters check 3` checks what you write, and `solutions/03.py` has the answers.
#
# 1. *Derive.* Which step is best for the central difference, and which error is left? Compare with the figure.
# 2. *Fill in.* A difference for the *second* derivative, from $f(x - h)$, $f(x)$, $f(x + h)$. Where is its V?
# 3. *Fill in.* All derivatives of $\sum \tanh(x W)$ with respect to $W$, by complex steps, one element at a time.
# 4. *Predict, then run.* What do `central` and `richardson` give for $\max(x, 0)$ at $x = h / 3$?
# 5. *Find the bug.* A layer whose gradient passes every check on a network as it is before training.
#
# ## What is not known
#
# A check finds a rule wrong, or not wrong at the points that were tried. Where everything is analytic, a wrong rule is
# wrong at almost every point, and a random one finds it. Programs have branches, and a rule may be wrong in a branch
# that no test took. How many random points are enough for such a program, nobody can say.
