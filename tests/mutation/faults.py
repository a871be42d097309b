"""Faults of the kind that people really make, planted by hand; the tests must notice every one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`old`, which occurs once in `file`, mistaken for `new`."""

    file: str
    old: str
    new: str
    what: str


ANALYTIC = "minigan/gan/analytic.py"
CHAIN = "minigan/gan/chain.py"
CLASSICAL = "minigan/gan/classical.py"
CONSTRAINTS = "minigan/gan/constraints.py"
ENERGY = "minigan/gan/energy.py"
FGAN = "minigan/gan/fgan.py"
GAME = "minigan/gan/game.py"
GRAPHS = "minigan/backend/graphs.py"
KERNELS = "minigan/gan/kernels.py"
PENALTIES = "minigan/gan/penalties.py"
PENALTY = "minigan/gan/penalty.py"
RECORDING = "minigan/backend/strict/recording.py"
RELATIVISTIC = "minigan/gan/relativistic.py"
TOYS = "minigan/gan/toys.py"
ADAM = "minigan/optim/adam.py"
CAPTURE = "minigan/training/capture.py"
CUBLAS = "minigan/backend/cublas.py"
EXTRAGRADIENT = "minigan/optim/extragradient.py"
OPTIMISTIC = "minigan/optim/optimistic.py"
SPECTRAL = "minigan/nn/spectral.py"

FAULTS = [
    # ------------------------------------------------------------------ ops: rules of calculus
    Fault("minigan/ops/elementary.py", "g / (2 * y)", "g / y", "sqrt: a dropped factor 2"),
    Fault("minigan/ops/elementary.py", "lambda g, y, x: g / x)", "lambda g, y, x: g / y)", "log: output for input"),
    Fault("minigan/ops/elementary.py", "g / (1 + x)", "g / x", "log1p differentiated as log"),
    Fault("minigan/ops/arithmetic.py", "fit(-g, b))", "fit(g, b))", "subtract: a sign lost"),
    Fault("minigan/ops/arithmetic.py", "fit(g * b, a), lambda", "g * b, lambda", "multiply: a missing un-broadcast"),
    Fault(
        "minigan/ops/arithmetic.py",
        "fit(-g * y / b, b)",
        "fit(-g * a / b, b)",
        "divide: -g a / b in place of -g a / b^2",
    ),
    Fault("minigan/ops/arithmetic.py", "p * a ** (p - 1)", "a ** (p - 1)", "power: a dropped factor p"),
    Fault("minigan/ops/arithmetic.py", "0.0 * g if p == 0 else ", "", "power: 0 * inf at p = 0, a = 0"),
    Fault(
        "minigan/ops/arithmetic.py",
        "fit(where(condition, 0.0, g), b)",
        "fit(where(condition, g, 0.0), b)",
        "where: both branches get the gradient of the first",
    ),
    Fault("minigan/ops/activations.py", "g * (1 - y * y)", "g * (1 - x * x)", "tanh: input for output"),
    Fault("minigan/ops/activations.py", "g * y * sigmoid(-x)", "g * y * (1 - y)", "sigmoid: vanishes for x > 37"),
    Fault(
        "minigan/backend/kernels.py",
        "np.exp(-abs(x))\n    y = np.where",
        "np.exp(-x)\n    y = np.where",
        "sigmoid: overflow",
    ),
    Fault(
        "minigan/ops/activations.py",
        "g * sigmoid(x)",
        "g * sigmoid(-x)",
        "softplus: the mirror image of its derivative",
    ),
    Fault("minigan/ops/activations.py", "x - x.max(axis=axis, keepdims=True)", "x", "softmax: overflow"),
    Fault("minigan/ops/activations.py", "y * (g - sum_(g * y,", "y * (g - sum_(g,", "softmax: y dropped from the sum"),
    Fault(
        "minigan/ops/activations.py",
        "leaky_mask(h, x, slope=slope), None",
        "h, None",
        "leaky relu: no second derivative",
    ),
    Fault(
        "minigan/ops/products.py", "matrix_product(g, _t(b))", "matrix_product(g, b)", "matmul: a forgotten transpose"
    ),
    Fault(
        "minigan/ops/products.py",
        "matrix_product(_t(a), g)",
        "_t(matrix_product(_t(a), g))",
        "matmul: one transpose too many",
    ),
    Fault(
        "minigan/ops/reductions.py", "keepdims=keepdims) / count", "keepdims=keepdims)", "mean: the sum for the mean"
    ),
    Fault(
        "minigan/ops/reductions.py",
        "_axes(axis, x.ndim))\n",
        "_axes(None, x.ndim))\n",
        "mean: over the number of all elements",
    ),
    Fault("minigan/ops/reductions.py", " * _share_of_max(y, x, axis)", "", "max: the gradient to all elements"),
    Fault(
        "minigan/ops/reductions.py",
        "is_largest / is_largest.sum(axis=axis, keepdims=True)",
        "is_largest",
        "max: ties count twice",
    ),
    Fault(
        "minigan/ops/reductions.py",
        "exp(x - _spread(y, x, axis))",
        "exp(x)",
        "logsumexp: softmax without its denominator",
    ),
    Fault("minigan/ops/reductions.py", "where(constant(y) > 0, y, 1.0)", "y", "norm: NaN at zero"),
    Fault(
        "minigan/ops/shape.py",
        "(tuple(range(new)) + stretched)",
        "(tuple(range(new)))",
        "sum_to: length-1 axes not summed",
    ),
    Fault(
        "minigan/ops/shape.py",
        "xp.add.at(x, index, g)",
        "x[index] += g",
        "getitem: an index that occurs twice counts once",
    ),
    Fault(
        "minigan/ops/shape.py",
        "transpose(g, axes=_inverse(axes))",
        "transpose(g, axes=axes)",
        "transpose: not its inverse",
    ),
    Fault("minigan/ops/shape.py", "xs[:i])", "xs[: i + 1])", "concatenate: the gradient of the neighbour"),
    Fault(
        "minigan/ops/conv_geometry.py",
        "(n + 2 * p - k) // s + 1",
        "(n + 2 * p - k) // s",
        "conv2d: output size off by one",
    ),
    Fault(
        "minigan/ops/conv_geometry.py",
        "(n + 2 * p - k) // s + 1",
        "(n + p - k) // s + 1",
        "conv2d: padding counted once",
    ),
    Fault(
        "minigan/backend/kernels.py",
        "sh * by_row, sw * by_pixel, by_row, by_pixel",
        "sh * by_row, sh * by_pixel, by_row, by_pixel",
        "conv2d: one stride for both axes",
    ),
    Fault("minigan/ops/conv_direct.py", "+= shares[a, b]", "= shares[a, b]", "transposed convolution: not added up"),
    Fault(
        "minigan/ops/conv_direct.py",
        "b : b + sw * ow : sw] +=",
        "b : b + sh * ow : sh] +=",
        "transposed convolution: one stride for both axes",
    ),
    Fault(
        "minigan/ops/convolution.py",
        "lambda w, y, x, g, *, kernel_size, stride=1, padding=0, algorithm=None: conv2d(\n"
        "        x, w, stride=stride, padding=padding,",
        "lambda w, y, x, g, *, kernel_size, stride=1, padding=0, algorithm=None: conv2d(\n        x, w, stride=stride,",
        "conv2d_weight: padding forgotten in its derivative",
    ),
    Fault(
        "minigan/ops/convolution.py",
        "return form.image(gs, ws) if wanted[0] else None, form.kernel(xs, gs)",
        "return form.image(gs, ws) if wanted[0] else None, form.kernel(xs, gs) * 2",
        "conv2d: the fast rule for the kernel doubled",
    ),
    Fault("minigan/ops/conv_bilinear.py", "d - c, c + d]", "c - d, c + d]", "Fourier: Gauss's second product negated"),
    Fault("minigan/ops/conv_bilinear.py", "B / scale, V(r) * scale", "B / scale, V(r)", "Toom-Cook: scaled once"),
    Fault(
        "minigan/ops/conv_bilinear.py",
        "max(t - d, m + d + r - 1, t, m)",
        "max(t, m)",
        "Fourier: the circle too short",
    ),
    Fault(
        "minigan/ops/conv_bilinear.py",
        "x.shape[1] * x.shape[2] * sh",
        "x.shape[1] * x.shape[2] * sw",
        "strides exchanged",
    ),
    Fault("minigan/ops/conv_bilinear.py", "part.shape[5]] += part", "part.shape[5]] = part", "tiles: overlaps lost"),
    Fault("minigan/backend/memory.py", "start + step)", "start + step - 1)", "pieces: the last of each left out"),
    Fault("minigan/ops/normalisation.py", "sqrt(v + eps)", "sqrt(v) + eps", "standardize: eps outside of the root"),
    Fault(
        "minigan/ops/normalisation.py",
        " - y * mean(g * y, axis=axes, keepdims=True)",
        "",
        "standardize: the variance taken for a constant",
    ),
    Fault(
        "minigan/ops/normalisation.py",
        "(g - mean(g, axis=axes, keepdims=True) - y",
        "(g - y",
        "standardize: the mean taken for a constant",
    ),
    Fault(
        "minigan/ops/normalisation.py",
        "* scale, tuple(range(x.ndim - 1))",
        "* scale, (0,)",
        "batch norm: each pixel on its own",
    ),
    # ------------------------------------------------------------------ autograd
    Fault(
        "minigan/autograd/grad.py",
        "contribution if known is None else known + contribution",
        "contribution",
        "grad: overwrites where it should accumulate",
    ),
    Fault("minigan/autograd/grad.py", "reversed(reached)", "reached", "grad: visits the graph in the wrong order"),
    Fault(
        "minigan/autograd/grad.py",
        "key=lambda tensor: tensor.order",
        "key=lambda tensor: -tensor.order",
        "grad: oldest and newest exchanged",
    ),
    Fault(
        "minigan/autograd/grad.py",
        "with recording(create_graph):",
        "with recording(False):",
        "grad: records no backward pass",
    ),
    Fault(
        "minigan/autograd/tensor.py",
        "return node(self.data)",
        "return self",
        "detach: does nothing",
    ),
    Fault(
        "minigan/autograd/op.py",
        "_recording.reset(token)",
        "_recording.set(True)",
        "no_grad: a nested block ends the outer one",
    ),
    # ------------------------------------------------------------------ gan: losses of each sample alone
    Fault(
        CLASSICAL,
        "mean(softplus(-real_logits)) + mean(softplus(fake_logits))",
        "mean(softplus(real_logits)) + mean(softplus(-fake_logits))",
        "labels swapped",
    ),
    Fault(
        CLASSICAL,
        "return mean(softplus(-real_logits)) +",
        "return 0.5 * mean(softplus(-real_logits)) +",
        "a half on one of the two terms",
    ),
    Fault(
        CLASSICAL,
        "return -mean(softplus(fake_logits))",
        "return mean(softplus(fake_logits))",
        "minimax: the generator descends what it should ascend",
    ),
    Fault(
        CLASSICAL,
        "return mean(softplus(-fake_logits))",
        "return mean(softplus(fake_logits))",
        "non-saturating: the generator helps the discriminator",
    ),
    Fault(
        CLASSICAL, "mean(fake_logits) - mean(real_logits)", "mean(real_logits) - mean(fake_logits)", "the critic's sign"
    ),
    Fault(
        CLASSICAL,
        "from minigan.ops import mean, relu, softplus",
        "from minigan.ops import relu, softplus\nfrom minigan.ops import sum as mean",
        "mean for sum",
    ),
    Fault(
        CLASSICAL,
        "return on_real + mean(softplus(fake_logits))",
        "return on_real + self.real * mean(softplus(fake_logits)) + (1 - self.real) * mean(softplus(-fake_logits))",
        "label smoothing: two-sided",
    ),
    Fault(
        CLASSICAL,
        " + (1 - self.real) * mean(softplus(real_logits))",
        "",
        "label smoothing: a weight in place of a label",
    ),
    Fault(CLASSICAL, "relu(1 - real_logits)", "relu(-1 - real_logits)", "hinge: the margin on the wrong side"),
    Fault(
        CLASSICAL,
        "return mean(relu(1 - real_logits)) + mean(relu(1 + fake_logits))",
        "return mean(relu(1 - real_logits)) + mean(relu(1 + fake_logits))\n\n"
        "    def generator(self, fake_logits, real_logits=None):\n        return mean(relu(1 - fake_logits))",
        "hinge: with a hinge for the generator too",
    ),
    Fault(
        CLASSICAL,
        "mean((fake_logits - self.c) ** 2) / 2",
        "mean((fake_logits - self.a) ** 2) / 2",
        "least squares: the generator wants the label of fakes",
    ),
    Fault(
        CLASSICAL,
        "(real_logits - self.b) ** 2) / 2 + mean((fake_logits - self.a)",
        "(real_logits - self.a) ** 2) / 2 + mean((fake_logits - self.b)",
        "least squares: labels swapped",
    ),
    # ------------------------------------------------------------------ gan: losses that compare
    Fault(
        RELATIVISTIC,
        "softplus(_paired(_given(self, real_logits), fake_logits))",
        "softplus(-fake_logits)",
        "relativistic pairing: the generator's loss without the real logits",
    ),
    Fault(
        RELATIVISTIC,
        "softplus(_paired(fake_logits, real_logits))",
        "softplus(mean(fake_logits) - mean(real_logits))",
        "relativistic pairing: means compared, not pairs",
    ),
    Fault(
        RELATIVISTIC,
        "r, f = real_logits - mean(fake_logits), fake_logits - mean(real_logits)\n        return mean(softplus",
        "r, f = real_logits - mean(fake_logits).detach(), fake_logits - mean(real_logits).detach()\n"
        "        return mean(softplus",
        "relativistic average: the means detached",
    ),
    Fault(
        RELATIVISTIC, "mean(softplus(-r)) + mean(softplus(f))", "mean(softplus(-r))", "relativistic average: one term"
    ),
    Fault(
        RELATIVISTIC,
        "self.discriminator(fake_logits, _given(self, real_logits))",
        "-self.discriminator(_given(self, real_logits), fake_logits)",
        "relativistic average: zero-sum where the paper swaps the labels",
    ),
    Fault(
        RELATIVISTIC,
        "return logsumexp(both) - mean(both)",
        "return logsumexp(both) - mean(fake_logits)",
        "softmax GAN: the generator's target only its own samples",
    ),
    Fault(
        RELATIVISTIC,
        "logsumexp(_both(real_logits, fake_logits)) -",
        "logsumexp(fake_logits.reshape(-1)) -",
        "softmax GAN: a partition function over generated samples only",
    ),
    # ------------------------------------------------------------------ gan: f-divergences
    Fault(
        FGAN,
        "mean(self.conjugate(fake_logits)) - mean(self.activation(real_logits))",
        "mean(self.activation(fake_logits)) - mean(self.activation(real_logits))",
        "f-GAN: without the conjugate",
    ),
    Fault(FGAN, "return exp(v - 1)", "return exp(v)", "f-GAN: the conjugate of u log u - u"),
    Fault(FGAN, "return v * v / 4 + v", "return v * v / 2 + v", "f-GAN: Pearson without 1/4"),
    Fault(FGAN, "return -exp(-v)", "return -exp(v)", "f-GAN: an activation that decreases"),
    Fault(FGAN, "return 2 - 2 * exp(-v / 2)", "return 2 - 2 * exp(-v)", "f-GAN: Neyman without the root"),
    # ------------------------------------------------------------------ gan: energies
    Fault(
        ENERGY, "relu(self.margin + fake_logits)", "relu(self.margin - fake_logits)", "EBGAN: the sign of the energy"
    ),
    Fault(
        ENERGY,
        "(sum_(cosines * cosines) - sum_(own * own))",
        "(sum_(cosines) - sum_(own))",
        "pulling away: without the square",
    ),
    Fault(
        ENERGY,
        "norm(codes, axis=1, keepdims=True)",
        "norm(codes, axis=0, keepdims=True)",
        "pulling away: features normalised in place of samples",
    ),
    Fault(
        ENERGY, " - sum_(own * own)) / (n * (n - 1))", ") / (n * (n - 1))", "pulling away: each sample from itself too"
    ),
    Fault(ENERGY, "minimum(maximum(moved, 0.0), 1.0)", "moved", "BEGAN: k not clipped"),
    Fault(ENERGY, "moved = self.k + self.rate", "moved = self.k - self.rate", "BEGAN: k moves the wrong way"),
    Fault(
        ENERGY,
        "mean(fake_logits) - self.gamma * mean(real_logits)",
        "self.gamma * mean(fake_logits) - mean(real_logits)",
        "BEGAN: gamma at the wrong energy",
    ),
    Fault(ENERGY, "+ self.k * mean(fake_logits)", "- self.k * mean(fake_logits)", "BEGAN: D lowers both energies"),
    # ------------------------------------------------------------------ gan: kernels
    Fault(
        KERNELS,
        "(sum_(self.kernel(_differences(h, h))) - n * sum_(zero)) / (n * (n - 1))",
        "mean(self.kernel(_differences(h, h)))",
        "kernels: the estimate that is biased",
    ),
    Fault(
        KERNELS,
        "- 2 * mean(self.kernel(_differences(r, f)))",
        "- mean(self.kernel(_differences(r, f)))",
        "kernels: the mixed term counted once",
    ),
    Fault(KERNELS, "(-0.5 / s**2)", "(-1 / s**2)", "MMD: the bandwidth's factor 1/2"),
    Fault(
        KERNELS,
        "return -norm(difference, axis=-1)",
        "return norm(difference, axis=-1)",
        "energy distance: the kernel's sign",
    ),
    Fault(
        KERNELS,
        "_differences(h, r)), axis=1) - mean(self.kernel(_differences(h, f)), axis=1)",
        "_differences(h, f)), axis=1) - mean(self.kernel(_differences(h, r)), axis=1)",
        "the witness upside down",
    ),
    # ------------------------------------------------------------------ gan: penalties
    Fault(PENALTY, "create_graph=True", "create_graph=False", "penalty: a detached term"),
    Fault(PENALTIES, "(1,) * (real.ndim - 1)", "real.shape[1:]", "penalty: one e for each pixel"),
    Fault(PENALTIES, "_uniform((len(real),)", "_uniform((1,)", "penalty: one e for the whole batch"),
    Fault(
        PENALTIES,
        "return tuple(range(1, x.ndim))",
        "return tuple(range(x.ndim))",
        "penalty: the norm over the whole batch",
    ),
    Fault(PENALTY, "critic(x).sum()", "mean(critic(x))", "penalty: gradients smaller by the batch size"),
    Fault(
        PENALTIES,
        "(_length(gradient) - self.target) ** 2",
        "_length(gradient) ** 2 - self.target",
        "penalty: the target outside of the square",
    ),
    Fault(PENALTIES, "return e * real + (1 - e) * fake", "return real", "penalty: at real samples, not between"),
    Fault(
        PENALTIES,
        "maximum(_length(gradient) - self.target, 0.0)",
        "maximum(self.target - _length(gradient), 0.0)",
        "WGAN-LP: small slopes punished in place of large ones",
    ),
    Fault(PENALTIES, "real.std() * _uniform", "real.std(axis=0) * _uniform", "DRAGAN: one deviation for each value"),
    Fault(PENALTIES, "rng.random(shape)", "rng.standard_normal(shape)", "DRAGAN: another noise"),
    Fault(
        PENALTIES,
        '"""The real samples."""\n        return real',
        '"""The real samples."""\n        return fake',
        "R1 at generated samples",
    ),
    Fault(
        PENALTIES, "return _squared_length(gradient) / 2", "return _length(gradient) / 2", "R1: the square forgotten"
    ),
    Fault(PENALTIES, "return _squared_length(gradient) / 2", "return _squared_length(gradient)", "R1: the factor 1/2"),
    Fault(PENALTIES, "concatenate([real, fake])", "concatenate([real, real])", "R1 + R2: twice R1"),
    Fault(ANALYTIC, "t = weight * v", "t = v", "closed form: gradients without the weight"),
    Fault(
        CHAIN,
        "if r is None:\n            return self.curvature",
        "if r is None:\n            return None",
        "closed form: the fourth sweep forgotten",
    ),
    Fault(
        CHAIN,
        "self.map.weight_gradient(self.points, r)",
        "self.map.weight_gradient(r, r)",
        "closed form: r r^T in place of r a^T",
    ),
    Fault(
        CHAIN,
        "points.copy() if curved else None",
        "points",
        "closed form: the tangents in place of the points in the fourth sweep",
    ),
    Fault(
        CHAIN, "_sum_over_positions(g[:judged])", "_sum_over_positions(g)", "closed form: points in the loss's biases"
    ),
    Fault(PENALTY, "loss(logits[:n], logits[n:])", "loss(logits[n:], logits[:n])", "a penalised loss: swapped labels"),
    Fault(CHAIN, "return y, d, -2 * y * d", "return y, d, -2 * y", "closed form: the second derivative of tanh"),
    # ------------------------------------------------------------------ gan: constraints, games
    Fault(
        CONSTRAINTS,
        "clip(array, -limit, limit, out=array)",
        "clip(array, None, limit, out=array)",
        "weight clipping: on one side only",
    ),
    Fault(CONSTRAINTS, "product * (1 - eye)", "product", "orthogonal penalty: lengths punished too"),
    Fault(CONSTRAINTS, "product = W.T @ W", "product = W @ W.T", "orthogonal penalty: rows in place of columns"),
    Fault(GAME, "g + gamma * pull", "g - gamma * pull", "consensus: pushes away"),
    Fault(GAME, "for g in gradients) / 2", "for g in gradients)", "consensus: the factor 1/2"),
    Fault(
        GAME,
        "player.optimizer.step(player.gradients())",
        "pass\n        self._step(self.gradients())",
        "alternating steps that are simultaneous",
    ),
    Fault(
        GAME,
        "for player, gradients in zip(self.players, self.gradients(), strict=True):\n"
        "            player.optimizer.extrapolate(gradients)",
        "for player in self.players:\n            player.optimizer.extrapolate(player.gradients())",
        "extragradient: one player looks ahead after the other",
    ),
    Fault(TOYS, "return -(x @ psi)", "return x @ psi", "Dirac-GAN: the paper's sign"),
    Fault(TOYS, "hermite_e.hermegauss", "hermite.hermgauss", "Dirac-GAN: the quadrature of another weight"),
    # ------------------------------------------------------------------ optim
    Fault(ADAM, "(1 - beta1) / (1 - beta1**t)", "(1 - beta1)", "adam: missing bias correction of the mean"),
    Fault(ADAM, "(1 - beta2) / (1 - beta2**t)", "(1 - beta2)", "adam: missing bias correction of the square"),
    Fault(ADAM, "self.eps / self._unbiased()[1] ** 0.5", "self.eps", "adam: eps added to another root"),
    Fault("minigan/backend/kernels.py", "square = g * g", "square = g + 0", "adam: g for g^2"),
    Fault("minigan/backend/kernels.py", "np.sqrt(v, out=square)", "v.copy()", "adam: the square root forgotten"),
    Fault(
        ADAM,
        "t = self.betas, self.steps",
        "t = self.betas, self.steps + 1",
        "adam: t off by one",
    ),
    Fault("minigan/optim/sgd.py", "v -= lr * g", "v += lr * g", "sgd: uphill"),
    Fault(
        "minigan/optim/sgd.py",
        "mu * v - lr * g if self.nesterov else v",
        "v - lr * g if self.nesterov else v",
        "nesterov: mu dropped",
    ),
    Fault(
        "minigan/optim/optimizer.py",
        '        self.steps = int(state["steps"])\n',
        "",
        "the number of steps not restored",
    ),
    Fault(
        ADAM,
        "theta *= self.number(lambda: 1 - self.lr * self.weight_decay)",
        "g += self.weight_decay * theta",
        "adamw: the decay inside of the gradient",
    ),
    Fault(
        ADAM,
        "lambda: 1 - self.lr * self.weight_decay",
        "lambda: 1 - self.weight_decay",
        "adamw: a decay that no schedule reaches",
    ),
    Fault("minigan/optim/rmsprop.py", "v += (1 - beta) * g * g", "v += g * g", "rmsprop: a sum, not a mean"),
    Fault("minigan/optim/rmsprop.py", ".sqrt(v) + self.eps", ".sqrt(v + self.eps)", "rmsprop: eps inside of the root"),
    Fault(
        OPTIMISTIC,
        "* g\n        theta += 2 * change - self.change",
        "* g\n        theta += 2 * change + self.change",
        "optimistic descent: the sign of the past",
    ),
    Fault(
        OPTIMISTIC,
        "super().update(change, g)\n        theta += 2 * change - self.change",
        "super().update(change, g)\n        theta += change - self.change",
        "optimistic Adam: the past counted twice",
    ),
    Fault(EXTRAGRADIENT, "        self.buffer.data[...] = self.origin\n", "", "extragradient: does not return"),
    Fault(EXTRAGRADIENT, "self.buffer.data.copy()", "self.buffer.data", "extragradient: an origin that moves along"),
    Fault(
        "minigan/optim/clipping.py",
        "limit / maximum(length, limit)",
        "limit / length",
        "clipping: short gradients made longer",
    ),
    Fault(
        "minigan/optim/clipping.py",
        "[g * factor for g in gradients]",
        "[g * (limit / maximum(sqrt((g * g).sum()), limit)) for g in gradients]",
        "clipping: each gradient by its own norm",
    ),
    Fault(
        "minigan/optim/schedules.py",
        "(1 - math.cos(math.pi * progress)) / 2",
        "(1 + math.cos(math.pi * progress)) / 2",
        "cosine: backwards",
    ),
    # ------------------------------------------------------------------ nn
    Fault(
        "minigan/nn/initialisers.py",
        "math.sqrt(6 / (fan_in + fan_out))",
        "math.sqrt(3 / (fan_in + fan_out))",
        "glorot: a wrong constant",
    ),
    Fault("minigan/nn/initialisers.py", "math.sqrt(2 / fan_in)", "2 / fan_in", "he: variance for standard deviation"),
    Fault(
        "minigan/backend/kernels.py",
        "(squares / (count - 1) - variance)\n",
        "(squares / count - variance)\n",
        "batch norm: the biased variance",
    ),
    Fault(
        "minigan/nn/normalisation.py",
        "*y.kept, count, self.momentum,",
        "*y.kept, count, 1 - self.momentum,",
        "batch norm: the other meaning of momentum",
    ),
    Fault(
        "minigan/nn/normalisation.py",
        "if not self.frozen:\n",
        "if True:\n",
        "batch norm: the other player's step changes it",
    ),
    Fault(
        "minigan/ops/dropout.py",
        "1 / (1 - p))",
        "1)",
        "dropout: not scaled",
    ),
    Fault(
        "minigan/nn/parameter.py",
        "self.views.append(self.data[start : start + p.size]",
        "self.views.append(self.data[start : start + p.size].copy()",
        "parameters that are no views of the buffer",
    ),
    Fault(
        "minigan/nn/module.py",
        'with _setting(module, "training", False):',
        'with _setting(module, "training", True):',
        "evaluation in training mode",
    ),
    Fault(
        SPECTRAL,
        "(self.u * (W @ self.v)).sum()",
        "(self.u * (W @ self.v)).sum().detach()",
        "spectral norm: sigma taken for a constant",
    ),
    Fault(
        SPECTRAL, "if self.training and not self.frozen:", "if not self.frozen:", "spectral norm: u moves in evaluation"
    ),
    Fault(
        SPECTRAL,
        "if self.training and not self.frozen:",
        "if self.training:",
        "spectral norm: the other player's step moves u",
    ),
    Fault(
        SPECTRAL,
        "self.layer.weight / self.sigma()",
        "self.layer.weight / self.sigma() ** 2",
        "spectral norm: divided by sigma twice",
    ),
    Fault(
        SPECTRAL,
        "            self.v = _unit(matmul(W.T, self.u))\n            self.u = _unit(matmul(W, self.v))\n",
        "            self.u = _unit(matmul(W, self.v))\n",
        "spectral norm: v never moves",
    ),
    Fault(
        "minigan/nn/layers.py",
        "return self.weight.transpose(0, 1, 3, 2).reshape(-1, self.weight.shape[2])",
        "return self.weight.reshape(-1, self.weight.shape[3])",
        "transposed convolution: the matrix of the other direction",
    ),
    # ------------------------------------------------------------------ backend
    Fault(
        "minigan/backend/products.py",
        "if inner == inner_b and batch == batch_b:",
        "if inner == inner_b:",
        "stacks of different length broadcast in silence",
    ),
    Fault(
        "minigan/backend/devices.py",
        "array.astype(np.float32) if array.dtype == np.float64 else array",
        "array",
        "numbers become float64",
    ),
    Fault("minigan/backend/gpu.py", "if index >= count:", "if index > count:", "one GPU more than there is"),
    Fault(
        "minigan/backend/dlpack.py",
        "array = device.namespace.from_dlpack(x)",
        "array = device.namespace.from_dlpack(x).copy()",
        "memory that is copied in silence, not shared",
    ),
    Fault(
        "minigan/backend/strict/policy.py",
        'if policy == "explicit" and not explicit:',
        'if policy == "explicit" and explicit:',
        "strict: the hidden transfer allowed, the open one refused",
    ),
    # ------------------------------------------------------------------ graphs
    Fault(GRAPHS, "_drawn.append((place, draw()))", "_drawn.append((place, values))", "capture: drawn once for all"),
    Fault(GRAPHS, "        self.acts.append(act)\n        return", "        return", "capture: a number stays"),
    Fault(
        GRAPHS,
        "        graph.acts.append(act)\n    act()",
        "        pass\n    act()",
        "capture: the host stops",
    ),
    Fault(GRAPHS, "        yield graph\n    graph.send()", "        yield graph", "capture: nothing sent at first"),
    Fault(RECORDING, "            root[...] = before\n", "            pass\n", "strict: a capture that runs"),
    Fault(RECORDING, "                root.fill(np.nan)\n", "                pass\n", "strict: results too early"),
    Fault(RECORDING, "_Address(value) if is_foreign", "value if is_foreign", "strict: a graph keeps all memory alive"),
    Fault(CAPTURE, "_array(self.kept)[...] = _array(new)", "pass", "capture: a new array in the place of a state"),
    Fault(CAPTURE, "Tensor(loss.data.copy())", "Tensor(loss.data)", "capture: losses that the next step overwrites"),
    Fault(CAPTURE, "yield from _slots_of(trainer.loss", "_slots_of(trainer.loss", "capture: a loss forgotten"),
    Fault("minigan/training/trainer.py", "on_host(self._count)", "self._count()", "capture: the step stands still"),
    Fault("minigan/training/trainer.py", "on_host(self.set_rates)", "self.set_rates()", "capture: one rate for all"),
    Fault("minigan/optim/optimizer.py", "on_host(self._count)", "self._count()", "capture: Adam's t stands still"),
    Fault(
        "minigan/optim/optimizer.py",
        "return changing(value, self.buffer.data)",
        "return value()",
        "a baked rate",
    ),
    Fault("minigan/ops/conv_bilinear.py", "keep(self.sent[key])", "self.sent[key]", "capture: constants let go"),
    Fault("minigan/nn/parameter.py", "joined([", "array_namespace(self.data).concatenate([", "nine at once"),
    Fault(CUBLAS, "b.operation, a.operation, n, m, k", "a.operation, b.operation, n, m, k", "cublas: N for T"),
    Fault(CUBLAS, "b.operation, a.operation, n, m, k", "b.operation, a.operation, m, n, k", "cublas: sizes exchanged"),
    Fault(CUBLAS, "by_row if rows > 1 else columns", "columns", "cublas: rows within longer rows"),
    Fault(CUBLAS, "or by_long >= short", "or True", "cublas: one row that stands for all"),
    Fault(CUBLAS, "step(m * n), len(c)", "step(0), len(c)", "cublas: all products in one place"),
    Fault(CUBLAS, "step(b.batch)", "step(k * n)", "cublas: a stack that is not packed"),
    Fault(
        "minigan/backend/cuda_graph.py",
        "                        stream.end_capture()\n                    raise",
        "                        pass\n                    raise",
        "a failed capture never ended",
    ),
]
