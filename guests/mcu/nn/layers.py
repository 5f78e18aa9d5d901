"""A model as a row of layers for `machines.accelerators`: numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guests.mcu.nn import flatbuffer
from guests.mcu.nn.arena import Arena, plan
from guests.mcu.nn.lowering import lower
from guests.mcu.nn.lowering.step import Step
from guests.mcu.nn.model import Operator, TensorInfo
from machines.accelerators.network import Layer, Network

Pair = tuple[int, int]
"""Height and width."""

_WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D")
_POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")


def read_network(path: Path) -> Network:
    """Read a model's layers.

    Parameters:
        path: a .tflite file, quantised to full int8, with a batch of 1; of several graphs the first counts.

    Raises:
        ModelError: it cannot be read, or has an operator that `guests.mcu.nn` does not know; one line.
    """
    model = flatbuffer.read(path)
    steps = [lower(operator) for operator in model.operators]
    arena = plan(model, steps)
    return Network(
        tuple(_layer(number, step, arena) for number, step in enumerate(steps)),
        sum(tensor.bytes for tensor in model.inputs),
        sum(tensor.bytes for tensor in model.outputs),
    )


def _layer(number: int, step: Step, arena: Arena) -> Layer:
    operator, output = step.operator, step.operator.output
    read = step.reads[0]
    channels_in, channels_out = _channels(operator, read, output)
    kernel, stride, dilation = _window(operator)
    constants = [each for each in operator.inputs if each is not None and each.data is not None]
    return Layer(
        index=operator.index,
        operator=operator.name,
        macs=step.macs,
        weight_bytes=sum(each.bytes for each in constants) if step.kernel is not None else 0,
        input_bytes=sum(tensor.bytes for tensor in step.reads),
        output_bytes=output.bytes,
        live_bytes=sum(block.bytes for block in arena.blocks if block.tensors and block.alive(number)),
        dtype=output.dtype,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        channels_in=channels_in,
        channels_out=channels_out,
        input_size=_size(read),
        output_size=_size(output),
        moves=step.kernel is not None,
    )


def _channels(operator: Operator, read: TensorInfo, output: TensorInfo) -> tuple[int, int]:
    if operator.name == "FULLY_CONNECTED":
        rows, depth = operator.input(1).shape
        return depth, rows
    return _last(read.shape), _last(output.shape)


def _last(shape: Sequence[int]) -> int:
    return shape[-1] if shape else 1


def _size(tensor: TensorInfo) -> tuple[int, int] | None:
    return (tensor.shape[1], tensor.shape[2]) if len(tensor.shape) == 4 else None


def _window(operator: Operator) -> tuple[Pair | None, Pair | None, Pair]:
    """Return kernel, stride and dilation, each height first; a single element is never apart."""
    if operator.name in _POOLS:
        kernel = operator.option("filter_height"), operator.option("filter_width")
        return kernel, _stride(operator), (1, 1)
    if operator.name not in _WINDOWED:
        return None, None, (1, 1)
    _, height, width, _ = operator.input(1).shape
    vertical = operator.option("dilation_h_factor") if height > 1 else 1
    horizontal = operator.option("dilation_w_factor") if width > 1 else 1
    return (height, width), _stride(operator), (vertical, horizontal)


def _stride(operator: Operator) -> Pair:
    return operator.option("stride_h"), operator.option("stride_w")
