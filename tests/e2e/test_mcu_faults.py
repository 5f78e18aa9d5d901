"""Firmware that goes wrong is told in one clear line; nobody else notices, and nothing stays behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .microcontrollers import FIRMWARE, M4, RISCV, XTENSA, echoing, failures, node, trace_of
from .simulator import Finished, processes_naming, run

WAYS = (
    "sound", "write_nowhere", "read_nowhere", "write_null", "call_null", "call_nowhere", "call_data", "illegal",
    "overflow", "smash_stack", "spin", "spin_idle", "give_up", "reset",
)  # fmt: skip
"""enum way of firmware/faulty.c."""

MEMORY = "touched memory that is not there"
INSTRUCTION = "executed what is no instruction"
STACK = "overflowed its stack"
HANGS = r"its main loop has not come round for 20 ms \(watchdog\)"
"""What is said of them."""


def faulty(way: str, board: dict[str, str], after: int = 3) -> dict[str, object]:
    """Describe a node that goes wrong in one way."""
    return node(FIRMWARE / "faulty.c", board, WAY=WAYS.index(way), AFTER=after, watchdog="20ms", speed="31.25 MIPS")


def beside_a_healthy_one(folder: Path, expected: dict[str, str], board: dict[str, str]) -> Finished:
    """Run nodes that go wrong and one that does not; check what is said of each."""
    nodes = {way: faulty(way, board, after=3 if i % 2 else 0) for i, way in enumerate(expected)}
    done = run(folder / "many", echoing(folder / "all", {"healthy": node(), **nodes}), "50ms")
    assert done.code == 1, done.out + done.err
    alone = run(folder / "one", echoing(folder / "alone", {"healthy": node()}), "50ms")
    assert alone.code == 0
    told = failures(done)
    assert set(told) == set(expected)
    for way, words in expected.items():
        assert re.search(words, told[way]), told[way]
        assert "\n" not in told[way]
        assert sum(f"partition {way}: " in line for line in done.out.splitlines()) == 1
        assert len([line for line in trace_of(done, [way]) if " failed " in line]) == 1
    assert done.figures["virtual_time_s"] == 0.05
    names = ["healthy", "to_healthy"]
    assert trace_of(done, names) == trace_of(alone, names)
    assert not processes_naming(str(folder))
    return done


@pytest.mark.slow
def test_faults_of_a_cortex_m4(tmp_path: Path) -> None:
    expected = {
        "write_nowhere": rf"{MEMORY} at 0x0000[0-9a-f]+ \(on_start\+0x[0-9a-f]+\), address 0x90000000",
        "read_nowhere": rf"{MEMORY} at .* \(on_tensors\+.*address 0x90000000",
        "call_null": INSTRUCTION,  # Arm code, as the lowest bit is not set
        "call_nowhere": rf"{MEMORY} at 0x90000000 \(no function\)",
        "call_data": rf"{INSTRUCTION} at 0x2000[0-9a-f]+ \(no function\)",
        "illegal": rf"{INSTRUCTION} at .* \(on_tensors\+",
        "overflow": STACK,
        "smash_stack": MEMORY,
        "spin": HANGS,
        "spin_idle": HANGS,
        "give_up": "gave up at .*code 0x2a",
        "reset": "the guest has powered off or reset its machine",
    }
    beside_a_healthy_one(tmp_path, expected, M4)


@pytest.mark.slow
@pytest.mark.parametrize("board", [RISCV, XTENSA], ids=["riscv", "xtensa"])
def test_faults_of_other_cores(tmp_path: Path, board: dict[str, str]) -> None:
    expected = {
        "write_nowhere": rf"{MEMORY} at .* \(on_start\+.*address 0x90000000",
        "read_nowhere": rf"{MEMORY} at .* \(on_tensors\+.*address 0x90000000",
        "write_null": rf"{MEMORY} at .* \(on_start\+.*address 0x00000000",
        "call_null": rf"{MEMORY} at 0x00000000 \(no function\)",
        "illegal": rf"{INSTRUCTION} at .* \(on_start\+",
        "overflow": STACK,
        "spin": HANGS,
        "spin_idle": HANGS,
        "give_up": "gave up at .*code 0x2a",
    }
    beside_a_healthy_one(tmp_path, expected, board)


@pytest.mark.slow
def test_faults_of_every_cortex_m(tmp_path: Path) -> None:
    """Memory protection unit on M3 and M7, stack limit register on M33 and M55."""
    expected = {
        "write_nowhere": f"{MEMORY}.*address 0x90000000",
        "illegal": INSTRUCTION,
        "overflow": STACK,
        "call_nowhere": MEMORY,
    }
    machines = ("mps2-an385", "mps2-an500", "mps2-an505", "mps3-an547")
    nodes = {f"{way}_{machine[-3:]}": faulty(way, {"machine": machine}) for machine in machines for way in expected}
    nodes = {name: each for name, each in nodes.items() if not name.endswith("nowhere_547")}  # it has RAM there
    done = run(tmp_path / "out", echoing(tmp_path, nodes), "50ms")
    told = failures(done)
    assert set(told) == set(nodes)
    for name, words in told.items():
        assert re.search(expected[name.rpartition("_")[0]], words), f"{name}: {words}"


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["esp32s3", "esp32c3", "nrf52840"])
def test_faults_in_labwired(tmp_path: Path, machine: str) -> None:
    expected = {
        "write_nowhere": "0x90000000",
        "illegal": "no instruction|stopped labwired|debugger",
        "call_nowhere": "0x90000000|0x90000001",
        "overflow": "stack|stopped labwired: Memory access violation",
        "spin": HANGS,
        "spin_idle": HANGS,
        "give_up": "gave up at .*code 0x2a",
    }
    beside_a_healthy_one(tmp_path, expected, {"machine": machine, "backend": "labwired"})
