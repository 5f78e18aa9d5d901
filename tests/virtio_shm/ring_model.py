# SPDX-License-Identifier: Apache-2.0
"""Both ends of the ring in plain Python, from the layout in docs/ring.md and VIRTIO 1.2 section 2.7 alone.

Nothing of `virtio_shm` is imported: offsets and formats are written out a second time, so that a test in which one
end is the C core and the other one is this model checks bytes and not only behaviour.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAGIC = 0x4D485356
FRAME_MAGIC = 0x52534E54
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET, FAILED = 1, 2, 4, 8, 64, 128
REVOKE, EVENT_IDX, VERSION_1 = 1 << 0, 1 << 29, 1 << 32
HEADER = struct.Struct("<IHHIIIIIIII")  # magic .. features high: 40 bytes
FRAME = struct.Struct("<IHBB6IdiIQQQQII")  # 88 bytes, then 40 of zeros
HEADER_FIELDS = (
    "magic", "version", "role", "depth", "payload", "region", "epoch", "peer_epoch", "status", "low", "high",
)  # fmt: skip
FRAME_FIELDS = (
    "magic", "version", "dtype", "rank", "d0", "d1", "d2", "d3", "d4", "d5", "scale", "zero_point", "payload_bytes",
    "sequence", "produced_ns", "origin_sequence", "origin_ns", "flags", "crc",
)  # fmt: skip
CRC_OFFSET = 84
POSITION, SKIP_COUNT, SKIPPED, RECEIPT_COUNT = 64, 68, 72, 88
SKIP_LOG = 4


def up(value: int) -> int:
    return (value + 63) // 64 * 64


def need_event(event: int, new: int, old: int) -> bool:
    """VIRTIO 1.2, 2.7.10.1"""
    return (new - event - 1) % 65536 < (new - old) % 65536


@dataclass
class Memory:
    """The region, by little-endian words."""

    bytes: memoryview
    depth: int
    payload: int
    desc: int = field(init=False, default=1024)
    avail: int = field(init=False)
    used: int = field(init=False)
    receipts: int = field(init=False)
    slots: int = field(init=False)
    stride: int = field(init=False)

    def __post_init__(self) -> None:
        self.avail = self.desc + 16 * self.depth
        self.used = up(self.avail + 6 + 2 * self.depth)
        self.receipts = up(self.used + 6 + 8 * self.depth)
        self.slots = up(self.receipts + 32 * self.depth)
        self.stride = up(128 + self.payload)

    @property
    def size(self) -> int:
        return self.slots + self.stride * self.depth

    def get(self, form: str, offset: int) -> int:
        return struct.unpack_from("<" + form, self.bytes, offset)[0]  # type: ignore[no-any-return]

    def put(self, form: str, offset: int, value: int) -> None:
        struct.pack_into("<" + form, self.bytes, offset, value)

    # The rings, by name
    def avail_index(self) -> int:
        return self.get("H", self.avail + 2)

    def avail_entry(self, position: int) -> int:
        return self.get("H", self.avail + 4 + 2 * (position % self.depth))

    def used_event(self) -> int:
        return self.get("H", self.avail + 4 + 2 * self.depth)

    def used_index(self) -> int:
        return self.get("H", self.used + 2)

    def used_entry(self, index: int) -> tuple[int, int]:
        return struct.unpack_from("<II", self.bytes, self.used + 4 + 8 * (index % self.depth))  # type: ignore[return-value]

    def avail_event(self) -> int:
        return self.get("H", self.used + 4 + 8 * self.depth)

    def descriptor(self, number: int) -> tuple[int, int, int, int]:
        """address, length, flags, next"""
        return struct.unpack_from("<QIHH", self.bytes, self.desc + 16 * number)  # type: ignore[return-value]

    def frame(self, address: int) -> dict[str, object]:
        values = FRAME.unpack_from(self.bytes, address)
        frame = dict(zip(FRAME_FIELDS, values, strict=True))
        assert bytes(self.bytes[address + 88 : address + 128]) == bytes(40)
        return frame

    def header(self, base: int) -> dict[str, int]:
        return dict(zip(HEADER_FIELDS, HEADER.unpack_from(self.bytes, base), strict=True))

    def write_header(self, base: int, role: int, epoch: int, peer: int, status: int, features: int) -> None:
        HEADER.pack_into(
            self.bytes,
            base,
            MAGIC,
            1,
            role,
            self.depth,
            self.payload,
            self.size,
            epoch,
            peer,
            status,
            features & 0xFFFFFFFF,
            features >> 32,
        )


class ModelDevice:
    """The consumer. `take` is one step, or two (`claim`, then `settle`) to meet a revoking driver in between."""

    BASE, PEER = 512, 0

    def __init__(self, memory: Memory, features: int = REVOKE | EVENT_IDX | VERSION_1) -> None:
        self.memory = memory
        self.offered = features
        self.start()

    def start(self) -> None:
        memory = self.memory
        self.epoch = memory.get("I", self.BASE + 20) % 0xFFFFFFFF + 1
        self.session = 0
        self.features = 0
        self._clear()
        memory.write_header(self.BASE, 2, self.epoch, 0, ACKNOWLEDGE, self.offered)

    def _clear(self) -> None:
        memory = self.memory
        self.position = self.skips = self.returned = self.receipts = 0
        self.held: dict[int, tuple[int, int]] = {}  # id -> sequence, taken_ns
        self.claimed: tuple[int, int] | None = None  # position, id
        memory.put("H", memory.used, 0)
        memory.put("H", memory.used + 2, 0)
        memory.put("H", memory.used + 4 + 8 * memory.depth, 0)
        for offset in (POSITION, SKIP_COUNT, RECEIPT_COUNT):
            memory.put("I", self.BASE + offset, 0)

    def poll(self) -> bool:
        memory = self.memory
        driver = memory.header(self.PEER)
        if not driver["status"] or driver["peer_epoch"] != self.epoch or not driver["status"] & FEATURES_OK:
            return False
        if driver["epoch"] != self.session:
            self.session = driver["epoch"]
            self._clear()
            self.features = driver["high"] << 32 | driver["low"]
            assert self.features & VERSION_1 and not self.features & ~self.offered
            memory.write_header(self.BASE, 2, self.epoch, self.session, ACKNOWLEDGE | FEATURES_OK, self.offered)
        if not driver["status"] & DRIVER_OK:
            return False
        memory.put("I", self.BASE + 28, ACKNOWLEDGE | FEATURES_OK | DRIVER_OK)
        return True

    def claim(self) -> bool:
        """Announce the next entry; False if there is none."""
        memory = self.memory
        if self.features & REVOKE:
            revoked = memory.get("I", self.PEER + POSITION)
            if revoked > self.position:
                self._give_up(revoked - 1)
                self.position = revoked
        if memory.avail_index() == self.position % 65536:
            memory.put("H", memory.used + 4 + 8 * memory.depth, self.position % 65536)  # avail_event
            return False
        self.claimed = self.position, memory.avail_entry(self.position)
        if self.features & REVOKE:
            memory.put("I", self.BASE + POSITION, self.position + 1)
        return True

    def _give_up(self, position: int) -> None:
        self.memory.put("I", self.BASE + SKIPPED + 4 * (self.skips % SKIP_LOG), position)
        self.skips += 1
        self.memory.put("I", self.BASE + SKIP_COUNT, self.skips)

    def settle(self, now: int) -> tuple[dict[str, object], bytes] | None:
        """Take what was claimed, or find that it was withdrawn."""
        memory = self.memory
        assert self.claimed is not None
        position, number = self.claimed
        self.claimed = None
        self.position = position + 1
        if self.features & REVOKE and memory.get("I", self.PEER + POSITION) > position:
            self._give_up(position)
            return None
        address, length, flags, _ = memory.descriptor(number)
        assert flags == 0 and address == memory.slots + number * memory.stride and number not in self.held
        frame = memory.frame(address)
        assert frame["magic"] == FRAME_MAGIC and frame["version"] == 1
        assert length == 128 + frame["payload_bytes"]  # type: ignore[operator]
        self.held[number] = frame["sequence"], now  # type: ignore[assignment]
        self._receipt(number, 0)
        return {**frame, "slot": number}, bytes(memory.bytes[address + 128 : address + length])

    def _receipt(self, number: int, returned_ns: int) -> None:
        self.receipts += 1
        sequence, taken_ns = self.held[number]
        struct.pack_into(
            "<QQQII",
            self.memory.bytes,
            self.memory.receipts + 32 * number,
            sequence,
            taken_ns,
            returned_ns,
            2 * self.receipts + 2,
            0,
        )
        self.memory.put("I", self.BASE + RECEIPT_COUNT, self.receipts)

    def give_back(self, number: int, now: int) -> bool:
        memory = self.memory
        self._receipt(number, now)
        del self.held[number]
        struct.pack_into("<II", memory.bytes, memory.used + 4 + 8 * (self.returned % memory.depth), number, 0)
        old, self.returned = self.returned, self.returned + 1
        memory.put("H", memory.used + 2, self.returned % 65536)
        if self.features & EVENT_IDX:
            return need_event(memory.used_event(), self.returned % 65536, old % 65536)
        return not memory.get("H", memory.avail) & 1


class ModelDriver:
    """The producer with the blocking policy, or with `revoke` for dropping the oldest."""

    BASE, PEER = 0, 512

    def __init__(self, memory: Memory, features: int = EVENT_IDX | VERSION_1) -> None:
        self.memory = memory
        self.wanted = features
        self.sequence = 0
        self.start()

    def start(self) -> None:
        self.epoch = self.memory.get("I", self.BASE + 20)
        self._open(0, 0)

    def _open(self, device_epoch: int, features: int) -> None:
        memory = self.memory
        memory.put("I", self.BASE + 28, 0)
        self.epoch = self.epoch % 0xFFFFFFFF + 1
        self.device_epoch = device_epoch
        self.features = features
        self.published = self.reaped = self.revoked = 0
        self.free = list(range(memory.depth))
        self.order: dict[int, int] = {}
        memory.put("H", memory.avail, 0)
        memory.put("H", memory.avail + 2, 0)
        memory.put("H", memory.avail + 4 + 2 * memory.depth, 0xFFFF)
        memory.put("I", self.BASE + POSITION, 0)
        status = ACKNOWLEDGE | DRIVER | (FEATURES_OK if device_epoch else 0)
        memory.write_header(self.BASE, 1, self.epoch, device_epoch, status, features)

    def poll(self) -> bool:
        memory = self.memory
        device = memory.header(self.PEER)
        if not device["status"]:
            return False
        if device["epoch"] != self.device_epoch:
            self._open(device["epoch"], (device["high"] << 32 | device["low"]) & self.wanted)
            return False
        if device["peer_epoch"] != self.epoch or not device["status"] & FEATURES_OK:
            return False
        memory.put("I", self.BASE + 28, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        return True

    def reap(self) -> list[int]:
        """Ids that came back."""
        back = []
        while self.reaped % 65536 != self.memory.used_index():
            number, length = self.memory.used_entry(self.reaped)
            assert length == 0 and number not in self.free
            self.reaped += 1
            self.free.append(number)
            back.append(number)
        return back

    def publish(self, payload: bytes, dims: tuple[int, ...], now: int, crc: int | None = None) -> bool:
        """Into any free slot; True for a kick."""
        memory = self.memory
        number = self.free.pop()
        address = memory.slots + number * memory.stride
        extents = dims + (0,) * (6 - len(dims))
        FRAME.pack_into(
            memory.bytes,
            address,
            FRAME_MAGIC,
            1,
            2,
            len(dims),
            *extents,
            0.5,
            -3,
            len(payload),
            self.sequence,
            now,
            self.sequence,
            now,
            0 if crc is None else 1,
            crc or 0,
        )
        memory.bytes[address + 88 : address + 128] = bytes(40)
        memory.bytes[address + 128 : address + 128 + len(payload)] = payload
        struct.pack_into("<QIHH", memory.bytes, memory.desc + 16 * number, address, 128 + len(payload), 0, 0)
        memory.put("H", memory.avail + 4 + 2 * (self.published % memory.depth), number)
        self.order[self.published] = number
        old, self.published = self.published, self.published + 1
        self.sequence += 1
        memory.put("H", memory.avail + 2, self.published % 65536)
        if self.features & EVENT_IDX:
            return need_event(memory.avail_event(), self.published % 65536, old % 65536)
        return not memory.get("H", memory.used) & 1

    def revoke(self) -> int | None:
        """Withdraw the oldest entry that is not claimed. Its position; None if all are."""
        memory = self.memory
        position = max(self.revoked, memory.get("I", self.PEER + POSITION))
        if position == self.published:
            return None
        self.revoked = position + 1
        memory.put("I", self.BASE + POSITION, self.revoked)
        assert memory.get("I", self.PEER + POSITION) <= position, "nothing runs in between"
        self.free.append(self.order[position])
        return position
