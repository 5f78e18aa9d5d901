"""A QEMU whose vCPUs execute in a part of each grant only, while its clock, timers and devices go on."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_machine import MachineMaker, needs_qemu, tiny

from machines.errors import ParticipantFailed
from machines.qemu.lockstep import Boundary
from machines.qemu.snapshot import Snapshot
from machines.qemu.vm import VirtualMachine

__all__ = ["tiny"]

pytestmark = [needs_qemu, pytest.mark.slow]

MS = 1_000_000
FIRMWARE_NS = 25 * MS
"""Virtual time by which the firmware has started the guest."""

WAKE_INSTRUCTIONS = 5
"""What wake.S executes for an interrupt: its handler, of three, and the way back to sleep."""

PERIOD_NS = 20 * MS
"""Of the timer of wake.S."""

Seen = tuple[Boundary, list[int]]


def started(
    machine: VirtualMachine, snapshot: Snapshot | None = None, firmware_ns: int = FIRMWARE_NS
) -> VirtualMachine:
    machine.launch(snapshot)
    machine.go()
    if snapshot is None:
        advance(machine, firmware_ns)
    machine.collect()
    return machine


def advance(
    machine: VirtualMachine, length_ns: int, start_ns: int | None = None, stop_ns: int | None = None
) -> Boundary:
    """Grant a stretch of time; all three are counted from where the machine stands."""
    now_ns = machine.held.now_ns
    slice_ns = [None if edge is None else now_ns + edge for edge in (start_ns, stop_ns)]
    machine.grant(now_ns + length_ns, *slice_ns)
    return machine.settle()


def executed(machine: VirtualMachine, length_ns: int, start_ns: int | None = None, stop_ns: int | None = None) -> int:
    """Return how many instructions it executes in a grant."""
    before = machine.held.instructions
    return advance(machine, length_ns, start_ns, stop_ns).instructions - before


def idle(machine: VirtualMachine) -> bool:
    """Return what it last said."""
    return machine.held.idle


def random_grants(machine: VirtualMachine, seed: int, grants: int) -> list[Seen]:
    """Return where it stood and what it rang after grants of 1 ms, a quarter of them with no slice."""
    draw = random.Random(seed)
    seen = []
    for _ in range(grants):
        start_ns, stop_ns = sorted((draw.randrange(MS), draw.randrange(MS)))
        kind = draw.randrange(4)
        if kind == 0:
            advance(machine, MS)
        else:
            advance(machine, MS, start_ns, start_ns if kind == 1 else stop_ns)
        seen.append((machine.held, machine.collect()))
    return seen


def woken(machine: VirtualMachine) -> int:
    """Let wake.S sleep until its timer fires and 1 ms more; return when it fired."""
    while machine.held.idle:
        advance(machine, machine.held.deadline_ns - machine.held.now_ns)
    fired_ns = machine.held.now_ns
    advance(machine, MS)
    assert machine.collect() == [1]
    return fired_ns


@contextlib.contextmanager
def busy_host() -> Iterator[None]:
    """Keep other processes running meanwhile."""
    with contextlib.ExitStack() as hold:
        for _ in range(2):
            process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
            hold.callback(process.wait)
            hold.callback(process.kill)
        yield


@pytest.mark.parametrize("shift", [0, 2, 5])
def test_a_busy_guest_executes_exactly_its_slices(tiny: MachineMaker, shift: int) -> None:
    machine = started(tiny(shift=shift), firmware_ns=FIRMWARE_NS << shift)
    for start_ms, stop_ms in [(0, 5), (2, 4), (5, 10), (9, 10), (0, 10)]:
        until_ns = machine.held.now_ns + 10 * MS
        share = executed(machine, 10 * MS, start_ms * MS, stop_ms * MS)
        assert share << shift == (stop_ms - start_ms) * MS
        assert machine.held.now_ns == until_ns
        assert not idle(machine)


def test_an_open_end_of_a_slice_is_that_of_the_grant(tiny: MachineMaker) -> None:
    machine = started(tiny())
    assert executed(machine, MS, stop_ns=1_000) == 1_000
    assert executed(machine, MS, start_ns=MS - 1_000) == 1_000
    assert executed(machine, MS, start_ns=MS - 1_000, stop_ns=2 * MS) == 1_000
    assert executed(machine, MS, start_ns=-MS) == MS


@pytest.mark.parametrize("slice_ns", [(0, 0), (77, 77), (MS, MS), (2 * MS, 3 * MS), (-MS, 0), (5, 3)])
def test_an_empty_slice_executes_nothing(tiny: MachineMaker, slice_ns: tuple[int, int]) -> None:
    machine = started(tiny())
    for _ in range(20):
        assert executed(machine, MS, *slice_ns) == 0
        assert machine.collect() == []
        assert not idle(machine)
    assert executed(machine, MS) == MS


def test_slices_shift_what_a_guest_does_and_change_nothing_of_it(tiny: MachineMaker) -> None:
    """The guest rings every ten thousand instructions, whatever time that takes."""

    def rings(*slice_ns: int) -> list[int]:
        machine = started(tiny())
        zero = machine.held.instructions
        found = []
        for _ in range(2_000):
            advance(machine, 50, *slice_ns)
            found += [machine.held.instructions - zero] if machine.collect() else []
        machine.close()
        return found

    plain, sliced = rings(), rings(10, 35)
    assert len(plain) == 10
    assert len(sliced) == 5
    assert all(abs(there - here) < 50 for here, there in zip(plain, sliced, strict=False))


def test_a_sleeping_guest_is_idle_in_and_out_of_its_slices(tiny: MachineMaker) -> None:
    with busy_host():
        machine = started(tiny("-DHALT"))
        before = machine.held.instructions
        assert all(held.idle for held, _ in random_grants(machine, 1, 1_000))
        for _ in range(1_000):  # also plain grants, one after the other
            assert advance(machine, 100_000).idle
        machine.ring([0])  # which it does not listen to
        assert idle(machine)
        assert machine.held.instructions == before


def test_a_timer_that_fires_while_nothing_executes_wakes_at_the_slices_start(tiny: MachineMaker) -> None:
    machine = started(tiny("-DWAKE"))
    due_ns = woken(machine) + PERIOD_NS
    advance(machine, due_ns - 2 * MS - machine.held.now_ns)
    assert idle(machine)
    assert executed(machine, 5 * MS, 0, 0) == 0
    assert not idle(machine)
    assert executed(machine, MS, MS // 2, MS // 2 + 2) == 2
    assert machine.collect() == [1]  # the handler's first instruction rings
    assert executed(machine, MS, 7, 7 + 2) == 2
    assert not idle(machine)
    assert executed(machine, MS, 7) == WAKE_INSTRUCTIONS - 4
    assert idle(machine)
    assert machine.collect() == []


def test_a_timer_goes_on_at_its_own_time(tiny: MachineMaker) -> None:
    """It fires every 20 ms, whoever executes when."""
    machine = started(tiny("-DWAKE"))
    due_ns = woken(machine)
    for _ in range(3):
        advance(machine, 2 * MS, 0, 0)
    due_ns += 2 * PERIOD_NS
    assert executed(machine, due_ns - machine.held.now_ns, 0, 1) == 0
    assert not idle(machine)
    assert executed(machine, 19 * MS) == WAKE_INSTRUCTIONS
    due_ns += PERIOD_NS
    advance(machine, due_ns - 1 - machine.held.now_ns)
    assert idle(machine)
    assert machine.held.deadline_ns == due_ns
    advance(machine, 1)
    assert not idle(machine)


def test_a_doorbell_waits_for_the_slice(tiny: MachineMaker) -> None:
    machine = started(tiny("-DWAKE"))
    woken(machine)
    machine.ring([0])
    assert not idle(machine)
    for _ in range(10):
        assert executed(machine, MS, 0, 0) == 0
        assert not idle(machine)
    assert machine.collect() == []
    assert executed(machine, MS, 500_000, 500_000 + 2) == 2
    assert machine.collect() == [0]
    assert executed(machine, MS, 0, 500_000) == WAKE_INSTRUCTIONS - 2
    assert idle(machine)


@pytest.mark.parametrize("flags", [(), ("-DWAKE",)])
def test_sliced_runs_repeat_under_load(tiny: MachineMaker, flags: tuple[str, ...]) -> None:
    runs = []
    for load in (contextlib.nullcontext(), busy_host()):
        with load:
            machine = started(tiny(*flags))
            runs.append(random_grants(machine, 7, 100))
            machine.ring([0])
            runs[-1] += random_grants(machine, 8, 100)
            machine.close()
    assert runs[0] == runs[1]
    assert any(rung for _, rung in runs[0])


def test_a_machine_is_saved_after_sliced_grants_as_after_others(tiny: MachineMaker, tmp_path: Path) -> None:
    machine = started(tiny())
    for _ in range(5):
        advance(machine, MS, 100, 200)
        advance(machine, MS, 0, 0)
    state = tmp_path / "state"
    machine.save(state)
    saved_ns = machine.held.now_ns
    machine.close()
    runs = []
    for _ in range(2):
        restored = started(tiny(), Snapshot(state, 1.0))
        assert restored.held.now_ns == saved_ns
        runs.append(random_grants(restored, 3, 50))
        restored.close()
    assert runs[0] == runs[1]


def test_a_guest_that_resets_its_machine_ends_in_the_same_grant_always(tiny: MachineMaker) -> None:
    ends = []
    with busy_host():
        for number in range(6):
            machine = tiny("-DRESET")
            machine.launch(None)
            machine.go()
            advance(machine, 10 * MS)
            with pytest.raises(ParticipantFailed, match="powered off or reset"):
                for _ in range(200):
                    advance(machine, 100_000, *((), (10_000, 60_000))[number % 2])
            ends.append(machine.held)
            machine.close()
    assert len(set(ends)) == 2
    assert ends[0::2] == [ends[0]] * 3
