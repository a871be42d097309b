# %% [markdown]
# # Solutions to chapter 9

# %%
import numpy as np

import minigan as mg


def field(z):
    theta, psi = z
    return np.array([psi, -theta]) / (1 + np.exp(theta * psi))


# %% [markdown]
# **1. Derive.** With $a = h / 2$ the generator moves first, $\theta \gets \theta - a \psi$, and then the discriminator,
# with the new $\theta$, $\psi \gets \psi + a \theta$. The product of the two matrices is
#
# $$ \begin{pmatrix} 1 & 0 \\ a & 1 \end{pmatrix} \begin{pmatrix} 1 & -a \\ 0 & 1 \end{pmatrix}
#    = \begin{pmatrix} 1 & -a \\ a & 1 - a^2 \end{pmatrix}. $$
#
# Each factor has determinant 1, so the product has, too, and $\lambda_1 \lambda_2 = 1$. As long as the two are complex
# conjugates, $|\lambda|^2 = 1$: the path circles for ever. They sum to $2 - a^2$, and are real as soon as that is below
# $-2$, for $a > 2$ or $h > 4$. Then one of them is larger than 1 and the path leaves. It can never arrive.


# %%
def alternating_matrix(h):
    a = h / 2
    return np.array([[1, -a], [a, 1 - a**2]])


# %% [markdown]
# **2. Fill in.** Near the solution take $w = \theta + i \psi$, for which $F = -\frac i2 w$. With $a = h / 2$ the steps
# are $w_{t+1} = w_t + i a (2 w_t - w_{t-1})$, so $\lambda^2 - (1 + 2 i a) \lambda + i a = 0$. A root on the unit
# circle, $\lambda = e^{i \varphi}$, needs $a = 0$ or $a = 1 / \sqrt 3$ (where it is $(1 + i \sqrt 3) / 2$). So the
# steps arrive for $h < 2 / \sqrt 3 = 1.155$: less far than extragradient, but with half the gradients (Daskalakis et
# al. 2018, arXiv:1711.00141).


# %%
def optimistic_path(z, h, steps):
    points, before = [z], np.zeros(2)
    for _ in range(steps):
        now = field(points[-1])
        points.append(points[-1] - h * (2 * now - before))
        before = now
    return np.array(points)


# %% [markdown]
# **3. Predict, then run.** They arrive, but more and more slowly: after 500 steps the distance is 0.28, after 5000
# still 0.09. The eigenvalues say only that the *linear* part circles. What is left is of third order: along the flow
# the squared distance falls at the rate $2 u \tanh(u / 2)$ with $u = \theta \psi$, about $u^2$. Since $u$ is itself as
# small as $r^2$, this dies out, and $r^2$ falls like $8 / t$, with $t$ the number of steps times $h$: 0.08 at $t =
# 100$.

# %% [markdown]
# **4. Find the bug.** The second half must start from $z$, not from the point ahead. As it was, it *is* two
# simultaneous steps.


# %%
def extragradient_step(z, h):
    ahead = z - h * field(z)
    return z - h * field(ahead)


# %% [markdown]
# **5. Find the bug.** The slope has to be squared. The determinant of $J$ is $f'(0)^2$, and the product of the
# eigenvalues must be that; as printed it is $f'(0)$. Critical friction is $\gamma = 2 f'(0)$, which is 1 for $f = \log
# \sigma$. (Huang et al. 2024, arXiv:2501.05441, equation 12; the lemma of Mescheder et al. that it restates has the
# square.)


# %%
def eigenvalues_with_r1(gamma, slope):
    root = np.sqrt(complex(gamma**2 / 4 - slope**2))
    return np.array([-gamma / 2 + root, -gamma / 2 - root])


# %% [markdown]
# ## Checked another way
#
# The steps by the library's games, the eigenvalues by NumPy.

# %%
INPUTS = {
    "alternating_matrix": lambda rng: (rng.uniform(0.1, 5),),
    "optimistic_path": lambda rng: (rng.standard_normal(2), rng.uniform(0.1, 1), int(rng.integers(1, 9))),
    "extragradient_step": lambda rng: (rng.standard_normal(2), rng.uniform(0.1, 2)),
    "eigenvalues_with_r1": lambda rng: (rng.uniform(0, 3), rng.uniform(0.1, 2)),
}


def play(loss, optimizer, move, z, h, steps):
    """The points of the library's game."""
    game = mg.gan.dirac_gan(mg.gan.losses[loss], lambda p: optimizer(p, lr=h), tuple(z))
    points = [game.point()]
    for _ in range(steps):
        move(game)
        points.append(game.point())
    return np.array(points)


Game, SGD = mg.gan.Game, mg.optim.SGD
for h in (0.2, 1.0, 4.5):
    columns = [play("minimax", SGD, Game.alternating_step, z, h, 1)[1] / 1e-100 for z in 1e-100 * np.eye(2)]
    np.testing.assert_allclose(alternating_matrix(h), np.transpose(columns), rtol=1e-12)
    sizes = abs(np.linalg.eigvals(alternating_matrix(h)))
    np.testing.assert_allclose([sizes.prod(), sizes.max() > 1 + 1e-9], [1, h > 4], rtol=1e-12)
print("1: the matrix is that of the library's step")

z = np.array([0.7, -1.2])
by_library = play("minimax", mg.optim.OptimisticSGD, Game.simultaneous_step, z, 0.3, 20)
np.testing.assert_allclose(optimistic_path(z, 0.3, 20), by_library, rtol=1e-10)
limit = 2 / 3**0.5
for factor, arrives in ((0.99, True), (1.01, False)):
    path = optimistic_path(1e-100 * z, factor * limit, 1000)
    assert (np.hypot(*path[-1]) < np.hypot(*path[0])) == arrives
print(f"2: the path is the library's, and arrives up to h = {limit:.3f}")

path = play("non-saturating", SGD, Game.alternating_step, (1.0, 1.0), 0.2, 5000)
radii = np.hypot(*path[[500, 5000]].T)
np.testing.assert_allclose(radii, [0.284, 0.089], rtol=0.02)
np.testing.assert_allclose(radii**2, [8 / 100, 8 / 1000], rtol=0.05)
print(f"3: at distance {radii[0]:.3f} after 500 steps, {radii[1]:.3f} after 5000")

by_library = play("minimax", mg.optim.ExtraSGD, Game.extragradient_step, z, 0.3, 1)[1]
np.testing.assert_allclose(extragradient_step(z, 0.3), by_library, rtol=1e-12)
print("4: the step is the library's")

for gamma, slope in ((0.3, 0.5), (1.7, 0.5), (0.8, 1.3)):
    by_numpy = np.linalg.eigvals(np.array([[0, -slope], [slope, -gamma]]))
    np.testing.assert_allclose(np.sort_complex(eigenvalues_with_r1(gamma, slope)), np.sort_complex(by_numpy), rtol=1e-9)
print("5: the eigenvalues are NumPy's")
