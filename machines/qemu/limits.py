"""What one QEMU process may use and do: its resource limits, and system calls that are refused (seccomp(2)).

A guest that breaks out of its emulator, or makes it leak, meets these; a guest that behaves never does. See
docs/isolation.md for what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from machines.limits import CONSOLE_BYTES, Limits

SANDBOX = ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
"""QEMU's own seccomp filters (qemu(1), "-sandbox"): no new process, no other user, no other priority."""

_TRANSLATED_BYTES = 1 << 30
"""QEMU's buffer for translated code: an eighth of the host's memory, this at most (QEMU: tcg/region.c)."""

_OVERHEAD_BYTES = 1 << 30
"""Program, libraries, threads' stacks and heaps. Measured: 0.3 GiB for a microcontroller, 0.5 while a boot is saved."""

_BOARD_BYTES = 2304 << 20
"""RAM of QEMU's largest machine for microcontrollers: mps3-an547 has 2 GiB, and some that it cannot do without."""

_DEVICES_BYTES = 64 << 20
"""All of a snapshot that is not memory; measured: below 1 MiB."""

_DESCRIPTORS = 128
"""Descriptors that do not depend on the number of regions; measured: 25."""

_DESCRIPTORS_PER_REGION = 6
"""Its memory, inherited and opened by QEMU, and an eventfd for each direction; measured: 4."""


def of_guest(memory_bytes: int, mapped_bytes: int, region_bytes: Sequence[int], saves: bool) -> Limits:
    """Return the limits of a Linux guest.

    Parameters:
        memory_bytes: its RAM.
        mapped_bytes: size of files that QEMU maps for it: its root image.
        region_bytes: sizes of its control region and of its channel regions.
        saves: it will write a snapshot, which holds its RAM and its regions. Its services start after that only.
    """
    snapshot = memory_bytes + sum(region_bytes) + _DEVICES_BYTES
    return Limits(
        memory_bytes=memory_bytes + mapped_bytes + sum(region_bytes) + _TRANSLATED_BYTES + _OVERHEAD_BYTES,
        file_bytes=snapshot if saves else CONSOLE_BYTES,
        descriptors=_DESCRIPTORS + _DESCRIPTORS_PER_REGION * len(region_bytes),
    )


def of_microcontroller(region_bytes: Sequence[int]) -> Limits:
    """Return the limits of a microcontroller.

    Parameters:
        region_bytes: sizes of the regions in its window.
    """
    return of_guest(_BOARD_BYTES, 0, region_bytes, saves=False)
