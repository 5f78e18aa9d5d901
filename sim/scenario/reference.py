"""The generated part of docs/scenario.md: tables made from the models, so that they cannot differ from them.

``python -m sim.scenario.reference docs/scenario.md`` writes them between the document's markers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from machines import boards
from machines.mcu.cores import CORES
from sim.scenario.schema import to_schema
from sim.scenario.units import format_memory, format_speed

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
"""Lines of the document between which the tables stand."""

ORDER: tuple[tuple[str, str], ...] = (
    ("Scenario", "The file"),
    ("Time", "`time`"),
    ("Host", "`host`"),
    ("Scheduler", "`host.scheduler`"),
    ("Window", "`host.scheduler.windows`, each"),
    ("LinuxPartition", "`partitions.NAME`, a Linux guest"),
    ("Schedule", "`partitions.NAME.schedule` of a Linux guest"),
    ("Boot", "`partitions.NAME.boot` of a Linux guest"),
    ("Service", "`partitions.NAME.services.NAME` of a Linux guest"),
    ("McuPartition", "`partitions.NAME`, a microcontroller"),
    ("McuService", "`partitions.NAME.services.NAME` of a microcontroller"),
    ("Link", "`partitions.NAME.link` of a microcontroller"),
    ("Accelerator", "`devices.NAME` of `kind: accelerator`"),
    ("Camera", "`devices.NAME` of `kind: camera`"),
    ("Display", "`devices.NAME` of `kind: display`"),
    ("Recording", "`devices.NAME` of `kind: recording`"),
    ("Sink", "`devices.NAME` of `kind: sink`"),
    ("Channel", "`channels.NAME`"),
    ("Fault", "`faults.NAME`"),
    ("DataPath", "`paths.NAME`"),
    ("DetectionMetric", "`metrics.NAME` of `kind: detection`"),
    ("ClassificationMetric", "`metrics.NAME` of `kind: classification`"),
    ("EqualMetric", "`metrics.NAME` of `kind: equal`"),
    ("Expectation", "`expectations`, each"),
)
"""Sections and their headings; the reference test fails when one is missing."""

_LINUX_HEAD = ("Machine", "Runs on", "Memory", "Speeds")
_MCU_HEAD = ("Machine", "Core", "Clock", "Speed", "Flash", "RAM", "Link", "Backends")


def tables() -> str:
    """Return the tables of all sections and machines as Markdown."""
    schema = to_schema()
    definitions: Mapping[str, Any] = {**schema["$defs"], "Scenario": schema}
    lines: list[str] = []
    for name, heading in ORDER:
        lines += [f"### {heading}", "", definitions[name]["description"], ""]
        lines += [*_table(("Key", "Written", "Default", "Meaning"), _keys(definitions[name])), ""]
    lines += ["### Machines that carry a Linux guest", "", *_table(_LINUX_HEAD, _linux_machines()), ""]
    lines += ["### Machines that are microcontrollers", "", *_table(_MCU_HEAD, _microcontrollers())]
    return "\n".join(lines)


def write(document: str) -> str:
    """Return the document with the tables of today between its markers.

    Raises:
        ValueError: the markers are missing.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in cells]


def _keys(definition: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    required = definition.get("required", ())
    for key, schema in definition["properties"].items():
        default = schema.get("default", {})
        default = (
            "" if isinstance(default, dict) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        )
        yield f"`{key}`", _written(schema), "required" if key in required else default, schema.get("description", "")


def _written(schema: Mapping[str, Any]) -> str:
    """Return how a value is written: its choices, examples or type."""
    if "anyOf" in schema:
        return _written(schema["anyOf"][0])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        choices = [f"`{choice}`" for choice in schema["enum"]]
        return ", ".join(choices if len(choices) < 10 else [*choices[:3], "...", choices[-1]])
    if "examples" in schema:
        return ", ".join(f"`{example}`" for example in schema["examples"])
    if "$ref" in schema:
        return "section"
    kinds = {"object": "names", "array": "list", "string": "text", "integer": "whole number"}
    kinds["boolean"] = "`true`, `false`"
    return kinds[schema["type"]]


def _linux_machines() -> Iterator[Sequence[str]]:
    for board in _boards():
        if isinstance(board, boards.LinuxBoard):
            memory = f"{format_memory(board.memory_min_bytes)} to {format_memory(board.memory_max_bytes)}"
            speeds = ", ".join(format_speed(speed).removesuffix(" MIPS") for speed in board.speeds_mips)
            runs_on = f"{board.backend}, {board.architecture}, {board.cpu}"
            yield f"`{board.name}`", runs_on, memory, f"{speeds} MIPS"


def _microcontrollers() -> Iterator[Sequence[str]]:
    for board in _boards():
        if isinstance(board, boards.McuBoard):
            speed, clock = format_speed(board.speed_mips), f"{board.clock_mhz:g} MHz"
            flash, ram = format_memory(board.flash_bytes), format_memory(board.ram_bytes)
            backends = ", ".join(
                f"{name} (as {entry.machine})" if entry.stand_in else name for name, entry in board.backends.items()
            )
            link = board.link.kind if board.link else "on chip"
            yield f"`{board.name}`", CORES[board.core].title, clock, speed, flash, ram, link, backends


def _boards() -> Iterator[boards.Board]:
    return map(boards.load, boards.names())


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(write(file.read_text(encoding="utf-8")), encoding="utf-8")
