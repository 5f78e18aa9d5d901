"""QEMU's arguments for a microcontroller, and which QEMU it is, without starting anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from mcu_machines import PROBES

from machines.errors import EnvironmentLacks
from machines.mcu.window import Window
from machines.memory import SharedRegion
from machines.qemu import binary, mcu
from machines.qemu.binary import QemuBinary
from machines.qemu.mcu_command import McuAttachments, McuMachine, arguments, target

OLD = QemuBinary(Path("/usr/bin/qemu-system-x"), (7, 2, 22), "QEMU emulator version 7.2.22 (Debian 1)")
NEW = QemuBinary(Path("/q/bin/qemu"), (10, 0, 2), "QEMU emulator version 10.0.2", Path("/q/share/qemu"), Path("/q/lib"))
PIECES = [(0, 4096, 11), (4096, 65536, 12)]
ATTACHED = McuAttachments(Path("/p/lockstep.so"), 4711, 10, PIECES, Path("/logs/m.console.log"))


def line(board: str, qemu: QemuBinary = OLD, elf: str = "/f/m.elf", shift: int = 5) -> list[str]:
    return arguments(McuMachine(PROBES[board].entry, Path(elf), shift), qemu, ATTACHED)


def option(words: list[str], name: str) -> list[str]:
    """Return the values of every occurrence of an option."""
    return [value for flag, value in pairwise(words) if flag == name]


@pytest.mark.parametrize("qemu", [OLD, NEW], ids=["7.2", "10.0"])
@pytest.mark.parametrize("board", PROBES)
def test_what_repeatability_needs_is_there(board: str, qemu: QemuBinary) -> None:
    words = line(board, qemu)
    assert option(words, "-icount") == ["shift=5,sleep=off"]
    assert option(words, "-rtc") == ["base=2026-01-01T00:00:00,clock=vm"]
    assert option(words, "-seed") == ["1"]
    assert option(words, "-accel") == ["tcg,thread=single"]
    assert {"-nodefaults", "-no-user-config"} <= set(words)
    assert "-S" not in words
    assert option(words, "-L") == (["/q/share/qemu"] if qemu is NEW else [])
    assert all(isinstance(word, str) and word for word in words)


@pytest.mark.parametrize(
    ("board", "program", "doorbell"),
    [
        ("mps2-an386", "arm", "doorbell=armv7m:31:pulse"),
        ("mps2-an505", "arm", "doorbell=armv7m:63:pulse"),
        ("riscv", "riscv32", "doorbell=riscv.sifive.plic:42:raise"),
        ("xtensa", "xtensa", None),
    ],
)
def test_the_plugin_is_told_the_wiring(board: str, program: str, doorbell: str | None) -> None:
    assert target(PROBES[board].entry) == program
    (plugin,) = option(line(board), "-plugin")
    parts = plugin.split(",")
    assert parts[:3] == ["/p/lockstep.so", "socket=10", "parent=4711"]
    assert f"window={PROBES[board].entry.window.address}" in parts
    assert [part for part in parts if part.startswith("map=")] == ["map=0:4096:11", "map=4096:65536:12"]
    assert "counter=192" in parts  # 0x0c0 of the control page
    assert [part for part in parts if part.startswith("doorbell=")] == ([doorbell] if doorbell else [])


def test_each_starts_in_its_own_way() -> None:
    assert option(line("mps2-an386"), "-kernel") == ["/f/m.elf"]
    assert option(line("riscv"), "-bios") == ["none"]
    for board in ("riscv", "xtensa"):
        assert option(line(board), "-device")[0] == "loader,file=/f/m.elf,cpu-num=0"
        assert option(line(board, elf="/a,b/m.elf"), "-device")[0] == "loader,file=/a,,b/m.elf,cpu-num=0"


def test_the_cpu_is_in_the_words_of_the_version() -> None:
    assert option(line("mps2-an386"), "-cpu") == []
    assert option(line("xtensa"), "-cpu") == ["de212"]
    assert option(line("riscv", OLD), "-cpu") == ["rv32,a=off,f=off,d=off,mmu=off"]
    assert option(line("riscv", NEW), "-cpu") == ["rv32i,m=on,c=on,zicsr=on,zicntr=on,pmp=on"]
    assert option(line("riscv", replace(OLD, version=(8, 2, 9))), "-cpu")[0].startswith("rv32,a=off")


def test_a_speed_is_a_shift(tmp_path: Path) -> None:
    control = SharedRegion("control", 4096)
    window = Window(PROBES["riscv"].entry.window, control, ())

    def shift(mips: Fraction) -> int:
        return mcu.make("m", PROBES["riscv"].entry, tmp_path / "m.elf", window, mips, tmp_path).machine.shift

    assert [shift(Fraction(1000)), shift(Fraction(125)), shift(Fraction(125, 4))] == [0, 3, 5]
    for mips in (Fraction(100), Fraction(2000), Fraction(333)):
        with pytest.raises(ValueError, match="1000 / 2"):
            shift(mips)
    control.close()


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A QEMU in a folder of its own, which has only two of the programs; SIM_QEMU names it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("x86_64", "arm"):
        path = programs / f"qemu-system-{name}"
        path.write_text(f"#!/bin/sh\necho 'QEMU emulator version 10.0.2 ({name})'\n")
        path.chmod(0o755)
    monkeypatch.setenv("SIM_QEMU", str(programs / "qemu-system-x86_64"))
    binary.find.cache_clear()
    yield programs
    binary.find.cache_clear()


def test_the_programs_are_beside_the_one_that_is_named(prefix: Path) -> None:
    found = binary.find("arm")
    assert (found.path, found.identity) == (prefix / "qemu-system-arm", "QEMU emulator version 10.0.2 (arm)")
    assert mcu.find(PROBES["mps2-an386"].entry) == found.identity
    assert binary.find().path == prefix / "qemu-system-x86_64"


@pytest.mark.parametrize("board", ["riscv", "xtensa"])
def test_one_that_is_missing_is_told_with_its_package(prefix: Path, board: str) -> None:
    with pytest.raises(EnvironmentLacks, match="is not installed: apt-get install qemu-system-misc") as caught:
        mcu.find(PROBES[board].entry)
    assert str(prefix / f"qemu-system-{target(PROBES[board].entry)}") in str(caught.value)
    assert "\n" not in str(caught.value)
