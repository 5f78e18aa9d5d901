"""The control page: how the host and firmware speak outside of channels. C twin: guests/mcu/include/control.h.

Each word has one writer. What the firmware writes is hostile: it is copied once and checked before use.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from machines.memory import SharedRegion

PAGE_BYTES = 4096
MAGIC = 0x55434D45  # "EMCU"
READY_MAGIC = 0x4B4F5746  # "FWOK"
VERSION = 1
MAX_CHANNELS = 32
PORT_CHARACTERS = 15
LOG_ENTRIES = 32
WHOLE_INFERENCE = 0xFFFFFFFF

_HEAD = struct.Struct("<IIQQQIIIIIIQ")  # 0x000 magic .. quantum_ns
_TIME = struct.Struct("<QQQ")  # 0x008 base_ns, base_count, limit_ns
_IN_COUNT = 0x040
_COUNTER = struct.Struct("<Q")
COUNTER_OFFSET = 0x0C0
_FIRMWARE = struct.Struct("<IIIIQIIIIIIIIIIII")  # 0x100 magic .. slept_count
_FIRMWARE_OFFSET = 0x100
_OUT_COUNT = struct.Struct(f"<{MAX_CHANNELS}I")
_OUT_COUNT_OFFSET = 0x180
_CHANNEL = struct.Struct("<16s8I")
_TABLE_OFFSET = 0x200
_ENTRY = struct.Struct("<QQIIII")
_LOG_OFFSET = 0x800

_FLAG_COUNTER = 1


class Life(IntEnum):
    """What the firmware says of itself."""

    RESET = 0
    BOOTING = 1
    RUNNING = 2
    FAULT = 3
    STOPPED = 4


@dataclass(frozen=True)
class ChannelEntry:
    """One channel end as the firmware gets it.

    Attributes:
        port: name of the firmware's port.
        producer: it sends (the VIRTIO driver side).
        offset: of the region in the window, in bytes.
        region_bytes, depth, payload_bytes: geometry of the ring.
        overflow: enum vshm_overflow of virtio_shm/core/vshm.h.
    """

    port: str
    producer: bool
    offset: int
    region_bytes: int
    depth: int
    payload_bytes: int
    overflow: int


@dataclass(frozen=True)
class Status:
    """A copy of what the firmware wrote; fault and stack words mean something only if `ready`.

    `idle` with a `slept_count` other than the sum of all doorbells means that the firmware lay down before it heard of
    the last one, and will find it at once.
    """

    ready: bool
    version: int
    life: int
    idle: bool
    wake_ns: int
    heartbeat: int
    fault_kind: int
    fault_pc: int
    fault_lr: int
    fault_address: int
    fault_status: int
    stack_bytes: int
    stack_high_water: int
    arena_bytes: int
    arena_high_water: int
    inference_count: int
    slept_count: int


@dataclass(frozen=True)
class LogEntry:
    """One inference as the firmware logged it; unchecked."""

    start_ns: int
    end_ns: int
    instructions: int
    origin_sequence: int
    layer: int


class ControlPage:
    """The host's side of one control page.

    Parameters:
        region: one page; all zero.
    """

    def __init__(self, region: SharedRegion) -> None:
        self._memory = region.view
        self._in_count = [0] * MAX_CHANNELS

    def introduce(
        self,
        channels: Sequence[ChannelEntry],
        ns_per_instruction: tuple[int, int],
        in_memory: bool,
        seed: int,
        quantum_ns: int,
    ) -> None:
        """Write everything that stays, before power-on.

        Parameters:
            channels: ends in the order of their vector.
            ns_per_instruction: numerator and denominator.
            in_memory: the instruction counter is `counter` of this page.
            seed: of the run.
            quantum_ns: of the run.

        Raises:
            ValueError: too many channels, or a port's name is too long.
        """
        if len(channels) > MAX_CHANNELS:
            raise ValueError(f"{len(channels)} channel ends; a microcontroller has at most {MAX_CHANNELS}")
        flags = _FLAG_COUNTER if in_memory else 0
        numerator, denominator = ns_per_instruction
        head = (MAGIC, VERSION, 0, 0, 0, numerator, denominator, flags, len(channels), seed, 0, quantum_ns)
        _HEAD.pack_into(self._memory, 0, *head)
        for vector, entry in enumerate(channels):
            port = entry.port.encode()
            if len(port) > PORT_CHARACTERS:
                raise ValueError(f"port '{entry.port}' has more than {PORT_CHARACTERS} characters")
            role = 1 if entry.producer else 2
            geometry = (role, entry.offset, entry.region_bytes, entry.depth, entry.payload_bytes, entry.overflow)
            _CHANNEL.pack_into(self._memory, _TABLE_OFFSET + vector * _CHANNEL.size, port, *geometry, vector, 0)

    def set_time(self, base_ns: int, base_count: int, limit_ns: int) -> None:
        """Tell what time it is at the start of a grant, and when that ends.

        Parameters:
            base_ns: virtual time now.
            base_count: the instruction counter now.
            limit_ns: end of the grant; the firmware's clock stops there.
        """
        _TIME.pack_into(self._memory, 8, base_ns, base_count, limit_ns)

    def ring(self, vector: int) -> None:
        """Note a doorbell for one channel end."""
        self._in_count[vector] = self._in_count[vector] + 1 & 0xFFFFFFFF
        struct.pack_into("<I", self._memory, _IN_COUNT + 4 * vector, self._in_count[vector])

    @property
    def doorbells(self) -> int:
        """How often the host has rung any channel end, modulo 2^32."""
        return sum(self._in_count) & 0xFFFFFFFF

    def counter(self) -> int:
        """Return the instruction counter that the emulator keeps."""
        count: int = _COUNTER.unpack_from(self._memory, COUNTER_OFFSET)[0]
        return count

    def status(self) -> Status:
        """Return a copy of the firmware's words."""
        magic, version, life, idle, wake_ns, *rest = _FIRMWARE.unpack_from(self._memory, _FIRMWARE_OFFSET)
        return Status(magic == READY_MAGIC, version, life, bool(idle), wake_ns, *rest)

    def out_counts(self) -> tuple[int, ...]:
        """Return how often the firmware has rung each vector, modulo 2^32."""
        return _OUT_COUNT.unpack_from(self._memory, _OUT_COUNT_OFFSET)

    def log(self, since: int, until: int) -> list[LogEntry]:
        """Return the log entries numbered `since` to `until` - 1, of which the ring holds the last `LOG_ENTRIES`."""
        entries = []
        for number in range(max(since, until - LOG_ENTRIES), until):
            offset = _LOG_OFFSET + number % LOG_ENTRIES * _ENTRY.size
            start_ns, end_ns, instructions, sequence, layer, _ = _ENTRY.unpack_from(self._memory, offset)
            entries.append(LogEntry(start_ns, end_ns, instructions, sequence, layer))
        return entries
