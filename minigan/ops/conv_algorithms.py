"""Which way of computing a convolution is taken: the one that seems cheapest for its sizes."""

from __future__ import annotations

import functools
import math

from minigan.ops.conv_bilinear import POINTS, Bilinear
from minigan.ops.conv_direct import Direct
from minigan.ops.conv_geometry import Geometry

TILES = {"winograd-2": 2, "winograd-4": 4, "fourier": None}
"""The bilinear algorithms by name, and the length of their tiles; None is the whole output."""
ALGORITHMS = ("direct", *TILES)

MOST_PIXELS = 256
"""Of an output that the Fourier algorithm is considered for; its matrices grow with the square of the pixels."""

TRANSFORM, MOVE, SCATTER, OVERHEAD = 2, 30, 90, 5_000_000
"""What a multiplication in a transform, a number written to memory, one added to a scattered place, and the extra
calls of a bilinear algorithm cost, in multiplications of a large matrix product. Measured with one thread of a
processor with AVX-512."""


def choose(
    name: str | None, geometry: Geometry, samples: int, channels: tuple[int, int], launched: bool = False
) -> Direct | Bilinear:
    """The algorithm of that name or, for None, the cheapest for N samples and (C, O) channels.

    On a device, where every call is `launched`, that is the direct one: two launches for each map, where a bilinear
    algorithm has three products and as many rearrangements. The costs here are those of a processor.

    Raises ValueError for an unknown name, and for one that cannot treat the geometry.
    """
    if name is None:
        name = "direct" if launched else _cheapest(geometry, samples, channels)
    elif name not in ALGORITHMS:
        raise ValueError(f"algorithm: expected one of {', '.join(ALGORITHMS)}, or None for the cheapest; got {name!r}")
    return _make(name, geometry)


@functools.lru_cache(maxsize=256)
def _make(name: str, geometry: Geometry) -> Direct | Bilinear:
    if name == "direct":
        return Direct(geometry)
    if not _treats(name, geometry):
        raise ValueError(
            f"algorithm {name!r}: the kernel {geometry.kernel} is too large for its tiles at stride {geometry.stride}; "
            "use 'direct'"
        )
    return Bilinear(geometry, TILES[name])


def _treats(name: str, geometry: Geometry) -> bool:
    tile = TILES[name]
    taps = (-(-k // s) for k, s in zip(geometry.kernel, geometry.stride, strict=True))
    return tile is None or all(tile + r - 1 in POINTS for r in taps)


@functools.lru_cache(maxsize=256)
def _cheapest(geometry: Geometry, samples: int, channels: tuple[int, int]) -> str:
    costs = {"direct": _cost_of_direct(geometry, samples, channels)}
    for name, tile in TILES.items():
        small = tile is not None or math.prod(geometry.output) <= MOST_PIXELS
        if small and math.prod(geometry.kernel) > 1 and _treats(name, geometry):
            costs[name] = _cost(_make(name, geometry), samples, channels)
    return min(costs, key=costs.get)


def _cost_of_direct(geometry: Geometry, samples: int, channels: tuple[int, int]) -> int:
    """Of the three maps, in multiplications: the products, writing the columns, adding up the shares."""
    c, o = channels
    columns = samples * math.prod(geometry.output) * math.prod(geometry.kernel) * c
    return columns * (3 * o + MOVE + SCATTER)


def _cost(form: Bilinear, samples: int, channels: tuple[int, int]) -> int:
    """Of the three maps, in multiplications: the products, the six transforms, and writing what they give."""
    c, o = channels[0] * math.prod(form.stride), channels[1]
    tiles, (f, pixels), outputs = samples * math.prod(form.tiles), form.constants.B.shape, math.prod(form.tile)
    products = f * tiles * c * o
    transforms = f * (tiles * (pixels * c + outputs * o) + math.prod(form.taps) * c * o)
    moved = tiles * ((pixels + f) * c + (outputs + f) * o) + f * c * o
    return 3 * products + 2 * (TRANSFORM * transforms + MOVE * moved) + OVERHEAD
