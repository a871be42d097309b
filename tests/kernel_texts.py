"""The CUDA texts of the kernels without a GPU: one source of all of them, compiled by NVRTC, and run by g++.

What `cupy.ElementwiseKernel` puts around a text is imitated: typed names for the elements of broadcast arrays, flat
indexing for raw ones, and a loop over the places i. The same source is good for both compilers.
"""

import ctypes
import site
import subprocess
import sys
from pathlib import Path

import numpy as np

from minigan.backend.kernel import table

DTYPES = ("float32", "float64")
C_TYPES = {
    "float32": "float",
    "float64": "double",
    "uint16": "unsigned short",
    "int32": "int",
}
PRELUDE = """
#ifdef __CUDACC__
#define FUNCTION extern "C" __global__ void
#define PLACES(i, size) for (long i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += blockDim.x * gridDim.x)
#define DEVICE __device__ __noinline__
#else
#include <algorithm>
#include <cmath>
#define FUNCTION extern "C" void
#define PLACES(i, size) for (long i = 0; i < size; ++i)
#define DEVICE
using std::exp; using std::fabs; using std::log1p; using std::max; using std::sqrt;
#endif

/* Elements by number, in C order; a number that is none goes to the element after the last. */
template <typename T> struct Raw {
    T *data; long size;
    DEVICE T &operator[](long k) const { return data[0 <= k && k < size ? k : size]; }
};

/* Where the element of an array is for the place i of the common shape. */
DEVICE static long offset(long i, const long *shape, const long *strides, int ndim) {
    long found = 0;
    for (int d = ndim; d-- > 0; i /= shape[d]) found += i % shape[d] * strides[d];
    return found;
}
"""


def source():
    """The C++ source of all kernels for both dtypes, good for CUDA and for a host."""
    return PRELUDE + "\n".join(_function(kernel, dtype) for kernel in table.values() for dtype in DTYPES)


def _function(kernel, dtype):
    lines = []
    for k, p in enumerate((*kernel.inputs, *kernel.outputs)):
        kind = _c_type(p, dtype)
        const = "const " if p in kernel.inputs else ""
        if p.raw:
            lines.append(f"const Raw<{const}{kind}> {p.name} = {{({const}{kind} *)data[{k}], sizes[{k}]}};")
        else:
            place = f"(char *)data[{k}] + offset(i, shape, strides + {k} * ndim, ndim)"
            lines.append(f"{const}{kind} &{p.name} = *({const}{kind} *)({place});")
    body = "\n".join(lines)
    return f"""
namespace {kernel.name}_{dtype}_ {{
typedef {C_TYPES[dtype]} T;
FUNCTION {kernel.name}_{dtype}(
    void *const *data, const long *sizes, const long *shape, const long *strides, int ndim, long places
) {{
PLACES(i, places) {{
{body}
{{
{kernel.text}
}}
}}
}}
}}
"""


def _c_type(parameter, dtype):
    return "T" if parameter.kind == "T" else C_TYPES[parameter.kind]


class OnHost:
    """The texts, compiled by g++ into one library in a folder."""

    def __init__(self, folder: Path) -> None:
        code, library = folder / "kernels.cpp", folder / "kernels.so"
        code.write_text(source())
        command = ["g++", "-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-o", library, code]
        subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))

    def run(self, kernel, args, dtype):
        """What the text makes of the arguments of a call; arrays that it writes into are changed."""
        given = kernel.ordered(args)
        arrays = [a for a, p in zip(given, kernel.taken, strict=True) if isinstance(a, np.ndarray) and not p.raw]
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        if not kernel.in_place:
            given += [np.full(shape, np.nan, _numpy_type(p, dtype)) for p in kernel.outputs]
        operands, strides = [], []
        for p, value in zip((*kernel.inputs, *kernel.outputs), given, strict=True):
            if p.raw:
                value = np.append(value, np.nan).astype(value.dtype)  # what an index outside of the array finds
                strides.append([0] * len(shape))
            else:
                value = np.asarray(value, _numpy_type(p, dtype))
                strides.append(np.broadcast_to(value, shape).strides)
            operands.append(value)
        pointers = (ctypes.c_void_p * len(operands))(*(a.ctypes.data for a in operands))
        sizes = [a.size - p.raw for a, p in zip(operands, (*kernel.inputs, *kernel.outputs), strict=True)]
        places, ndim = ctypes.c_long(int(np.prod(shape))), ctypes.c_int(len(shape))
        function = getattr(self.library, f"{kernel.name}_{dtype}")
        function(pointers, _longs(sizes), _longs(shape), _longs(np.ravel(strides)), ndim, places)
        return operands[len(kernel.inputs) :]


def _numpy_type(parameter, dtype):
    return dtype if parameter.kind == "T" else parameter.kind


def _longs(values):
    return (ctypes.c_long * len(values))(*map(int, values))


class NVRTC:
    """NVIDIA's compiler, from the wheel `nvidia-cuda-nvrtc`; it needs neither a GPU nor a driver."""

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))

    def compile(self, text, architecture):
        """The machine code for an architecture such as "sm_90". Raises SyntaxError with the compiler's messages."""
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        self._check(self.library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None))
        options = (ctypes.c_char_p * 2)(b"--std=c++17", f"--gpu-architecture={architecture}".encode())
        failed = self.library.nvrtcCompileProgram(program, len(options), options)
        if failed:
            self._check(self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
            log = ctypes.create_string_buffer(size.value)
            self._check(self.library.nvrtcGetProgramLog(program, log))
            raise SyntaxError(log.value.decode())
        self._check(self.library.nvrtcGetCUBINSize(program, ctypes.byref(size)))
        code = ctypes.create_string_buffer(size.value)
        self._check(self.library.nvrtcGetCUBIN(program, code))
        self._check(self.library.nvrtcDestroyProgram(ctypes.byref(program)))
        return code.raw

    def _check(self, result):
        assert result == 0, f"NVRTC error {result}"


def find_nvrtc():
    """The library of the wheel, or None."""
    folders = {Path(each) for each in (*site.getsitepackages(), *sys.path) if each}
    found = sorted(
        path for each in folders for path in each.glob("nvidia/*/lib/libnvrtc.so.*") if "alt" not in path.name
    )
    return found[-1] if found else None
