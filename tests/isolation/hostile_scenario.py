"""A scenario of guests that trade tensors and of guests that attack, written from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

SERVICE = Path(__file__).parent / "services" / "hostile.py"
TENSOR = "uint8[64]"
QUANTUM_MS = 10
"""Long, so that an attack comes to its end before the host looks."""

BYSTANDERS = ("left", "right")
NEIGHBOUR = "neighbour"


def write(folder: Path, attacks: Mapping[str, Mapping[str, Any]], duration: str = "600ms") -> Path:
    """Write a scenario and return its path.

    Two bystanders pass samples on, from ``left`` to ``right``. Every attacker takes samples from a sensor and passes
    them on to a sink, but the first one: it passes them on to ``neighbour``.

    Parameters:
        folder: takes the file and the samples.
        attacks: settings of each attacker's service, by partition.
        duration: of the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(1).integers(0, 256, (500, 64), np.uint8)
    np.save(folder / "samples.npy", rows)
    first = next(iter(attacks))
    settings: dict[str, Mapping[str, Any]] = {name: {"attack": "nothing"} for name in (*BYSTANDERS, NEIGHBOUR)}
    settings.update(attacks)
    routes = {"across": ("left", "right"), "shared": (first, NEIGHBOUR)}
    channels = {name: _channel(f"{source}.relay.result", f"{target}.relay.tensor")
                for name, (source, target) in routes.items()}  # fmt: skip
    devices: dict[str, Any] = {}
    for name in settings:
        if name not in (target for _, target in routes.values()):
            devices[f"{name}_sensor"] = {"kind": "recording", "source": "samples.npy", "rate": "50Hz"}
            channels[f"to_{name}"] = _channel(f"{name}_sensor", f"{name}.relay.tensor")
        if name not in (source for source, _ in routes.values()):
            devices[f"{name}_sink"] = {"kind": "sink"}
            channels[f"from_{name}"] = _channel(f"{name}.relay.result", f"{name}_sink")
    content = {
        "name": "hostile",
        "time": {"quantum": f"{QUANTUM_MS}ms", "duration": duration},
        "partitions": {name: _guest(each) for name, each in settings.items()},
        "devices": devices,
        "channels": channels,
    }
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _guest(settings: Mapping[str, Any]) -> dict[str, Any]:
    service = {"run": str(SERVICE) + ":Hostile", "settings": dict(settings)}
    return {"machine": "linux-x86_64", "memory": "256M", "speed": "1000 MIPS", "services": {"relay": service}}


def _channel(source: str, target: str) -> dict[str, Any]:
    return {"from": source, "to": target, "tensor": TENSOR, "depth": 4}
