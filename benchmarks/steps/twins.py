"""Networks of PyTorch with the layers and the weights of ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan import nn


def twin(network: nn.Module, shape: tuple[int, ...]) -> Any:
    """The `torch.nn.Sequential` that computes what a `Sequential` does. `shape` is that of one sample, such as
    (100,) or (28, 28, 1); images go in, and come out, as (N, C, H, W).
    """
    import torch

    layers, is_map = [], len(shape) == 3
    for layer in network:
        layers.append(_layer(torch.nn, layer, is_map))
        if isinstance(layer, nn.Flatten | nn.Reshape):
            is_map = isinstance(layer, nn.Reshape)
    result = torch.nn.Sequential(*layers)
    channels = shape[-1] if len(shape) == 3 else 1
    state = nn.to_torch(network, channels=channels)
    result.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return result


def _layer(t: Any, layer: nn.Module, is_map: bool) -> Any:
    match layer:
        case nn.Dense():
            return t.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
        case nn.Conv2d():
            kh, kw, c, o = layer.weight.shape
            return t.Conv2d(c, o, (kh, kw), layer.stride, layer.padding, bias=layer.bias is not None)
        case nn.ConvTranspose2d():
            kh, kw, o, c = layer.weight.shape
            settings = (kh, kw), layer.stride, layer.padding, layer.output_padding
            return t.ConvTranspose2d(c, o, *settings, bias=layer.bias is not None)
        case nn.BatchNorm():
            kind = t.BatchNorm2d if is_map else t.BatchNorm1d
            return kind(layer.channels, eps=layer.eps, momentum=layer.momentum)
        case nn.LayerNorm():
            return t.LayerNorm((layer.shape[-1], *layer.shape[:-1]), eps=layer.eps)
        case nn.Dropout():
            return t.Dropout(layer.p)
        case nn.LeakyReLU():
            return t.LeakyReLU(layer.slope)
        case nn.Flatten():
            return t.Flatten()
        case nn.Reshape():
            return t.Unflatten(1, (layer.shape[-1], *layer.shape[:-1]))
        case nn.ReLU() | nn.Tanh() | nn.Sigmoid() | nn.Softplus():
            return getattr(t, type(layer).__name__)()
    raise TypeError(f"no layer of PyTorch for {layer!r}")


def channels_first(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) to (N, C, H, W); points as they are."""
    return np.ascontiguousarray(np.moveaxis(images, -1, 1)) if images.ndim == 4 else images
