"""Networks: modules, layers, initial weights."""

from minigan.nn.activations import Flatten, LeakyReLU, ReLU, Reshape, Sigmoid, Softplus, Tanh
from minigan.nn.initialisers import dcgan_normal, glorot_normal, glorot_uniform, he_normal
from minigan.nn.layers import Conv2d, ConvTranspose2d, Dense
from minigan.nn.module import Module, evaluating, freezing, tracing
from minigan.nn.normalisation import BatchNorm, Dropout, LayerNorm
from minigan.nn.parameter import Parameter, ParameterBuffer
from minigan.nn.sequential import Sequential, summary
from minigan.nn.spectral import SpectralNorm, conv_operator_norm, conv_singular_values, spectrally_normalised
from minigan.nn.torch_layout import from_torch, to_torch

__all__ = [
    "BatchNorm",
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "Dropout",
    "Flatten",
    "LayerNorm",
    "LeakyReLU",
    "Module",
    "Parameter",
    "ParameterBuffer",
    "ReLU",
    "Reshape",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "SpectralNorm",
    "Tanh",
    "conv_operator_norm",
    "conv_singular_values",
    "dcgan_normal",
    "evaluating",
    "freezing",
    "from_torch",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "spectrally_normalised",
    "summary",
    "to_torch",
    "tracing",
]
