"""A libvirt of the tests' own, with everything it writes in one folder, and what lacks for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

URI = "qemu:///session"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PROGRAMS = ("libvirtd", "virtqemud")
_PATIENCE_S = 60


def lacking() -> str:
    """Return why libvirt cannot be tried here, nothing if it can."""
    if importlib.util.find_spec("libvirt") is None:
        return "libvirt's Python module is not installed: pip install 'edgesim[libvirt]'"
    if _daemon() is None or shutil.which("virsh") is None:
        return "libvirt is not installed: apt-get install libvirt-daemon-driver-qemu libvirt-clients"
    if os.getuid() == 0 and subprocess.run([*_namespace(), "true"], capture_output=True, check=False).returncode:
        return "this is root, for whom libvirt is the system's, and user namespaces are not allowed"
    return ""


def _daemon() -> str | None:
    return next(filter(None, (shutil.which(name, path=_PATH) for name in _PROGRAMS)), None)


def _namespace() -> list[str]:
    """Return what makes root an ordinary user, with files that are still its own."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []


class Daemon:
    """A running libvirt daemon of an ordinary user.

    Parameters:
        folder: for all that it writes, its path short enough for the names of sockets.
    """

    def __init__(self, folder: Path) -> None:
        program = _daemon()
        assert program is not None
        self.cache = folder / "cache"
        places = {"RUNTIME_DIR": "run", "CONFIG_HOME": "config", "DATA_HOME": "data"}
        self.environment = {**os.environ, "LIBVIRT_DEFAULT_URI": URI}
        for name, place in places.items():
            (folder / place).mkdir(mode=0o700)
            self.environment[f"XDG_{name}"] = str(folder / place)
        private = {**self.environment, "XDG_CACHE_HOME": str(self.cache)}
        with (folder / "daemon.log").open("wb") as log:
            self._process = subprocess.Popen([*_namespace(), program], env=private, stdout=log, stderr=log)
        inside = ["nsenter", "--preserve-credentials", "--user", "--target", str(self._process.pid)]
        self.prefix = inside if os.getuid() == 0 else []
        deadline = time.monotonic() + _PATIENCE_S
        while self.virsh("list").returncode:
            assert time.monotonic() < deadline, (folder / "daemon.log").read_text()
            time.sleep(0.1)

    def virsh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run virsh on it."""
        line = [*self.prefix, "virsh", "--connect", URI, *arguments]
        return subprocess.run(line, env=self.environment, capture_output=True, text=True, check=False, timeout=60)

    def domains(self) -> list[str]:
        """Return the names of all domains, whatever state they are in."""
        return sorted(self.virsh("list", "--all", "--name").stdout.split())

    def stand_still(self) -> None:
        """Stop it, so that it notices nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # libvirt 9.0 may block itself where a domain ends at that moment
            self._process.kill()
            self._process.wait()
