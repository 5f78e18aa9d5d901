"""MEAN over any dimensions."""

from __future__ import annotations

from itertools import groupby

from guests.mcu.nn.lowering.step import Address, Step
from guests.mcu.nn.model import Operator
from guests.mcu.nn.quantization import SUM_LIMIT, quantize_multiplier

_GROUPS = 3
_MAX_RANK = 6


def mean(operator: Operator) -> Step:
    """Lower a mean (LiteRT's reference QuantizedMeanOrSum: the count is divided into the multiplier)."""
    tensor, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    rank = len(tensor.shape)
    if rank > _MAX_RANK:
        raise operator.refuse(f"{rank} dimensions; at most {_MAX_RANK} are supported")
    named = [int(axis) for axis in operator.constant(1, "int32").reshape(-1)]
    if not all(-rank <= axis < rank for axis in named):
        raise operator.refuse(f"axes {named} are not all within {rank} dimensions")
    axes = {axis % rank for axis in named}
    kept, reduced = _groups(tensor.shape, axes, False), _groups(tensor.shape, axes, True)
    count = 1
    for length, _ in reduced:
        count *= length
    if output.elements * count != tensor.elements:
        raise operator.refuse(f"the output has {output.elements} elements, not {tensor.elements // count}")
    if count * 256 >= SUM_LIMIT:
        raise operator.refuse(f"the sum of {count} elements can leave 31 bits")
    multiplier, shift = quantize_multiplier(tensor.scale / output.scale)
    spare = min(count.bit_length() - 1, 32, 31 + shift)
    if shift >= 30:
        raise operator.refuse("the input scale is too large for the output scale")
    return Step(
        operator,
        "mean",
        "mean",
        ("mean.c",),
        {
            "input": Address(tensor),
            "output": Address(output),
            "kept": tuple(length for length, _ in kept),
            "kept_strides": tuple(stride for _, stride in kept),
            "reduced": tuple(length for length, _ in reduced),
            "reduced_strides": tuple(stride for _, stride in reduced),
            "offset": tensor.zero_point * count,
            "zero_point": output.zero_point,
            "scale": {"multiplier": (multiplier << spare) // count, "shift": shift - spare},
        },
        (tensor,),
    )


def _groups(shape: tuple[int, ...], axes: set[int], wanted: bool) -> list[tuple[int, int]]:
    """Return length and stride of each run of dimensions that are all reduced or all kept, three in number."""
    found, stride = [], 1
    for reduced, run in groupby(reversed(range(len(shape))), key=lambda axis: axis in axes):
        length = 1
        for axis in run:
            length *= shape[axis]
        if reduced is wanted:
            found.append((length, stride))
        stride *= length
    found += [(1, 0)] * (_GROUPS - len(found))
    return found[::-1]
