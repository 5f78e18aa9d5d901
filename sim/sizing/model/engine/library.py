"""The engine's shared object: compiled once, kept in the cache, loaded once a process."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from sim.sizing.model.engine import interface
from virtio_shm.errors import LibraryError
from virtio_shm.library import compiled

SOURCE = Path(__file__).parent
FLAGS = (
    "-std=gnu11",
    "-O2",
    "-fPIC",
    "-fvisibility=default",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-shared",
    "-Wl,-z,defs",
    "-Wl,--build-id=none",
)


def build() -> Path:
    """Build the engine unless the cache has it.

    Raises:
        LibraryError: there is no compiler, or it fails.
    """
    return compiled("sizing", "libsizing.so", FLAGS, sorted(SOURCE.glob("*.[ch]")))


@functools.cache
def load() -> ctypes.PyDLL:
    """Return the library with its signatures declared; the same one for every caller in the process.

    Raises:
        LibraryError: see `build`; also where structures in C and Python are not of one version.
    """
    library = ctypes.PyDLL(str(build()))  # the policy is Python's, and called from within
    interface.declare(library)
    found = library.sz_interface()
    if found != interface.VERSION:
        raise LibraryError(f"the engine has interface {found}, this Python package needs {interface.VERSION}")
    return library
