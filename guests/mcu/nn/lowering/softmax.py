"""SOFTMAX."""

from __future__ import annotations

import math

import numpy as np

from guests.mcu.nn.lowering.step import Address, Constant, Step
from guests.mcu.nn.model import Operator
from guests.mcu.nn.quantization import exponential, high_product, quantize_multiplier

_DIFFERENCE_INTEGER_BITS = 5
_MAX_DEPTH = 4095
"""A sum of 2^12 exponentials would leave Q12.19."""

_DISTANCES = 256


def softmax(operator: Operator) -> Step:
    """Lower a softmax over the last dimension (LiteRT's reference: PreprocessSoftmaxScaling, Q5.26 differences)."""
    tensor, output = operator.computed(operator.input(0)), operator.computed(operator.output)
    if not tensor.shape or tensor.shape != output.shape:
        raise operator.refuse(f"the output is {list(output.shape)}, not {list(tensor.shape)}")
    if output.zero_point != -128 or not math.isclose(output.scale, 1 / 256, rel_tol=1e-3):
        raise operator.refuse("the output must have scale 1/256 and zero point -128")
    depth = tensor.shape[-1]
    if depth > _MAX_DEPTH:
        raise operator.refuse(f"{depth} classes; at most {_MAX_DEPTH} are supported")
    table = _exponentials(operator, tensor.scale)
    return Step(
        operator,
        "softmax",
        "softmax",
        ("softmax.c",),
        {
            "input": Address(tensor),
            "output": Address(output),
            "rows": tensor.elements // depth,
            "depth": depth,
            "exponentials": Constant("exponentials", np.array(table, dtype=np.int32)),
            "exponential_count": len(table),
        },
        (tensor,),
    )


def _exponentials(operator: Operator, scale: float) -> list[int]:
    """Return e^(-i * scale * beta) as Q0.31 for each distance i from the largest element that counts."""
    beta = float(operator.options["beta"])
    fraction_bits = 31 - _DIFFERENCE_INTEGER_BITS
    real = min(beta * scale * (1 << fraction_bits), (1 << 31) - 1.0)
    multiplier, shift = quantize_multiplier(real) if math.isfinite(real) and real > 1 else (0, -1)
    if shift < 0:
        raise operator.refuse(f"scale {scale:g} times beta {beta:g} is too small")
    radius = math.floor(((1 << _DIFFERENCE_INTEGER_BITS) - 1) * (1 << fraction_bits) / (1 << shift))
    return [
        exponential(high_product(-distance << shift, multiplier)) for distance in range(min(radius + 1, _DISTANCES))
    ]
