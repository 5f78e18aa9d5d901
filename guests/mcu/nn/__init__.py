"""Int8 models on microcontrollers: a converter from .tflite to C, and the kernels in C that it calls."""

from guests.mcu.nn.conversion import KERNELS, Conversion, Layer, Report, convert, read_ports, row
from guests.mcu.nn.model import ModelError

__all__ = ["KERNELS", "Conversion", "Layer", "ModelError", "Report", "convert", "read_ports", "row"]
