"""Snapshots of guests at their ready point, kept by a digest of everything that shapes them."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from machines import locks
from machines.cache import cache_dir

_KEPT = 16
"""Snapshots in the cache, some 90 MB each; a new one makes the one go that was unused for longest."""


@dataclass(frozen=True)
class Snapshot:
    """A saved guest.

    Attributes:
        state: QEMU's migration stream.
        boot_s: wall seconds that the boot took which it saves.
    """

    state: Path
    boot_s: float


def folder() -> Path:
    """Return the folder that holds the snapshots."""
    return cache_dir("snapshots")


def find(digest: str) -> Snapshot | None:
    """Return the snapshot of the machine with `digest`, or None."""
    state = folder() / f"{digest}.state"
    try:
        facts = json.loads((folder() / f"{digest}.json").read_text())
        if state.stat().st_size != facts["bytes"]:
            return None
        os.utime(state)
        return Snapshot(state, float(facts["boot_s"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def building(digest: str) -> Iterator[Path]:
    """Give a path to write a new snapshot to; nobody else builds the same one meanwhile.

    The path is a temporary file that is gone afterwards unless `publish` took it.
    """
    with locks.holding(folder() / f"{digest}.lock"):
        handle, name = tempfile.mkstemp(prefix=f"{digest[:12]}-", suffix=".partial", dir=folder())
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def publish(partial: Path, digest: str, boot_s: float) -> Snapshot:
    """Make a complete snapshot visible under its digest, at once and for all."""
    state = folder() / f"{digest}.state"
    facts = folder() / f"{digest}.json"
    size = partial.stat().st_size
    partial.replace(state)
    fresh = facts.with_suffix(f".{os.getpid()}.partial")
    fresh.write_text(json.dumps({"bytes": size, "boot_s": round(boot_s, 3)}))
    fresh.replace(facts)
    _evict()
    return Snapshot(state, boot_s)


def _evict() -> None:
    """Remove the snapshots that were unused for longest; a run that has one open keeps it."""
    by_use = sorted(folder().glob("*.state"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for state in by_use[_KEPT:]:
        for suffix in (".json", ".state", ".lock"):
            state.with_suffix(suffix).unlink(missing_ok=True)


def sweep() -> None:
    """Remove what a killed builder left: partial files that nobody holds the lock for."""
    for partial in folder().glob("*.partial"):
        digest_start = partial.name.split("-")[0].split(".")[0]
        if not any(locks.is_held(lock) for lock in folder().glob(f"{digest_start}*.lock")):
            partial.unlink(missing_ok=True)
