"""Weights from and to PyTorch: state dicts in its names and its layout. PyTorch itself is not needed.

The networks on the other side take and give feature maps (N, C, H, W), and their layers are those of ours, in the
same order: torch.nn.Sequential for `Sequential`, Linear for `Dense`, Unflatten(1, (C, H, W)) for `Reshape(H, W, C)`.

    layer                     here                   PyTorch
    Dense                     (in, out)              (out, in)
    Conv2d                    (kh, kw, in, out)      (out, in, kh, kw)
    ConvTranspose2d           (kh, kw, out, in)      (in, out, kh, kw)
    LayerNorm                 (h, w, c)              (c, h, w)
    BatchNorm                 running_variance       running_var
    Sequential                layers.0.weight        0.weight

Where a feature map becomes a vector, or a vector one, its values come pixel by pixel here, channel by channel there.
So the weights on both sides of `Flatten` and `Reshape` change their order too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minigan.nn.activations import Reshape
from minigan.nn.layers import Conv2d, ConvTranspose2d, Dense, LinearLayer
from minigan.nn.module import Module
from minigan.nn.normalisation import BatchNorm, LayerNorm
from minigan.nn.sequential import Sequential
from minigan.nn.spectral import SpectralNorm

COUNTERS = "num_batches_tracked"
"""What PyTorch's batch norm keeps beside the statistics: how many batches it saw. Not needed with a momentum."""


def to_torch(network: Module, *, channels: int = 1) -> dict[str, np.ndarray]:
    """The state of a network as PyTorch's `load_state_dict` takes it, once its arrays are made tensors.

        twin.load_state_dict({name: torch.from_numpy(x) for name, x in nn.to_torch(network).items()})

    Args:
        network: chains of the layers of `minigan.nn`. A `SpectralNorm` becomes what
            `torch.nn.utils.parametrizations.spectral_norm` makes.
        channels: of the images, for a network that begins with `Flatten`.

    Raises TypeError for a layer that PyTorch has no counterpart of, ValueError where a vector and a feature map
    do not fit together.
    """
    state = network.state_dict()
    result = {}
    for entry in _entries(network, channels):
        result[entry.torch_name] = entry.to_torch(state[entry.name])
        if entry.name.endswith("running_variance"):
            result[entry.torch_name.removesuffix("running_var") + COUNTERS] = np.zeros((), dtype=np.int64)
    return result


def from_torch(network: Module, state: Mapping[str, Any], *, channels: int = 1) -> dict[str, np.ndarray]:
    """What `network.load_state_dict` takes, from the state of its twin in PyTorch: arrays, or tensors on the CPU.

    The network says what is expected, and is not changed. Arguments and errors as `to_torch`; ValueError too, with
    the names, if the state has other entries or other shapes.
    """
    entries = list(_entries(network, channels))
    _check_names([entry.torch_name for entry in entries], state)
    return {entry.name: entry.from_torch(np.asarray(state[entry.torch_name])) for entry in entries}


class _Entry(NamedTuple):
    """One array: its axes here, some split in two, and where they go."""

    name: str
    torch_name: str
    shape: tuple[int, ...]
    torch_shape: tuple[int, ...]
    axes: tuple[int, ...]
    order: tuple[int, ...]

    def to_torch(self, x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x.reshape(self.axes).transpose(self.order).reshape(self.torch_shape))

    def from_torch(self, x: np.ndarray) -> np.ndarray:
        if x.shape != self.torch_shape:
            raise ValueError(f"{self.torch_name}: expected shape {self.torch_shape}, as {self.name} has, got {x.shape}")
        there = x.reshape([self.axes[i] for i in self.order])
        return np.ascontiguousarray(there.transpose(np.argsort(self.order)).reshape(self.shape))


def _entries(network: Module, channels: int) -> Iterator[_Entry]:
    """All arrays of a network. `channels` are those of what flows from layer to layer: of a feature map, or of the
    one that a vector was or will be; 1 for a vector that never is one.
    """
    layers = list(_leaves(network, "", ""))
    for i, (name, torch_name, layer) in enumerate(layers):
        inner = layer.layer if isinstance(layer, SpectralNorm) else layer
        before = channels
        if isinstance(inner, Dense):
            channels = _channels_ahead(layers[i + 1 :])
        elif isinstance(inner, Conv2d):
            channels = inner.weight.shape[3]
        elif isinstance(inner, ConvTranspose2d):
            channels = inner.weight.shape[2]
        elif isinstance(inner, Reshape):
            channels = _check_reshape(inner, name, before)
        for attribute, torch_attribute, shape, torch_shape, axes, order in _arrays(layer, before, channels):
            if math.prod(axes) != math.prod(shape):
                raise ValueError(
                    f"{name}{attribute}: expected lengths that are multiples of the channels of the feature map, "
                    f"{before} before and {channels} after the layer, got shape {shape}"
                )
            yield _Entry(name + attribute, torch_name + torch_attribute, shape, torch_shape, axes, order)


def _leaves(module: Module, name: str, torch_name: str) -> Iterator[tuple[str, str, Module]]:
    """(prefix here, prefix in PyTorch, layer) of each layer without parts, in order; spectral norm counts as one."""
    if isinstance(module, SpectralNorm) or not any(module.children()):
        yield name, torch_name, module
        return
    for part_name, part in module.children():
        there = part_name.removeprefix("layers.") if isinstance(module, Sequential) else part_name
        yield from _leaves(part, f"{name}{part_name}.", f"{torch_name}{there}.")


def _channels_ahead(layers: list[tuple[str, str, Module]]) -> int:
    """Of the feature map that the output of a dense layer becomes; 1 if it never does."""
    for _, _, layer in layers:
        if isinstance(layer, LinearLayer | SpectralNorm):
            return 1
        if isinstance(layer, Reshape) and len(layer.shape) == 3:
            return layer.shape[2]
    return 1


def _check_reshape(layer: Reshape, name: str, channels: int) -> int:
    if len(layer.shape) != 3:
        return channels
    h, w, c = layer.shape
    if channels != c and (h, w, channels) != (1, 1, 1):
        raise ValueError(
            f"{name}{layer!r}: expected a Dense layer before it, or a vector of pixels of {c} channels, got one of "
            f"{channels}; PyTorch orders the values of such vectors differently, and no weights lie between to undo it"
        )
    return c


def _arrays(layer: Module, before: int, after: int) -> Iterator[tuple]:
    """For each array of a layer: names here and there, shapes here and there, axes and their order."""
    if isinstance(layer, SpectralNorm):
        yield from _spectral(layer, before, after)
    elif isinstance(layer, LinearLayer):
        yield ("weight", "weight", *_weight(layer, before, after))
        if layer.bias is not None:
            yield ("bias", "bias", *_vector(layer.bias.shape, after))
    elif isinstance(layer, BatchNorm):
        for name in ("weight", "bias", "running_mean", "running_variance"):
            yield (name, name.replace("variance", "var"), *_vector((layer.channels,), after))
    elif isinstance(layer, LayerNorm) and len(layer.shape) in (1, 3):
        for name in ("weight", "bias"):
            yield (name, name, *(_map(layer.shape) if len(layer.shape) == 3 else _vector(layer.shape, after)))
    elif layer.state_dict():
        raise TypeError(
            "expected Dense, Conv2d, ConvTranspose2d, BatchNorm, LayerNorm of a vector or a feature map, or layers "
            f"without weights, got {layer!r}; convert its arrays by hand"
        )


def _spectral(layer: SpectralNorm, before: int, after: int) -> Iterator[tuple]:
    inner = layer.layer
    for name, torch_name, *rest in _arrays(inner, before, after):
        yield (f"layer.{name}", torch_name.replace("weight", "parametrizations.weight.original"), *rest)
    n = before if isinstance(inner, Dense) else inner.matrix().shape[0] // math.prod(inner.weight.shape[:2])
    yield ("u", "parametrizations.weight.0._u", *_vector(layer.u.shape, after))
    yield ("v", "parametrizations.weight.0._v", *_vector(layer.v.shape, n))


def _weight(layer: LinearLayer, before: int, after: int) -> tuple:
    shape = layer.weight.shape
    if isinstance(layer, Dense):
        axes = (shape[0] // before, before, shape[1] // after, after)
        return shape, shape[::-1], axes, (3, 2, 1, 0)
    kh, kw, a, b = shape
    return shape, (b, a, kh, kw), shape, (3, 2, 0, 1)


def _vector(shape: tuple[int, ...], channels: int) -> tuple:
    """Of as many pixels as there are times the channels; shape (n,) or (n, 1)."""
    return shape, (shape[0],), (shape[0] // channels, channels), (1, 0)


def _map(shape: tuple[int, int, int]) -> tuple:
    h, w, c = shape
    return shape, (c, h, w), shape, (2, 0, 1)


def _check_names(expected: list[str], state: Mapping[str, Any]) -> None:
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected and name.rpartition(".")[2] != COUNTERS]
    if missing or unexpected:
        raise ValueError(
            f"the state does not belong to this network in PyTorch: missing {missing or 'nothing'}, "
            f"unexpected {unexpected or 'nothing'}"
        )
