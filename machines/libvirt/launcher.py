"""QEMUs that libvirt starts: the same machines as `machines.qemu.launcher.DIRECT`, and virsh shows them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from machines.libvirt import log
from machines.libvirt.connection import Connection
from machines.libvirt.custody import Custody
from machines.libvirt.domain import Domain, describe
from machines.libvirt.listener import Listener
from machines.libvirt.process import DomainProcess
from machines.limits import Limits
from machines.qemu.binary import QemuBinary


class LibvirtLauncher:
    """Starts QEMUs as transient domains; see `machines.qemu.launcher.Launcher`.

    Parameters:
        connection: to libvirt; closed with the launcher.
        system: what the guests are parts of, for the names of the domains.

    Attributes:
        inherits: libvirt passes nothing on to QEMU.
    """

    inherits = False

    def __init__(self, connection: Connection, system: str) -> None:
        self._connection = connection
        self._system = system
        self._owner = connection.owner()
        log.sweep(connection.private)
        self._wires: dict[str, list[Listener]] = {}
        self._started: dict[str, DomainProcess] = {}

    def wire(self, name: str, kind: socket.SocketKind) -> Listener:
        """Return a socket that the next QEMU of this name connects to."""
        made = Listener(name, kind)
        self._wires.setdefault(name, []).append(made)
        return made

    def start(
        self,
        name: str,
        binary: QemuBinary,
        arguments: Sequence[str],
        inherited: Sequence[int],
        messages: Path,
        limits: Limits,
    ) -> DomainProcess:
        """Let libvirt start it; returns at once.

        Raises:
            EnvironmentLacks: descriptors cannot be given to it.
        """
        if name in self._started:  # it booted, or is restarted
            self._started[name].leave()
        title = f"{name} of {self._system}, a partition of edgesim"
        custody = Custody(inherited)
        domain = Domain(f"edgesim-{self._system}-{name}-{os.getpid()}", title, custody.pid, self._owner)
        environment = {} if binary.modules is None else {"QEMU_MODULE_DIR": str(binary.modules)}
        xml = describe(domain, binary.path, arguments, environment)
        wires = self._wires.pop(name, [])
        started = DomainProcess(self._connection, name, domain.name, xml, wires, custody, messages, limits)
        self._started[name] = started
        return started

    def close(self) -> None:
        """See all domains gone, which were killed, and close the connection."""
        for process in self._started.values():
            process.leave()
        self._connection.close()
