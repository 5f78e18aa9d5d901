"""From nothing to guests at their ready point: boot once, snapshot, and start from that ever after.

Also a run that has just booted continues from the snapshot, so that cold and warm runs have the same history.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machines.errors import ParticipantFailed
from machines.qemu import snapshot
from machines.qemu.control import VECTOR
from machines.qemu.vm import VirtualMachine

_BOOT_STEP_NS = 10_000_000
_BOOT_LIMIT_NS = 120_000_000_000
"""Virtual time within which a guest must have booted; it needs about 10 s at 1000 MIPS."""


@dataclass(frozen=True)
class Start:
    """How a guest came to its ready point.

    Attributes:
        kind: "cold" when it was booted for this run, "warm" when its snapshot was there.
        boot_s: wall seconds of the boot that the snapshot saves.
        restore_s: wall seconds from the start of its QEMU to the ready point.
    """

    kind: str
    boot_s: float
    restore_s: float


Maker = Callable[[], VirtualMachine]
"""Makes a machine that was not launched yet, always the same one."""


def start(makers: Sequence[Maker], cold: bool, progress: Callable[[str], None]) -> list[tuple[VirtualMachine, Start]]:
    """Bring guests to their ready point, several at once.

    Parameters:
        makers: one for each guest.
        cold: boot even where a snapshot exists, and replace it.
        progress: told what happens, in words.

    Returns:
        For each maker the running machine and how it started.

    Raises:
        ParticipantFailed: a guest does not boot or load.
        EnvironmentLacks: QEMU cannot do what is needed.
    """
    snapshot.sweep()
    digests = [make().digest for make in makers]
    saved = {} if cold else {digest: found for digest in digests if (found := snapshot.find(digest)) is not None}
    missing = {digest: make for digest, make in zip(digests, makers, strict=True) if digest not in saved}
    if missing:
        progress(f"booting {len(missing)} guest{'s' * (len(missing) > 1)} (once: later runs start from a snapshot)")
        saved |= _boot(missing, cold)
    progress("restoring guests")
    began = time.monotonic()
    with contextlib.ExitStack() as undo:
        machines = [undo.enter_context(contextlib.closing(make())) for make in makers]
        for machine, digest in zip(machines, digests, strict=True):
            machine.launch(saved[digest])
        started = []
        for machine, digest in zip(machines, digests, strict=True):
            machine.go(progress)
            kind = "cold" if digest in missing else "warm"
            started.append((machine, Start(kind, saved[digest].boot_s, time.monotonic() - began)))
        undo.pop_all()
    return started


def _boot(missing: Mapping[str, Maker], again: bool) -> dict[str, snapshot.Snapshot]:
    """Boot one guest for each digest to its ready point and save it there."""
    saved: dict[str, snapshot.Snapshot] = {}
    with contextlib.ExitStack() as hold:
        booting: dict[str, tuple[VirtualMachine, Path]] = {}
        began = time.monotonic()
        for digest in sorted(missing):  # everybody takes the locks in this order
            partial = hold.enter_context(snapshot.building(digest))
            found = None if again else snapshot.find(digest)
            if found is not None:  # another run made it while we waited
                saved[digest] = found
                continue
            machine = hold.enter_context(contextlib.closing(missing[digest]()))
            machine.console = machine.console.with_name(f"{machine.name}.boot.log")
            machine.gdb_port = None  # it is for the run
            machine.launch(None, saves=True)
            booting[digest] = (machine, partial)
        for machine, _ in booting.values():
            machine.go()
        rung: set[str] = set()
        while booting:
            for digest in _step(booting, rung):
                machine, partial = booting.pop(digest)
                boot_s = time.monotonic() - began
                machine.save(partial)
                machine.close()
                saved[digest] = snapshot.publish(partial, digest, boot_s)
    return saved


def _step(booting: Mapping[str, tuple[VirtualMachine, Path]], rung: set[str]) -> list[str]:
    """Run all a little further; return the digests of those whose agent has rung and then sleeps: they are ready."""
    for machine, _ in booting.values():
        machine.grant(machine.held.now_ns + _BOOT_STEP_NS)
    ready = []
    for digest, (machine, _) in booting.items():
        held = machine.settle()
        if VECTOR in machine.collect():
            rung.add(digest)
        if digest in rung and held.idle:
            ready.append(digest)
        elif held.now_ns > _BOOT_LIMIT_NS:
            limit_s = _BOOT_LIMIT_NS // 10**9
            raise ParticipantFailed(machine.name, f"has not booted in {limit_s} virtual seconds, see {machine.console}")
    return ready
