"""Firmware that writes garbage over what it shares with others is blamed for it, alone, and harms nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .microcontrollers import FIRMWARE, M4, XTENSA, channel, echoing, failures, node, trace_of, write
from .simulator import processes_naming, run

pytestmark = pytest.mark.slow

INPUT = {
    "whole_ring": 0, "driver_block": 1, "device_block": 2, "descriptors": 3, "available": 4, "used": 5, "receipts": 6,
    "slots": 7,
}  # fmt: skip
OUTPUT = {name: 10 + part for name, part in INPUT.items()}
PAGE = {
    "whole_page": 20, "host_words": 21, "firmware_words": 22, "channel_table": 23, "inferences": 24, "counter": 25,
    "doorbells": 26,
}  # fmt: skip
"""enum part of firmware/garbage.c."""

HARMLESS = {
    "input_used",  # its own, and written anew before anybody looks
    "input_slots",  # nobody reads a tensor that was taken
    "page_host_words", "page_channel_table", "page_counter",  # only itself reads them
    "page_doorbells",  # bells that nobody needs
}  # fmt: skip
LABWIRED = {"machine": "esp32c3", "backend": "labwired"}


def hostile(part: int, board: dict[str, str] = M4, seed: int = 1) -> dict[str, Any]:
    """Describe a node that writes garbage over one part, again and again."""
    return node(FIRMWARE / "garbage.c", board, PART=part, SEED=seed, watchdog="20ms", speed="31.25 MIPS")


@pytest.mark.parametrize(("board", "seed"), [(M4, 1), (M4, 2), (LABWIRED, 3)], ids=["m4", "m4-again", "labwired"])
def test_garbage_everywhere(tmp_path: Path, board: dict[str, str], seed: int) -> None:
    parts = {
        f"{where}_{name}": part
        for where, names in (("input", INPUT), ("output", OUTPUT), ("page", PAGE))
        for name, part in names.items()
    }
    nodes = {name: hostile(part, board, seed) for name, part in parts.items()}
    done = run(tmp_path / "many", echoing(tmp_path / "all", {"healthy": node(), **nodes}), "50ms")
    alone = run(tmp_path / "one", echoing(tmp_path / "alone", {"healthy": node()}), "50ms")
    assert done.code == 1, done.err
    told = failures(done)
    assert set(parts) - set(told) <= HARMLESS
    assert "healthy" not in told
    for name, words in told.items():
        where = name if name.startswith("output") else f"to_{name}"
        assert f"channel {where}: " in words or name.startswith("page"), words
    assert (done.figures["outcome"], done.figures["virtual_time_s"]) == ("completed", 0.05), "no device is blamed"
    assert max(each["messages"] for each in done.figures["channels"].values()) <= 12
    names = ["healthy", "to_healthy"]
    assert trace_of(done, names) == trace_of(alone, names)
    assert not processes_naming(str(tmp_path))


@pytest.mark.parametrize("board", [M4, XTENSA], ids=["on_chip", "over_a_link"])
def test_the_other_end_of_the_ring_is_not_blamed(tmp_path: Path, board: dict[str, str]) -> None:
    """Each hostile node has a sound one before or behind it, which may get no more tensors, but has done nothing."""
    nodes: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    devices: dict[str, Any] = {}
    for (where, parts), name in [(each, name) for each in (("in", INPUT), ("out", OUTPUT)) for name in INPUT]:
        bad, good = f"bad_{where}_{name}", f"good_{where}_{name}"
        nodes |= {bad: hostile(parts[name], board), good: node()}
        first, second = (good, bad) if where == "in" else (bad, good)
        devices[f"{bad}_samples"] = {"kind": "recording", "source": "samples.npy", "rate": "200Hz"}
        devices[f"{bad}_sink"] = {"kind": "sink"}
        channels[f"{bad}_1"] = channel(f"{bad}_samples", f"{first}.service.tensor")
        channels[f"{bad}_2"] = channel(f"{first}.service.result", f"{second}.service.tensor")
        channels[f"{bad}_3"] = channel(f"{second}.service.result", f"{bad}_sink")
    done = run(tmp_path / "out", write(tmp_path, nodes, channels, devices), "60ms")
    told = failures(done)
    assert {name for name in nodes if name.startswith("bad")} - set(told) <= {"bad_in_used", "bad_in_slots"}
    assert all(name.startswith("bad") for name in told), told
    assert done.figures["outcome"] == "completed", "no sensor, sink or link is blamed"
    assert "wrote what only its other end may" in told["bad_in_available"]
