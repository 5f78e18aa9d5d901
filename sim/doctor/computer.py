"""The computer: cores, memory, disk."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from machines.cache import cache_dir
from sim.doctor.finding import Finding, State

AREA = "Computer"
MEMORY_BYTES = 1 << 30
"""Free memory that two guests of 256 MiB and the simulator need."""

DISK_BYTES = 1 << 30
"""Free disk that an image, its building and a few snapshots need."""

_GIB = 1 << 30


def look() -> list[Finding]:
    """Return what kind of computer this is and what is free of it."""
    return [_system(), _cores(), _memory(), _disk()]


def _system() -> Finding:
    system, machine = platform.system(), platform.machine()
    state = State.OK if (system, machine) == ("Linux", "x86_64") else State.BROKEN
    detail = f"{system} {platform.release()} {machine}"
    return Finding(AREA, "system", state, detail, needed=True, remedy="an x86_64 computer with Linux")


def _cores() -> Finding:
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    detail = f"{cores}, load average {load:.1f}"
    return Finding(AREA, "cores", State.OK, detail, facts={"cores": cores, "load": load})


def _memory() -> Finding:
    lines = Path("/proc/meminfo").read_text().splitlines()
    kib = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    available, total = kib["MemAvailable"] << 10, kib["MemTotal"] << 10
    limit = _control_group_limit()
    if limit is not None and limit < total:
        available, total = min(available, limit), limit
    return Finding(
        AREA,
        "memory",
        State.OK if available >= MEMORY_BYTES else State.MISSING,
        f"{available / _GIB:.1f} of {total / _GIB:.1f} GiB free",
        needed=True,
        remedy=f"free {MEMORY_BYTES // _GIB} GiB, or give partitions less memory",
        facts={"available_bytes": available, "total_bytes": total},
    )


def _control_group_limit() -> int | None:
    """Return the limit that a container sets, where there is one (cgroup v2, memory.max)."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return None


def _disk() -> Finding:
    folder = cache_dir()
    free = shutil.disk_usage(folder).free
    return Finding(
        AREA,
        "disk",
        State.OK if free >= DISK_BYTES else State.MISSING,
        f"{free / _GIB:.1f} GiB free for {folder}",
        needed=True,
        remedy="sim images prune, or set XDG_CACHE_HOME to a folder with room",
        facts={"free_bytes": free, "folder": str(folder)},
    )
