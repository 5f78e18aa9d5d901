"""One QEMU that runs as a transient domain of libvirt."""

from __future__ import annotations

import contextlib
import select
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.libvirt.connection import Connection
from machines.libvirt.custody import Custody
from machines.libvirt.listener import PATIENCE_S, Listener
from machines.libvirt.log import DomainLog
from machines.limits import Limits
from machines.qemu.process import last_word, words_in

_END_S = 10
"""Wall seconds that a killed process may take to end."""


class DomainProcess:
    """See `machines.qemu.process.Process`.

    libvirt takes until QEMU's monitor answers to start a domain, and QEMU waits for its doorbells before that; so
    libvirt is asked in a thread. The domain is bound to our connection: libvirt destroys it when that closes, however
    we end. QEMU also ends by itself when the socket of its lockstep plugin closes.

    Parameters:
        connection: to libvirt.
        name: the guest, for messages.
        domain: name of the domain.
        xml: its description.
        wires: what QEMU connects to, the first one before it does anything else.
        custody: of the descriptors that it opens while it starts.
        messages: file that takes what QEMU printed, and the description if it ends by itself.
        limits: what it may use, imposed before a guest executes anything.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        domain: str,
        xml: str,
        wires: Sequence[Listener],
        custody: Custody,
        messages: Path,
        limits: Limits,
    ) -> None:
        self._connection = connection
        self._name = name
        self._domain = domain
        self._xml = xml
        self._wires = tuple(wires)
        self._custody = custody
        self._messages = messages
        self._limits = limits
        self._log = DomainLog(domain, connection.private)
        self._refusal: str | None = None
        self._starting = threading.Thread(target=self._create, name=f"libvirt-{name}", daemon=True)
        self._starting.start()

    def _create(self) -> None:
        """Create the domain, paused as QEMU's `-S`; a failure ends the wait for QEMU."""
        libvirt = self._connection.libvirt
        flags = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
        try:
            self._connection.api.createXML(self._xml, flags)
        except libvirt.libvirtError as error:
            self._refusal = str(error)
            for wire in self._wires:
                wire.abandon()
        finally:
            self._custody.close()

    def started(self) -> None:
        """Wait until libvirt has done with it, and limit it.

        Raises:
            ParticipantFailed: libvirt could not start it.
        """
        self._starting.join(PATIENCE_S)
        if self._refusal is not None or self._starting.is_alive():
            raise ParticipantFailed(self._name, "QEMU did not start")
        self._limits.impose(self.pid)

    @property
    def pid(self) -> int:
        """The process id; 0 before QEMU has connected."""
        return self._wires[0].peer

    def explain(self, failure: ParticipantFailed) -> Exception:
        """Return `failure` with QEMU's own last words, or what libvirt or the environment lacks."""
        self._starting.join(PATIENCE_S)
        if self._refusal is None and not self._gone(1):
            return failure
        self._take_words()
        words = words_in(self._messages)
        described = self._messages.with_suffix(".domain.xml")
        described.write_text(self._xml + "\n")
        last = last_word(words) or "the guest has powered off or reset its machine, or was destroyed"
        if self._refusal is not None:
            return EnvironmentLacks(f"{self._name}: libvirt does not start it: {last} (domain in {described})")
        return ParticipantFailed(self._name, f"{failure.reason}: {last} (see {self._messages}; domain in {described})")

    def _gone(self, seconds: float) -> bool:
        """Return whether QEMU has ended, or ends in time."""
        process = self._wires[0].process
        return process < 0 or bool(select.select([process], [], [], seconds)[0])

    def _take_words(self) -> None:
        """Write what QEMU printed where we keep it: libvirt has it in a file of its own, or in what it refused with."""
        words = self._log.take()
        if not words and self._refusal is not None:
            words = self._refusal
        if words:
            self._messages.write_text(words)

    def kill(self) -> None:
        """End it at once and wait until it is gone; may be called twice.

        By a signal, which it cannot defer: libvirt would first ask QEMU, whose main loop does not run at a boundary.
        """
        for wire in self._wires:
            wire.abandon()
        process = self._wires[0].process
        if process >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
        self._starting.join(PATIENCE_S)
        self._gone(_END_S)
        self._take_words()

    def leave(self) -> None:
        """Wait until libvirt, too, has noticed that it was killed: then its name is free. May be called twice."""
        with contextlib.suppress(self._connection.libvirt.libvirtError):  # it is gone already, or so is libvirt
            self._connection.api.lookupByName(self._domain).destroy()
        self._log.remove()
