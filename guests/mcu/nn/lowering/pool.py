"""MAX_POOL_2D and AVERAGE_POOL_2D."""

from __future__ import annotations

from guests.mcu.nn.lowering import window
from guests.mcu.nn.lowering.step import Address, Step, activation_range
from guests.mcu.nn.model import Operator
from guests.mcu.nn.quantization import INT32_MAX


def pool(operator: Operator) -> Step:
    """Lower a pool; LiteRT wants equal quantisation before and after."""
    picture, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    if (picture.scale, picture.zero_point) != (output.scale, output.zero_point):
        raise operator.refuse("input and output are quantised differently; a pool keeps scale and zero point")
    height, width = operator.option("filter_height"), operator.option("filter_width")
    fields, _, _ = window.parameters(operator, picture, output, height, width)
    if picture.shape[3] != output.shape[3]:
        raise operator.refuse(f"{output.shape[3]} output channels, not {picture.shape[3]}")
    if height * width * 256 > INT32_MAX:
        raise operator.refuse(f"a window of {height} x {width} is too large")
    least, greatest = activation_range(operator, output)
    return Step(
        operator,
        "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool",
        "pool",
        ("pool.c",),
        {
            "input": Address(picture),
            "output": Address(output),
            "window": fields,
            "minimum": least,
            "maximum": greatest,
        },
        (picture,),
    )
