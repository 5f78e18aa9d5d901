"""ADD of two tensors, one of which may be a constant and either of which may be repeated."""

from __future__ import annotations

import numpy as np

from guests.mcu.nn.lowering.step import Address, Constant, Step, Value, activation_range, factor
from guests.mcu.nn.model import Operator, TensorInfo

_RANK = 4
_HEADROOM_BITS = 20


def add(operator: Operator) -> Step:
    """Lower an addition (LiteRT's add.cc: 20 bits of headroom, three factors below 1)."""
    a, b, output = operator.input(0), operator.input(1), operator.computed(operator.output)
    if a.data is not None:
        a, b = b, a
    operator.computed(a)
    if b.data is None:
        operator.computed(b)
    else:
        operator.constant(list(operator.inputs).index(b), "int8")
        operator.quantized(b)
    _check_shapes(operator, a, b, output)
    twice = 2.0 * max(a.scale, b.scale)
    result = twice / ((1 << _HEADROOM_BITS) * output.scale)
    if result >= 1:
        raise operator.refuse("the inputs' scales are too large for the output scale")
    least, greatest = activation_range(operator, output)
    lengths = _extended(output.shape)
    operands = (a, b)
    strides = [_strides(_extended(each.shape), lengths) for each in operands]
    if a.shape == b.shape:
        lengths, strides = (1, 1, 1, output.elements), [(0, 0, 0, 1), (0, 0, 0, 1)]
    return Step(
        operator,
        "add",
        "add",
        ("add.c",),
        {
            "output": Address(output),
            "lengths": lengths,
            "a": _addend(operator, a, strides[0], twice),
            "b": _addend(operator, b, strides[1], twice),
            "scale": factor(operator, result),
            "zero_point": output.zero_point,
            "minimum": least,
            "maximum": greatest,
        },
        tuple(each for each in operands if each.data is None),
    )


def _check_shapes(operator: Operator, a: TensorInfo, b: TensorInfo, output: TensorInfo) -> None:
    if max(len(a.shape), len(b.shape), len(output.shape)) > _RANK:
        raise operator.refuse(f"more than {_RANK} dimensions are not supported")
    try:
        right = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise operator.refuse(f"shapes {list(a.shape)} and {list(b.shape)} do not fit each other") from None
    if right != output.shape:
        raise operator.refuse(f"the output should be {list(right)}, not {list(output.shape)}")


def _extended(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (_RANK - len(shape)) + shape


def _strides(shape: tuple[int, ...], lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the distance of neighbours along each dimension, 0 where one element serves all."""
    strides, step = [], 1
    for length, wanted in zip(reversed(shape), reversed(lengths), strict=True):
        strides.append(step if length == wanted else 0)
        step *= length
    return tuple(reversed(strides))


def _addend(operator: Operator, tensor: TensorInfo, strides: tuple[int, ...], twice: float) -> dict[str, Value]:
    constant = tensor.data is not None
    return {
        "constant": Constant("addend", tensor.data) if tensor.data is not None else None,
        "offset": 0 if constant else Address(tensor),
        "strides": strides,
        "zero_point": tensor.zero_point,
        "scale": factor(operator, tensor.scale / twice),
    }
