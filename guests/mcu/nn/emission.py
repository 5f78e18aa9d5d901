"""Writes a converted model as one C file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from guests.mcu.nn.arena import ALIGNMENT, Arena
from guests.mcu.nn.lowering.step import Address, Constant, Scratch, Step, Value
from guests.mcu.nn.model import Model, TensorInfo
from guests.service import ITEM_BYTES

_DTYPE_NUMBERS = {name: number for number, name in enumerate(ITEM_BYTES, start=1)}
"""enum vshm_dtype; `guests.service` has the same order."""

_MAX_RANK = 6
_LINE = 110

_HEAD = """\
/* Made from {name} by guests/mcu/nn; do not edit. */
#include <stddef.h>
#include <stdint.h>

#include "layers.h"
#include "nn.h"

"""

_MODEL = """\
__attribute__((aligned({alignment}))) uint8_t model_arena[{bytes}];

const struct nn_model model = {{
    .inputs = model_inputs, .outputs = model_outputs, .layers = model_layers,
    .input_count = {inputs}, .output_count = {outputs}, .layer_count = {layers}, .arena_bytes = {arena},
}};
"""


def source(model: Model, steps: Sequence[Step], arena: Arena) -> str:
    """Return the C file of a model.

    Parameters:
        model: for its edges.
        steps: its layers.
        arena: where everything stands.
    """
    called = [(number, step) for number, step in enumerate(steps) if step.kernel is not None]
    parts = [_HEAD.format(name=_safe(model.file.name))]
    parts += [_layer(number, step, arena) for number, step in called]
    entries = [f"    {{nn_{step.kernel}, &model_layer_{number}}}," for number, step in called]
    if entries:
        parts.append("static const struct nn_layer model_layers[] = {\n" + "\n".join(entries) + "\n};\n\n")
    else:
        parts.append("#define model_layers NULL\n\n")
    parts += [_edge("inputs", model.inputs, arena), _edge("outputs", model.outputs, arena)]
    parts.append(
        _MODEL.format(
            alignment=ALIGNMENT,
            bytes=max(arena.bytes, 1),
            arena=arena.bytes,
            inputs=len(model.inputs),
            outputs=len(model.outputs),
            layers=len(called),
        )
    )
    return "".join(parts)


def _safe(name: str) -> str:
    return "".join(character if character.isalnum() or character in "._-" else "?" for character in name)


def _layer(number: int, step: Step, arena: Arena) -> str:
    """Return the arrays and parameters of one layer."""
    arrays = "".join(_array(_array_name(number, constant), constant) for constant in step.constants)
    fields = "".join(f"    .{name} = {_value(value, number, arena)},\n" for name, value in step.parameters.items())
    head = f"/* node {step.operator.index}: {step.operator.name} */\n"
    return f"{head}{arrays}static const struct nn_{step.structure} model_layer_{number} = {{\n{fields}}};\n\n"


def _array_name(number: int, constant: Constant) -> str:
    return f"model_{constant.what}_{number}"


def _array(name: str, constant: Constant) -> str:
    values = constant.values
    if values.ndim == 2 and values.dtype == np.int32:
        items = [f"{{{multiplier}, {shift}}}" for multiplier, shift in values.tolist()]
        kind = "struct nn_scale"
    else:
        items = [_integer(value) for value in values.reshape(-1).tolist()]
        kind = f"{values.dtype}_t"
    body = "\n".join(_lines(items))
    return f"static const {kind} __attribute__((aligned({ALIGNMENT}))) {name}[{len(items)}] = {{\n{body}\n}};\n"


def _lines(items: Sequence[str]) -> Iterator[str]:
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > _LINE:
            yield line
            line = "   "
        line += f" {item},"
    yield line


def _integer(value: int) -> str:
    """Return a literal; the least of 32 bits has none in C."""
    return "INT32_MIN" if value == -(1 << 31) else str(value)


def _value(value: Value, number: int, arena: Arena) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, Constant):
        return _array_name(number, value)
    if isinstance(value, Address):
        return str(arena.offsets[value.tensor.index])
    if isinstance(value, Scratch):
        return str(arena.scratch(number))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f".{name} = {_value(each, number, arena)}" for name, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "{" + ", ".join(map(str, value)) + "}"
    return _float(value) if isinstance(value, float) else _integer(value)


def _float(value: float) -> str:
    """Return a float32 exactly, as a hexadecimal literal of C99."""
    return f"{float(np.float32(value)).hex()}f"


def _edge(what: str, tensors: Sequence[TensorInfo], arena: Arena) -> str:
    entries = "\n".join(_tensor(tensor, arena) for tensor in tensors)
    return f"static const struct nn_tensor model_{what}[] = {{\n{entries}\n}};\n\n"


def _tensor(tensor: TensorInfo, arena: Arena) -> str:
    scale, zero_point = (tensor.scale, tensor.zero_point) if tensor.scales else (1.0, 0)
    dimensions = ", ".join(map(str, tensor.shape[:_MAX_RANK])) or "0"
    return (
        f"    {{.offset = {arena.offsets[tensor.index]}, .bytes = {tensor.bytes}, "
        f".dtype = {_DTYPE_NUMBERS[tensor.dtype]} /* {tensor.dtype} */, .rank = {len(tensor.shape)}, "
        f".dimensions = {{{dimensions}}}, .scale = {_float(scale)}, .zero_point = {zero_point}}},"
    )
