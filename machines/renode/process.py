"""Starting and ending Renode processes: the one place that does it."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.limits import ONLY_OURS, private

_KEEPER = """\
exec 3<&0 </dev/null
ulimit -c 0
home=$1 memory=$2; shift 2
( read -r _ <&3; rm -rf -- "$home" "$memory"; kill -KILL 0 ) &
exec 3<&-
exec "$@"
"""
"""The shell that starts the program leaves a keeper behind: when the simulator is gone, however it ended, the pipe
closes, and the keeper removes the private folders and kills its process group. A program that is a script, as Renode's
is in most packages, dies with all that it started. None of them writes a core file, which would hold all memory."""


def free_port() -> int:
    """Return a TCP port that was free a moment ago, on all interfaces, because Renode listens on all of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def arguments(monitor_port: int) -> list[str]:
    """Return Renode's arguments for running without any window, with its monitor on a port.

    Renode deletes ``renode-*`` in its temporary folder when it starts, unless it keeps temporary files.
    """
    return ["--disable-xwt", "--plain", "--hide-monitor", "--keep-temporary-files", "-P", str(monitor_port)]


class RenodeProcess:
    """One running Renode with all that it starts: a session and process group of its own.

    Parameters:
        name: the partition, for messages.
        command: program and arguments.
        folder: a private folder, which becomes its temporary and configuration folder.
        memory: another one, for files that are memory.
        messages: file that takes what it prints.

    Raises:
        EnvironmentLacks: no shell to start it with.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, memory: Path, messages: Path) -> None:
        self._name = name
        self._messages = messages
        self.command_line = list(command)
        read_end, self._leash = os.pipe()
        with open(messages, "wb", opener=private) as out:
            try:
                self._process = subprocess.Popen(
                    ["sh", "-c", _KEEPER, "keeper", str(folder), str(memory), *command],
                    stdin=read_end,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    cwd=folder,
                    umask=ONLY_OURS,
                    env=_environment(folder, os.environ),
                )
            except OSError as error:
                os.close(self._leash)
                raise EnvironmentLacks(f"{command[0]} does not start: {error}") from error
            finally:
                os.close(read_end)

    @property
    def runs(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def connect(self, port: int, patience: float = 60.0) -> socket.socket:
        """Return a connection to a port that it will listen on.

        Raises:
            ParticipantFailed: it ended or does not listen.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            except OSError:
                if not self.runs:
                    raise self.explain("ended before it listened") from None
                if time.monotonic() > deadline:
                    raise self.explain(f"does not listen on its port after {patience:g} s") from None
                time.sleep(0.02)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection

    def explain(self, reason: str) -> ParticipantFailed:
        """Return what went wrong, with the program's own last words and how it was started."""
        try:
            ended = f"exit status {self._process.wait(timeout=1)}"
        except subprocess.TimeoutExpired:
            ended = "still runs"
        words = self._messages.read_text(errors="replace").strip().splitlines()
        said = [line for line in words if "[ERROR]" in line or "rror:" in line] or words
        last = f"{said[-1].strip()} ({ended})" if said else ended
        command = self._messages.with_suffix(".command")
        command.write_text(shlex.join(self.command_line) + "\n")
        return ParticipantFailed(self._name, f"Renode {reason}: {last}; see {self._messages}, started as in {command}")

    def kill(self) -> None:
        """End it and all that it started at once, and wait until it is gone; may be called twice."""
        if self._leash < 0:
            return
        os.killpg(self._process.pid, signal.SIGKILL)  # the keeper is in the group, so there is one
        self._process.wait()
        os.close(self._leash)
        self._leash = -1


def _environment(folder: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """Return what Renode needs to leave no trace elsewhere and to look for no screen."""
    kept = {key: value for key, value in outer.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**kept, "TMPDIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
