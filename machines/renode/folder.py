"""Private folders for one Renode: their files disappear however the simulator ends."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

from machines.cache import cache_dir
from machines.errors import EnvironmentLacks
from machines.locks import holding, is_held

PREFIX = "edgesim-renode-"
_OWNER = "owner"


def temporary() -> Path:
    """Return where Renode may unpack its libraries: often files in /dev/shm cannot be executed."""
    return _usable(tempfile.gettempdir(), "/tmp", "/var/tmp")


def memory() -> Path:
    """Return where files are memory, or where temporary files are."""
    return _usable("/dev/shm", str(temporary()))


def _usable(*places: str) -> Path:
    """Return the first place that exists and has no blanks in its name, which Renode's monitor does not take."""
    usable = [place for place in places if os.access(place, os.W_OK | os.X_OK) and not re.search(r"\s", place)]
    if not usable:
        raise EnvironmentLacks(f"Renode needs a folder for its files: none of {', '.join(places)} can be written")
    return Path(usable[0])


class PrivateFolder:
    """A folder that only this user can open. Making one removes those beside it whose owner is gone.

    Parameters:
        base: where it is made.

    Attributes:
        path: the folder.
    """

    def __init__(self, base: Path) -> None:
        with holding(cache_dir("renode") / "folders.lock"):
            _sweep(base)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
            # The lock on this file is the sign of life of the owner; the kernel drops it.
            self._owner_fd = os.open(self.path / _OWNER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._owner_fd, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove it and all that is in it; may be called twice."""
        if self._owner_fd >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._owner_fd)
            self._owner_fd = -1


def _sweep(base: Path) -> None:
    """Remove the folders of this user whose owner is gone."""
    for folder in base.glob(PREFIX + "*"):
        try:
            ours = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink() and folder.is_dir()
            if ours and not is_held(folder / _OWNER):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # it has just gone
