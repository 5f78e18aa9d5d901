"""From a .tflite file to C: what the firmware's build and `sim model` use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guests.mcu.nn import emission, flatbuffer
from guests.mcu.nn.arena import Arena, Block, plan
from guests.mcu.nn.lowering import lower
from guests.mcu.nn.lowering.step import Step
from guests.mcu.nn.model import Model, ModelError, TensorInfo
from guests.service import MAX_RANK, TensorType

KERNELS = Path(__file__).with_name("kernels")
"""C files and headers of the kernels."""

_EDGE_DTYPES = ("int8", "uint8", "float32")


@dataclass(frozen=True)
class Layer:
    """One line of a report.

    Attributes:
        index: of the node in the file.
        call: position in the call list, which `nn_layer_done` reports; None where nothing is done.
        operator: the schema's name.
        output: name of the tensor that it computes.
        shape: of its output.
        macs: multiplications with addition.
        flash_bytes: its arrays (weights, biases, factors, tables).
        live_bytes: how much of the arena is needed while it runs.
    """

    index: int
    call: int | None
    operator: str
    output: str
    shape: tuple[int, ...]
    macs: int
    flash_bytes: int
    live_bytes: int


@dataclass(frozen=True)
class Report:
    """What a model needs.

    Attributes:
        flash_bytes: all arrays; the kernels and the call list come on top.
        arena_bytes: RAM for tensors and scratch.
        macs: multiplications with addition of one inference.
        layers: in the order in which they run.
        blocks: the arena's plan.
    """

    flash_bytes: int
    arena_bytes: int
    macs: int
    layers: tuple[Layer, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Attributes:
        inputs, outputs: tensors at its edges, as ports see them.
        c_source: C file that defines `model` and `model_arena`.
        sources: kernels that it needs, to be compiled with it.
        include_dirs: for all of them.
        header: C header with the model's port types, for services: see `_header`.
        report: what it needs.
    """

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    c_source: str
    sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...]
    header: str
    report: Report


def convert(path: Path) -> Conversion:
    """Convert a model.

    Parameters:
        path: a .tflite file, quantised to full int8, with a batch of 1.

    Returns:
        C source, kernels and report. Equal files give equal results.

    Raises:
        ModelError: it cannot be read or converted; one line with file, node, operator and what would be right.
    """
    model = flatbuffer.read(path)
    if not model.inputs or not model.outputs:
        counts = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise ModelError(f"{path}: {counts}; at least one of each is expected")
    steps = [lower(operator) for operator in model.operators]
    inputs, outputs = _edges(model, model.inputs), _edges(model, model.outputs)
    arena = plan(model, steps)
    names = sorted({name for step in steps for name in step.sources} | {"nn.c", "quantize.c"})
    return Conversion(
        inputs,
        outputs,
        emission.source(model, steps, arena),
        tuple(KERNELS / name for name in names),
        (KERNELS,),
        _header(inputs[0], outputs[0]),
        _report(steps, arena),
    )


def read_ports(path: Path) -> tuple[TensorType, TensorType]:
    """Return the tensor types of a model's only input and only output without converting it.

    Raises:
        ModelError: the file is no model, or has several inputs or outputs.
    """
    model = flatbuffer.read(path)
    inputs, outputs = _edges(model, model.inputs), _edges(model, model.outputs)
    for what, tensors in (("input", inputs), ("output", outputs)):
        if len(tensors) != 1:
            raise ModelError(f"{path}: {len(tensors)} {what}s; a service's model has exactly one")
    return inputs[0], outputs[0]


def row(window: TensorType) -> TensorType:
    """Return the tensor type of one row of a model's input: its last dimension, in float32."""
    return TensorType("float32", window.shape[-1:])


def _header(window: TensorType, scores: TensorType) -> str:
    """Return the macros that a service's port lines name, and sizes to go with them."""
    kinds = {"MODEL_INPUT": window, "MODEL_OUTPUT": scores, "MODEL_ROW": row(window)}
    lines = [f"#define {name} {', '.join(map(str, (kind.dtype, *kind.shape)))}" for name, kind in kinds.items()]
    lines += [
        f"#define MODEL_INPUT_BYTES {window.bytes}u",
        f"#define MODEL_OUTPUT_BYTES {scores.bytes}u",
        f"#define MODEL_ROW_ELEMENTS {window.shape[-1]}u",
    ]
    return "\n".join(["/* Made by guests/mcu/nn; do not edit. */", *lines, ""])


def _edges(model: Model, tensors: Sequence[TensorInfo]) -> tuple[TensorType, ...]:
    return tuple(edge(model, tensor) for tensor in tensors)


def edge(model: Model, tensor: TensorInfo) -> TensorType:
    """Return the type of a tensor at the edge of a model.

    Raises:
        ModelError: no ring carries it, or it is of 8 bits and not quantised.
    """
    if tensor.dtype not in _EDGE_DTYPES:
        raise ModelError(f"{model.file}: '{tensor.name}' is {tensor.dtype}, not one of {', '.join(_EDGE_DTYPES)}")
    if not 1 <= len(tensor.shape) <= MAX_RANK:
        raise ModelError(f"{model.file}: '{tensor.name}' has {len(tensor.shape)} dimensions, not 1 to {MAX_RANK}")
    if tensor.dtype == "float32":
        return TensorType(tensor.dtype, tensor.shape)
    if len(tensor.scales) != 1:
        raise ModelError(f"{model.file}: '{tensor.name}' is not quantised; quantise the model to full int8")
    return TensorType(tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point)


def _report(steps: Sequence[Step], arena: Arena) -> Report:
    layers, calls = [], 0
    for number, step in enumerate(steps):
        output = step.operator.output
        call = None if step.kernel is None else calls
        calls += step.kernel is not None
        layers.append(
            Layer(
                step.operator.index,
                call,
                step.operator.name,
                output.name,
                output.shape,
                step.macs,
                step.flash_bytes,
                arena.live_bytes(number),
            )
        )
    flash, macs = sum(layer.flash_bytes for layer in layers), sum(layer.macs for layer in layers)
    return Report(flash, arena.bytes, macs, tuple(layers), arena.blocks)
