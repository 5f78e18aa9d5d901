"""The lockstep plugin: built from its one C file with the system compiler, once for each plugin API."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from machines.cache import cache_dir
from machines.errors import EnvironmentLacks

SOURCE = Path(__file__).with_name("lockstep.c")
_FLAGS = ["-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"]


@cache
def path(api: int) -> Path:
    """Return the plugin for QEMUs of this plugin API, building it if it is not in the cache.

    Parameters:
        api: 1 or 2, see `machines.qemu.binary.QemuBinary.plugin_api`.

    Raises:
        EnvironmentLacks: there is no C compiler, or it refuses.
    """
    flags = [*_FLAGS, f"-DLOCKSTEP_PLUGIN_API={api}"]
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(flags).encode()).hexdigest()[:16]
    built = cache_dir("plugin", digest) / "lockstep.so"
    if built.exists():
        return built
    handle, partial = tempfile.mkstemp(dir=built.parent, suffix=".partial")
    os.close(handle)
    try:
        subprocess.run(["cc", *flags, "-o", partial, str(SOURCE), "-ldl"], check=True, capture_output=True, text=True)
        Path(partial).replace(built)
    except FileNotFoundError:
        raise EnvironmentLacks("no C compiler: apt-get install gcc libc6-dev") from None
    except subprocess.CalledProcessError as error:
        raise EnvironmentLacks(f"cc cannot build {SOURCE}: {error.stderr.strip().splitlines()[-1]}") from error
    finally:
        Path(partial).unlink(missing_ok=True)
    return built
