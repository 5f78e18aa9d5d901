"""The tensors at the edges of a model, by names that channels can start and end at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tflite

from guests.mcu.nn import flatbuffer
from guests.mcu.nn.conversion import edge
from guests.mcu.nn.model import ModelError
from guests.service import TensorType

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class ModelPorts:
    """Edges of a model.

    Attributes:
        input: its only input.
        outputs: by name, in the order of the graph. The only one is called ``output``; several are called as in the
            model's signature, or ``output_0``, ``output_1``, ...
    """

    input: TensorType
    outputs: Mapping[str, TensorType]


def model_ports(path: Path) -> ModelPorts:
    """Read the edges of a model's first graph.

    Raises:
        ModelError: the file is no model, or has several inputs.
    """
    model = flatbuffer.read(path)
    if len(model.inputs) != 1 or not model.outputs:
        counts = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise ModelError(f"{path}: {counts}; one input and at least one output are expected")
    names = _names(path, [tensor.index for tensor in model.outputs])
    outputs = {name: edge(model, tensor) for name, tensor in zip(names, model.outputs, strict=True)}
    return ModelPorts(edge(model, model.inputs[0]), outputs)


def _names(path: Path, outputs: list[int]) -> list[str]:
    """Return a name for each output tensor of the first graph."""
    if len(outputs) == 1:
        return ["output"]
    signed = _signature(path.read_bytes())
    names = [signed.get(index, "") for index in outputs]
    proper = all(_NAME.fullmatch(name) and name != "input" for name in names) and len(set(names)) == len(names)
    return names if proper else [f"output_{number}" for number in range(len(names))]


def _signature(data: bytes) -> dict[int, str]:
    """Return the names that the first graph's signature gives to output tensors; none where there is no signature."""
    root = tflite.Model.GetRootAs(data, 0)
    for number in range(root.SignatureDefsLength()):
        signature = root.SignatureDefs(number)
        if signature.SubgraphIndex() == 0 and signature.OutputsLength() <= flatbuffer.MAX_ITEMS:
            maps = [signature.Outputs(each) for each in range(signature.OutputsLength())]
            return {each.TensorIndex(): (each.Name() or b"").decode("utf-8", "replace") for each in maps}
    return {}
