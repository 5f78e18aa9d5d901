"""QEMU's port for a debugger (GDB's remote protocol), which only programs of this computer reach."""

from __future__ import annotations

from collections.abc import Callable


def gdb_arguments(port: int | None) -> list[str]:
    """Return QEMU's arguments for a debugger at a port; None: there is no debugger."""
    return [] if port is None else ["-gdb", _device(port)]


def listen(port: int) -> str:
    """Return the line for QEMU's human monitor that lets a debugger in from now on."""
    return f"gdbserver {_device(port)}"


def listens(answer: str) -> bool:
    """Return whether the monitor's answer to `listen` is that a debugger may come."""
    return answer.startswith("Waiting for gdb connection")


def announce(name: str, port: int | None, progress: Callable[[str], None]) -> None:
    """Say that a machine is about to wait for its debugger, if it is."""
    if port is not None:
        progress(f"{name} waits for a debugger: target remote 127.0.0.1:{port}")


def unheard(text: str) -> None:
    """Tell nobody."""


def _device(port: int) -> str:
    return f"tcp:127.0.0.1:{port}"
