"""One QEMU process under lockstep, in its own time: launched, granted, rung, saved, killed."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu import command, debugger, limits
from machines.qemu.binary import QemuBinary
from machines.qemu.ivshmem import DoorbellServer
from machines.qemu.launcher import DIRECT, Launcher
from machines.qemu.lockstep import NO_DEADLINE, PATIENCE_S, Boundary, Lockstep
from machines.qemu.monitor import Monitor
from machines.qemu.process import Process, explained
from machines.qemu.snapshot import Snapshot

_SUSPICIOUS_S = 5
"""Wall seconds after which a guest that has not come to its boundary is looked at: its machine may have stopped."""

_DRAINS = 20_000
"""How often the main loop is let run (30 us each) before a doorbell that it does not take is an error."""


@dataclass(frozen=True)
class Installation:
    """What every guest of a run shares: QEMU, its plugin, the image, and who starts QEMU."""

    binary: QemuBinary
    plugin: Path
    image: command.GuestImage
    launcher: Launcher = DIRECT


class VirtualMachine:
    """A QEMU process with one control region and its channel regions. Times are ns of its own virtual clock.

    Parameters:
        name: the partition, for messages and files.
        machine: memory, speed and region sizes.
        installation: QEMU, plugin and image.
        regions: memory of the channel ends, in the order of their index.
        logs: folder that takes the serial console and QEMU's own messages.

    Raises:
        EnvironmentLacks: this QEMU cannot run such a machine.

    Attributes:
        console: file with the serial console.
        gdb_port: where it waits for a debugger, which lets it go; None: nowhere.
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
        command.demand(machine, installation.binary)
        self.gdb_port: int | None = None
        self.console = logs / f"{name}.console.log"
        self.held = Boundary(0, NO_DEADLINE, 0, True)
        self._installation = installation
        self._regions = tuple(regions)
        self._messages = logs / f"{name}.qemu.log"
        self._resources = contextlib.ExitStack()
        self._process: Process | None = None
        self._late_state: int | None = None

    @property
    def digest(self) -> str:
        """Identifies everything that shapes its snapshot."""
        return command.machine_digest(self.machine, self._installation.image, self._installation.binary)

    def launch(self, snapshot: Snapshot | None, *, saves: bool = False) -> None:
        """Start QEMU, paused, to boot or to continue from a snapshot; returns while it loads.

        Parameters:
            snapshot: to continue from; None: boot.
            saves: it will save its state, which is a larger file than it may write otherwise.

        Raises:
            EnvironmentLacks: QEMU cannot be started.
            ParticipantFailed: it ended before it was connected.
        """
        hold = self._resources
        closing = contextlib.closing
        wire = functools.partial(self._installation.launcher.wire, self.name)
        stream = socket.SOCK_STREAM
        self.control = hold.enter_context(closing(SharedRegion(f"{self.name}-control", command.CONTROL_BYTES)))
        patience_s = PATIENCE_S if self.gdb_port is None else None
        lockstep = Lockstep(self.name, wire(socket.SOCK_SEQPACKET), patience_s=patience_s)
        self._lockstep = hold.enter_context(closing(lockstep))
        vectors = self.machine.vectors
        self._doorbells = hold.enter_context(closing(DoorbellServer(self.control.fd, vectors, wire(stream))))
        self._monitor = hold.enter_context(closing(Monitor(self.name, wire(stream))))
        with contextlib.ExitStack() as starting:
            state = None
            if snapshot is not None:
                state = os.open(snapshot.state, os.O_RDONLY | os.O_CLOEXEC)
                starting.callback(os.close, state)
            self._spawn(state, saves)
            if not self._installation.launcher.inherits:
                self._late_state = state
                hold.push(starting.pop_all())

    def _spawn(self, snapshot_fd: int | None, saves: bool) -> None:
        attached = command.Attachments(
            plugin=self._installation.plugin,
            parent=os.getpid(),
            lockstep_fd=self._lockstep.plugin_fd,
            monitor_fd=self._monitor.qemu_fd,
            doorbell_fd=self._doorbells.device_fd,
            region_fds=tuple(region.fd for region in self._regions),
            console=self.console.absolute(),  # libvirt starts QEMU elsewhere
            snapshot_fd=snapshot_fd,
        )
        line = command.arguments(self.machine, self._installation.image, self._installation.binary, attached)
        inherited = [attached.lockstep_fd, attached.monitor_fd, attached.doorbell_fd, *attached.region_fds]
        if snapshot_fd is not None:
            inherited.append(snapshot_fd)
        bounds = limits.of_guest(
            self.machine.memory_bytes,
            self._installation.image.root_bytes,
            (command.CONTROL_BYTES, *self.machine.region_bytes),
            saves,
        )
        start = self._installation.launcher.start
        self._process = start(self.name, self._installation.binary, line, inherited, self._messages, bounds)
        self._resources.callback(self._process.kill)
        with explained(self._process):
            self._lockstep.handed_over()
            self._doorbells.handed_over()

    def go(self, progress: Callable[[str], None] = debugger.unheard) -> None:
        """Let the launched machine run to its first boundary, or wait until a debugger does.

        Parameters:
            progress: told, in words, that it waits for its debugger, which may connect from then on.

        Raises:
            ParticipantFailed: it does not load or start.
            EnvironmentLacks: this QEMU cannot do lockstep, or the debugger's port is not free.
        """
        assert self._process is not None, "launch() comes first"
        with explained(self._process):
            self._process.started()
            self._monitor.connect()
            if self._late_state is not None:
                self._monitor.send_fd(self._late_state)
                self._monitor.execute("getfd", fdname="state")
                self._monitor.execute("migrate-incoming", uri="fd:state")
            while self._monitor.execute("query-status")["status"] == "inmigrate":
                time.sleep(0.002)
            if self.gdb_port is None:
                _, standing = self._ask("cont")
            else:
                standing = self._wait_for_debugger(self.gdb_port, progress)
            if not standing:
                self.held = self._lockstep.wait()

    def _wait_for_debugger(self, port: int, progress: Callable[[str], None]) -> bool:
        """Let a debugger in, whose "continue" does the rest; return whether the guest came to its boundary already.

        Not before: one that continues a machine which still loads its state runs half of it.
        """
        answer, standing = self._ask("human-monitor-command", command_line=debugger.listen(port))
        if not debugger.listens(answer):
            raise EnvironmentLacks(f"{self.name}: nothing can listen at port {port} of 127.0.0.1; take another for gdb")
        debugger.announce(self.name, port, progress)
        return standing

    def _ask(self, order: str, **arguments: Any) -> tuple[Any, bool]:
        """Run a QMP command while the guest does; return the answer, and whether the guest came to its boundary."""
        standing = False

        def breathe() -> None:
            """Let QEMU answer: it does so in a later round of its main loop, when the guest may hold the lock."""
            nonlocal standing
            if standing:
                self.held = self._lockstep.drain()
            elif self._lockstep.waiting():
                self.held = self._lockstep.wait()
                standing = True

        return self._monitor.execute(order, breathe=breathe, **arguments), standing

    def grant(self, until_ns: int, start_ns: int | None = None, stop_ns: int | None = None) -> None:
        """Let it run until its clock shows `until_ns`; `settle` waits for that.

        Parameters:
            until_ns: the next boundary.
            start_ns, stop_ns: its vCPUs execute in this time only, see `Lockstep.grant`.

        Raises:
            ParticipantFailed: QEMU has ended.
        """
        with explained(self._process):
            self._lockstep.grant(until_ns, start_ns, stop_ns)

    def settle(self) -> Boundary:
        """Wait until it stands at the end of its grant, and return where that is.

        Raises:
            ParticipantFailed: QEMU ended, or hangs.
        """
        with explained(self._process):
            in_time = self.gdb_port is not None or self._lockstep.waiting(_SUSPICIOUS_S)
            if in_time or not self._arrives_late():
                self.held = self._lockstep.wait()
        return self.held

    def _arrives_late(self) -> bool:
        """Look why a guest does not come to its boundary; True: it has come meanwhile."""
        answer, standing = self._ask("query-status")
        if answer["status"] != "running":
            raise ParticipantFailed(self.name, f"its machine is {answer['status']}: no boundary ever comes")
        return standing

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
