"""QEMU's arguments for guests that run free, without starting anything."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from machines.qemu.binary import QemuBinary
from machines.qemu.command import Attachments, Execution, GuestImage, GuestMachine, arguments, machine_digest

MIB = 1 << 20
QEMU = QemuBinary(Path("/usr/bin/qemu-system-x86_64"), (7, 2, 22), "QEMU emulator version 7.2.22 (Debian 1)")
LOCKSTEP = GuestMachine("Haswell", 256 * MIB, 0, (4 * MIB,))
ATTACHED = Attachments(None, 4711, -1, 11, 12, (13,), Path("/logs/a.console.log"), None)


@pytest.fixture
def image(tmp_path: Path) -> GuestImage:
    root = tmp_path / "root"
    root.write_bytes(bytes(2 * MIB))
    return GuestImage(tmp_path / "kernel", tmp_path / "initrd", root, "console=ttyS0 quiet", "d1")


def option(line: list[str], name: str) -> list[str]:
    """Return the values of every occurrence of an option."""
    return [value for flag, value in pairwise(line) if flag == name]


@pytest.mark.parametrize("execution", ["tcg", "kvm"])
def test_nothing_holds_it(image: GuestImage, execution: Execution) -> None:
    line = arguments(replace(LOCKSTEP, execution=execution), image, QEMU, ATTACHED)
    assert "-icount" not in line and "-plugin" not in line
    assert "-S" in line and "-sandbox" in line
    assert option(line, "-accel")[0].split(",")[0] == execution


def test_translated_guests_keep_their_memory_barriers(image: GuestImage) -> None:
    """With one processor for ever, TCG leaves barriers out, which other processes would notice."""
    line = arguments(replace(LOCKSTEP, execution="tcg"), image, QEMU, ATTACHED)
    assert option(line, "-accel") == ["tcg,thread=multi"]
    assert option(line, "-smp") == ["1,maxcpus=2"]
    assert option(line, "-cpu") == ["Haswell"]


def test_kvm_gets_the_processor_itself_and_an_interrupt_controller_that_can_be_remapped(image: GuestImage) -> None:
    line = arguments(replace(LOCKSTEP, execution="kvm"), image, QEMU, ATTACHED)
    assert option(line, "-cpu") == ["host"]
    assert "kernel-irqchip=split" in option(line, "-machine")[0]


def test_snapshots_are_for_one_way_of_execution(image: GuestImage) -> None:
    ways: tuple[Execution, ...] = ("lockstep", "tcg", "kvm")
    assert len({machine_digest(replace(LOCKSTEP, execution=way), image, QEMU) for way in ways}) == len(ways)
