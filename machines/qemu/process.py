"""Starting and ending QEMU processes: the one place that does it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from machines import deathsig
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.limits import ONLY_OURS, Limits, private
from machines.qemu.binary import QemuBinary


class Process(Protocol):
    """A QEMU that was started."""

    @property
    def pid(self) -> int:
        """The process id."""

    def started(self) -> None:
        """Return when whoever was asked to start it has done with it.

        Raises:
            ParticipantFailed: it could not be started.
        """

    def explain(self, failure: ParticipantFailed) -> Exception:
        """Return `failure` with QEMU's own last words, or what the environment lacks if that is the reason."""

    def kill(self) -> None:
        """End it at once and wait until it is gone; may be called twice."""


class QemuProcess:
    """One running QEMU.

    It is in a session of its own, so a Ctrl-C at the terminal reaches the simulator only, which then ends it; and the
    lockstep plugin asks the kernel to kill it when the simulator dies.

    Parameters:
        name: the guest, for messages.
        binary: which QEMU.
        arguments: all that follows the program's name.
        inherited: file descriptors that the arguments mention by number.
        messages: file that takes what QEMU itself prints.
        limits: what it may use, imposed before a guest executes anything.
        dies_with_us: the kernel kills it when the thread that makes it ends; the plugin sees to that where it is used.

    Raises:
        EnvironmentLacks: the program cannot be started.
    """

    def __init__(
        self,
        name: str,
        binary: QemuBinary,
        arguments: Sequence[str],
        inherited: Sequence[int],
        messages: Path,
        limits: Limits,
        dies_with_us: bool = False,
    ) -> None:
        self._name = name
        self._messages = messages
        self.command_line = [str(binary.path), *arguments]
        environment = dict(os.environ)
        if binary.modules is not None:
            environment["QEMU_MODULE_DIR"] = str(binary.modules)
        with open(messages, "wb", opener=private) as out:
            try:
                self._process = subprocess.Popen(
                    deathsig.tied(self.command_line) if dies_with_us else self.command_line,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=list(inherited),
                    start_new_session=True,
                    env=environment,
                    umask=ONLY_OURS,
                    restore_signals=False,  # a write beyond a limit then fails, while SIGXFSZ would end QEMU
                )
            except OSError as error:
                raise EnvironmentLacks(f"{binary.path} does not start: {error}") from error
        limits.impose(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def started(self) -> None:
        """Return at once: nobody else has to do with it."""

    def explain(self, failure: ParticipantFailed) -> Exception:
        """Return `failure` with QEMU's own last words, or what the environment lacks if that is the reason."""
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return failure
        words = self.words()
        lacks = next((line for line in words if "lockstep:" in line), None)
        if lacks is not None:
            advice = "virtual time needs a distribution's QEMU 7.2 or newer"
            return EnvironmentLacks(f"{self._name}: {lacks.strip()}; {advice}")
        command = self._messages.with_suffix(".command")
        command.write_text(shlex.join(self.command_line) + "\n")
        seen = f"see {self._messages}; command line in {command}"
        return ParticipantFailed(self._name, f"{failure.reason}: {last_word(words) or self._silent_end()} ({seen})")

    def words(self) -> list[str]:
        """Return the lines that QEMU has printed, but for its warnings: of a network card that has no network."""
        return words_in(self._messages)

    def _silent_end(self) -> str:
        status = self._process.returncode
        return f"exit status {status}, no message" if status else "the guest has powered off or reset its machine"

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def words_in(messages: Path) -> list[str]:
    """Return the lines of a file of QEMU's messages, but for its warnings."""
    said = messages.read_text(errors="replace") if messages.is_file() else ""
    return [line for line in said.strip().splitlines() if ": warning: " not in line]


def last_word(words: Sequence[str]) -> str | None:
    """Return the line that tells why QEMU ended: a fatal error, which the guest's registers follow, or the last one."""
    fatal = (line for line in words if "qemu: fatal:" in line)
    return next(fatal, words[-1] if words else None)


@contextlib.contextmanager
def explained(process: Process | None) -> Iterator[None]:
    """Add QEMU's own last words to what goes wrong meanwhile, if it was started."""
    try:
        yield
    except ParticipantFailed as failure:
        if process is None:
            raise
        raise process.explain(failure) from failure
