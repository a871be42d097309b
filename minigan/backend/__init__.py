"""The ground floor: array libraries and devices. Everything above asks an array for its namespace."""

from minigan.backend import dlpack
from minigan.backend.devices import Device, available_devices, device_of, get_device, to_device, to_host
from minigan.backend.graphs import Graph, capture, changing, from_host, joined, keep, on_host, rehearsal, require_graphs
from minigan.backend.memory import in_cache, keep_freed_memory
from minigan.backend.namespaces import array_namespace, is_array, on_device
from minigan.backend.products import column_sums, matmul

__all__ = [
    "Device",
    "Graph",
    "array_namespace",
    "available_devices",
    "capture",
    "changing",
    "column_sums",
    "device_of",
    "dlpack",
    "from_host",
    "get_device",
    "in_cache",
    "is_array",
    "joined",
    "keep",
    "keep_freed_memory",
    "matmul",
    "on_device",
    "on_host",
    "rehearsal",
    "require_graphs",
    "to_device",
    "to_host",
]
