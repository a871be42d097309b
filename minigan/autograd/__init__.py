"""Automatic differentiation of any order: `Tensor`, `Op`, `grad`, `no_grad`, `gradcheck`."""

from minigan.autograd.complex_step import NotAnalyticError, complex_step_derivative
from minigan.autograd.grad import grad
from minigan.autograd.gradcheck import GradcheckError, gradcheck
from minigan.autograd.op import Op, keeping_op, no_grad, op, registry
from minigan.autograd.tensor import Tensor, constant, from_dlpack

__all__ = [
    "GradcheckError",
    "NotAnalyticError",
    "Op",
    "Tensor",
    "complex_step_derivative",
    "constant",
    "from_dlpack",
    "grad",
    "gradcheck",
    "keeping_op",
    "no_grad",
    "op",
    "registry",
]
