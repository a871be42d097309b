"""minigan: GANs from scratch on NumPy, with hand-written derivatives of any order.

    import minigan as mg

Floors, each importing only from those below: `backend`, `autograd`, `ops`, `nn` and `optim`, `gan`,
`data`, `models` and `metrics`, `training`, `checks`, `book` and `plotting`, `cli`.
"""

from minigan import autograd, backend, gan, nn, ops, optim
from minigan.autograd import Tensor, from_dlpack, grad, gradcheck, no_grad
from minigan.errors import MiniganError

__version__ = "0.1.0"

__all__ = [
    "MiniganError",
    "Tensor",
    "autograd",
    "backend",
    "from_dlpack",
    "gan",
    "grad",
    "gradcheck",
    "nn",
    "no_grad",
    "ops",
    "optim",
]
