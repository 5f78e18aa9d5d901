"""Ports and settings of a service in C, read from its text: no compiler is needed to check a scenario."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guests.service import ITEM_BYTES, MAX_RANK, TensorType

MODEL_TENSORS = ("MODEL_INPUT", "MODEL_OUTPUT", "MODEL_ROW")
"""Tensor types that come from the service's model."""

NAME_CHARACTERS = 15
"""Most characters of a port's name: struct mcu_port of guests/mcu/include/service.h."""

_INT32 = range(-(1 << 31), 1 << 31)

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_LINE = re.compile(r"^(INPUT|OPTIONAL_INPUT|OUTPUT|SETTING)\b(.*)$", re.MULTILINE)
_ARGUMENTS = re.compile(r"^\s*\(([^()]*)\)\s*;?\s*$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTEGER = re.compile(r"-?(0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
_KERNELS = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"nn\.h"', re.MULTILINE)


class DeclarationError(ValueError):
    """A declaration of a service is wrong; the message is one line with file, line and what would be right."""


ModelTensor = Literal["MODEL_INPUT", "MODEL_OUTPUT", "MODEL_ROW"]


@dataclass(frozen=True)
class PortDeclaration:
    """One port.

    Attributes:
        direction: as seen from the service.
        optional: an input that the service does not wait for.
        tensor: what it carries, or which tensor of the model that is.
    """

    direction: Literal["input", "output"]
    optional: bool
    tensor: TensorType | ModelTensor


@dataclass(frozen=True)
class Declarations:
    """What a service says of itself.

    Attributes:
        ports: by name, in the order of the text.
        settings: the default of each.
        uses_model: it has a port of a model, or calls the kernels.
    """

    ports: Mapping[str, PortDeclaration]
    settings: Mapping[str, int]
    uses_model: bool


def read(source: Path) -> Declarations:
    """Read the declarations of a service.

    Parameters:
        source: C file; ``INPUT(...)``, ``OPTIONAL_INPUT(...)``, ``OUTPUT(...)`` and ``SETTING(...)`` stand each at the
            start of a line of their own.

    Raises:
        DeclarationError: the file cannot be read, or such a line is wrong.
    """
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{source}: cannot be read: {error}") from None
    return parse(text, source)


def parse(text: str, source: Path) -> Declarations:
    """Read the declarations in the text of a service; see `read`. `source` is for messages."""
    text = _COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment.group()), text)
    ports: dict[str, PortDeclaration] = {}
    settings: dict[str, int] = {}
    for found in _LINE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        try:
            name, values = _arguments(found.group(1), found.group(2))
            if name in ports or name in settings:
                raise DeclarationError(f"'{name}' is declared twice; give one of them another name")
            if found.group(1) == "SETTING":
                settings[name] = _default(name, values)
            else:
                ports[name] = _port(found.group(1), name, values)
        except DeclarationError as error:
            raise DeclarationError(f"{source} line {line}: {error}") from None
    has_model_port = any(isinstance(port.tensor, str) for port in ports.values())
    return Declarations(ports, settings, has_model_port or _KERNELS.search(text) is not None)


_EXAMPLES = {
    "INPUT": "INPUT(detections, float32, 16, 6)",
    "OPTIONAL_INPUT": "OPTIONAL_INPUT(speed, float32, 1)",
    "OUTPUT": "OUTPUT(status, uint8, 8)",
    "SETTING": "SETTING(deadline_ms, 100)",
}


def _arguments(macro: str, rest: str) -> tuple[str, list[str]]:
    inside = _ARGUMENTS.match(rest)
    parts = [part.strip() for part in inside.group(1).split(",")] if inside else []
    if len(parts) < 2 or not _NAME.fullmatch(parts[0]):
        raise DeclarationError(f"{(macro + rest).strip()} cannot be read; write it on one line like {_EXAMPLES[macro]}")
    return parts[0], parts[1:]


def _port(macro: str, name: str, values: list[str]) -> PortDeclaration:
    if len(name) > NAME_CHARACTERS:
        raise DeclarationError(f"the name of port '{name}' has {len(name)} characters; at most {NAME_CHARACTERS}")
    direction: Literal["input", "output"] = "output" if macro == "OUTPUT" else "input"
    return PortDeclaration(direction, macro == "OPTIONAL_INPUT", _tensor(name, values))


def _tensor(name: str, values: list[str]) -> TensorType | ModelTensor:
    dtype, *dimensions = values
    for model in MODEL_TENSORS:
        if dtype == model and not dimensions:
            return model  # type: ignore[return-value]
    if dtype not in ITEM_BYTES:
        raise DeclarationError(
            f"port '{name}': unknown dtype {dtype}; one of {', '.join((*ITEM_BYTES, *MODEL_TENSORS))}"
        )
    if not 1 <= len(dimensions) <= MAX_RANK:
        raise DeclarationError(f"port '{name}' has {len(dimensions)} dimensions; 1 to {MAX_RANK}")
    lengths = tuple(_whole(f"dimension of port '{name}'", length) for length in dimensions)
    if min(lengths) < 1:
        raise DeclarationError(f"port '{name}' has a dimension of {min(lengths)}; at least 1")
    tensor = TensorType(dtype, lengths)
    if tensor.bytes >= 1 << 32:
        raise DeclarationError(f"port '{name}' has {tensor.bytes} bytes; less than 4 GiB")
    return tensor


def _default(name: str, values: list[str]) -> int:
    if len(values) != 1:
        raise DeclarationError(f"setting '{name}' has {len(values)} defaults; write it like SETTING({name}, 100)")
    return _whole(f"default of setting '{name}'", values[0])


def _whole(what: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise DeclarationError(f"{what} is {text or 'missing'}; write a whole number like 100 or 0x64")
    number = int(text, 0)
    if number not in _INT32:
        raise DeclarationError(f"{what} is {text}; {_INT32.start} to {_INT32.stop - 1}")
    return number
