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
        "minigan/ops/activations.py",
        "xp.exp(-abs(x))\n    return xp.where",
        "xp.exp(-x)\n    return xp.where",
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
        "minigan/ops/convolution.py",
        "(n + 2 * p - k) // s + 1",
        "(n + 2 * p - k) // s",
        "conv2d: output size off by one",
    ),
    Fault(
        "minigan/ops/convolution.py", "(n + 2 * p - k) // s + 1", "(n + p - k) // s + 1", "conv2d: padding counted once"
    ),
    Fault(
        "minigan/ops/convolution.py",
        "[::-1, ::-1].transpose(0, 1, 3, 2)",
        ".transpose(0, 1, 3, 2)",
        "transposed convolution: not flipped",
    ),
    Fault(
        "minigan/ops/convolution.py",
        "sh * by_row, sw * by_pixel, by_row, by_pixel",
        "sh * by_row, sh * by_pixel, by_row, by_pixel",
        "one stride for both axes",
    ),
    Fault(
        "minigan/ops/convolution.py",
        "lambda w, y, x, g, *, kernel_size, stride=1, padding=0: conv2d(x, w, stride=stride, padding=padding),",
        "lambda w, y, x, g, *, kernel_size, stride=1, padding=0: conv2d(x, w, stride=stride),",
        "conv2d_weight: padding forgotten in its derivative",
    ),
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
    Fault("minigan/ops/normalisation.py", "tuple(range(x.ndim - 1))", "(0,)", "batch norm: each pixel on its own"),
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
        "return node(self.data)\n\n    def numpy",
        "return self\n\n    def numpy",
        "detach: does nothing",
    ),
    Fault(
        "minigan/autograd/op.py",
        "_recording.reset(token)",
        "_recording.set(True)",
        "no_grad: a nested block ends the outer one",
    ),
    # ------------------------------------------------------------------ gan: losses and the penalty
    Fault(
        "minigan/gan/losses.py",
        "mean(softplus(-real_logits)) + mean(softplus(fake_logits))",
        "mean(softplus(real_logits)) + mean(softplus(-fake_logits))",
        "labels swapped",
    ),
    Fault(
        "minigan/gan/losses.py",
        "mean(softplus(-real_logits)) +",
        "0.5 * mean(softplus(-real_logits)) +",
        "a half on one of the two terms",
    ),
    Fault(
        "minigan/gan/losses.py",
        "return -mean(softplus(fake_logits))",
        "return mean(softplus(fake_logits))",
        "minimax: the generator descends what it should ascend",
    ),
    Fault(
        "minigan/gan/losses.py",
        "return mean(softplus(-fake_logits))",
        "return mean(softplus(fake_logits))",
        "non-saturating: the generator helps the discriminator",
    ),
    Fault(
        "minigan/gan/losses.py",
        "mean(fake_logits) - mean(real_logits)",
        "mean(real_logits) - mean(fake_logits)",
        "the critic's sign",
    ),
    Fault(
        "minigan/gan/losses.py",
        "from minigan.ops import mean, softplus",
        "from minigan.ops import softplus\nfrom minigan.ops import sum as mean",
        "mean for sum",
    ),
    Fault("minigan/gan/penalties.py", "create_graph=True", "create_graph=False", "penalty: a detached term"),
    Fault("minigan/gan/penalties.py", "(1,) * (real.ndim - 1)", "real.shape[1:]", "penalty: one e for each pixel"),
    Fault(
        "minigan/gan/penalties.py", "rng.random((len(real),)", "rng.random((1,)", "penalty: one e for the whole batch"
    ),
    Fault(
        "minigan/gan/penalties.py",
        "axis=tuple(range(1, x.ndim))",
        "axis=None",
        "penalty: the norm over the whole batch",
    ),
    Fault(
        "minigan/gan/penalties.py", "critic(x).sum()", "mean(critic(x))", "penalty: gradients smaller by the batch size"
    ),
    Fault(
        "minigan/gan/penalties.py", " - target) ** 2", ") ** 2 - target", "penalty: the target outside of the square"
    ),
    # ------------------------------------------------------------------ optim
    Fault(
        "minigan/optim/adam.py", "(self.lr / (1 - beta1**t))", "self.lr", "adam: missing bias correction of the mean"
    ),
    Fault(
        "minigan/optim/adam.py",
        "        denominator *= 1 / (1 - beta2**t) ** 0.5\n",
        "",
        "adam: missing bias correction of the square",
    ),
    Fault("minigan/optim/adam.py", "        g *= g\n", "", "adam: g for g^2"),
    Fault("minigan/optim/adam.py", "xp.sqrt(v, out=g)", "v.copy()", "adam: the square root forgotten"),
    Fault(
        "minigan/optim/adam.py",
        "t = array_namespace(theta), self.betas, self.steps",
        "t = array_namespace(theta), self.betas, self.steps + 1",
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
    # ------------------------------------------------------------------ nn
    Fault(
        "minigan/nn/initialisers.py",
        "math.sqrt(6 / (fan_in + fan_out))",
        "math.sqrt(3 / (fan_in + fan_out))",
        "glorot: a wrong constant",
    ),
    Fault("minigan/nn/initialisers.py", "math.sqrt(2 / fan_in)", "2 / fan_in", "he: variance for standard deviation"),
    Fault(
        "minigan/nn/normalisation.py",
        "(variance * (count / (count - 1)) - self",
        "(variance - self",
        "batch norm: the biased variance",
    ),
    Fault(
        "minigan/nn/normalisation.py",
        "self.momentum * (mean - self.running_mean)",
        "(1 - self.momentum) * (mean - self.running_mean)",
        "batch norm: the other meaning of momentum",
    ),
    Fault(
        "minigan/nn/normalisation.py",
        "if not self.frozen:\n",
        "if True:\n",
        "batch norm: the other player's step changes it",
    ),
    Fault("minigan/nn/normalisation.py", "        mask *= 1 / (1 - self.p)\n", "", "dropout: not scaled"),
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
    Fault(
        "minigan/backend/strict/policy.py",
        'if policy == "explicit" and not explicit:',
        'if policy == "explicit" and explicit:',
        "strict: the hidden transfer allowed, the open one refused",
    ),
]
