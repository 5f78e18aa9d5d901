"""Faults of microcontrollers, on the chip and behind a link: what is noticed, and that traffic goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.microcontrollers import M4, XTENSA, channel, echoing, node, write
from tests.e2e.simulator import Finished, command

pytestmark = pytest.mark.slow

CARE = {"on_failure": "restart", "watchdog": "20ms", "speed": "31.25 MIPS"}
S3 = {"machine": "esp32s3", "backend": "labwired"}
SPI = {"kind": "spi", "rate": "20MHz", "latency": "30us", "mtu": "512B"}


def strike(kind: str, target: str, **keys: Any) -> dict[str, Any]:
    return {"kind": kind, "target": target, "at": "50ms", **keys}


def run(scenario: Path) -> Finished:
    done = command("run", scenario, "--duration", "120ms", "--out", scenario.parent / "out")
    assert done.code == 0, done.out + done.err
    return Finished(done.code, done.out, done.err, scenario.parent / "out")


@pytest.mark.parametrize("board", [M4, S3], ids=["mps2-an386", "esp32s3"])
def test_a_microcontroller_is_started_again_after_every_fault_that_is_noticed(
    tmp_path: Path, board: dict[str, str]
) -> None:
    faults = {
        "killed": strike("kill", "killed"),
        "reset": strike("reset", "reset"),
        "hung": strike("hang", "hung"),
        "brief": strike("hang", "brief", lasts="10ms"),
        "ahead": strike("clock_jump", "ahead", by="20ms"),
        "index": strike("corrupt_index", "index"),
        "spoiled": strike("corrupt_descriptor", "to_spoiled"),
    }
    figures = run(echoing(tmp_path, {name: node(board=board, **CARE) for name in faults}, faults=faults)).figures
    quiet = {"brief"}
    for name in faults:
        found, partition = figures["faults"][name], figures["partitions"][name]
        assert found["outcome"] == ("unnoticed" if name in quiet else "recovered"), (name, found)
        assert (partition["state"], partition["restarts"]) == ("ready", int(name not in quiet)), name
        assert figures["channels"][name]["sessions"] == 1 + partition["restarts"]
        assert figures["channels"][name]["messages"] >= 18, name
    assert figures["faults"]["hung"]["detection_us"] == 20_000
    assert "(watchdog)" in figures["faults"]["hung"]["detail"]


@pytest.mark.parametrize(
    "fault, struck",
    [
        (strike("kill", "chip"), "chip"),
        (strike("kill", "board"), "board"),
        (strike("corrupt_index", "up"), "chip"),
        (strike("corrupt_index", "up", end="target"), "board"),
        (strike("corrupt_descriptor", "up"), "chip"),
    ],
    ids=lambda each: each if isinstance(each, str) else each["kind"],
)
def test_both_ends_of_a_link_may_be_started_again(tmp_path: Path, fault: dict[str, Any], struck: str) -> None:
    channels = {
        "start": channel("samples", "chip.service.tensor"),
        "up": channel("chip.service.result", "board.service.tensor"),
        "end": channel("board.service.result", "sink"),
    }
    devices = {"samples": {"kind": "recording", "source": "samples.npy", "rate": "200Hz"}, "sink": {"kind": "sink"}}
    nodes = {"chip": node(**CARE), "board": node(board=XTENSA, link=SPI, **CARE)}
    figures = run(write(tmp_path, nodes, channels, devices, faults={"fault": fault})).figures
    assert figures["faults"]["fault"]["outcome"] == "recovered"
    assert {name: each["restarts"] for name, each in figures["partitions"].items()} == {
        "chip": int(struck == "chip"),
        "board": int(struck == "board"),
    }
    assert figures["channels"]["end"]["messages"] >= 22


def test_a_reset_starts_a_dead_microcontroller(tmp_path: Path) -> None:
    faults = {"kill": strike("kill", "dead"), "reset": {**strike("reset", "dead"), "at": "70ms"}}
    dead = {**CARE, "on_failure": "stop"}
    figures = run(echoing(tmp_path, {"dead": node(**dead)}, faults=faults)).figures
    assert figures["partitions"]["dead"]["state"] == "ready" and figures["partitions"]["dead"]["restarts"] == 1
    assert figures["faults"]["kill"]["outcome"] == "recovered"
