"""A model as typed objects: tensors, and operators in the order in which they run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guests.service import ITEM_BYTES

INT8_MIN, INT8_MAX = -128, 127


class ModelError(ValueError):
    """A model cannot be read, or not run on a microcontroller; the message is one line that starts with the file."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a model.

    Attributes:
        index: number in the file.
        name: name in the file, for people.
        dtype: element type by numpy's name.
        shape: length of each dimension, each at least 1; empty for a scalar.
        scales: quantisation scales, none for a tensor that is not quantised, several for one per channel.
        zero_points: as many as scales.
        quantized_dimension: along which the scales differ.
        data: elements of a constant, in `shape`; None for what is computed.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    quantized_dimension: int = 0
    data: NDArray[np.generic] | None = field(default=None, compare=False, repr=False)

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return self.elements * ITEM_BYTES[self.dtype]

    @property
    def scale(self) -> float:
        """The only scale: real value = scale * (stored value - zero_point)."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The only zero point."""
        return self.zero_points[0]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Operator:
    """One node of a model's graph.

    Attributes:
        file: of the model.
        index: position in the order of execution, from 0.
        name: the schema's name, such as ``CONV_2D``.
        inputs: tensors that it reads; None where an optional one is missing.
        outputs: tensors that it computes.
        options: of the schema, by its names in lower case with underscores, such as ``stride_h``.
    """

    file: Path
    index: int
    name: str
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo, ...]
    options: Mapping[str, int | float] = field(default_factory=dict)

    def refuse(self, why: str) -> ModelError:
        """Return the error that says why this node cannot be converted, and what would be right."""
        return ModelError(f"{self.file}: node {self.index} {self.name}: {why}")

    def input(self, position: int) -> TensorInfo:
        """Return an input that must be there."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise self.refuse(f"input {position} is missing")
        return tensor

    def optional(self, position: int) -> TensorInfo | None:
        """Return an input that may be missing."""
        return self.inputs[position] if position < len(self.inputs) else None

    @property
    def output(self) -> TensorInfo:
        """The only output."""
        if len(self.outputs) != 1:
            raise self.refuse(f"has {len(self.outputs)} outputs, not one")
        return self.outputs[0]

    def option(self, name: str) -> int:
        """Return an option that is a whole number."""
        return int(self.options[name])

    def computed(self, tensor: TensorInfo, *dtypes: str) -> TensorInfo:
        """Check a tensor that is computed: element type and one scale.

        Parameters:
            tensor: one of this node's.
            dtypes: those that will do; int8 if none is named.

        Raises:
            ModelError: it is a constant, has another type, or is not quantised as a whole.
        """
        accepted = dtypes or ("int8",)
        if tensor.data is not None:
            raise self.refuse(f"tensor '{tensor.name}' is a constant; only the second operand of ADD may be one")
        if tensor.dtype not in accepted:
            hint = "; quantise the model to full int8" if tensor.dtype == "float32" else ""
            raise self.refuse(f"tensor '{tensor.name}' is {tensor.dtype}, not {' or '.join(accepted)}{hint}")
        if tensor.dtype != "float32":
            self.quantized(tensor)
        return tensor

    def quantized(self, tensor: TensorInfo) -> None:
        """Check that an 8-bit tensor has one scale and a zero point that it can store."""
        if len(tensor.scales) != 1:
            raise self.refuse(f"tensor '{tensor.name}' has {len(tensor.scales)} scales, not one")
        low, high = (0, 255) if tensor.dtype == "uint8" else (INT8_MIN, INT8_MAX)
        if not low <= tensor.zero_point <= high:
            raise self.refuse(f"zero point {tensor.zero_point} of '{tensor.name}' is not within {low} to {high}")

    def constant(self, position: int, *dtypes: str) -> NDArray[np.generic]:
        """Return the elements of an input that must be a constant of one of these types."""
        tensor = self.input(position)
        if tensor.dtype not in dtypes:
            raise self.refuse(f"input {position} ('{tensor.name}') is {tensor.dtype}, not {' or '.join(dtypes)}")
        if tensor.data is None:
            raise self.refuse(f"input {position} ('{tensor.name}') is computed; it must be a constant")
        return tensor.data


@dataclass(frozen=True)
class Model:
    """A model.

    Attributes:
        file: where it was read from.
        operators: in the order in which they run.
        inputs, outputs: tensors at the edges.
    """

    file: Path
    operators: tuple[Operator, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
