"""Starting and ending QEMU processes: the one place that does it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.qemu.binary import QemuBinary


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

    Raises:
        EnvironmentLacks: the program cannot be started.
    """

    def __init__(
        self, name: str, binary: QemuBinary, arguments: Sequence[str], inherited: Sequence[int], messages: Path
    ) -> None:
        self._name = name
        self._messages = messages
        self.command_line = [str(binary.path), *arguments]
        environment = dict(os.environ)
        if binary.modules is not None:
            environment["QEMU_MODULE_DIR"] = str(binary.modules)
        with messages.open("wb") as out:
            try:
                self._process = subprocess.Popen(
                    self.command_line,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=list(inherited),
                    start_new_session=True,
                    env=environment,
                )
            except OSError as error:
                raise EnvironmentLacks(f"{binary.path} does not start: {error}") from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def explain(self, failure: ParticipantFailed) -> Exception:
        """Return `failure` with QEMU's own last words, or what the environment lacks if that is the reason."""
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return failure
        words = self.words()
        fatal = (line for line in words if "qemu: fatal:" in line)  # the guest's registers follow it
        last = next(fatal, words[-1] if words else self._silent_end())
        lacks = next((line for line in words if "lockstep:" in line), None)
        if lacks is not None:
            advice = "virtual time needs a distribution's QEMU 7.2 or newer"
            return EnvironmentLacks(f"{self._name}: {lacks.strip()}; {advice}")
        command = self._messages.with_suffix(".command")
        command.write_text(shlex.join(self.command_line) + "\n")
        seen = f"see {self._messages}; command line in {command}"
        return ParticipantFailed(self._name, f"{failure.reason}: {last} ({seen})")

    def words(self) -> list[str]:
        """Return the lines that QEMU has printed, but for its warnings: of a network card that has no network."""
        said = self._messages.read_text(errors="replace") if self._messages.is_file() else ""
        return [line for line in said.strip().splitlines() if ": warning: " not in line]

    def _silent_end(self) -> str:
        status = self._process.returncode
        return f"exit status {status}, no message" if status else "the guest has powered off or reset its machine"

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def explained(process: QemuProcess | None) -> Iterator[None]:
    """Add QEMU's own last words to what goes wrong meanwhile, if it was started."""
    try:
        yield
    except ParticipantFailed as failure:
        if process is None:
            raise
        raise process.explain(failure) from failure
