"""Networks and devices that the tests place and time."""

from __future__ import annotations

from machines.accelerators import Accelerator
from machines.accelerators.network import Layer, Network

MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repetitions, stride of its blocks (Sandler et al., MobileNetV2, CVPR 2018, table 2)."""


def conv(index: int, size: int, channels: tuple[int, int], kernel: int = 1, stride: int = 1) -> Layer:
    """Return a convolution of a square picture."""
    depth, rows = channels
    out = -(-size // stride)
    read, written = size * size * depth, out * out * rows
    return Layer(
        index,
        "CONV_2D",
        out * out * rows * depth * kernel * kernel,
        rows * depth * kernel * kernel + 4 * rows,
        read,
        written,
        read + written,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        channels_in=depth,
        channels_out=rows,
        input_size=(size, size),
        output_size=(out, out),
    )


def depthwise(index: int, size: int, channels: int, stride: int = 1) -> Layer:
    """Return a depthwise convolution 3x3 of a square picture."""
    out = -(-size // stride)
    read, written = size * size * channels, out * out * channels
    return Layer(
        index,
        "DEPTHWISE_CONV_2D",
        out * out * channels * 9,
        channels * 13,
        read,
        written,
        read + written,
        kernel=(3, 3),
        stride=(stride, stride),
        channels_in=channels,
        channels_out=channels,
        input_size=(size, size),
        output_size=(out, out),
    )


def elementwise(index: int, operator: str, size: int, inputs: int = 1, channels: int = 1) -> Layer:
    """Return a layer without weights that reads `inputs` tensors of `size` bytes."""
    return Layer(
        index, operator, 0, 0, inputs * size, size, (inputs + 1) * size, channels_in=channels, channels_out=channels
    )


def mobilenet_v2() -> Network:
    """Return MobileNet v2 for pictures of 224x224 with a thousand classes."""
    layers = [conv(0, 224, (3, 32), 3, 2)]
    size, channels = 112, 32
    for expansion, wide, repetitions, first in MOBILENET_V2:
        for repetition in range(repetitions):
            stride, inner = first if repetition == 0 else 1, channels * expansion
            if expansion > 1:
                layers.append(conv(len(layers), size, (channels, inner)))
            layers.append(depthwise(len(layers), size, inner, stride))
            size = -(-size // stride)
            layers.append(conv(len(layers), size, (inner, wide)))
            if repetition:
                layers.append(elementwise(len(layers), "ADD", size * size * wide, 2))
            channels = wide
    layers.append(conv(len(layers), size, (channels, 1280)))
    layers.append(elementwise(len(layers), "MEAN", size * size * 1280))
    layers.append(conv(len(layers), 1, (1280, 1001)))
    return Network(tuple(layers), 224 * 224 * 3, 1001)


def described(**changes: object) -> dict[str, object]:
    """Return a small device as its file has it: a MAC, a byte and a byte from outside in 1, 2 and 10 ns."""
    store = {"bytes": 1000, "bytes_per_second": 500_000_000, "beyond": "stream", "source": "made up for tests"}
    return {
        "name": "small",
        "description": "for tests",
        "unit": "NPU",
        "dtypes": ["int8"],
        "rate": {"macs_per_second": 1_000_000_000, "source": "made up for tests"},
        "memory": {
            "weights": store,
            "activations": store,
            "shared": False,
            "stream_bytes_per_second": 100_000_000,
            "source": "made up for tests",
        },
        "host": {"kind": "usb", "bytes_per_second": 50_000_000, "job_ns": 700, "source": "made up for tests"},
        "overhead": {"layer_ns": 5, "source": "made up for tests"},
        "processor": {
            "name": "core",
            "macs_per_second": 100_000_000,
            "bytes_per_second": 250_000_000,
            "crossing_bytes_per_second": 125_000_000,
            "crossing_ns": 30,
            "source": "made up for tests",
        },
        "operators": [
            {
                "names": ["CONV_2D"],
                "kernels": [1, 3],
                "square": True,
                "strides": [1, 2],
                "most_channels": 64,
                "largest_input": [40, 50],
                "smallest_output": [2, 2],
                "source": "made up for tests",
            },
            {"names": ["ADD"], "source": "made up for tests"},
            {"names": ["FULLY_CONNECTED"], "work": 16, "source": "made up for tests"},
        ],
        **changes,
    }


def device(**changes: object) -> Accelerator:
    """Return the small device with some of its sections changed."""
    return Accelerator.model_validate(described(**changes))
