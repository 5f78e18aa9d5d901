"""A real QEMU under lockstep, with the smallest guest there is: exact, repeatable, saved, killed."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import time
from pathlib import Path

import pytest
from tiny_machine import MachineMaker, needs_qemu, tiny

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.qemu import vm as vm_module
from machines.qemu.lockstep import Boundary
from machines.qemu.snapshot import Snapshot
from machines.qemu.vm import VirtualMachine

__all__ = ["tiny"]

pytestmark = [needs_qemu, pytest.mark.slow]

MS = 1_000_000
FIRMWARE_NS = 25 * MS
"""Virtual time by which the firmware has started the guest: it executes 16 million instructions."""


def started(machine: VirtualMachine, snapshot: Snapshot | None = None) -> VirtualMachine:
    machine.launch(snapshot)
    machine.go()
    return machine


def advance(machine: VirtualMachine, until_ns: int) -> Boundary:
    machine.grant(until_ns)
    return machine.settle()


def history(machine: VirtualMachine, steps: int, step_ns: int = MS) -> list[tuple[Boundary, list[int]]]:
    """Return where a machine stood and what it rang, step by step."""
    seen = []
    for _ in range(steps):
        advance(machine, machine.held.now_ns + step_ns)
        seen.append((machine.held, machine.collect()))
    return seen


def test_boundaries_are_exact_and_runs_repeat(tiny: MachineMaker) -> None:
    steps = [random.Random(1).choice([1, 137, 1_000, 77_777, MS]) for _ in range(150)]
    runs = []
    for _ in range(2):
        machine = started(tiny())
        seen = []
        for step in [*steps, FIRMWARE_NS, *steps]:
            until_ns = machine.held.now_ns + step
            assert advance(machine, until_ns).now_ns == until_ns
            seen.append((machine.held, machine.collect()))
        runs.append(seen)
        machine.close()
    assert runs[0] == runs[1]
    assert any(rung == [0, 1] for _, rung in runs[0])
    assert runs[0][-1][0].instructions > 10 * MS


def test_the_doorbells_of_a_guest_wait_for_its_boundary(tiny: MachineMaker) -> None:
    machine = started(tiny())
    advance(machine, FIRMWARE_NS)
    assert machine.collect() == [0, 1]
    assert machine.collect() == []
    rounds = [rung for _, rung in history(machine, 20, 5_000)]
    assert set(map(tuple, rounds)) == {(), (1,)}  # the guest rings every 20,000 instructions, that is 20 us


@pytest.mark.parametrize("shift", [0, 2, 5])
def test_an_instruction_takes_two_to_the_shift_ns(tiny: MachineMaker, shift: int) -> None:
    machine = started(tiny(shift=shift))
    advance(machine, FIRMWARE_NS << shift)
    before = machine.held
    after = advance(machine, before.now_ns + 40 * MS)
    executed = after.instructions - before.instructions
    assert abs((executed << shift) - 40 * MS) <= 1 << shift
    assert not after.idle


def test_a_sleeping_guest_says_so_and_costs_nothing(tiny: MachineMaker) -> None:
    machine = started(tiny("-DHALT"))
    advance(machine, FIRMWARE_NS)
    assert machine.collect() == [0]
    before = machine.held
    assert before.idle
    assert before.deadline_ns > before.now_ns
    began = time.monotonic()
    after = advance(machine, before.now_ns + 60_000 * MS)
    assert time.monotonic() - began < 5
    assert after.idle
    assert after.instructions == before.instructions


def test_a_rung_doorbell_is_taken_at_the_same_nanosecond(tiny: MachineMaker) -> None:
    for flags in ([], ["-DHALT"]):
        machine = started(tiny(*flags))
        before = advance(machine, FIRMWARE_NS)
        machine.ring([0, 1, 1])
        assert machine.held.now_ns == before.now_ns
        assert machine.held.instructions == before.instructions
        assert advance(machine, before.now_ns + MS).now_ns == before.now_ns + MS


def test_a_saved_machine_goes_on_as_if_nothing_had_been(tiny: MachineMaker, tmp_path: Path) -> None:
    machine = started(tiny())
    advance(machine, FIRMWARE_NS)
    machine.collect()
    state = tmp_path / "state"
    machine.save(state)
    machine.close()
    runs = []
    for _ in range(2):
        restored = started(tiny(), Snapshot(state, 1.0))
        assert restored.held.now_ns == FIRMWARE_NS
        runs.append(history(restored, 50))
        restored.close()
    assert runs[0] == runs[1]
    assert all(rung == [1] for _, rung in runs[0])


def test_half_a_saved_state_is_an_error_soon(tiny: MachineMaker, tmp_path: Path) -> None:
    machine = started(tiny())
    advance(machine, FIRMWARE_NS)
    state = tmp_path / "state"
    machine.save(state)
    machine.close()
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    began = time.monotonic()
    with pytest.raises(ParticipantFailed, match="tiny: QEMU ended"):
        started(tiny(), Snapshot(state, 1.0))
    assert time.monotonic() - began < 20


def test_a_killed_qemu_is_told_with_where_to_look(tiny: MachineMaker) -> None:
    machine = started(tiny())
    os.kill(_pid(machine), signal.SIGKILL)
    with pytest.raises(ParticipantFailed, match="QEMU ended") as caught:
        advance(machine, 10 * MS)
    assert "tiny.qemu.log" in str(caught.value)
    assert "\n" not in str(caught.value)
    machine.close()
    machine.close()


def test_qemu_ends_when_only_the_coordinators_socket_closes(tiny: MachineMaker) -> None:
    """Once while it stands at a boundary, once in the middle of a grant."""
    for granted_ns in (0, 300 * MS):
        machine = started(tiny())
        if granted_ns:
            machine.grant(granted_ns)
        machine._lockstep.close()
        assert _ends(_pid(machine), 60), "QEMU goes on without its coordinator"


def test_a_plugin_with_another_parent_refuses(tiny: MachineMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm_module.os, "getpid", lambda: 1)
    machine = tiny()
    machine.launch(None)
    monkeypatch.undo()
    with pytest.raises(EnvironmentLacks, match="simulator has ended"):
        machine.go()


def test_a_machine_leaves_no_socket_and_no_eventfd(tiny: MachineMaker) -> None:
    machine = tiny()
    gc.collect()
    before = _open_files()
    started(machine)
    assert len(_open_files()) >= len(before) + 5
    machine.close()
    assert _open_files() == before


def _open_files() -> list[str]:
    """Return what our descriptors stand for, but for memory, which lives as long as somebody has it mapped."""
    names = []
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself
            names.append(str(fd.readlink()))
    return sorted(name for name in names if not name.startswith(("/memfd:", "/proc/")))


def _pid(machine: VirtualMachine) -> int:
    assert machine._process is not None
    return machine._process.pid


def _ends(pid: int, within_s: float) -> bool:
    """Wait until a child has ended, and leave it to be reaped by whoever started it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return True
        time.sleep(0.01)
    return False
