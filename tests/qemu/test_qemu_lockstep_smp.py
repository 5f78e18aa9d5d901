"""Two processors under lockstep: they share the instructions of the machine, and stop and go on together."""

from __future__ import annotations

import contextlib
import random
import subprocess

import pytest
from smp_machine import SmpMachine, SmpMaker, needs_smp, smp

from machines.qemu.lockstep import Boundary

__all__ = ["smp"]

pytestmark = [needs_smp, pytest.mark.slow]

MS = 1_000_000
PERIOD_NS = 20 * MS  # of the timers of smp.S
KICK_NS = 100 * MS  # of QEMU's own timer for turns of its vCPUs: a deadline is not further off
WAKE_INSTRUCTIONS = 14  # of smp.S, from one WFI to the next


def executed(machine: SmpMachine, length_ns: int, start_ns: int | None = None, stop_ns: int | None = None) -> int:
    before = machine.held.instructions
    return machine.advance(length_ns, start_ns, stop_ns).instructions - before


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("flag", ["-DBUSY", "-DALONE"])
def test_processors_execute_their_slices_exactly_and_together(smp: SmpMaker, flag: str, shift: int) -> None:
    machine = smp(flag, shift=shift)
    machine.advance(MS << shift)
    for start_ms, stop_ms in [(0, 5), (2, 4), (5, 10), (3, 3), (0, 10), (0, 0)]:
        before = machine.counts()
        share = executed(machine, 10 * MS, start_ms * MS, stop_ms * MS)
        assert share << shift == (stop_ms - start_ms) * MS
        assert not machine.held.idle
        counted = sum(machine.counts()) - sum(before)
        assert abs(3 * counted - share) <= 3 * 4  # three instructions for one count, and one more for each turn


def test_both_processors_come_to_execute(smp: SmpMaker) -> None:
    machine = smp("-DBUSY")
    for _ in range(10):
        machine.advance(MS)
    first, second = machine.counts()
    assert min(first, second) > (first + second) // 10


def test_two_sleeping_processors_are_idle(smp: SmpMaker) -> None:
    machine = smp("-DHALT")
    machine.advance(MS)
    before = machine.held.instructions
    for slice_ns in [(), (0, 5), (2, 4), (0, 0)] * 20:
        held = machine.advance(MS, *slice_ns)
        assert held.idle
        assert held.now_ns < held.deadline_ns <= held.now_ns + KICK_NS
    assert machine.held.instructions == before
    assert machine.counts() == (1, 1)


def test_each_processor_is_woken_by_its_own_timer(smp: SmpMaker) -> None:
    machine = smp("-DWAKE")
    machine.advance(MS)
    woken = []
    for _ in range(8):
        while machine.held.idle:
            machine.advance(machine.held.deadline_ns - machine.held.now_ns)
        fired_ns, before = machine.held.now_ns, machine.counts()
        assert executed(machine, MS, 0, 0) == 0
        assert not machine.advance(1).idle
        assert executed(machine, MS, MS // 2) == WAKE_INSTRUCTIONS - 1
        assert machine.advance(MS).idle
        woken.append((fired_ns, tuple(after - then for then, after in zip(before, machine.counts(), strict=True))))
    assert [who for _, who in woken] == [(1, 0), (0, 1)] * 4
    assert {later - earlier for (earlier, _), (later, _) in zip(woken, woken[2:], strict=False)} == {PERIOD_NS}


@pytest.mark.parametrize("flag", ["-DBUSY", "-DALONE", "-DHALT", "-DWAKE"])
def test_sliced_runs_of_two_processors_repeat_under_load(smp: SmpMaker, flag: str) -> None:
    runs = [_random_grants(smp(flag))]
    with contextlib.ExitStack() as hold:
        for _ in range(2):
            process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
            hold.callback(process.wait)
            hold.callback(process.kill)
        runs.append(_random_grants(smp(flag)))
    assert runs[0] == runs[1]


def _random_grants(machine: SmpMachine) -> list[tuple[Boundary, tuple[int, int]]]:
    draw = random.Random(3)
    seen = []
    for _ in range(150):
        start_ns, stop_ns = sorted((draw.randrange(MS), draw.randrange(MS)))
        slice_ns = draw.choice([(), (start_ns, start_ns), (start_ns, stop_ns)])
        machine.advance(MS, *slice_ns)
        seen.append((machine.held, machine.counts()))
    machine.close()
    return seen
