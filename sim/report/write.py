"""Writes everything a run leaves behind into one folder, each file whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.report import pictures
from sim.report.html import LOG_LINES, page
from sim.report.junit import junit
from sim.report.perfetto import trace
from sim.report.record import PartitionRecord, RunRecord
from sim.report.result import Result, result
from sim.report.svg import clean

FRAMES = 6
"""Pictures of each device that are written to ``frames/``; encoding one takes about 10 ms."""
CONSOLE_BYTES = 8 << 20
"""Of a console, from its end, that go into a log: a guest can write without bound."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: the figures and where each file is."""

    figures: Result
    folder: Path
    html: Path
    json: Path
    trace: Path
    junit: Path


def write(record: RunRecord, folder: Path, figures: Result | None = None) -> Report:
    """Write result.json, report.html, trace.json, junit.xml, ``logs/`` and ``frames/``.

    Every file is written beside its place and then moved into it. report.html comes last, so that whoever sees it finds
    the rest.

    Parameters:
        record: the finished run.
        folder: made if missing; files of an earlier report in it are replaced.
        figures: its result if the caller has it already.

    Raises:
        OSError: something cannot be written, or a picture's file not be read.
        ValueError: a picture has neither pixels nor a file.
    """
    figures = figures or result(record)
    (folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "frames").mkdir(exist_ok=True)
    logs = _logs(record.partitions, folder)
    _frames(record, folder / "frames")
    report = Report(
        figures, folder, folder / "report.html", folder / "result.json", folder / "trace.json", folder / "junit.xml"
    )
    _put(report.json, (json.dumps(figures, indent=2, allow_nan=False) + "\n").encode())
    _put(report.trace, json.dumps(trace(record), separators=(",", ":"), allow_nan=False).encode())
    _put(report.junit, junit(record))
    _put(report.html, page(record, figures, logs, _consoles(record.partitions)).encode())
    return report


def file_name(name: str) -> str:
    """Return a name that is safe as that of a file: letters, digits, ``.``, ``_``, ``-``, not hidden, not long."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".")[:80] or "unnamed"


def _put(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)


def _logs(partitions: Mapping[str, PartitionRecord], folder: Path) -> dict[str, str]:
    """Write one log per partition and return their paths relative to the folder."""
    paths: dict[str, str] = {}
    for name, partition in partitions.items():
        path = f"logs/{file_name(name)}.log"
        while path in paths.values():
            path = path.replace(".log", "_.log")
        paths[name] = path
        _put(folder / path, _log(partition).encode())
    return paths


def _log(partition: PartitionRecord) -> str:
    """Return what the agent logged, in virtual time, then the raw console; neither can steer a terminal."""
    lines = [f"{line.t_ns / 1e9:14.9f} {line.level:8} {line.service}: {line.text}" for line in partition.log]
    lines += [f"failed: {partition.failed}"] if partition.failed else []
    if partition.console and partition.console.is_file():
        lines += ["", "---- console ----", _console(partition.console)]
    return clean("\n".join(lines) + "\n")


def _consoles(partitions: Mapping[str, PartitionRecord]) -> dict[str, list[str]]:
    """Return the last lines of the consoles of microcontrollers: they have no agent that logs."""
    return {
        name: _console(partition.console).splitlines()[-LOG_LINES:]
        for name, partition in partitions.items()
        if partition.mcu is not None and partition.console is not None and partition.console.is_file()
    }


def _console(path: Path) -> str:
    with path.open("rb") as stream:
        skipped = max(0, stream.seek(0, os.SEEK_END) - CONSOLE_BYTES)
        stream.seek(skipped)
        text = stream.read(CONSOLE_BYTES).decode("utf-8", "replace").replace("\r", "")
    return f"[{skipped} bytes left out]\n{text}" if skipped else text


def _frames(record: RunRecord, folder: Path) -> None:
    missing = [picture for picture in record.pictures if picture.boxes or picture.path is None]
    for device, shown in pictures.by_device(missing).items():
        for picture in pictures.spread(shown, FRAMES):
            _put(folder / f"{file_name(device)}-{picture.sequence:06d}.png", pictures.png(picture))
    for name, one in record.devices.items():
        if one.animation is not None and one.animation.parent != folder and one.animation.is_file():
            shutil.copyfile(one.animation, folder / f"{file_name(name)}{one.animation.suffix}")
