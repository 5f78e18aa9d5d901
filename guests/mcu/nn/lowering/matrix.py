"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: everything with weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from guests.mcu.nn.lowering import window
from guests.mcu.nn.lowering.step import Address, Constant, Scratch, Step, Value, activation_range
from guests.mcu.nn.model import Operator, TensorInfo
from guests.mcu.nn.quantization import SUM_LIMIT, quantize_multiplier

_TAP_BYTES = 4


def conv2d(operator: Operator) -> Step:
    """Lower a convolution; weights are [output channels, height, width, input channels]."""
    picture, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    weights = _weights(operator, 4)
    channels, height, width, depth = weights.shape
    fields, _, _ = window.parameters(operator, picture, output, height, width)
    _expect(operator, "input channels", picture.shape[3], depth)
    _expect(operator, "output channels", output.shape[3], channels)
    rows = weights.reshape(channels, -1)
    matrix = _matrix(operator, rows, _factors(operator, 0, channels), output)
    return Step(
        operator,
        "conv2d",
        "conv2d",
        ("conv2d.c", "matrix.c"),
        {
            "input": Address(picture),
            "output": Address(output),
            "patches": Scratch(),
            "input_zero_point": picture.zero_point,
            "window": fields,
            "matrix": matrix,
        },
        (picture,),
        0 if _in_place(fields) else 2 * rows.shape[1],
        rows.size * output.shape[1] * output.shape[2],
    )


def depthwise(operator: Operator) -> Step:
    """Lower a depthwise convolution; weights are [1, height, width, output channels]."""
    picture, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    weights = _weights(operator, 4)
    one, height, width, channels = weights.shape
    _expect(operator, "first dimension of the weights", one, 1)
    fields, _, _ = window.parameters(operator, picture, output, height, width)
    _expect(operator, "output channels", output.shape[3], channels)
    multiplier, rest = divmod(channels, picture.shape[3])
    if rest:
        raise operator.refuse(f"{channels} output channels are no multiple of {picture.shape[3]} input channels")
    columns = weights.reshape(-1, channels)
    matrix = _matrix(operator, columns.T, _factors(operator, 3, channels), output)
    matrix["weights"] = Constant("weights", columns)
    return Step(
        operator,
        "depthwise_conv2d",
        "depthwise",
        ("depthwise_conv2d.c",),
        {
            "input": Address(picture),
            "output": Address(output),
            "taps": Scratch(),
            "input_zero_point": picture.zero_point,
            "window": fields,
            "matrix": matrix,
            "multiplier": multiplier,
        },
        (picture,),
        columns.shape[0] * _TAP_BYTES + picture.shape[3],
        columns.size * output.shape[1] * output.shape[2],
    )


def fully_connected(operator: Operator) -> Step:
    """Lower a fully connected layer; weights are [outputs, inputs]."""
    vector, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    if operator.option("weights_format") != 0:
        raise operator.refuse("shuffled weights are not supported; use the default format")
    weights = _weights(operator, 2)
    batches, rest = divmod(vector.elements, weights.shape[1])
    if rest:
        raise operator.refuse(f"{vector.elements} inputs are no multiple of {weights.shape[1]} weights")
    _expect(operator, "outputs", output.elements, batches * weights.shape[0])
    matrix = _matrix(operator, weights, _connection_factors(operator, weights.shape[0]), output)
    return Step(
        operator,
        "fully_connected",
        "fully_connected",
        ("fully_connected.c", "matrix.c"),
        {"input": Address(vector), "output": Address(output), "batches": batches, "matrix": matrix},
        (vector,),
        0,
        weights.size * batches,
    )


def _in_place(fields: dict[str, Value]) -> bool:
    """Tell whether every patch is contiguous in the input: a window of 1 x 1 that never leaves it."""
    return all(fields[name] == 1 for name in ("height", "width")) and fields["top"] == fields["left"] == 0


def _expect(operator: Operator, what: str, found: int, right: int) -> None:
    if found != right:
        raise operator.refuse(f"{what}: {found}, not {right}")


def _weights(operator: Operator, rank: int) -> NDArray[np.int8]:
    tensor = operator.input(1)
    values = operator.constant(1, "int8")
    if values.ndim != rank:
        raise operator.refuse(f"weights '{tensor.name}' have {values.ndim} dimensions, not {rank}")
    if any(tensor.zero_points):
        raise operator.refuse(f"weights '{tensor.name}' have a zero point; int8 weights are symmetric, zero point 0")
    return values.astype(np.int8)


def _scales(operator: Operator, dimension: int, channels: int) -> Sequence[float]:
    """Return the weights' scales: one for all, or one for each channel along `dimension`."""
    tensor = operator.input(1)
    if len(tensor.scales) not in (1, channels):
        raise operator.refuse(f"weights '{tensor.name}' have {len(tensor.scales)} scales, not 1 or {channels}")
    if len(tensor.scales) > 1 and tensor.quantized_dimension != dimension:
        raise operator.refuse(
            f"weights '{tensor.name}' are quantised along {tensor.quantized_dimension}, not {dimension}"
        )
    return tensor.scales


def _factors(operator: Operator, dimension: int, channels: int) -> list[float]:
    """Return what sums of products are multiplied by (PopulateConvolutionQuantizationParams)."""
    picture, output = operator.input(0), operator.output
    return [picture.scale * scale / output.scale for scale in _scales(operator, dimension, channels)]


def _connection_factors(operator: Operator, channels: int) -> list[float]:
    """Return the same for a fully connected layer: a single scale is multiplied in float32 there."""
    scales = _scales(operator, 0, channels)
    if len(scales) > 1:
        return _factors(operator, 0, channels)
    vector, output = operator.input(0), operator.output
    return [float(np.float32(vector.scale) * np.float32(scales[0])) / output.scale]


def _matrix(operator: Operator, rows: NDArray[np.int8], factors: list[float], output: TensorInfo) -> dict[str, Value]:
    """Return struct nn_matrix for weights [rows, depth]; the input's zero point is folded into the bias."""
    scales = [quantize_multiplier(each) for each in factors]
    if any(shift >= 30 for _, shift in scales):
        raise operator.refuse("input and weight scales are too large for the output scale")
    wide = rows.astype(np.int64)
    bias = _bias(operator, rows.shape[0])
    zero_point = operator.input(0).zero_point
    largest = np.abs(bias) + np.abs(wide).sum(axis=1) * (128 + abs(zero_point))
    if int(largest.max()) >= SUM_LIMIT:
        raise operator.refuse("a sum of products can leave 31 bits; fewer inputs or a smaller bias are needed")
    least, greatest = activation_range(operator, output)
    return {
        "weights": Constant("weights", rows),
        "bias": Constant("bias", (bias - zero_point * wide.sum(axis=1)).astype(np.int32)),
        "scales": Constant("scales", np.array(scales, dtype=np.int32)),
        "scale_step": int(len(scales) > 1),
        "round_once": int(operator.name == "FULLY_CONNECTED"),
        "rows": rows.shape[0],
        "depth": rows.shape[1],
        "zero_point": output.zero_point,
        "minimum": least,
        "maximum": greatest,
    }


def _bias(operator: Operator, channels: int) -> NDArray[np.int64]:
    tensor = operator.optional(2)
    if tensor is None:
        return np.zeros(channels, dtype=np.int64)
    values = operator.constant(2, "int32")
    _expect(operator, "elements of the bias", values.size, channels)
    return values.reshape(channels).astype(np.int64)
