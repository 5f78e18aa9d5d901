"""Traces and runs made by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.baseline import Recorded

MS = 1_000_000
ENVIRONMENT = {"simulator": "0.1.0", "qemu": "QEMU 7.2.22", "image": "5fa9", "quantum_ns": MS, "python": "3.11.7"}


def digest(lines: Sequence[str]) -> str:
    """Return the digest of a trace."""
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def stream(count: int, channel: str = "frames") -> list[str]:
    """Return the trace of tensors that are published, rung for, taken and given back, one every 10 ms."""
    lines = []
    for number in range(count):
        at = (number + 1) * 10 * MS
        content = hashlib.blake2b(f"{channel} {number}".encode(), digest_size=16).hexdigest()
        lines += [
            f"{at} tensor {channel} {number} {at} {number} {at} uint8 2x2 {content}\n",
            f"{at} doorbell {channel} camera vision\n",
            f"{at + MS} taken {channel} {number} {at + 20_000}\n",
            f"{at + 2 * MS} returned {channel} {number} {at + 20_000} {at + MS + 5}\n",
        ]
    return lines


def figures(lines: Sequence[str], **changes: Any) -> dict[str, Any]:
    """Return a result as in result.json, with what a comparison looks at."""
    channel = {
        "source": "camera.frame", "messages": 40, "dropped": 0, "occupancy_mean": 0.25,
        "latency_us": {"p50": 20.0, "p99": 30.0, "max": 31.0}, "producer": {"kicks": 40},
    }  # fmt: skip
    partition = {"state": "ready", "instructions": 123_456, "failed": None, "cpu_share": 0.5}
    return {
        "version": 1, "scenario": "edges", "scenario_file": "edges.yaml", "outcome": "completed", "reason": "",
        "passed": True, "digest": digest(lines), "seed": 1, "time_mode": "virtual", "quantum_ns": MS,
        "duration_s": 1.0, "expectations": [{"text": "doorbells > 3", "passed": True, "actual": 40}],
        "metrics": {"detection": {"mean_iou": 0.9, "confusion": [[1, 2], [3, 4]]}}, "channels": {"frames": channel},
        "partitions": {"vision": partition}, "environment": dict(ENVIRONMENT), "notes": [], "wall_s": 1.5,
        "boot": {}, "wall": {}, **changes,
    }  # fmt: skip


def recorded(lines: Sequence[str], name: str = "run", **changes: Any) -> Recorded:
    """Return a run that is nowhere but in memory."""
    return Recorded(name, figures(lines, **changes), lambda: lines)


def written(folder: Path, lines: Sequence[str], result: Mapping[str, Any] | None = None) -> Path:
    """Write the folder of a run, as far as a comparison looks at it."""
    folder.mkdir(parents=True)
    (folder / "trace.log").write_text("".join(lines))
    (folder / "result.json").write_text(json.dumps(result if result is not None else figures(lines)))
    return folder
