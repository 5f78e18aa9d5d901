"""Writes .tflite files for tests with the schema that LiteRT carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

_TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "float32": schema.TensorType.FLOAT32,
}

_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "ADD": 2, "RELU_N1_TO_1": 1, "RESHAPE": 1}
"""Version of an operator that int8 needs, where it is not 2."""


@dataclass
class Graph:
    """A model that grows tensor by tensor and node by node.

    Attributes:
        inputs, outputs: numbers of the tensors at its edges.
    """

    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _tensors: list[Any] = field(default_factory=list)
    _buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    _codes: list[Any] = field(default_factory=list)
    _nodes: list[Any] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        *,
        dtype: str = "int8",
        data: NDArray[Any] | None = None,
        dimension: int = 0,
    ) -> int:
        """Add a tensor and return its number.

        Parameters:
            shape: its dimensions.
            scale: one, several along `dimension`, or None for no quantisation.
            zero_point: of all scales.
            dtype: element type.
            data: elements of a constant.
            dimension: along which scales differ.
        """
        made = schema.TensorT()
        made.name = f"t{len(self._tensors)}".encode()
        made.shape = list(shape)
        made.type = _TYPES[dtype]
        made.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, dtype=dtype).tobytes(), dtype=np.uint8)
            made.buffer = len(self._buffers)
            self._buffers.append(buffer)
        if scale is not None:
            scales = [scale] if isinstance(scale, float) else list(scale)
            quantization = schema.QuantizationParametersT()
            quantization.scale = scales
            quantization.zeroPoint = [zero_point] * len(scales)
            quantization.quantizedDimension = dimension
            made.quantization = quantization
        self._tensors.append(made)
        return len(self._tensors) - 1

    def input(self, shape: Sequence[int], scale: float | None, zero_point: int = 0, dtype: str = "int8") -> int:
        """Add a tensor that is an input of the model."""
        self.inputs.append(self.tensor(shape, scale, zero_point, dtype=dtype))
        return self.inputs[-1]

    def output(self, shape: Sequence[int], scale: float | None, zero_point: int = 0, dtype: str = "int8") -> int:
        """Add a tensor that is an output of the model."""
        self.outputs.append(self.tensor(shape, scale, zero_point, dtype=dtype))
        return self.outputs[-1]

    def node(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> None:
        """Add an operator; options are an object of the schema, such as ``Conv2DOptionsT``."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = _VERSIONS.get(name, 2)
        made = schema.OperatorT()
        made.opcodeIndex = len(self._codes)
        made.inputs, made.outputs = list(inputs), list(outputs)
        if options is not None:
            made.builtinOptions = options
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._codes.append(code)
        self._nodes.append(made)

    def save(self, path: Path) -> Path:
        """Write the file."""
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._nodes
        graph.inputs, graph.outputs = self.inputs, self.outputs
        model = schema.ModelT()
        model.version = 3
        model.subgraphs, model.buffers, model.operatorCodes = [graph], self._buffers, self._codes
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def options(kind: str, **values: float) -> Any:
    """Return an options object of the schema, such as ``options("Pool2D", padding=1)``."""
    made = getattr(schema, f"{kind}OptionsT")()
    for name, value in values.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made
