"""QEMU's port for a debugger (GDB's remote protocol), which only programs of this computer reach."""

from __future__ import annotations

from collections.abc import Callable


def gdb_arguments(port: int | None) -> list[str]:
    """Return QEMU's arguments for a debugger at a port; None: there is no debugger."""
    return [] if port is None else ["-gdb", f"tcp:127.0.0.1:{port}"]


def announce(name: str, port: int | None, progress: Callable[[str], None]) -> None:
    """Say that a machine is about to wait for its debugger, if it is."""
    if port is not None:
        progress(f"{name} waits for a debugger: target remote 127.0.0.1:{port}")
