"""What a guest gets before time 0: its services and their files, as one archive with a manifest."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from sim.host.ends import ChannelEnd, channel_ends
from sim.scenario.files import File
from sim.scenario.model import LinuxPartition, Scenario
from sim.scenario.partitions import Service

_EPOCH = (2026, 1, 1, 0, 0, 0)
"""Time stamp of every member: an archive's bytes depend on its content only."""


def pack(scenario: Scenario, partition: str) -> bytes:
    """Return the archive for one Linux guest: a zip file, not compressed, with ``manifest.json`` and all files.

    Raises:
        OSError: a file of the scenario cannot be read any more.
    """
    files: dict[str, bytes] = {}
    described = scenario.partitions[partition]
    assert isinstance(described, LinuxPartition), "microcontrollers have firmware"
    services = described.services
    manifest = {
        "partition": partition,
        "quantum_ns": scenario.time.quantum_ns,
        "channels": [_describe(scenario, index, end) for index, end in enumerate(channel_ends(scenario, partition))],
        "services": [_service(scenario, partition, name, service, files) for name, service in services.items()],
    }
    return _archive({"manifest.json": json.dumps(manifest).encode(), **files})


def _describe(scenario: Scenario, index: int, end: ChannelEnd) -> dict[str, Any]:
    channel = scenario.channels[end.channel]
    tensor = channel.tensor
    return {
        "name": end.channel,
        "role": end.role,
        "index": index,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
        "depth": channel.depth,
        "overflow": channel.overflow,
        "event_index": True,
    }


def _service(
    scenario: Scenario, partition: str, name: str, service: Service, files: dict[str, bytes]
) -> dict[str, Any]:
    """Describe a service and add what it needs to `files`."""
    code = f"services/{name}.py"
    files[code] = service.program.file.read_bytes()
    settings: dict[str, Any] = {}
    for key, value in service.settings.items():
        if isinstance(value, File):
            carried = f"files/{name}/{key}{value.path.suffix}"
            files[carried] = value.path.read_bytes()
            settings[key] = carried
        else:
            settings[key] = value
    return {
        "name": name,
        "file": code,
        "callable": service.program.callable,
        "settings": settings,
        "inputs": scenario.inputs_of(partition, name),
        "outputs": scenario.outputs_of(partition, name),
    }


def _archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name])
    return out.getvalue()
