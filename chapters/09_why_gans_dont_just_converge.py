# %% [markdown]
# # 9. Why GANs don't just converge
#
# **What you will see.** In the smallest GAN there is, gradient descent runs away from the solution, however small its
# steps. Three other ways to step do better, as eigenvalues foretell, and one of them mends a failed GAN of chapter 1.
#
# **How long it takes.** A quarter of a minute on one core.
#
# **The number to expect.** After 500 steps, plain descent is 2.19 times as far from the solution as at the start.
#
# **What you need.** The losses of chapter 1, the gradient penalty of chapter 4, the eigenvalues of a matrix.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.plotting import DISCRIMINATOR, GENERATED, GRADIENT, REAL

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
FIGURES.mkdir(exist_ok=True)

# %% [markdown]
# ## The Dirac-GAN (Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406)
#
# All data are the number 0, and all samples are one number, $\theta$, the generator's only weight. The discriminator
# has one weight too: the logit of $x$ is $D(x) = -\psi x$, so $\psi > 0$ says "what is positive is generated". With
# $D(0) = 0$, chapter 1's loss of $D$ is $L_D = \log 2 - \log \sigma(\theta \psi)$, and in the original, *minimax* game
# the generator wants the opposite, $L_G = -L_D$. Each descends its own loss along its part of
#
# $$ F = \left(\frac{\partial L_G}{\partial \theta}, \frac{\partial L_D}{\partial \psi}\right)
#      = \sigma(-\theta \psi) \, (\psi, -\theta). $$
#
# $F$ vanishes at $\theta = \psi = 0$ and nowhere else. There the generator makes the data, the discriminator has no
# opinion, and neither gains by moving alone. So it is wrong that GANs have no fixed point. But do they get there?
#
# ## Both at once: away, at any learning rate
#
# $F$ is at a right angle to $(\theta, \psi)$, so a step $-h F$ sets out along the tangent of the circle about the
# solution, and ends *outside*. By Pythagoras the squared distance $r^2 = \theta^2 + \psi^2$ grows in every step by the
# factor $1 + h^2 \sigma(-\theta \psi)^2$, exactly. Texts say that simultaneous descent oscillates. It diverges.

# %%
field = lambda z: np.array([z[1], -z[0]]) / (1 + np.exp(z[0] * z[1]))  # F at z = (theta, psi)
simultaneous = lambda z, h: z - h * field(z)


def walk(step, h, steps=500, start=(1.0, 1.0)):
    """All points on the way: (steps + 1, 2)."""
    points = [np.array(start)]
    for _ in range(steps):
        points.append(step(points[-1], h))
    return np.array(points)


squares = (walk(simultaneous, h=0.2) ** 2).sum(axis=1)
print(f"after 500 simultaneous steps: {(squares[-1] / squares[0]) ** 0.5:.8f} times as far")

# %% [markdown]
# ## Why: nobody descends one function
#
# Near the solution, $F$ is a matrix times $z = (\theta, \psi)$, and so is a step:
#
# $$ F \approx J z, \qquad J = \begin{pmatrix} 0 & \frac12 \\ -\frac12 & 0 \end{pmatrix}, \qquad z \gets (1 - h J) z. $$
#
# If $\lambda$ is the largest eigenvalue of that matrix, a step multiplies the distance by about $|\lambda|$. For one
# who descends a single function, $J$ is its Hessian: symmetric, at a minimum with eigenvalues $\mu > 0$, and a small
# $h$ brings all $1 - h \mu$ between 0 and 1. In a game the halves of $F$ belong to different functions. Here $J$ is a
# rotation, with $\mu = \pm \frac i2$ and $|\lambda|^2 = 1 + \frac{h^2}{4}$. Small steps only take longer to leave.
#
# ## Three other ways to step
#
# - **Alternating**: the generator moves, then the discriminator, which sees where it went.
# - **Extragradient** (Korpelevich 1976): all look one step ahead, return, and go by the gradients seen there. That puts
#   $J - h J^2 = J + \frac h4$ in place of $J$: the rotation, with friction, a pull to the centre.
# - **R1** charges the discriminator $\frac\gamma2 \operatorname{E} |\nabla_x D|^2$ at the data, for slopes where none
#   should be. Here it is $\frac\gamma2 \psi^2$, and its derivative $\gamma \psi$ is friction too.

# %%
GAMMA, sqrt = 0.3, np.emath.sqrt  # this root of a negative number is imaginary
alternating = lambda z, h: (w := z - h * field(z) * [1, 0]) - h * field(w) * [0, 1]
extragradient = lambda z, h: z - h * field(z - h * field(z))
with_r1 = lambda z, h: z - h * (field(z) + [0, GAMMA * z[1]])
ways = {  # a step from z, and its two eigenvalues at the solution, s = 1 and s = -1
    "simultaneous": (simultaneous, lambda h, s: 1 + s * 1j * h / 2),
    "alternating": (alternating, lambda h, s: 1 - h**2 / 8 + s * h / 2 * sqrt(h**2 / 16 - 1)),
    "extragradient": (extragradient, lambda h, s: 1 - h**2 / 4 + s * 1j * h / 2),
    "R1": (with_r1, lambda h, s: 1 - h * GAMMA / 2 + s * h / 2 * sqrt(GAMMA**2 - 1)),
}
theory = {name: lambda h, f=f: max(abs(f(h, 1)), abs(f(h, -1))) for name, (_, f) in ways.items()}
# 40 steps are a matrix, too: its columns are where they lead from two points very near the solution.
near, ends = 1e-100, lambda step, h: [walk(step, h, 40, start)[-1] for start in ((near, 0), (0, near))]
measured = lambda step, h: abs(np.linalg.eigvals(np.transpose(ends(step, h)) / near)).max() ** (1 / 40)
paths = {name: walk(step, h=0.2) for name, (step, _) in ways.items()}
far = {name: np.hypot(*points[-1]) / 2**0.5 for name, points in paths.items()}
for name, (step, _) in ways.items():
    print(f"{name:13} |λ| = {theory[name](0.2):.6f}, measured {measured(step, 0.2):.6f}; {far[name]:.2g} times as far")

# %%
figure, panels = plt.subplots(2, 2, figsize=(8, 8.4), layout="constrained", sharex=True, sharey=True)
grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 13)] * 2), axis=-1).reshape(-1, 2)
for axis, (name, (step, _)) in zip(panels.flat, ways.items(), strict=True):
    axis.quiver(*grid.T, *np.transpose([step(z, 0.2) - z for z in grid]), color=GRADIENT, alpha=0.35, width=0.005)
    axis.scatter(*paths[name].T, c=range(501), cmap="Purples", vmin=-250, s=5)
    axis.plot(1, 1, "o", color="white", markeredgecolor=GENERATED, markersize=8)
    axis.plot(0, 0, "P", color=REAL, markeredgecolor="white", markersize=11)
    axis.set(xlim=(-3.3, 3.3), ylim=(-3.3, 3.3), aspect="equal", title=f"{name}, |λ| = {theory[name](0.2):.3f}")
figure.supxlabel("θ, the generator", color=GENERATED)
figure.supylabel("ψ, the discriminator", color=DISCRIMINATOR)
figure.savefig(FIGURES / "09_paths.png", dpi=120)

# %% [markdown]
# White is the start, green the solution, dots darken with time, arrows show where a step leads from each place. How far
# can $h$ grow? Alternating steps circle up to $h = 4$, extragradient arrives for $h < 2$ and R1 for $h < 4 \gamma$.
#
# ## Back to chapter 1
#
# There, with `default_rng(2)`, the spread of the samples after 3000 steps was 0.1 instead of 0.5. With R1 it is not.


# %%
def chapter_1(gamma):
    """The spread |a| of the generator's samples after each step."""
    rng, loss, r1, spreads = np.random.default_rng(2), mg.gan.losses["non-saturating"], mg.gan.penalties["r1"], []
    start = [rng.standard_normal((1, 16)), rng.standard_normal(16), np.zeros((16, 1)), *np.array([[0.0], [1], [0]])]
    W, c, v, e, a, b = weights = [mg.nn.Parameter(mg.Tensor(array).data) for array in start]
    D, G = lambda x: mg.ops.tanh(x @ W + c) @ v + e, lambda: a * mg.Tensor(rng.standard_normal((256, 1))) + b
    d_optimizer, g_optimizer = mg.optim.SGD(weights[:4], lr=0.2), mg.optim.SGD(weights[4:], lr=0.05)
    for _ in range(200 if FAST else 3000):
        fake, real = G().detach(), mg.Tensor(3 + 0.5 * rng.standard_normal((256, 1)))
        d_loss = loss.discriminator(D(real), D(fake)) + r1(D, real, fake, rng=rng, weight=gamma)
        d_optimizer.step(mg.grad(d_loss, weights[:4]))
        g_optimizer.step(mg.grad(loss.generator(D(G())), weights[4:]))
        spreads.append(abs(a.item()))
    return spreads


runs = {"as in chapter 1": chapter_1(gamma=0.0), "with R1, γ = 1": chapter_1(gamma=1.0)}
last = [np.mean(spread[-500:]) for spread in runs.values()]
print(f"spread of the last 500 steps: {last[0]:.3f}, with R1 {last[1]:.3f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
rates = np.linspace(0.02, 4.6, 200)
for (name, (step, _)), colour in zip(ways.items(), ("#d55e00", "0.45", "#e69f00", "#009e73"), strict=True):
    left.plot(rates, [theory[name](h) for h in rates], color=colour, label=name)
    left.plot(rates[9::15], [measured(step, h) for h in rates[9::15]], "o", color=colour, markersize=5)
left.set(xlabel="learning rate h", ylabel="|λ|", ylim=(0.85, 1.6), title="below 1 it arrives (dots: measured)")
for (name, spread), style in zip(runs.items(), (":", "-"), strict=True):
    right.plot(spread, style, color=GENERATED, label=name)
right.axhline(0.5, color=REAL, linestyle="--", label="the data")
right.set(xlabel="step", ylabel="spread |a|", title="the GAN of chapter 1, default_rng(2)")
for axis in (left, right):
    axis.legend(frameon=False)
figure.savefig(FIGURES / "09_rates.png", dpi=120)

# %% [markdown]
# ## What this chapter claims, asserted
#
# Among it: the library's `dirac_gan` walks the same paths. It is a `Game`, which has players and ways to move them.

# %%
factors = 1 + (0.2 / (1 + np.exp(paths["simultaneous"].prod(axis=1)))) ** 2
np.testing.assert_allclose(squares[1:] / squares[:-1], factors[:-1], rtol=1e-12)
np.testing.assert_allclose([far["simultaneous"], far["R1"]], [2.18987340, 1.8686402e-6], rtol=1e-7)
for name, (step, _) in ways.items():
    for h in rates[::9]:
        np.testing.assert_allclose(measured(step, h), theory[name](h), rtol=1e-9)
for name, limit in (("alternating", 4), ("extragradient", 2), ("R1", 4 * GAMMA)):
    assert measured(ways[name][0], 0.999 * limit) < 1 + 1e-9 < 1 + 1e-5 < measured(ways[name][0], 1.001 * limit)
Game, SGD = mg.gan.Game, mg.optim.SGD
moves = Game.simultaneous_step, Game.alternating_step, Game.extragradient_step, Game.simultaneous_step
r1 = lambda *batches: mg.gan.penalties["r1"](*batches, rng=np.random.default_rng(0), weight=GAMMA)
kinds, extras = (SGD, SGD, mg.optim.ExtraSGD, SGD), (None, None, None, r1)
for name, move, kind, penalty in zip(ways, moves, kinds, extras, strict=True):
    game = mg.gan.dirac_gan(mg.gan.losses["minimax"], lambda p, kind=kind: kind(p, lr=0.2), penalty=penalty)
    for point in paths[name][1:101]:
        move(game)
        np.testing.assert_allclose(game.point(), point, rtol=1e-9, atol=1e-12)
assert FAST or last[0] < 0.2 < 0.45 < last[1] < 0.55

# %% [markdown]
# ## Exercises
#
# In `exercises/09.py`; `minigan chapters check 9` checks what you write, and `solutions/09.py` has the answers.
#
# 1. *Derive.* The matrix of an alternating step near the solution. What does its determinant say about circles?
# 2. *Fill in.* Optimistic steps, $z \gets z - h (2 F_t - F_{t-1})$: one gradient each. Up to which $h$ do they arrive?
# 3. *Predict, then run.* Chapter 1's $L_G = -\log \sigma(D(\theta))$ has the same $J$. Does it circle for ever, too?
# 4. *Find the bug.* An extragradient step that runs away like two simultaneous ones.
# 5. *Find the bug.* A printed formula for the eigenvalues with R1. By it, paths stop circling at the wrong $\gamma$.
#
# ## What is not known
#
# All of this holds near a solution. A network is trained far from any. How near is near enough, and why so many do well
# although they never come near, nobody can say.
