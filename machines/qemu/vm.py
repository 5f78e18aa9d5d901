"""One QEMU process under lockstep, in its own time: launched, granted, rung, saved, killed."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu import command
from machines.qemu.binary import QemuBinary
from machines.qemu.ivshmem import DoorbellServer
from machines.qemu.lockstep import NO_DEADLINE, Boundary, Lockstep
from machines.qemu.monitor import Monitor
from machines.qemu.process import QemuProcess, explained
from machines.qemu.snapshot import Snapshot

_DRAINS = 20_000
"""How often the main loop is let run (30 us each) before a doorbell that it does not take is an error."""


@dataclass(frozen=True)
class Installation:
    """What every guest of a run shares: QEMU, its plugin, the image."""

    binary: QemuBinary
    plugin: Path
    image: command.GuestImage


class VirtualMachine:
    """A QEMU process with one control region and its channel regions. Times are ns of its own virtual clock.

    Parameters:
        name: the partition, for messages and files.
        machine: memory, speed and region sizes.
        installation: QEMU, plugin and image.
        regions: memory of the channel ends, in the order of their index.
        logs: folder that takes the serial console and QEMU's own messages.

    Attributes:
        console: file with the serial console; that of a boot has its own name, so that the run's does not replace it.
        held: where it stands.
    """

    def __init__(
        self,
        name: str,
        machine: command.GuestMachine,
        installation: Installation,
        regions: Sequence[SharedRegion],
        logs: Path,
    ) -> None:
        self.name = name
        self.machine = machine
        self.console = logs / f"{name}.console.log"
        self.held = Boundary(0, NO_DEADLINE, 0, True)
        self._installation = installation
        self._regions = tuple(regions)
        self._messages = logs / f"{name}.qemu.log"
        self._resources = contextlib.ExitStack()
        self._process: QemuProcess | None = None

    @property
    def digest(self) -> str:
        """Identifies everything that shapes its snapshot."""
        return command.machine_digest(self.machine, self._installation.image, self._installation.binary)

    def launch(self, snapshot: Snapshot | None) -> None:
        """Start QEMU, paused, to boot or to continue from a snapshot; returns while it loads.

        Raises:
            EnvironmentLacks: QEMU cannot be started.
        """
        hold = self._resources
        if snapshot is None:
            self.console = self.console.with_name(f"{self.name}.boot.log")
        closing = contextlib.closing
        self.control = hold.enter_context(closing(SharedRegion(f"{self.name}-control", command.CONTROL_BYTES)))
        self._lockstep = hold.enter_context(closing(Lockstep(self.name)))
        self._doorbells = hold.enter_context(closing(DoorbellServer(self.control.fd, self.machine.vectors)))
        self._monitor = hold.enter_context(closing(Monitor(self.name)))
        state = None if snapshot is None else os.open(snapshot.state, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._spawn(state)
        finally:
            if state is not None:
                os.close(state)

    def _spawn(self, snapshot_fd: int | None) -> None:
        attached = command.Attachments(
            plugin=self._installation.plugin,
            parent=os.getpid(),
            lockstep_fd=self._lockstep.plugin_fd,
            monitor_fd=self._monitor.qemu_fd,
            doorbell_fd=self._doorbells.device_fd,
            region_fds=tuple(region.fd for region in self._regions),
            console=self.console,
            snapshot_fd=snapshot_fd,
        )
        line = command.arguments(self.machine, self._installation.image, self._installation.binary, attached)
        inherited = [attached.lockstep_fd, attached.monitor_fd, attached.doorbell_fd, *attached.region_fds]
        if snapshot_fd is not None:
            inherited.append(snapshot_fd)
        self._process = QemuProcess(self.name, self._installation.binary, line, inherited, self._messages)
        self._resources.callback(self._process.kill)
        self._lockstep.handed_over()
        self._doorbells.handed_over()

    def go(self) -> None:
        """Let the launched machine run to its first boundary.

        Raises:
            ParticipantFailed: it does not load or start.
            EnvironmentLacks: this QEMU cannot do lockstep.
        """
        with explained(self._process):
            self._monitor.connect()
            while self._monitor.execute("query-status")["status"] == "inmigrate":
                time.sleep(0.002)
            standing = False

            def breathe() -> None:
                """Let QEMU answer: it does so in a later round of its main loop, when the guest may hold the lock."""
                nonlocal standing
                if standing:
                    self.held = self._lockstep.drain()
                elif self._lockstep.waiting():
                    self.held = self._lockstep.wait()
                    standing = True

            self._monitor.execute("cont", breathe=breathe)
            if not standing:
                self.held = self._lockstep.wait()

    def grant(self, until_ns: int) -> None:
        """Let it run until its clock shows `until_ns`; `settle` waits for that.

        Raises:
            ParticipantFailed: QEMU has ended.
        """
        with explained(self._process):
            self._lockstep.grant(until_ns)

    def settle(self) -> Boundary:
        """Wait until it stands at the end of its grant, and return where that is.

        Raises:
            ParticipantFailed: QEMU ended, or hangs.
        """
        with explained(self._process):
            self.held = self._lockstep.wait()
        return self.held

    def ring(self, vectors: Sequence[int]) -> None:
        """Ring doorbells of the guest while it stands still; they are in its interrupt controller on return.

        Raises:
            ParticipantFailed: QEMU ended, or does not take them.
        """
        for vector in vectors:
            self._doorbells.ring(vector)
        with explained(self._process):
            for _ in range(_DRAINS):
                self.held = self._lockstep.drain()
                if self._doorbells.consumed():
                    return
        raise ParticipantFailed(self.name, "QEMU does not take its doorbells")

    def collect(self) -> list[int]:
        """Return the vectors that the guest rang since the last call, ascending."""
        return self._doorbells.collect()

    def save(self, path: Path) -> None:
        """Write its state at the boundary where it stands to `path`; afterwards only `close` is left.

        Raises:
            ParticipantFailed: QEMU does not save it.
        """
        with explained(self._process):
            standing = True

            def breathe() -> None:
                """Let the vCPU go round its loop at the same nanosecond, where QEMU can stop it."""
                nonlocal standing
                if not standing and self._lockstep.waiting():
                    self._lockstep.wait()
                    standing = True
                if standing:
                    self._lockstep.yield_()
                    standing = False

            ask = functools.partial(self._monitor.execute, breathe=breathe)
            ask("stop")
            with path.open("wb") as out:
                self._monitor.send_fd(out.fileno())
                ask("getfd", fdname="state")
            ask("migrate-set-parameters", max_bandwidth=1 << 40)
            ask("migrate", uri="fd:state")
            while (status := ask("query-migrate")["status"]) not in ("completed", "failed"):
                time.sleep(0.005)
            if status == "failed":
                raise ParticipantFailed(self.name, "QEMU could not save its state")

    def close(self) -> None:
        """Kill QEMU and release what it held; may be called in any state, and twice."""
        self._resources.close()
        if self._messages.is_file() and not self._messages.stat().st_size:
            self._messages.unlink()
