"""Emulators and compilers of microcontrollers: what is there, and what is lost without them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from guests.mcu import toolchain
from machines import boards
from machines.boards import McuBoard
from machines.labwired import mcu as labwired
from machines.qemu import binary
from sim.doctor import microcontrollers
from sim.doctor.finding import Finding, State

BOARDS = {name for name in boards.names() if isinstance(boards.load(name), McuBoard)}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test asks anew which programs there are, and Renode is not one of them."""
    monkeypatch.setenv("SIM_RENODE", "no-such-renode")
    remembering = binary.find, toolchain._compiler, labwired._library
    for each in remembering:
        each.cache_clear()
    yield
    for each in remembering:
        each.cache_clear()


def found() -> dict[str, Finding]:
    return {finding.name: finding for finding in microcontrollers.look()}


def path_without(folder: Path, *missing: str) -> str:
    """Return a PATH on which all programs of microcontrollers are but some."""
    folder.mkdir()
    for name in found():
        program = shutil.which(name)
        if program and name not in missing:
            (folder / name).symlink_to(program)
    for each in (binary.find, toolchain._compiler):
        each.cache_clear()
    return str(folder)


def test_every_board_has_a_compiler_and_somebody_who_runs_it() -> None:
    findings = found()
    assert not any(finding.needed for finding in findings.values()), "Linux guests run without"
    compilers = [finding for name, finding in findings.items() if name.endswith("-gcc")]
    assert {finding.state for finding in compilers} == {State.OK}
    assert sorted(board for finding in compilers for board in finding.facts["boards"]) == sorted(BOARDS)
    emulators = [finding for name, finding in findings.items() if not name.endswith("-gcc")]
    assert {board for finding in emulators for board in finding.facts["boards"]} == BOARDS
    assert findings["labwired"].facts["version"] == labwired.VERSION
    assert findings["qemu-system-arm"].facts["version"][0].isdigit()
    assert "runs mps2-an385" in findings["qemu-system-arm"].detail
    assert findings["qemu-system-xtensa"].detail.endswith("stands in for esp32, esp32s3")


def test_a_missing_renode_costs_nothing_while_others_run_its_boards() -> None:
    renode = found()["renode"]
    assert (renode.state, renode.facts["boards"]) == (State.MISSING, [])
    assert renode.detail == "no-such-renode is not installed; other backends run its boards"
    assert "renode.io" in renode.remedy and "SIM_RENODE" in renode.remedy


def test_a_renode_that_is_there_tells_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "renode"
    program.write_text("#!/bin/sh\necho 'Renode v1.16.0.1234'\n")
    program.chmod(0o755)
    monkeypatch.setenv("SIM_RENODE", str(program))
    renode = found()["renode"]
    assert renode.state is State.OK and renode.detail.startswith("Renode v1.16.0.1234; runs ")
    program.write_text("#!/bin/sh\necho 'Renode v1.13.0.1'\n")
    (tmp_path / "old").symlink_to(program)
    monkeypatch.setenv("SIM_RENODE", str(tmp_path / "old"))
    assert "is Renode 1.13.0, needed is 1.15" in found()["renode"].detail


def test_boards_that_nobody_runs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_QEMU", "qemu-system-x86_64")
    monkeypatch.setenv("PATH", path_without(tmp_path / "bin", "qemu-system-arm"))
    findings = found()
    arm = findings["qemu-system-arm"]
    assert arm.state is State.MISSING and arm.remedy.startswith("apt-get install qemu-system-arm")
    only_arm = "mps2-an385, mps2-an386, mps2-an500, mps2-an505, mps3-an547"
    assert arm.detail == f"qemu-system-arm is not installed; without it {only_arm} cannot run"
    assert findings["qemu-system-riscv32"].state is State.OK


def test_a_missing_compiler_names_the_boards_and_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_without(tmp_path / "bin", "riscv64-unknown-elf-gcc"))
    compiler = found()["riscv64-unknown-elf-gcc"]
    assert (compiler.state, compiler.blocks) == (State.MISSING, False)
    assert compiler.detail == "riscv64-unknown-elf-gcc is not installed; without it there is no firmware for esp32c3"
    assert compiler.remedy == "apt-get install gcc-riscv64-unknown-elf"


def test_a_compiler_that_does_not_start_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_without(tmp_path / "bin", "xtensa-lx106-elf-gcc"))
    program = tmp_path / "bin" / "xtensa-lx106-elf-gcc"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    compiler = found()["xtensa-lx106-elf-gcc"]
    assert compiler.state is State.BROKEN and compiler.remedy == "apt-get install --reinstall gcc-xtensa-lx106"


def test_a_labwired_that_cannot_be_loaded_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labwired.py").write_text("raise ImportError('GLIBC_2.99 not found')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = found()["labwired"]
    assert finding.state is State.BROKEN
    assert finding.detail == f"labwired {labwired.VERSION} cannot be loaded: ImportError: GLIBC_2.99 not found"


def test_another_labwired_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.1")
    finding = found()["labwired"]
    assert finding.state is State.MISSING and f"needed is {labwired.VERSION}" in finding.detail
    assert "cannot run" not in finding.detail and finding.remedy == f"pip install labwired=={labwired.VERSION}"
