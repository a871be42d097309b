"""Data sets: images and points to learn from, and the endless stream of batches that training draws."""

from minigan.data.batches import Batches
from minigan.data.idx import read_idx
from minigan.data.images import ImageData, from_uint8, to_uint8
from minigan.data.points import PointData, grid, moons, ring, swiss_roll
from minigan.data.presets import PRESETS, load

__all__ = [
    "PRESETS",
    "Batches",
    "ImageData",
    "PointData",
    "from_uint8",
    "grid",
    "load",
    "moons",
    "read_idx",
    "ring",
    "swiss_roll",
    "to_uint8",
]
