"""What an operator becomes: a call of a kernel with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from guests.mcu.nn.model import INT8_MAX, INT8_MIN, Operator, TensorInfo
from guests.mcu.nn.quantization import INT32_MAX, quantize, quantize_multiplier

NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
"""Fused activations by the schema's numbers; LiteRT's int8 kernels know no others."""

SAME, VALID = 0, 1
"""Paddings by the schema's numbers."""


@dataclass(frozen=True)
class Constant:
    """An array in the model's C file.

    Attributes:
        what: names it together with its layer, such as ``weights``.
        values: int8 or int32 elements; two columns of int32 are factors (struct nn_scale).
    """

    what: str
    values: NDArray[np.generic]

    @property
    def bytes(self) -> int:
        """Size in flash."""
        return int(self.values.nbytes)


@dataclass(frozen=True)
class Address:
    """A parameter: where a tensor stands in the arena."""

    tensor: TensorInfo


@dataclass(frozen=True)
class Scratch:
    """A parameter: where the layer's scratch memory stands in the arena."""


Value = int | float | Constant | Address | Scratch | tuple[int, ...] | Mapping[str, "Value"] | None
"""A parameter's value; a mapping is a nested structure, None is NULL."""


@dataclass(frozen=True)
class Step:
    """One layer.

    Attributes:
        operator: what it came from.
        kernel: function of layers.h without ``nn_``; None where nothing is to be done, because the output is the input
            under another shape.
        structure: of its parameters, without ``nn_``.
        sources: C files that it needs.
        parameters: by the structure's fields.
        reads: tensors of the arena.
        scratch_bytes: memory that only this layer needs.
        macs: multiplications with addition.
    """

    operator: Operator
    kernel: str | None
    structure: str = ""
    sources: tuple[str, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=dict)
    reads: tuple[TensorInfo, ...] = ()
    scratch_bytes: int = 0
    macs: int = 0

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every array among the parameters."""
        return tuple(_constants(self.parameters))

    @property
    def flash_bytes(self) -> int:
        """Size of all arrays."""
        return sum(constant.bytes for constant in self.constants)


def _constants(value: Value) -> list[Constant]:
    if isinstance(value, Constant):
        return [value]
    if isinstance(value, Mapping):
        return [constant for nested in value.values() for constant in _constants(nested)]
    return []


def activation_range(operator: Operator, tensor: TensorInfo) -> tuple[int, int]:
    """Return least and greatest stored value of an output after the fused activation.

    Raises:
        ModelError: LiteRT's int8 kernels have no such activation.
    """
    activation = operator.option("fused_activation_function")
    limits = {NONE: (None, None), RELU: (0.0, None), RELU_N1_TO_1: (-1.0, 1.0), RELU6: (0.0, 6.0)}
    if activation not in limits:
        raise operator.refuse(f"fused activation {activation} is not supported; use RELU, RELU6 or none")
    low, high = (
        None if limit is None else quantize(limit, tensor.scale, tensor.zero_point) for limit in limits[activation]
    )
    least = INT8_MIN if low is None else max(INT8_MIN, low)
    return least, max(INT8_MAX if high is None else min(INT8_MAX, high), least)


def factor(operator: Operator, real: float) -> dict[str, Value]:
    """Return a factor as the parameters of struct nn_scale."""
    multiplier, shift = quantize_multiplier(real)
    if multiplier == INT32_MAX and shift == 30:
        raise operator.refuse(f"a factor of {real:g} between the scales is too large")
    return {"multiplier": multiplier, "shift": shift}
