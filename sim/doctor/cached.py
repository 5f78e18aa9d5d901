"""What the cache holds: the guest image, snapshots, the ring, the plugin."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from guests.linux import image
from machines.cache import cache_dir
from machines.errors import EnvironmentLacks
from machines.qemu import plugin, snapshot
from machines.qemu.binary import QemuBinary
from sim.doctor.finding import Finding, State
from virtio_shm import library
from virtio_shm.errors import LibraryError

AREA = "Cache"


class Cached(NamedTuple):
    """What there is to say of the cache.

    Attributes:
        findings: all of it.
        compiled: ring and plugin are there.
        has_image: the guest image for the present sources is there.
    """

    findings: list[Finding]
    compiled: bool
    has_image: bool


def look(qemu: QemuBinary | None) -> Cached:
    """Return what is cached, having compiled the ring and the plugin (well under a second) where they are not."""
    compiled = [_compiled("ring", lambda: library.path())]
    if qemu is not None:
        compiled.append(_compiled("plugin", lambda: plugin.path(qemu.plugin_api)))
    works = all(each.state is State.OK for each in compiled)
    found = image.find() if compiled[0].state is State.OK else None
    described = _absent() if found is None else _described(found)
    return Cached([*compiled, described, _snapshots()], works, found is not None)


def _compiled(name: str, build: Callable[[], Path]) -> Finding:
    try:
        path = build()
    except (EnvironmentLacks, LibraryError) as error:
        reason = str(error).partition(": apt-get")[0]
        return Finding(AREA, name, State.BROKEN, reason, True, "apt-get install gcc libc6-dev")
    return Finding(AREA, name, State.OK, str(path), True, facts={"path": str(path)})


def _absent() -> Finding:
    detail = "made at the first run, in half a minute"
    return Finding(AREA, "guest image", State.MISSING, detail, remedy="sim images build")


def _described(found: image.Image) -> Finding:
    size = found.size_bytes
    age_s = time.time() - found.kernel.stat().st_mtime
    kernel = found.manifest["kernel"]
    detail = f"{found.digest[:16]}, kernel {kernel}, {_mib(size)}, base {_age(age_s)} old"
    facts = {"digest": found.digest, "kernel": kernel, "bytes": size, "age_s": round(age_s)}
    return Finding(AREA, "guest image", State.OK, detail, facts=facts)


def _snapshots() -> Finding:
    states = [path for path in snapshot.folder().glob("*.state") if snapshot.find(path.stem) is not None]
    if not states:
        return Finding(AREA, "snapshots", State.MISSING, "none; a scenario's first run boots its guests and makes them")
    stats = {path.stem: path.stat() for path in states}
    size = sum(each.st_size for each in stats.values())
    age_s = {digest: round(time.time() - each.st_mtime) for digest, each in stats.items()}
    detail = f"{len(states)}, {_mib(size)}, the newest {_age(min(age_s.values()))} old"
    facts = {"snapshots": [{"digest": d, "bytes": s.st_size, "age_s": age_s[d]} for d, s in sorted(stats.items())]}
    return Finding(AREA, "snapshots", State.OK, f"{detail}, in {cache_dir()}", facts=facts)


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB"


def _age(seconds: float) -> str:
    """Return an age in the largest unit of which it has two or more."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"
