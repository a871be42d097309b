# %% [markdown]
# # 4. The derivative of a derivative
#
# **What you will see.** One rule for each operation gives derivatives of every order, if the rule can record itself.
# Then what that is for: a penalty on the slope of a *critic*, a discriminator that gives marks.
#
# **How long it takes.** Five seconds on one core.
#
# **The number to expect.** The critic's slope ends at 0.8; if the penalty's own derivative is forgotten, at 149.
#
# **What you need.** The tape of chapter 2, the gradient check of chapter 3.

# %%
import os
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigan as mg

FAST = os.environ.get("MINIGAN_FAST") == "1"
FIGURES = Path(globals().get("__file__", "chapters/.")).parent / "figures"
BLUE, PINK = "#2f86f6", "#e8488f"  # discriminator (or critic), gradients
rng = np.random.default_rng(0)

# %% [markdown]
# ## One rule, two modes
#
# The tape of chapter 2 can differentiate once. Its rule for $y = \tanh x$ was $g (1 - y^2)$, computed with arrays, and
# an array has no history. But $g (1 - y^2)$ is itself a computation, of two products and a difference. If $g$ and $y$
# are tensors, and `*` and `-` record what they do, then the result has a history too, and can be differentiated in
# its turn, by the very same rules. So in the library a rule is written once, `rule(g, y, *arguments)`, for arrays and
# for tensors. That of $\tanh$ reads `lambda g, y, x: g * (1 - y * y)`. Given arrays it computes and forgets, given
# tensors it records. `mg.grad` hands it arrays, unless it is called with `create_graph=True`.

# %%
rule = mg.ops.tanh.rules[0]
x = mg.Tensor(np.linspace(-2.5, 2.5, 201), requires_grad=True)
for y, argument in ((np.tanh(x.numpy()), x.numpy()), (mg.ops.tanh(x), x)):
    print(f"{type(y).__name__} in, {type(rule(1.0, y, argument)).__name__} out")

# %% [markdown]
# Now the derivatives of $\tanh$, one after the other. Each value depends on its own $x_i$ alone, so the gradient of the
# sum holds the derivative at every $x_i$. Higher orders make more tensors: a product has two factors to differentiate.

# %%
derivatives, ages = [mg.ops.tanh(x)], []
for _ in range(4):
    derivatives += mg.grad(derivatives[-1].sum(), [x], create_graph=True)
    ages.append(derivatives[-1].order)  # tensors are numbered as they are made
print("tensors made for the derivatives of order 2, 3, 4:", np.diff(ages))

# %% [markdown]
# ## A Hessian without a matrix
#
# A function of a million variables has a matrix $H$ of $10^{12}$ second derivatives, the *Hessian*. One seldom needs
# more of it than its product with a vector $u$, and that is one more gradient: $H u = \nabla \langle \nabla f, u
# \rangle$. An example is $f(x) = \log \sum_i e^{x_i}$. Its gradient is $p$ with $p_i = e^{x_i - f}$, and
# $H u = p \circ u - p \langle p, u \rangle$, where $\circ$ multiplies element by element.

# %%
point, u = rng.standard_normal((2, 1000))
variables = mg.Tensor(point, requires_grad=True)
(gradient,) = mg.grad(mg.ops.logsumexp(variables, axis=0), [variables], create_graph=True)
(product,) = mg.grad((gradient * mg.Tensor(u)).sum(), [variables])
p = np.exp(point) / np.exp(point).sum()
difference = abs(product.numpy() - (p * u - p * (p @ u))).max()
print(f"H u for 1000 variables: the largest difference from the closed form is {difference:.0e}")

# %% [markdown]
# ## Why a GAN needs it
#
# A critic, the discriminator of a Wasserstein GAN (chapter 12), descends $\operatorname{E} D(G(z)) - \operatorname{E}
# D(x)$. The steeper $D$, the lower that is, without end. A gradient penalty (chapter 13) keeps its slope near 1,
#
# $$ P = \lambda \operatorname{E} \left(|\nabla_x D(\hat x)| - 1\right)^2, $$
#
# with $\lambda = 10$, and $\hat x$ between real and generated samples. A derivative stands *inside* the loss, and it
# depends on the weights: for $D(x) = \tanh(x W + c) v$ it is
#
# $$ \nabla_x D = W \left((1 - \tanh^2(x W + c)) \circ v\right). $$
#
# To descend $P$ is to differentiate $\nabla_x D$ once more, with respect to $W$, $c$ and $v$. Without `create_graph`
# the value of $P$ is right and its derivative is missing. There is no error, and the loss looks as it should.


# %%
def critic(x, W, c, v):
    return mg.ops.tanh(x @ W + c) @ v


def slopes(x, weights, create_graph):
    """|grad D| at each sample. D(x_i) depends on x_i alone, so the gradient of the sum holds the gradient of each."""
    x = mg.Tensor(x, requires_grad=True)
    (gradient,) = mg.grad(critic(x, *weights).sum(), [x], create_graph=create_graph)
    return mg.ops.norm(gradient, axis=1)


def penalty(x, weights, create_graph=True):
    return 10 * mg.ops.mean((slopes(x, weights, create_graph) - 1) ** 2)


# %%
def train(penalty):
    """The mean slope from 0 to 3 after each step; real samples are from N(3, 0.5^2), generated ones from N(0, 1)."""
    rng, history, shown = np.random.default_rng(1), [], np.linspace(0, 3, 31)[:, None]
    weights = [mg.Tensor(rng.standard_normal(s), requires_grad=True) for s in ((1, 16), (16,), (16, 1))]
    for _ in range(200 if FAST else 1000):
        real, fake, e = 3 + 0.5 * rng.standard_normal((64, 1)), rng.standard_normal((64, 1)), rng.random((64, 1))
        loss = critic(mg.Tensor(fake), *weights).mean() - critic(mg.Tensor(real), *weights).mean()
        loss = loss + penalty(e * real + (1 - e) * fake, weights)
        for w, g in zip(weights, mg.grad(loss, weights), strict=True):
            w.data -= 0.01 * g.data
        history.append(slopes(shown, weights, create_graph=False).mean().item())
    return history


# %%
forgotten = lambda x, weights: penalty(x, weights, create_graph=False)
runs = {"penalty": train(penalty), "create_graph forgotten": train(forgotten), "no penalty": train(lambda *_: 0.0)}
print({name: round(history[-1], 2) for name, history in runs.items()})

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for n, (y, shade) in enumerate(zip(derivatives, ("0.3", "#f3b4d0", PINK, "#b0286a", "#5c0f37"), strict=True)):
    left.plot(x.numpy(), y.numpy(), "-" if n else "--", color=shade, linewidth=2, label="tanh" + "'" * n)
left.set(xlabel="x", title="tanh and its derivatives, one rule for all")
left.legend(frameon=False, loc="lower right")
looks = (BLUE, "-", 2), (PINK, "-", 4), ("black", ":", 2)
for (name, history), (colour, style, width) in zip(runs.items(), looks, strict=True):
    right.semilogy(history, style, color=colour, linewidth=width, label=name)
right.set(xlabel="step of the critic", ylabel="mean slope |dD/dx|", title="the penalty needs its own derivative")
right.legend(frameon=False, loc="center right")
FIGURES.mkdir(exist_ok=True)
figure.savefig(FIGURES / "04_orders.png", dpi=120)

# %% [markdown]
# ## What it costs
#
# Recording the way back makes it a part of the way there: more tensors, all of them kept, and a second way back through
# them all. Length is no obstacle. Here is $(1 + x / n)^n \approx e^x$ as a chain of $n = 20000$ products.

# %%
n, one = 2000 if FAST else 20000, mg.Tensor(np.array(1.0), requires_grad=True)
clock, tick = [time.process_time()], lambda: clock.append(time.process_time())
chain = factor = one * (1 / n) + 1
for _ in range(n - 1):
    chain = chain * factor
tick()
mg.grad(chain, [one])
tick()
(first,) = mg.grad(chain, [one], create_graph=True)
tick()
(second,) = mg.grad(first, [one])
tick()
chain = [t.item() for t in (chain, first, second)]
print("seconds for the value, the gradient, the same recorded, and its gradient:", np.diff(clock).round(2))

# %% [markdown]
# ## What this chapter claims, asserted

# %%
t, s = np.tanh(x.numpy()), 1 - np.tanh(x.numpy()) ** 2
for y, closed_form in zip(derivatives, (t, s, -2 * t * s, (6 * t**2 - 2) * s, (16 * t - 24 * t**3) * s), strict=True):
    np.testing.assert_allclose(y.numpy(), closed_form, atol=1e-13)
(on_arrays,) = mg.grad(derivatives[2].sum(), [x])
np.testing.assert_array_equal(on_arrays.numpy(), derivatives[3].numpy())  # two modes, the same numbers
assert difference < 1e-15
np.testing.assert_allclose(chain, [(1 + 1 / n) ** n, (1 + 1 / n) ** (n - 1), (1 - 1 / n) * (1 + 1 / n) ** (n - 2)])

# %%
weights = [mg.Tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 5), (5,), (5, 1))]
samples = rng.standard_normal((7, 2))
ours, without = penalty(samples, weights), forgotten(samples, weights)
assert ours.item() == without.item()  # the right value,
assert mg.grad(without, weights) == [None, None, None]  # and no derivative
assert mg.gradcheck(lambda *weights: penalty(samples, weights), weights) < 1e-7
library = mg.gan.gradient_penalty(lambda x: critic(x, *weights), mg.Tensor(samples), mg.Tensor(samples), rng=rng)
for g, from_library in zip(mg.grad(ours, weights), mg.grad(library, weights), strict=True):
    np.testing.assert_allclose(g.numpy(), from_library.numpy(), rtol=1e-9, atol=1e-12)
assert runs["create_graph forgotten"] == runs["no penalty"]
assert 0.7 < runs["penalty"][-1] < 1.1
assert runs["no penalty"][-1] > (10 if FAST else 100)

# %% [markdown]
# ## Exercises
#
# In `exercises/04.py`; `minigan chapters check 4` checks what you write, and `solutions/04.py` has the answers.
#
# 1. *Derive.* For $D(x) = v \tanh(w x)$ with numbers $v, w, x$: the derivative of $(|D'(x)| - 1)^2$ by $w$ and by $v$.
# 2. *Fill in.* $H u$ for $f(w) = \sum_n \log(1 + e^{-x_n \cdot w})$, the loss of a linear classifier, without $H$.
# 3. *Predict, then run.* With $\max(x, 0)$ in place of $\tanh$, which derivatives of the penalty are zero?
# 4. *Find the bug.* A Hessian-vector product that passed its test with a random covariance matrix.
#
# ## What is not known
#
# A slope near 1 where it was looked at says nothing about the places between. How much gradient penalties owe to the
# bound on the slope that they were made for, and how much to calming the game as in chapter 9, is disputed.
