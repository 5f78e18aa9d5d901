"""Reads a .tflite file. The schema is that of the `tflite` package; nothing in the file is believed unseen."""

from __future__ import annotations

import math
import re
import stat
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from guests.mcu.nn.model import Model, ModelError, Operator, TensorInfo

IDENTIFIER = b"TFL3"
"""File identifier of the schema, in bytes 4 to 7."""

MAX_FILE_BYTES = 64 << 20
MAX_ELEMENTS = 1 << 30
MAX_ITEMS = 4096
"""Longest list of tensors, operators or dimensions; a longer one is refused before it is read."""

_DTYPES: Mapping[int, str] = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.FLOAT16: "float16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.FLOAT64: "float64",
    tflite.TensorType.UINT16: "uint16",
    tflite.TensorType.UINT32: "uint32",
    tflite.TensorType.UINT64: "uint64",
}
_TYPE_NAMES = {value: name for name, value in vars(tflite.TensorType).items() if isinstance(value, int)}
_OPERATORS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_CUSTOM = tflite.BuiltinOperator.CUSTOM

_OPTIONS: Mapping[str, tuple[Any, int, tuple[str, ...]]] = {
    name: (options, getattr(tflite.BuiltinOptions, options.__name__), fields)
    for name, options, fields in (
        (
            "CONV_2D",
            tflite.Conv2DOptions,
            ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
        ),
        (
            "DEPTHWISE_CONV_2D",
            tflite.DepthwiseConv2DOptions,
            ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
        ),
        ("FULLY_CONNECTED", tflite.FullyConnectedOptions, ("FusedActivationFunction", "WeightsFormat")),
        ("ADD", tflite.AddOptions, ("FusedActivationFunction",)),
        (
            "MAX_POOL_2D",
            tflite.Pool2DOptions,
            ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth", "FusedActivationFunction"),
        ),
        (
            "AVERAGE_POOL_2D",
            tflite.Pool2DOptions,
            ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth", "FusedActivationFunction"),
        ),
        ("SOFTMAX", tflite.SoftmaxOptions, ("Beta",)),
    )
}
"""Class, union tag and fields of the options that the conversion needs; `tflite.schema` 3."""

_BROKEN = (struct.error, ValueError, IndexError, TypeError, OverflowError, AttributeError, MemoryError)
"""What reading a broken flatbuffer ends in."""


def read(path: Path) -> Model:
    """Read a model.

    Parameters:
        path: a .tflite file.

    Returns:
        Its only graph; shapes and sizes agree with each other, everything else is for the conversion to judge.

    Raises:
        ModelError: it cannot be read, or its structure is broken.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # a pipe says nothing, a device no end
            raise ModelError(f"{path}: no plain file; a .tflite file is expected")
        data = path.read_bytes() if status.st_size <= MAX_FILE_BYTES else b""
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    if not data:
        raise ModelError(f"{path}: empty, or larger than {MAX_FILE_BYTES >> 20} MiB; a .tflite file is expected")
    if data[4:8] != IDENTIFIER:
        raise ModelError(f"{path}: no .tflite file: bytes 4 to 7 are not {IDENTIFIER.decode()}")
    try:
        return _Reader(path, data).model()
    except ModelError:
        raise
    except _BROKEN:
        raise ModelError(f"{path}: the file is damaged: its structure leads outside of it") from None


class _Reader:
    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data
        self._root = tflite.Model.GetRootAs(data, 0)
        self._tensors: list[TensorInfo] = []

    def _error(self, why: str) -> ModelError:
        return ModelError(f"{self._path}: {why}")

    def _list(self, what: str, length: int, item: Callable[[int], Any]) -> list[Any]:
        if not 0 <= length <= MAX_ITEMS:
            raise self._error(f"{length} {what}; at most {MAX_ITEMS} are supported")
        return [item(i) for i in range(length)]

    def model(self) -> Model:
        if self._root.SubgraphsLength() < 1:
            raise self._error("no graph; a model with one is expected")
        graph = self._root.Subgraphs(0)  # further ones serve control flow, which has no kernels here
        tables = self._list("tensors", graph.TensorsLength(), graph.Tensors)
        self._tensors = [self._tensor(index, table) for index, table in enumerate(tables)]
        nodes = self._list("operators", graph.OperatorsLength(), graph.Operators)
        if not nodes:
            raise self._error("no operators; a model that computes something is expected")
        operators = tuple(self._operator(index, node) for index, node in enumerate(nodes))
        inputs = [self._at(i) for i in self._list("inputs", graph.InputsLength(), graph.Inputs)]
        outputs = [self._at(i) for i in self._list("outputs", graph.OutputsLength(), graph.Outputs)]
        model = Model(self._path, operators, tuple(inputs), tuple(outputs))
        self._check_order(model)
        return model

    def _at(self, index: int) -> TensorInfo:
        if not 0 <= index < len(self._tensors):
            raise self._error(f"there is no tensor {index}; there are {len(self._tensors)}")
        return self._tensors[index]

    def _tensor(self, index: int, table: Any) -> TensorInfo:
        name = (table.Name() or b"").decode("utf-8", "replace")
        name = re.sub(r"[^\x20-\x7e]", "?", name)[:80]
        dtype = _DTYPES.get(table.Type())
        if dtype is None:
            raise self._error(f"tensor {index} '{name}' has the type {_TYPE_NAMES.get(table.Type(), table.Type())}")
        shape = tuple(int(n) for n in self._list("dimensions", table.ShapeLength(), table.Shape))
        signature = self._list("dimensions", table.ShapeSignatureLength(), table.ShapeSignature)
        batch_only = signature[:1] == [-1] and shape[:1] == (1,)
        if any(n < 1 for n in shape) or any(n < 0 for n in signature[1 if batch_only else 0 :]):
            raise self._error(
                f"tensor {index} '{name}' has a dynamic shape {list(signature or shape)}; fix its dimensions"
            )
        if math.prod(shape) > MAX_ELEMENTS:
            raise self._error(f"tensor {index} '{name}' has an impossible shape {list(shape)[:8]}")
        if table.Sparsity() is not None:
            raise self._error(f"tensor {index} '{name}' is sparse; convert the model with dense weights")
        scales, zero_points, dimension = self._quantization(index, name, table)
        data = self._constant(index, name, dtype, shape, table.Buffer())
        return TensorInfo(index, name, dtype, shape, scales, zero_points, dimension, data)

    def _quantization(self, index: int, name: str, table: Any) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        quantization = table.Quantization()
        if quantization is None or quantization.ScaleLength() == 0:
            return (), (), 0
        scales = tuple(float(x) for x in np.atleast_1d(quantization.ScaleAsNumpy()))
        zeros = tuple(int(x) for x in np.atleast_1d(quantization.ZeroPointAsNumpy()))
        if quantization.ZeroPointLength() == 0:
            zeros = (0,) * len(scales)
        if len(zeros) != len(scales):
            raise self._error(f"tensor {index} '{name}' has {len(scales)} scales but {len(zeros)} zero points")
        if not all(math.isfinite(scale) and scale > 0 for scale in scales):
            raise self._error(f"tensor {index} '{name}' has a scale that is not above 0 and finite")
        return scales, zeros, int(quantization.QuantizedDimension())

    def _constant(self, index: int, name: str, dtype: str, shape: tuple[int, ...], buffer: int) -> Any:
        if not 0 <= buffer < self._root.BuffersLength():
            raise self._error(f"tensor {index} '{name}' refers to a buffer {buffer} that is not there")
        table = self._root.Buffers(buffer)
        if table.DataLength() == 0:
            return None
        content = np.ascontiguousarray(table.DataAsNumpy(), dtype=np.uint8)
        item = np.dtype(dtype).newbyteorder("<")
        if content.size != math.prod(shape) * item.itemsize:
            raise self._error(f"tensor {index} '{name}': {content.size} bytes of data do not fill {dtype}{list(shape)}")
        return content.view(item).reshape(shape)

    def _operator(self, index: int, node: Any) -> Operator:
        if not 0 <= node.OpcodeIndex() < self._root.OperatorCodesLength():
            raise self._error(f"node {index} refers to an operator code that is not there")
        entry = self._root.OperatorCodes(node.OpcodeIndex())
        code = max(entry.DeprecatedBuiltinCode(), entry.BuiltinCode())  # the older field is 0 or 127 in newer files
        name = _OPERATORS.get(code, f"operator {code}")
        if code == _CUSTOM:
            custom = re.sub(r"[^\x20-\x7e]", "?", (entry.CustomCode() or b"").decode("utf-8", "replace"))[:40]
            name = f"CUSTOM {custom}"
        inputs = self._list("inputs", node.InputsLength(), node.Inputs)
        outputs = self._list("outputs", node.OutputsLength(), node.Outputs)
        return Operator(
            self._path,
            index,
            name,
            tuple(None if i == -1 else self._at(int(i)) for i in inputs),
            tuple(self._at(int(i)) for i in outputs),
            self._options(index, name, node),
        )

    def _options(self, index: int, name: str, node: Any) -> Mapping[str, int | float]:
        if name not in _OPTIONS:
            return {}
        kind, tag, fields = _OPTIONS[name]
        table = node.BuiltinOptions()
        if node.BuiltinOptionsType() != tag or table is None:
            raise self._error(f"node {index} {name}: its options are missing")
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return {_snake(field): getattr(options, field)() for field in fields}

    def _check_order(self, model: Model) -> None:
        """Check that everything is computed once, before it is used."""
        known = {tensor.index for tensor in self._tensors if tensor.data is not None}
        for tensor in model.inputs:
            if tensor.index in known:
                raise self._error(f"input '{tensor.name}' is a constant or stands twice")
            known.add(tensor.index)
        for operator in model.operators:
            for read in operator.inputs:
                if read is not None and read.index not in known:
                    raise operator.refuse(f"'{read.name}' is used before it is computed")
            for written in operator.outputs:
                if written.index in known:
                    raise operator.refuse(f"'{written.name}' is computed twice or is a constant")
                known.add(written.index)
        for tensor in model.outputs:
            if tensor.index not in known or tensor.data is not None:
                raise self._error(f"output '{tensor.name}' is not computed")


def _snake(name: str) -> str:
    """Return ``StrideH`` as ``stride_h``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
