"""The ground floor: array libraries and devices. Everything above asks an array for its namespace."""

from minigan.backend.devices import Device, available_devices, device_of, get_device, to_device, to_host
from minigan.backend.namespaces import array_namespace, is_array
from minigan.backend.products import matmul

__all__ = [
    "Device",
    "array_namespace",
    "available_devices",
    "device_of",
    "get_device",
    "is_array",
    "matmul",
    "to_device",
    "to_host",
]
