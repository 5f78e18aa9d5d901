"""A service that, as root and process 1 of its guest, attacks all that it can reach: regions, doorbells, the machine.

It passes tensors on like a good one meanwhile, as long as it is let. What it writes comes from its seed, so a run with
it repeats like any other.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guests.service import Tensor

_DEVICES = Path("/sys/bus/pci/devices")
_DOORBELL_DEVICE = "0000:00:0f.0"
_FIRST_CALL = 3
_CALLS = 20
"""Calls over which an attack is spread that nobody need notice."""

_DOORBELL = 3  # 32-bit word of BAR 0, QEMU: docs/specs/ivshmem-spec
_REGISTER_BYTES = 256
_HOST_PEER = 1
_VECTORS = 64
"""Far more than the machine has."""

_BOOKKEEPING = 4096
"""Half of all writes go where rings have their indices: into the first bytes of a region."""

_BYTES = 4
"""That a round writes into each region."""

_BATCHES = 50
"""Rounds are done in so many parts: numpy executes the rounds of one together, region by region, then the doorbells."""

_CONTROL_BYTES = 16 << 20
_CONTROL_RINGS = (0, 12 << 20)
"""The control region holds two rings."""

_OUT_BYTE = bytes.fromhex("89fa89f0eec3")  # mov edx, edi; mov eax, esi; out dx, al; ret
_OUT_WORD = bytes.fromhex("89fa89f066efc3")
_POWER_CONTROL = 0x604  # PM1a_CNT of q35
_SLEEP = 1 << 13 | 1 << 10  # ACPI 6.5, section 4.8.3.2: SLP_EN, and QEMU's SLP_TYP of S3

Bytes = NDArray[np.uint8]


class Hostile:
    """Attacks from its third call on.

    Parameters:
        attack: one of the methods below; "nothing" for a good service.
        rounds: how often it writes to everything that the attack is about.
        seed: of what it writes.
    """

    def __init__(self, attack: str = "nothing", rounds: int = 10_000, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._rounds = rounds
        self._calls = 0
        self._attack: Callable[[], None] = getattr(self, attack)
        self._prepared: list[tuple[Bytes, NDArray[np.int64], Bytes]] = []
        if attack in ("regions", "channels"):
            self._doorbells = _registers()
            self._rung = [self._rings(rounds // _BATCHES) for _ in range(_BATCHES)]
            self._prepare([each for each in _regions() if attack == "regions" or each.size != _CONTROL_BYTES])

    def __call__(self, tensor: Tensor["uint8", 64]) -> Tensor["uint8", 64]:
        """Return what came."""
        copy = np.array(tensor)
        self._calls += 1
        if self._calls >= _FIRST_CALL:
            self._attack()
        return copy

    def nothing(self) -> None:
        """Do no harm."""

    def doorbells(self) -> None:
        """Ring every vector and far beyond, of the host and of peers that are not there, and write other registers."""
        if self._calls >= _FIRST_CALL + _CALLS:
            return
        count = self._rounds // _CALLS
        registers = _registers()
        for words in registers:
            words[np.full(count, _DOORBELL)] = self._rings(count)
            words[self._random.integers(0, 8, count)] = self._words(count)
        if self._calls == _FIRST_CALL + _CALLS - 1:
            _report(f"{count * _CALLS} rounds, {len(registers)} doorbell devices")

    def regions(self) -> None:
        """Each round: write random bytes into all shared memory, the control region and the channels, and ring."""
        count = self._rounds // _BATCHES
        for batch in range(_BATCHES):
            some = slice(batch * count * _BYTES, (batch + 1) * count * _BYTES)
            for memory, places, values in self._prepared:
                memory[places[some]] = values[some]
            for words in self._doorbells:
                words[np.full(count, _DOORBELL)] = self._rung[batch]
        _report(f"{count * _BATCHES} rounds, {len(self._prepared)} regions, {len(self._doorbells)} doorbell devices")
        while True:
            pass

    channels = regions  # but with the control region left out

    def ports(self) -> None:
        """Write random bytes to random I/O ports."""
        out = _machine_code(_OUT_BYTE)
        for port, value in self._random.integers(0, 1 << 16, (self._rounds, 2)).tolist():
            out(port, value & 0xFF)

    def console(self) -> None:
        """Write to the serial console without end."""
        file = os.open("/dev/ttyS0", os.O_WRONLY | os.O_NOCTTY)
        os.write(file, b"lorem ipsum dolor sit amet\n" * 80)
        os.close(file)

    def suspend(self) -> None:
        """Let the machine fall asleep."""
        _machine_code(_OUT_WORD)(_POWER_CONTROL, _SLEEP)

    def reboot(self) -> None:
        """Reset the machine by the kernel's own means."""
        Path("/proc/sys/kernel/sysrq").write_text("1")
        Path("/proc/sysrq-trigger").write_text("b")

    def memory(self) -> None:
        """Write over the root image, which all guests map, and over physical memory wherever the kernel lets us."""
        with contextlib.suppress(OSError), Path("/dev/pmem0").open("r+b", buffering=0) as root:
            for _ in range(16):
                root.seek(self._random.integers(0, 64 << 20) & -4096)
                root.write(self._random.bytes(4096))
        file = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
        for page in (0, 0xA0000, 0xF0000, 0xFEC00000, 0xFED00000, 0xFED1C000, 0xFED90000, 0xFEE00000, 1 << 32):
            with contextlib.suppress(OSError, ValueError):
                memory = mmap.mmap(file, 4096, offset=page)
                np.frombuffer(memory, np.uint8)[:] = self._random.integers(0, 256, 4096, np.uint8)

    def devices(self) -> None:
        """Write random words over the registers and the configuration of all PCI devices but those for doorbells."""
        for round_ in range(self._rounds // 100):
            for device in sorted(_DEVICES.iterdir()):
                for resource in sorted(device.glob("resource[0-9]")):
                    with contextlib.suppress(OSError, ValueError):
                        self._scribble(resource)
                if round_ % 10 == 9:
                    with contextlib.suppress(OSError), (device / "config").open("r+b", buffering=0) as config:
                        config.seek(int(self._random.integers(0, 64)) * 4)
                        config.write(self._random.bytes(4))

    def _scribble(self, resource: Path) -> None:
        """Write a hundred random words, through a mapping if it is memory, else as I/O ports."""
        size = resource.stat().st_size
        with resource.open("r+b", buffering=0) as file:
            if size < 256:
                for place in self._random.integers(0, size, 100).tolist():
                    os.pwrite(file.fileno(), self._random.bytes(1), place)
                return
            words = np.frombuffer(mmap.mmap(file.fileno(), size), np.uint32)
            words[self._random.integers(0, words.size, 100)] = self._words(100)

    def _prepare(self, regions: list[Bytes]) -> None:
        """Choose what is written where: each round a few bytes in each region."""
        for memory in regions:
            count = _BYTES * self._rounds
            rings = self._random.choice(_CONTROL_RINGS if memory.size == _CONTROL_BYTES else (0,), count)
            near = rings + self._random.integers(0, min(_BOOKKEEPING, memory.size), count)
            anywhere = self._random.integers(0, memory.size, count)
            places = np.where(self._random.random(count) < 0.5, near, anywhere)
            self._prepared.append((memory, places, self._random.integers(0, 256, count, np.uint8)))

    def _rings(self, count: int) -> NDArray[np.uint32]:
        """Return what rings the host at every vector and beyond, and, every other time, anybody."""
        near = _HOST_PEER << 16 | self._random.integers(0, _VECTORS, count, np.uint32)
        return np.where(self._random.random(count) < 0.5, near, self._words(count)).astype(np.uint32)

    def _words(self, count: int) -> NDArray[np.uint32]:
        return self._random.integers(0, 1 << 32, count, np.uint32)


def _regions() -> list[Bytes]:
    """Return all shared memory: the control region, as the agent has it, and every channel."""
    return [each for each in _opened() if each.size == _CONTROL_BYTES] + _mapped("resource2")


def _registers() -> list[NDArray[np.uint32]]:
    """Return the registers of the doorbell device, as the agent has them, and of those that are only memory."""
    found = [each for each in _opened() if each.size == mmap.PAGESIZE] + _mapped("resource0")
    return [each[:_REGISTER_BYTES].view(np.uint32) for each in found]


def _report(done: str) -> None:
    """Say on the serial console what was done: the control region may be beyond use."""
    file = os.open("/dev/ttyS0", os.O_WRONLY | os.O_NOCTTY)
    os.write(file, f"hostile: {done}\n".encode())
    os.close(file)


def _opened() -> list[Bytes]:
    """Return what this process has mapped of its doorbell device."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "vfio-device" in line or _DOORBELL_DEVICE in line:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            found.append(np.frombuffer((ctypes.c_uint8 * (end - start)).from_address(start), np.uint8))
    return found


def _mapped(resource: str) -> list[Bytes]:
    """Return the memory of all devices that no driver holds."""
    return [_map(path) for path in sorted(_DEVICES.glob(f"*/{resource}")) if _DOORBELL_DEVICE not in str(path)]


def _map(resource: Path) -> Bytes:
    """Return the memory of a PCI device, which is enabled if it was not."""
    (resource.parent / "enable").write_text("1")
    with resource.open("r+b", buffering=0) as file:
        return np.frombuffer(mmap.mmap(file.fileno(), resource.stat().st_size), np.uint8)


def _machine_code(code: bytes) -> Callable[[int, int], None]:
    """Return instructions as a function of two integers, with the right to do I/O."""
    if ctypes.CDLL(None).iopl(3):
        raise PermissionError("iopl")
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    function = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(address)

    def call(first: int, second: int, memory: mmap.mmap = memory) -> None:
        """Keep the code alive as long as somebody may call it."""
        function(first, second)

    return call
