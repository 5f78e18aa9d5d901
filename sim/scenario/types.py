"""Field types of the scenario language: text in the file, exact numbers in the model, patterns in the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from guests.service import ITEM_BYTES, TensorType
from sim.scenario import units
from sim.scenario.files import File, Program, find_boot_file, find_firmware, find_program, find_setting, find_source


class Section(BaseModel):
    """Base of every part of a scenario: frozen, unknown keys are mistakes, nothing is converted silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


@dataclass(frozen=True)
class Written:
    """Pydantic annotation of a type that is written as text: how to parse it, write it back and describe it.

    Attributes:
        parse: turns what stands in the file into the value, or raises ValueError.
        form: turns the value into text that `parse` accepts.
        pattern: regular expression of the text, for editors.
        examples: for editors and the reference.
    """

    parse: Callable[[Any], Any]
    form: Callable[[Any], str]
    pattern: str
    examples: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Give pydantic the parser and the formatter."""
        text = core_schema.plain_serializer_function_ser_schema(
            self.form, return_schema=core_schema.str_schema(), when_used="json"
        )
        return core_schema.no_info_plain_validator_function(self.parse, serialization=text)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        """Give editors the pattern and the examples."""
        return {"type": "string", "pattern": self.pattern, "examples": list(self.examples)}


@dataclass(frozen=True, eq=False)
class Found:
    """Pydantic annotation of a type whose text names a file, looked up in the folders of the validation context.

    Attributes:
        find: turns what stands in the file and the folders into the value, or raises ValueError.
        schema: JSON Schema of what may stand in the file, for editors.
    """

    find: Callable[[Any, tuple[Path, ...]], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Give pydantic the look-up, and the text in the file as what is written back."""

        def find(value: Any, info: ValidationInfo) -> Any:
            return self.find(value, (info.context or {}).get("folders", (Path(),)))

        text = core_schema.plain_serializer_function_ser_schema(_as_written, when_used="json")
        return core_schema.with_info_plain_validator_function(find, serialization=text)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        """Give editors the schema."""
        return dict(self.schema)


def _as_written(value: object) -> object:
    return value.text if isinstance(value, (File, Program)) else value


NAME = "[a-z][a-z0-9_]*"
"""Pattern of the names of partitions, devices, services, channels and metrics."""


def proper_name(text: str) -> str:
    """Return the name that looks most like `text`."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).lstrip("_0123456789").rstrip("_") or "front_camera"


def _name(text: str) -> str:
    if re.fullmatch(NAME, text):
        return text
    rule = "use small letters, digits and _, starting with a letter"
    raise ValueError(f"{units.shown(text)} is no name; {rule}, like '{proper_name(text)}'")


Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})]
"""A name that may stand in an endpoint such as ``perception.detector.frame``."""

_TIME_UNITS = "|".join(units.DURATIONS)
_MEMORY_UNITS = "|".join(units.MEMORY)
_BANDWIDTH_UNITS = "|".join(units.BANDWIDTHS)
_DTYPES = "|".join(ITEM_BYTES)

Duration = Annotated[
    int,
    Written(
        units.parse_duration,
        units.format_duration,
        rf"^\s*{units.NUMBER}\s*({_TIME_UNITS})\s*$",
        ("10s", "1ms", "500us"),
    ),
]
"""Virtual time, in ns."""

Memory = Annotated[
    int,
    Written(
        units.parse_memory,
        units.format_memory,
        rf"^\s*{units.NUMBER}\s*({_MEMORY_UNITS})\s*$",
        ("256M", "1G", "4KiB"),
    ),
]
"""Amount of memory, in bytes."""

Bandwidth = Annotated[
    int,
    Written(
        units.parse_bandwidth,
        units.format_bandwidth,
        rf"^\s*{units.NUMBER}\s*({_BANDWIDTH_UNITS})\s*$",
        ("25.6 GB/s", "16 GiB/s", "800 MB/s"),
    ),
]
"""What a memory carries, in bytes per second."""

PacketSize = Annotated[
    int,
    Written(units.parse_memory, units.format_memory, rf"^\s*{units.NUMBER}\s*({_MEMORY_UNITS})\s*$", ("4KiB", "64B")),
]
"""Size of a packet, in bytes."""

Rate = Annotated[
    Fraction,
    Written(
        units.parse_rate,
        units.format_rate,
        rf"^\s*{units.NUMBER}(/[0-9]+)?\s*(fps|Hz)\s*$",
        ("30fps", "29.97fps", "100Hz"),
    ),
]
"""Samples per virtual second, exact."""

WireRate = Annotated[
    Fraction,
    Written(
        units.parse_wire_rate,
        units.format_wire_rate,
        rf"^\s*{units.NUMBER}\s*({'|'.join(units.WIRE_RATES)})\s*$",
        ("40MHz", "921600bit/s", "500kbit/s"),
    ),
]
"""Clock periods, or bits, per virtual second on a wire, exact."""

Speed = Annotated[
    Fraction,
    Written(units.parse_speed, units.format_speed, rf"^\s*{units.NUMBER}\s*MIPS\s*$", ("1000 MIPS", "62.5 MIPS")),
]
"""Million instructions per virtual second, exact."""

Size = Annotated[
    tuple[int, int],
    Written(units.parse_size, units.format_size, r"^\s*[0-9]{1,5}\s*[xX×]\s*[0-9]{1,5}\s*$", ("640x480",)),
]
"""Picture size (width, height), in pixels."""

TensorText = Annotated[
    TensorType,
    Written(
        units.parse_tensor,
        str,
        rf"^\s*({_DTYPES})\s*\[[0-9, ]+\]\s*(scale=\S+)?\s*(zero_point=-?[0-9]+)?\s*$",
        ("uint8[480,640,3]", "int8[1,10] scale=0.5 zero_point=3"),
    ),
]
"""Dtype, shape and quantisation of a tensor."""

ProgramFile = Annotated[
    Program,
    Found(
        find_program,
        {"type": "string", "pattern": r"^.+\.py:[A-Za-z_]\w*$", "examples": ["guests/services/detector.py:Detector"]},
    ),
]
"""A callable in a Python file."""

SourceFile = Annotated[
    File,
    Found(find_source, {"type": "string", "pattern": r"^.+\.c$", "examples": ["guests/mcu/services/echo.c"]}),
]
"""A source file in C."""

FirmwareFile = Annotated[File, Found(find_firmware, {"type": "string", "examples": ["build/my.elf"]})]
"""A program of a microcontroller."""

BootFile = Annotated[File, Found(find_boot_file, {"type": "string", "examples": ["build/bzImage"]})]
"""A file that a machine boots from."""

SettingValue = Annotated[
    Any,
    Found(find_setting, {"type": ["string", "number", "boolean", "array", "object"]}),
]
"""Setting of a service; text that names a file becomes a `File`."""
