"""Functions of one element: RELU, RELU6, LOGISTIC, and QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from guests.mcu.nn.lowering.step import Address, Constant, Step
from guests.mcu.nn.model import INT8_MIN, Operator, TensorInfo
from guests.mcu.nn.quantization import clamp, quantize, quantize_multiplier, requantize, round_half_away


def relu(operator: Operator) -> Step:
    """Lower RELU, RELU6 and RELU_N1_TO_1 that stand alone (LiteRT's QuantizedReluX)."""
    tensor, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    low, high = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}[operator.name]
    least = clamp(quantize(low, output.scale, output.zero_point))
    greatest = clamp(127 if high is None else quantize(high, output.scale, output.zero_point))
    multiplier, shift = _multiplier(operator, float(np.float32(tensor.scale) / np.float32(output.scale)))

    def apply(stored: int) -> int:
        scaled = requantize(stored - tensor.zero_point, multiplier, shift) + output.zero_point
        return max(min(scaled, greatest), least)

    return _lookup(operator, tensor, output, apply)


def logistic(operator: Operator) -> Step:
    """Lower LOGISTIC (LiteRT's LUTPopulate, in float32)."""
    tensor, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    if output.zero_point != INT8_MIN or output.scale != 1 / 256:
        raise operator.refuse("the output must have scale 1/256 and zero point -128")
    one = np.float32(1)

    def apply(stored: int) -> int:
        real = np.float32(tensor.scale) * np.float32(stored - tensor.zero_point)
        power = np.float32(math.exp(min(-float(real), 700.0)))
        share = one / (one + power)
        return clamp(round_half_away(float(share * np.float32(256))) + output.zero_point)

    with np.errstate(over="ignore"):
        return _lookup(operator, tensor, output, apply)


def quantize_step(operator: Operator) -> Step:
    """Lower QUANTIZE: float32 to int8, or 8 bits to int8 of another scale."""
    tensor = operator.computed(operator.input(0), "float32", "int8", "uint8")
    output = operator.computed(operator.output, "int8", "uint8")
    _same_shape(operator, tensor, output)
    if tensor.dtype == "float32":
        operator.computed(output)
        return _conversion(operator, "quantize", tensor, output, output)
    multiplier, shift = _multiplier(operator, tensor.scale / output.scale)
    low, high = (0, 255) if output.dtype == "uint8" else (-128, 127)

    def apply(stored: int) -> int:
        scaled = requantize(stored - tensor.zero_point, multiplier, shift) + output.zero_point
        return clamp(scaled, low, high)

    return _lookup(operator, tensor, output, apply)


def dequantize(operator: Operator) -> Step:
    """Lower DEQUANTIZE: int8 to float32."""
    tensor, output = operator.computed(operator.input(0)), operator.computed(operator.output, "float32")
    _same_shape(operator, tensor, output)
    return _conversion(operator, "dequantize", tensor, output, tensor)


def _multiplier(operator: Operator, real: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    if shift > 21:
        raise operator.refuse("the input scale is too large for the output scale")
    return multiplier, shift


def _same_shape(operator: Operator, tensor: TensorInfo, output: TensorInfo) -> None:
    if tensor.shape != output.shape:
        raise operator.refuse(f"the output is {list(output.shape)}, not {list(tensor.shape)}")


def _conversion(operator: Operator, kernel: str, tensor: TensorInfo, output: TensorInfo, quantized: TensorInfo) -> Step:
    return Step(
        operator,
        kernel,
        "convert",
        ("quantize.c",),
        {
            "input": Address(tensor),
            "output": Address(output),
            "count": tensor.elements,
            "scale": quantized.scale,
            "zero_point": quantized.zero_point,
        },
        (tensor,),
    )


def _lookup(operator: Operator, tensor: TensorInfo, output: TensorInfo, apply: Callable[[int], int]) -> Step:
    """Return a step that looks every element up by its bits."""
    _same_shape(operator, tensor, output)
    signed = tensor.dtype == "int8"
    stored = [bits - 256 if signed and bits > 127 else bits for bits in range(256)]
    table = np.array([apply(each) for each in stored], dtype=np.int16).astype(np.int8)
    return Step(
        operator,
        "lookup",
        "lookup",
        ("lookup.c",),
        {
            "input": Address(tensor),
            "output": Address(output),
            "count": tensor.elements,
            "table": Constant("table", table),
        },
        (tensor,),
    )
