# SPDX-License-Identifier: Apache-2.0
"""The ring's shared object: built once with the system's compiler, kept in the cache, loaded once a process."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from virtio_shm import interface
from virtio_shm.errors import LibraryError

CORE = Path(__file__).parent / "core"
FILE_NAME = "libvshm.so"
OVERRIDE = "VSHM_LIBRARY"  # environment: a ready object, as in a guest that has no compiler
FLAGS: tuple[str, ...] = (
    "-std=c99",
    "-O2",
    "-fPIC",
    "-ffreestanding",
    "-nostdlib",
    "-fvisibility=hidden",
    "-fno-stack-protector",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-shared",
    "-Wl,-z,defs",
    "-Wl,--build-id=none",
)
_FLAGS_FOR = {"aarch64": ("-mno-outline-atomics",)}  # else GCC calls functions of its own library


def sources() -> list[Path]:
    """The core's C files, sorted."""
    return sorted(CORE.glob("*.c"))


def _compiler() -> str:
    """The compiler for this computer."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise LibraryError("no C compiler found (cc, gcc, clang): install one (Debian: apt install gcc libc6-dev)")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edgesim"


def cross_compiler(architecture: str) -> str:
    """The compiler for guests of another instruction set.

    Raises
    ------
    LibraryError: there is none.
    """
    found = shutil.which(f"{architecture}-linux-gnu-gcc")
    if found is None:
        package = f"gcc-{architecture.replace('_', '-')}-linux-gnu"
        raise LibraryError(f"no C compiler for {architecture} found: install one (Debian: apt install {package})")
    return found


def compiled(
    kind: str, file_name: str, flags: Sequence[str], inputs: Sequence[Path], compiler: str | None = None
) -> Path:
    """Compile a shared object unless the cache has it.

    Any number of processes may build at once: each writes a file of its own and renames it into place.

    Parameters
    ----------
    kind: folder of the cache.
    file_name: of the object.
    flags: of the compiler.
    inputs: C files, and the headers that they include.
    compiler: program; None: the one for this computer.

    Returns
    -------
    Where it lies; the directory's name is a digest of inputs, compiler and flags.

    Raises
    ------
    LibraryError: no compiler, or it fails.
    """
    compiler = compiler or _compiler()
    digest = hashlib.sha256(repr((compiler, tuple(flags), os.uname().machine)).encode())
    for file in inputs:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    target = _cache() / kind / digest.hexdigest()[:16] / file_name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".building-")
    os.close(handle)
    command = [compiler, *flags, "-o", partial, *(str(file) for file in inputs if file.suffix == ".c")]
    try:
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            first = next((line for line in result.stderr.splitlines() if "error" in line), "no message")
            raise LibraryError(f"{' '.join(command)} failed: {first}")
        Path(partial).chmod(0o755)
        Path(partial).replace(target)
    finally:
        Path(partial).unlink(missing_ok=True)
    return target


def build() -> Path:
    """Build the ring's shared object unless the cache has it; see `compiled`."""
    return compiled("ring", FILE_NAME, FLAGS, sorted(CORE.glob("*.[ch]")))


def build_for(architecture: str) -> Path:
    """Build the ring's shared object for a guest unless the cache has it.

    Parameters
    ----------
    architecture: of the guest, such as `aarch64`.

    Raises
    ------
    LibraryError: there is no compiler for it, or it fails.
    """
    if architecture == os.uname().machine:
        return path()
    flags = (*FLAGS, *_FLAGS_FOR.get(architecture, ()))
    return compiled("ring", FILE_NAME, flags, sorted(CORE.glob("*.[ch]")), cross_compiler(architecture))


def path() -> Path:
    """The shared object to load: the one that VSHM_LIBRARY names, or the one built for this machine.

    Raises
    ------
    LibraryError: VSHM_LIBRARY names no file, or building fails.
    """
    override = os.environ.get(OVERRIDE)
    if not override:
        return build()
    if not Path(override).is_file():
        raise LibraryError(f"{OVERRIDE}={override}: no such file")
    return Path(override)


@functools.cache
def load() -> ctypes.PyDLL:
    """The loaded object with its signatures declared; the same one for every caller in the process.

    Raises
    ------
    LibraryError: see `path`; also an object of another version of the interface.
    """
    file = path()
    # PyDLL keeps the interpreter lock: calls take well under a microsecond, and dropping the lock would cost more.
    library = ctypes.PyDLL(str(file))
    library.vshm_interface.restype = ctypes.c_uint32
    found = library.vshm_interface()
    if found != interface.VERSION:
        raise LibraryError(f"{file} has interface {found}, this Python package needs {interface.VERSION}")
    interface.declare(library)
    return library
