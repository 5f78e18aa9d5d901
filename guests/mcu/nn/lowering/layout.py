"""PAD, PADV2, and what changes the shape only: RESHAPE, SQUEEZE, EXPAND_DIMS."""

from __future__ import annotations

import numpy as np

from guests.mcu.nn.lowering.step import Address, Step
from guests.mcu.nn.model import Operator

_RANK = 4


def reshape(operator: Operator) -> Step:
    """Lower a change of shape: the output is the input."""
    tensor = operator.computed(operator.input(0), "int8", "uint8", "float32")
    output = operator.computed(operator.output, tensor.dtype)
    if tensor.elements != output.elements:
        raise operator.refuse(f"{tensor.elements} elements do not fill {list(output.shape)}")
    if (tensor.scales, tensor.zero_points) != (output.scales, output.zero_points):
        raise operator.refuse(
            "input and output are quantised differently; a change of shape keeps scale and zero point"
        )
    return Step(operator, None, reads=(tensor,))


def pad(operator: Operator) -> Step:
    """Lower padding with zeros (the zero point) or, for PADV2, with a value of the input's scale."""
    tensor, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    if (tensor.scale, tensor.zero_point) != (output.scale, output.zero_point):
        raise operator.refuse("input and output are quantised differently; padding keeps scale and zero point")
    rank = len(tensor.shape)
    if not 1 <= rank <= _RANK:
        raise operator.refuse(f"{rank} dimensions; 1 to {_RANK} are supported")
    widths = operator.constant(1, "int32", "int64").astype(np.int64)
    if widths.shape != (rank, 2) or bool(np.any(widths < 0)):
        raise operator.refuse(f"paddings must be {rank} pairs of numbers from 0")
    before, after = ([int(width) for width in widths[:, side]] for side in (0, 1))
    right = tuple(sum(each) for each in zip(before, tensor.shape, after, strict=True))
    if right != output.shape:
        raise operator.refuse(f"the output should be {list(right)}, not {list(output.shape)}")
    lead = _RANK - rank
    return Step(
        operator,
        "pad",
        "pad",
        ("pad.c",),
        {
            "input": Address(tensor),
            "output": Address(output),
            "lengths": (*(1,) * lead, *tensor.shape),
            "before": (*(0,) * lead, *before),
            "after": (*(0,) * lead, *after),
            "value": _value(operator, output.zero_point),
        },
        (tensor,),
    )


def _value(operator: Operator, zero_point: int) -> int:
    if operator.name == "PAD":
        return zero_point
    value = operator.constant(2, "int8").reshape(-1)
    if value.size != 1:
        raise operator.refuse(f"{value.size} padding values, not one")
    return int(value[0])
