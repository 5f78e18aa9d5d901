"""Scenarios of microcontrollers, written from Python: nodes with an input and an output of 64 bytes each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .simulator import HERE, ROOT, Finished

SERVICES = ROOT / "guests" / "mcu" / "services"
FIRMWARE = HERE / "firmware"
ECHO = SERVICES / "echo.c"
TENSOR = "uint8[64]"

M4 = {"machine": "mps2-an386"}
RISCV = {"machine": "esp32c3", "backend": "qemu"}
XTENSA = {"machine": "esp32s3", "backend": "qemu"}


def node(source: Path = ECHO, board: Mapping[str, str] = M4, **keys: Any) -> dict[str, Any]:
    """Describe a microcontroller whose service is called ``service``.

    Parameters:
        source: of the service.
        board: its machine, and who runs it.
        keys: settings of the service in upper case; of the partition in lower case.
    """
    settings = {key.lower(): value for key, value in keys.items() if key.isupper()}
    other = {key: value for key, value in keys.items() if not key.isupper()}
    return {**board, **other, "services": {"service": {"run": str(source), "settings": settings}}}


def channel(source: str, target: str, **keys: Any) -> dict[str, Any]:
    """Describe a channel."""
    return {"from": source, "to": target, "tensor": TENSOR, **keys}


def write(
    folder: Path,
    partitions: Mapping[str, Any],
    channels: Mapping[str, Any],
    devices: Mapping[str, Any] | None = None,
    duration: str = "50ms",
    quantum: str = "1ms",
    **keys: Any,
) -> Path:
    """Write a scenario, and beside it samples.npy: rows of 64 bytes; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(1).integers(0, 256, (500, 64), np.uint8)
    np.save(folder / "samples.npy", rows)
    content = {
        "name": "microcontrollers",
        "time": {"quantum": quantum, "duration": duration},
        "partitions": dict(partitions),
        "devices": dict(devices or {}),
        "channels": dict(channels),
        **keys,
    }
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def echoing(folder: Path, nodes: Mapping[str, Any], **keys: Any) -> Path:
    """Write a scenario in which every node has a sensor and a sink of its own.

    The channels of node ``x`` are ``to_x`` and ``x``, its devices are ``x_samples`` and ``x_sink``.
    """
    channels, devices = {}, {}
    for name in nodes:
        channels[f"to_{name}"] = channel(f"{name}_samples", f"{name}.service.tensor")
        channels[name] = channel(f"{name}.service.result", f"{name}_sink")
        devices[f"{name}_samples"] = {"kind": "recording", "source": str(folder / "samples.npy"), "rate": "200Hz"}
        devices[f"{name}_sink"] = {"kind": "sink"}
    return write(folder, nodes, channels, devices, **keys)


def trace_of(done: Finished, names: Iterable[str]) -> list[str]:
    """Return the lines of a run's trace that name one of the channels or partitions."""
    wanted = set(names)
    lines = (done.folder / "trace.log").read_text().splitlines()
    return [line for line in lines if wanted & set(line.split()[2:])]


def failures(done: Finished) -> dict[str, str]:
    """Return why partitions failed."""
    return {name: each["failed"] for name, each in done.figures["partitions"].items() if each["failed"]}


def one_line(done: Finished, code: int) -> str:
    """Return the only line that a command said about why it ended with `code`."""
    assert done.code == code, done.out + done.err
    lines = [line for line in done.err.splitlines() if not line.startswith("[")]
    assert len(lines) == 1, done.err
    return lines[0]


def sinks(done: Finished) -> dict[str, str]:
    """Return the digest of what each sink took."""
    return {name: each["digest"] for name, each in done.figures["devices"].items() if each["kind"] == "sink"}


def settings(values: Sequence[str]) -> list[str]:
    """Return the options for overrides."""
    return [word for value in values for word in ("--set", value)]
