"""Microcontrollers in a real QEMU, on every machine: memory, counter, doorbell, sleep, time, faults, the end."""

from __future__ import annotations

import random
import time
from fractions import Fraction

import pytest
from mcu_machines import (
    ADD,
    FAULT,
    FOLLOW,
    MEASURE,
    POLL,
    RESET,
    RINGING,
    SCRIBBLE,
    SLEEP,
    STEADY,
    TALK,
    ProbeMaker,
    launch,
    machines,
)  # fmt: skip

from machines.errors import ParticipantFailed
from machines.mcu.control import PAGE_BYTES
from machines.memory import SharedRegion
from machines.qemu import mcu

__all__ = ["launch"]

MS = 1_000_000


@machines()
def test_power_on_is_before_the_first_instruction(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, ADD)
    assert probe.shared.view[0:4] == bytes(4)
    standing = probe.advance(0)
    assert (standing.instructions, standing.idle, probe.counter) == (0, False, 0)


@machines()
def test_an_instruction_takes_its_time(launch: ProbeMaker, board: str) -> None:
    for shift in (0, 5):
        probe = launch(board, ADD, mips=Fraction(1000, 1 << shift))
        for done, count in enumerate([1, 3, 1000, 12345]):
            before = probe.counter
            standing = probe.advance(count << shift)
            assert standing.instructions == probe.counter == before + count, done


@machines()
def test_the_region_is_one_memory_for_host_and_firmware(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, FOLLOW)
    for value in (1, 0x1234567, 0xFFFFFFFF):
        probe.shared.view[0:4] = value.to_bytes(4, "little")
        probe.advance(MS // 10)
        assert probe.answer.result == value


@machines("mps2-an386", "riscv", "xtensa")
def test_two_share_a_region_and_nothing_else(launch: ProbeMaker, board: str) -> None:
    shared = SharedRegion("both", PAGE_BYTES)
    writer, reader = launch("mps2-an505", ADD, shared), launch(board, FOLLOW, shared)
    for _ in range(3):
        writer.advance(MS // 10)
        reader.advance(MS // 10)
        assert reader.answer.result == int.from_bytes(shared.view[0:4], "little") > 0
        assert writer.answer.result == 0
    shared.close()


@machines()
def test_the_counter_counts_every_instruction_once(launch: ProbeMaker, board: str) -> None:
    """Between two reads lie 200 instructions and, in the middle, one that reaches a device."""
    probe = launch(board, MEASURE)
    probe.advance(MS)
    assert probe.answer.result == 202


@machines()
def test_boundaries_do_not_disturb_the_counter(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, STEADY)
    probe.advance(10_000)  # the first two rounds differ from those before them
    first = probe.answer
    step = random.Random(2)
    for _ in range(400):
        probe.advance(step.randrange(1, 400))
    assert probe.answer.rounds > first.rounds + 500
    assert probe.answer.result == first.result <= 2


@machines(*RINGING)
def test_a_doorbell_wakes_at_once(launch: ProbeMaker, board: str) -> None:
    """The first instruction after WFI is executed within the first nanosecond of the grant."""
    probe = launch(board, SLEEP)
    asleep = probe.advance(MS)
    assert asleep.idle
    assert probe.answer.rounds == 0
    rings = 50
    lengths = set()
    for number in range(1, rings + 1):
        probe.machine.interrupt()
        before = probe.counter
        standing = probe.advance(10_000)
        assert standing.idle
        assert probe.answer.rounds == number
        lengths.add((standing.instructions - before, probe.answer.seen - before))
    assert len(lengths) == 1
    probe.machine.interrupt()
    before = probe.counter
    assert probe.advance(1).instructions == before + 1


@machines(*RINGING)
def test_several_rings_are_one_interrupt(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, SLEEP)
    probe.advance(MS)
    for _ in range(3):
        probe.machine.interrupt()
    probe.advance(MS)
    assert probe.answer.rounds == 1


@machines(*RINGING)
def test_sleep_costs_nothing(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, SLEEP)
    before = probe.advance(MS)
    assert probe.machine.free_sleep
    began = time.monotonic()
    after = probe.advance(100_000 * MS)
    assert (after.instructions, after.idle) == (before.instructions, True)
    assert time.monotonic() - began < 2


@machines("xtensa", "mps2-an386")
def test_who_polls_sees_a_count_within_some_instructions(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, POLL)
    probe.advance(MS)
    for number in range(1, 5):
        before = probe.counter
        probe.page.ring(0)
        probe.advance(100)
        assert probe.answer.rounds == number
        assert probe.answer.seen - before < 30


@machines()
def test_the_console_is_a_file(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, TALK)
    probe.advance(10 * MS)
    assert probe.machine.console.read_text() == "one line\nand another\n"


@machines("mps2-an386", "riscv", "xtensa")
def test_the_counter_is_right_again_after_a_scribble(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, SCRIBBLE)
    for number in range(1, 10):
        standing = probe.advance(1000)
        assert standing.instructions == probe.counter == 1000 * number
    assert probe.answer.rounds > 100


@machines("mps2-an386", "mps3-an547")
def test_a_lockup_is_a_failure_in_one_line(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, FAULT)
    with pytest.raises(ParticipantFailed, match="probe: QEMU ended: qemu: fatal: Lockup") as caught:
        probe.advance(MS)
    assert "\n" not in str(caught.value)


@machines("mps2-an386", "mps2-an505", "riscv")
def test_a_reset_is_a_failure_in_one_line(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, RESET)
    with pytest.raises(ParticipantFailed, match="the guest has powered off or reset its machine") as caught:
        for _ in range(1000):
            probe.advance(MS)
    assert "\n" not in str(caught.value)


@machines("riscv")
def test_faults_without_end_are_a_failure_in_one_line(
    launch: ProbeMaker, board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No instruction is executed, so no boundary is ever reached."""
    monkeypatch.setattr(mcu, "STALL_S", 0.3)
    probe = launch(board, FAULT)
    with pytest.raises(ParticipantFailed, match="it faults without end") as caught:
        probe.advance(MS)
    assert "\n" not in str(caught.value)
