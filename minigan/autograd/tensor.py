"""`Tensor`: an array that remembers which operation made it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from minigan.backend import Device, device_of, dlpack, get_device, is_array, to_device, to_host

_creation = itertools.count()


class Tensor:
    """An array and, if it was computed from tensors that require gradients, the operation that made it.

    Args:
        data: an array (its dtype is kept), or a Python number or nested list (becomes float32).
        requires_grad: whether `grad` may later differentiate with respect to this tensor.
        device: where the data shall live: "cpu", "cuda", "cuda:1", "strict"; by default an array that is
            already on a device stays there and host data goes to the device named by MINIGAN_DEVICE.

    A tensor is a node of the graph itself: `op`, `args` and `kwargs` say how it was made, `order` when.
    There is no global tape and no cycle; a graph is freed with the last tensor that refers to it.
    Operators (`+`, `@`, `x[...]`) and methods (`sum`, `reshape`, ...) are attached by `minigan.ops`.
    Two tensors are equal (`==`) only if they are the same object; `<`, `>`, `<=`, `>=` compare values and
    give plain arrays, which are constants for the derivative.
    """

    __slots__ = ("args", "data", "grad", "kept", "kwargs", "op", "order", "requires_grad")
    __array_ufunc__ = None  # ndarray + Tensor must ask Tensor.__radd__, not loop over elements

    def __init__(self, data: Any, requires_grad: bool = False, device: str | Device | None = None) -> None:
        if isinstance(data, Tensor):
            raise TypeError("Tensor(data): expected an array or numbers, got a Tensor; use .detach() to copy one")
        if not is_array(data):
            data = np.asarray(data, dtype=np.float32)
        elif isinstance(data, np.generic):
            data = np.asarray(data)
        if device is not None or isinstance(data, np.ndarray):
            data = to_device(data, get_device(device))
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"requires_grad needs floating-point data, got {data.dtype}; use data.astype('float32')")
        _fill(self, data, requires_grad)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.data.dtype

    @property
    def device(self) -> Device:
        """The device that holds the data."""
        return device_of(self.data)

    def detach(self) -> Tensor:
        """The same data (not copied) as a constant: no gradient flows through it."""
        return node(self.data)

    def to(self, device: str | Device) -> Tensor:
        """The same values as a constant on a device; not copied if they are there already.

        Raises TypeError if this tensor requires a gradient, which would not find its way back.
        """
        if self.requires_grad:
            raise TypeError(
                "to(device) makes a constant, but this tensor requires a gradient; move .detach(), or make the leaf "
                "there: Tensor(x.data, requires_grad=True, device=device)"
            )
        return node(to_device(self.data, device))

    def numpy(self) -> np.ndarray:
        """A copy of the data on the host."""
        return np.array(to_host(self.data))

    def item(self) -> float:
        """The value of a tensor with one element, as a Python number (a transfer if it is on a device)."""
        return to_host(self.data).item()

    def backward(self) -> None:
        """Set `.grad` of every leaf that requires a gradient; a former `.grad` is replaced, not added to.

        For the first chapters; everything else asks `minigan.grad` for the gradients it wants.
        """
        from minigan.autograd.grad import grad, leaves

        targets = leaves(self)
        for leaf, gradient in zip(targets, grad(self, targets), strict=True):
            leaf.grad = gradient

    def __dlpack__(self, **options: Any) -> Any:
        """The memory of the data, for another library: `torch.from_dlpack(tensor)`, `numpy.from_dlpack(tensor)`.

        Raises BufferError if this tensor requires a gradient, which the other library would not see, and for a
        read-only array, a reversed view, or the strict device.
        """
        if self.requires_grad:
            raise BufferError("__dlpack__: this tensor requires a gradient, which ends there; share x.detach()")
        return dlpack.capsule(self.data, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.dlpack_device(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        kind = f"{self.dtype}{list(self.shape)}"
        value = f"{self.data}" if isinstance(self.data, np.ndarray) and self.size <= 16 else "..."
        made = f", op={self.op.name}" if self.op else ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({value}, {kind}, {self.device.name}{made})"

    def __bool__(self) -> bool:
        raise TypeError("a Tensor has no truth value; compare numbers: tensor.item() > 0")

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("a Tensor does not turn into a NumPy array by itself; use tensor.numpy() or tensor.data")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a Tensor cannot be changed in place; build a new one with where() or concatenate()")


def _fill(tensor: Tensor, data: Any, requires_grad: bool) -> None:
    tensor.data = data
    tensor.requires_grad = requires_grad
    tensor.op = tensor.grad = tensor.kept = None
    tensor.args = ()
    tensor.kwargs = {}
    tensor.order = next(_creation)


def node(data: Any) -> Tensor:
    """A constant tensor around an array as it is: no check, no copy, no move."""
    tensor = Tensor.__new__(Tensor)
    # Where NumPy gives a scalar, a 0-d array takes its place, as on a device.
    _fill(tensor, np.asarray(data) if isinstance(data, np.generic) else data, False)
    return tensor


def from_dlpack(x: Any) -> Tensor:
    """A constant tensor on the memory of an array of NumPy, CuPy, PyTorch, JAX, ...: nothing is copied.

    What is written on one side is seen on the other. The tensor has the shape and dtype of `x` and is on its
    device, whatever MINIGAN_DEVICE says. The way back is `torch.from_dlpack(tensor)`.

    Raises TypeError for what has no `__dlpack__`; BufferError for a tensor that requires a gradient, dtypes that
    NumPy lacks (bfloat16) and all else that cannot be shared; DeviceError for memory that is neither the CPU's
    nor that of a GPU which CuPy can use.
    """
    return node(dlpack.share(x))


def constant(x: Any) -> Any:
    """The array inside a tensor, or `x` itself if it is none: a value the derivative does not look into."""
    return x.data if isinstance(x, Tensor) else x
