"""Constraints on the critic's weights that are no function of the batches."""

from __future__ import annotations

from minigan.autograd import Tensor
from minigan.backend import array_namespace
from minigan.nn import BatchNorm, LayerNorm, Module
from minigan.nn.layers import LinearLayer

_SCALED = (BatchNorm, LayerNorm)


def clip_weights(network: Module, limit: float) -> None:
    """Clip every parameter, biases included, to [-limit, limit], in place: after each step of the critic.

    Keeps the critic Lipschitz (Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875, algorithm 1, with limit 0.01).

    Raises ValueError for a limit that is not positive, and for a critic with batch or layer norm: their scale
    starts at 1, and clipped to 0.01 it would all but erase the signal.
    """
    if not limit > 0:
        raise ValueError(f"clip_weights: expected a limit above 0, got {limit}")
    scaled = next((m for m in network.modules() if isinstance(m, _SCALED)), None)
    if scaled is not None:
        raise ValueError(
            f"clip_weights: the critic has {scaled!r}, whose scale (1 at first) would be clipped to {limit} and take "
            "the signal with it; use a critic without normalisation, or a gradient penalty instead of clipping"
        )
    parameters = network.parameters()
    buffer = parameters[0].buffer if parameters else None
    packed = buffer is not None and buffer.holds(parameters)
    for array in [buffer.data] if packed else [p.data for p in parameters]:
        array_namespace(array).clip(array, -limit, limit, out=array)


def orthogonal_penalty(network: Module, weight: float = 1e-4, *, diagonal: bool = False) -> Tensor:
    """weight * sum over the layers of |W^T W * (1 - I)|^2, or with `diagonal` of |W^T W - I|^2.

    W (in, out) or (kh kw in, out) is the weight of a Dense, Conv2d or ConvTranspose2d, a column for each output
    channel, and |.| the Frobenius norm. The first form asks the columns to be orthogonal, whatever their lengths,
    and is what BigGAN uses; the second asks for length 1 as well (Brock, Donahue, Simonyan 2018,
    arXiv:1809.11096, section 3.1, which finds the second too limiting).

    Returns:
        A scalar, differentiable with respect to the network's parameters.

    Raises ValueError for a network without such a layer.
    """
    matrices = [m.matrix() for m in network.modules() if isinstance(m, LinearLayer)]
    if not matrices:
        raise ValueError(
            f"orthogonal_penalty: expected a network with a Dense, Conv2d or ConvTranspose2d layer, got {network!r}"
        )
    return weight * sum(_from_orthogonal(W, diagonal) for W in matrices)


def _from_orthogonal(W: Tensor, diagonal: bool) -> Tensor:
    eye = array_namespace(W.data).eye(W.shape[1], dtype=W.dtype)
    product = W.T @ W
    difference = product - eye if diagonal else product * (1 - eye)
    return (difference * difference).sum()
