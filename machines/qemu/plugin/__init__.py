"""The lockstep plugin: built from its C files with the system compiler, once for each plugin API."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from virtio_shm import library

SOURCES = sorted(Path(__file__).parent.glob("*.[ch]"))
_FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")


@cache
def path(api: int) -> Path:
    """Return the plugin for QEMUs of this plugin API, building it if it is not in the cache.

    Parameters:
        api: 1 or 2, see `machines.qemu.binary.QemuBinary.plugin_api`.

    Raises:
        LibraryError: there is no C compiler, or it refuses.
    """
    return library.compiled("plugin", "lockstep.so", (*_FLAGS, f"-DLOCKSTEP_PLUGIN_API={api}"), SOURCES)


@cache
def digest() -> str:
    """Return a hexadecimal digest of the plugin's source."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()
