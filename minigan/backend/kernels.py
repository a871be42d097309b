"""The table of fused kernels: each formula as CUDA text and, below it, in NumPy.

The NumPy function runs on the CPU, and the tests run both and compare. In a text `i` is the number of the place in C
order and T the dtype of the arrays; numbers come as T too. Sums over many elements are matrix products elsewhere, so
no text needs anything but its own place. The references write over the arrays that they made themselves.
"""

from __future__ import annotations

import itertools

import numpy as np

from minigan.backend.kernel import kernel

# ------------------------------------------------------------------ activations, and their derivatives times g


@kernel("T x, T slope", "T y", "y = x > 0 ? x : slope * x;")
def leaky_relu(x, slope):
    """x where x > 0, slope x elsewhere, for 0 <= slope <= 1."""
    if not slope:
        return np.maximum(x, 0.0)
    y = np.asarray(slope * x)
    return np.maximum(x, y, out=y)


@kernel("T g, T x, T slope", "T y", "y = x > 0 ? g : slope * g;")
def leaky_mask(g, x, slope):
    """g where x > 0, slope g elsewhere."""
    factor = _slope_of_relu(x, slope)
    return np.multiply(g, factor, out=factor)


@kernel("T x, T slope", "T y, T factor", "factor = x > 0 ? T(1) : slope; y = x * factor;")
def leaky_relu_and_slope(x, slope):
    """The leaky ReLU of x, and its derivative: 1 where x > 0, the slope elsewhere."""
    factor = _slope_of_relu(x, slope)
    return x * factor, factor


def _slope_of_relu(x, slope):
    # The truth value (1 or 0), raised to the slope: a `where` takes nine times as long, a `maximum` four times.
    factor = np.asarray((x > 0).astype(x.dtype))
    return np.clip(factor, slope, 1.0, out=factor)


@kernel("T g, T y", "T dx", "dx = g * (1 - y * y);")
def tanh_vjp(g, y):
    """The derivative of y = tanh x, times g."""
    slope = np.asarray(y * y)
    slope = np.subtract(1, slope, out=slope)
    return np.multiply(g, slope, out=slope)


@kernel("T x", "T y", "T z = exp(-fabs(x)); y = (x >= 0 ? T(1) : z) / (1 + z);")
def sigmoid(x):
    """1 / (1 + exp(-x)), with full relative accuracy in both tails."""
    z = np.exp(-abs(x))
    y = np.where(x >= 0, 1.0, z) / (1.0 + z)
    return y.astype(x.dtype, copy=False)  # of complex x the modulus is real


@kernel("T g, T x, T y", "T dx", "T z = exp(-fabs(x)); dx = g * y * ((x <= 0 ? T(1) : z) / (1 + z));")
def sigmoid_vjp(g, x, y):
    """The derivative y sigmoid(-x) of y = sigmoid x, times g."""
    return g * y * sigmoid.reference(-x)


@kernel("T x", "T y", "y = max(x, T(0)) + log1p(exp(-fabs(x)));")
def softplus(x):
    """log(1 + exp(x)), exact for x of any size."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-abs(x)))


@kernel("T g, T x", "T dx", "T z = exp(-fabs(x)); dx = g * ((x >= 0 ? T(1) : z) / (1 + z));")
def softplus_vjp(g, x):
    """The derivative of softplus, sigmoid x, times g."""
    return g * sigmoid.reference(x)


# ------------------------------------------------------------------ dropout


@kernel(
    "T x, uint16 bits, int32 least, T factor",
    "T y, T mask",
    "mask = bits >= least ? factor : T(0); y = x * mask;",
)
def dropout(x, bits, least, factor):
    """x times the mask, which is the factor where a random number is large enough and 0 elsewhere; and the mask."""
    mask = (bits >= least) * x.dtype.type(factor)
    return x * mask, mask


# ------------------------------------------------------------------ batch norm
# `total` and `squares` are the sums over all `count` rows of a channel, of x and of (x - mean)^2.


@kernel("T x, T total, T count", "T y", "T away = x - total / count; y = away * away;")
def squared_deviation(x, total, count):
    """(x - mean)^2."""
    away = x - total / count
    return np.multiply(away, away, out=away)


@kernel(
    "T x, T total, T squares, T scale, T shift, T count, T eps, T slope",
    "T y",
    """
    T z = (x - total / count) * (scale / sqrt(squares / count + eps)) + shift;
    y = z > 0 ? z : slope * z;
    """,
)
def batch_norm(x, total, squares, scale, shift, count, eps, slope):
    """(x - mean) / sqrt(variance + eps), scaled and shifted; then a leaky ReLU, for the slope 1 none."""
    y = x - total / count
    y *= scale / np.sqrt(squares / count + eps)
    y += shift
    return y if slope == 1 else np.maximum(y, slope * y if slope else 0.0, out=y)


@kernel(
    "T g, T x, T y, T total, T squares, T count, T eps, T slope",
    "T masked, T along",
    """
    masked = y > 0 ? g : slope * g;
    along = (x - total / count) * (1 / sqrt(squares / count + eps)) * masked;
    """,
)
def along_standardized(g, x, y, total, squares, count, eps, slope):
    """g before the leaky ReLU of a batch norm that gave y, and the same times the standardized x."""
    masked = g if slope == 1 else leaky_mask.reference(g, y, slope)
    along = x - total / count
    along *= 1 / np.sqrt(squares / count + eps)
    along *= masked
    return masked, along


@kernel(
    "T g, T x, T total, T squares, T g_total, T g_along, T scale, T count, T eps",
    "T dx",
    """
    T inverse = 1 / sqrt(squares / count + eps);
    T tilt = (x - total / count) * (inverse * g_along / count);
    dx = (g - (tilt + g_total / count)) * (inverse * scale);
    """,
)
def batch_norm_vjp(g, x, total, squares, g_total, g_along, scale, count, eps):
    """The derivative of batch norm in x, times g; `g_total` and `g_along` are the sums of g and of g standardized x."""
    inverse = 1 / np.sqrt(squares / count + eps)
    dx = x - total / count
    dx *= inverse * g_along / count
    dx += g_total / count
    dx = np.subtract(g, dx, out=dx)
    dx *= inverse * scale
    return dx


@kernel(
    "T total, T squares, T count, T momentum",
    "T mean, T variance",
    """
    mean += momentum * (total / count - mean);
    variance += momentum * (squares / (count - 1) - variance);
    """,
)
def follow_statistics(total, squares, count, momentum, mean, variance):
    """Let the running mean and variance of the channels follow those of a batch."""
    mean += momentum * (total / count - mean)
    variance += momentum * (squares / (count - 1) - variance)


# ------------------------------------------------------------------ convolution: pixels and the columns under kernels

_GEOMETRY = "int32 h, int32 w, int32 c, int32 kh, int32 kw, int32 oh, int32 ow, int32 sh, int32 sw, int32 ph, int32 pw"


@kernel(
    f"raw T x, {_GEOMETRY}",
    "T columns",
    """
    const int width = kh * kw * c;
    const int place = i / width, under = i % width;
    const int channel = under % c, tap = under / c;
    const int row = place / ow % oh * sh + tap / kw - ph, column = place % ow * sw + tap % kw - pw;
    const bool inside = 0 <= row && row < h && 0 <= column && column < w;
    columns = inside ? x[(((long long)(place / ow / oh) * h + row) * w + column) * c + channel] : T(0);
    """,
)
def im2col(x, h, w, c, kh, kw, oh, ow, sh, sw, ph, pw, columns):
    """The pixels of x (N, h, w, c), zeros around it, under the kernel at each output pixel: (N oh ow, kh kw c)."""
    x = _surrounded(x, ph, pw)
    by_image, by_row, by_pixel, by_channel = x.strides
    shape = (x.shape[0], oh, ow, kh, kw, c)
    strides = (by_image, sh * by_row, sw * by_pixel, by_row, by_pixel, by_channel)
    columns.reshape(shape)[...] = np.lib.stride_tricks.as_strided(x, shape, strides)


def _surrounded(x, rows, columns):
    """x (N, H, W, C) within zeros: `rows` above and below, `columns` left and right."""
    if not rows and not columns:
        return x
    n, h, w, c = x.shape
    padded = np.zeros((n, h + 2 * rows, w + 2 * columns, c), dtype=x.dtype)
    padded[:, rows : rows + h, columns : columns + w] = x
    return padded


@kernel(
    f"raw T columns, {_GEOMETRY}",
    "T x",
    """
    const int channel = i % c, column = i / c % w + pw, row = i / c / w % h + ph;
    const int image = i / c / w / h;
    T sum = 0;
    for (int a = row % sh; a < kh && a <= row; a += sh) {
        const int p = (row - a) / sh;
        if (p >= oh) continue;
        for (int b = column % sw; b < kw && b <= column; b += sw) {
            const int q = (column - b) / sw;
            if (q >= ow) continue;
            sum += columns[((((long long)image * oh + p) * ow + q) * kh * kw + a * kw + b) * c + channel];
        }
    }
    x = sum;
    """,
)
def col2im(columns, h, w, c, kh, kw, oh, ow, sh, sw, ph, pw, x):
    """The adjoint of `im2col`: each pixel of x (N, h, w, c) is the sum over the places in the columns that it is at.

    The text gathers, so it needs no atomic additions, and gives the same sum in every run.
    """
    shares = columns.reshape(-1, oh, ow, kh, kw, c)
    padded = np.zeros((x.shape[0], h + 2 * ph, w + 2 * pw, c), dtype=x.dtype)
    for a, b in itertools.product(range(kh), range(kw)):
        padded[:, a : a + sh * oh : sh, b : b + sw * ow : sw] += shares[:, :, :, a, b]
    x[...] = padded[:, ph : ph + h, pw : pw + w]


# ------------------------------------------------------------------ optimizers


@kernel(
    "T g, T beta1, T beta2, T rate, T eps",
    "T theta, T m, T v",
    """
    m = beta1 * m + g;
    v = beta2 * v + g * g;
    theta -= rate * m / (sqrt(v) + eps);
    """,
)
def adam(g, theta, m, v, beta1, beta2, rate, eps):
    """Change the weights theta and the sums m and v, all in place: m <- beta1 m + g, v <- beta2 v + g^2."""
    m *= beta1
    m += g
    v *= beta2
    square = g * g
    v += square
    denominator = np.sqrt(v, out=square)
    denominator += eps
    change = np.divide(m, denominator, out=denominator)
    change *= rate
    theta -= change
