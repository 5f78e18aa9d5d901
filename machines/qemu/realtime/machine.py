"""One QEMU process that runs free: the same machine as in virtual time, without anything that holds it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu import command, limits
from machines.qemu.debugger import unheard
from machines.qemu.ivshmem import Direct, DoorbellServer
from machines.qemu.lockstep import NO_DEADLINE, Boundary
from machines.qemu.monitor import Monitor
from machines.qemu.process import QemuProcess, explained
from machines.qemu.snapshot import Snapshot
from machines.qemu.vm import Installation, VirtualMachine

_SETTLED_S = 0.2
"""Wall seconds for which a guest whose agent has rung goes on before it is saved: by then the agent sleeps."""


class FreeMachine(VirtualMachine):
    """A QEMU process that runs from `go` to `close`. Its time is the host's, since `go`.

    A grant gives it nothing that it does not have already; settling waits until the wall clock is there, or less if the
    guest has rung.

    Parameters:
        name: the partition, for messages and files.
        machine: its `execution` is not `lockstep`.
        installation: QEMU and image; the plugin is not used.
        regions: memory of the channel ends, in the order of their index.
        logs: folder that takes the serial console and QEMU's own messages.
        direct: doorbells that reach their other end without the host, by vector.
    """

    def __init__(
        self,
        name: str,
        machine: command.GuestMachine,
        installation: Installation,
        regions: Sequence[SharedRegion],
        logs: Path,
        direct: Mapping[int, Direct],
    ) -> None:
        super().__init__(name, machine, installation, regions, logs)
        self._direct = dict(direct)
        self._began_ns = self._until_ns = 0
        self._pidfd = -1

    @property
    def descriptors(self) -> tuple[int, int]:
        """What becomes readable when the guest rings the host, and what does when QEMU has ended."""
        return self._doorbells.fileno(), self._pidfd

    @property
    def processor_ns(self) -> int:
        """Processor time that QEMU's threads have used, in ns (Linux Documentation/scheduler/sched-stats.rst)."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((each / "schedstat").read_text().split()[0]) for each in threads)

    @property
    def pid(self) -> int:
        """The process id of QEMU."""
        assert self._process is not None, "launch() comes first"
        return self._process.pid

    def launch(self, snapshot: Snapshot | None, *, saves: bool = False) -> None:
        """Start QEMU, paused, to boot or to continue from a snapshot; returns while it loads.

        Parameters:
            snapshot: to continue from; None: boot.
            saves: it will save its state, which is a larger file than it may write otherwise.

        Raises:
            EnvironmentLacks: QEMU cannot be started.
        """
        hold, closing = self._resources, contextlib.closing
        self.control = hold.enter_context(closing(SharedRegion(f"{self.name}-control", command.CONTROL_BYTES)))
        server = DoorbellServer(self.control.fd, self.machine.vectors, direct=self._direct)
        self._doorbells = hold.enter_context(closing(server))
        self._monitor = hold.enter_context(closing(Monitor(self.name)))
        state = None if snapshot is None else os.open(snapshot.state, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._spawn(state, saves)
        finally:
            if state is not None:
                os.close(state)

    def _spawn(self, snapshot_fd: int | None, saves: bool) -> None:
        installed = self._installation
        attached = command.Attachments(
            plugin=None,
            parent=os.getpid(),
            lockstep_fd=-1,
            monitor_fd=self._monitor.qemu_fd,
            doorbell_fd=self._doorbells.device_fd,
            region_fds=tuple(region.fd for region in self._regions),
            console=self.console,
            snapshot_fd=snapshot_fd,
        )
        line = command.arguments(self.machine, installed.image, installed.binary, attached)
        inherited = [attached.monitor_fd, attached.doorbell_fd, *attached.region_fds]
        if snapshot_fd is not None:
            inherited.append(snapshot_fd)
        bounds = limits.of_guest(
            self.machine.memory_bytes,
            installed.image.root_bytes,
            (command.CONTROL_BYTES, *self.machine.region_bytes),
            saves,
        )
        self._process = QemuProcess(
            self.name, installed.binary, line, inherited, self._messages, bounds, dies_with_us=True
        )
        self._resources.callback(self._process.kill)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._resources.callback(os.close, self._pidfd)
        self._doorbells.handed_over()

    def go(self, progress: Callable[[str], None] = unheard) -> None:
        """Let the launched machine run; there is nothing to tell `progress`.

        Raises:
            ParticipantFailed: it does not load or start.
        """
        with explained(self._process):
            self._monitor.connect()
            while self._monitor.execute("query-status")["status"] == "inmigrate":
                time.sleep(0.002)
            self._began_ns = time.monotonic_ns()
            self._monitor.execute("cont")
        self.held = self._standing()

    def grant(self, until_ns: int, start_ns: int | None = None, stop_ns: int | None = None) -> None:
        """Note how long `settle` is to wait; the machine runs anyway."""
        self._until_ns = until_ns

    def settle(self) -> Boundary:
        """Wait for the time of the last grant, or until the guest rings, and return what time it is.

        Raises:
            ParticipantFailed: QEMU has ended.
        """
        left_s = max(0.0, (self._until_ns - self._standing().now_ns) / 1e9)
        ready, _, _ = select.select(self.descriptors, [], [], left_s)
        if self._pidfd in ready:
            with explained(self._process):
                raise ParticipantFailed(self.name, "QEMU ended")
        self.held = self._standing()
        return self.held

    def ring(self, vectors: Sequence[int]) -> None:
        """Ring doorbells of the guest; its device sees them when QEMU's main loop runs."""
        for vector in vectors:
            self._doorbells.ring(vector)

    def freeze(self) -> None:
        """Stop QEMU, all of it, for good; nothing is left but `close`."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)

    def save(self, path: Path) -> None:
        """Stop it and write its state to `path`; afterwards only `close` is left.

        Raises:
            ParticipantFailed: QEMU does not save it.
        """
        time.sleep(_SETTLED_S)
        with explained(self._process):
            ask = self._monitor.execute
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

    def _standing(self) -> Boundary:
        """Return where it counts as standing: now, and able to wait for ever."""
        return Boundary(time.monotonic_ns() - self._began_ns, NO_DEADLINE, 0, True)
