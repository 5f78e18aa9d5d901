"""The guest's devices: doorbells through VFIO, shared regions through sysfs.

The doorbell device is an ``ivshmem-doorbell`` bound to ``vfio-pci``: its MSI-X vectors become eventfds of this process,
and a store to its BAR 0 rings a peer. Its BAR 2 is the control region, and that of an ``ivshmem-plain`` a channel.

A BAR 2 is memory, and mapped as such through ``resource2_wc``: as device memory, which is what VFIO and ``resource2``
give, an Arm processor would refuse every access that is not aligned.

Constants are those of Linux ``include/uapi/linux/vfio.h`` and of QEMU ``docs/specs/ivshmem-spec``.
"""

from __future__ import annotations

import mmap
import os
import struct
from fcntl import ioctl
from pathlib import Path

DOORBELL_ADDRESS = "0000:00:0f.0"
FIRST_CHANNEL_SLOT = 0x10
FUNCTIONS_PER_SLOT = 8

_VFIO_BASE = 0x3B00  # _IO(';', 0)
_VFIO_SET_IOMMU = _VFIO_BASE + 102
_VFIO_GROUP_GET_STATUS = _VFIO_BASE + 103
_VFIO_GROUP_SET_CONTAINER = _VFIO_BASE + 104
_VFIO_GROUP_GET_DEVICE_FD = _VFIO_BASE + 106
_VFIO_DEVICE_GET_REGION_INFO = _VFIO_BASE + 108
_VFIO_DEVICE_GET_IRQ_INFO = _VFIO_BASE + 109
_VFIO_DEVICE_SET_IRQS = _VFIO_BASE + 110
_VFIO_TYPE1_IOMMU = 1
_VFIO_GROUP_VIABLE = 1
_VFIO_IRQ_DATA_EVENTFD_ACTION_TRIGGER = (1 << 2) | (1 << 5)
_VFIO_MSIX_INDEX = 2
_VFIO_CONFIG_INDEX = 7
_REGION_INFO = struct.Struct("=IIIIQQ")  # argsz, flags, index, cap_offset, size, offset
_IRQ_INFO = struct.Struct("=IIII")  # argsz, flags, index, count
_IRQ_SET = struct.Struct("=IIIII")  # argsz, flags, index, start, count; eventfds follow

_PCI_COMMAND = 4
_PCI_MEMORY_AND_MASTER = 0x6
_HOST_PEER = 1  # QEMU wants a migratable device to be peer 0 itself
_REGISTER_DOORBELL = 3  # 32-bit word of BAR 0: peer << 16 | vector


class DeviceError(Exception):
    """A device that the machine should have is missing or does not answer as it must."""


class Doorbell:
    """The partition's doorbell device: control region, one eventfd per vector, and the way to ring the host.

    Parameters:
        address: PCI address of the ``ivshmem-doorbell`` device, which must be bound to ``vfio-pci``.

    Attributes:
        control: the control region (BAR 2), writable.
        events: one eventfd per vector, in order; readable when the host rang that vector.

    Raises:
        DeviceError: the device is absent, or its IOMMU group cannot be used.
        OSError: the kernel refused a VFIO request.
    """

    def __init__(self, address: str = DOORBELL_ADDRESS) -> None:
        self._container, self._group, self._device = _open_device(address)
        _enable(self._device)
        self._registers = memoryview(_map(self._device, 0)).cast("I")
        self.control = _map_memory(address)
        self.events = _attach_vectors(self._device)

    def ring(self, vector: int) -> None:
        """Ring the host.

        Parameters:
            vector: 0 for the control region, 1 + i for channel i.
        """
        self._registers[_REGISTER_DOORBELL] = _HOST_PEER << 16 | vector


def channel_address(index: int) -> str:
    """Return the PCI address of channel region ``index``."""
    slot = FIRST_CHANNEL_SLOT + index // FUNCTIONS_PER_SLOT
    return f"0000:00:{slot:02x}.{index % FUNCTIONS_PER_SLOT}"


def open_channel(index: int) -> memoryview:
    """Map channel region ``index``.

    Parameters:
        index: number of the channel within this partition, from 0.

    Returns:
        The whole region, writable.

    Raises:
        DeviceError: this machine has no such region.
    """
    address = channel_address(index)
    folder = Path("/sys/bus/pci/devices", address)
    if not folder.exists():
        raise DeviceError(f"channel {index}: no PCI device at {address}")
    (folder / "enable").write_text("1")
    return _map_memory(address)


def _map_memory(address: str) -> memoryview:
    """Map BAR 2 of a device."""
    file = os.open(f"/sys/bus/pci/devices/{address}/resource2_wc", os.O_RDWR | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(file, os.fstat(file).st_size))
    finally:
        os.close(file)


def _open_device(address: str) -> tuple[int, int, int]:
    """Open the VFIO container, group and device of ``address``; all three must stay open."""
    link = Path("/sys/bus/pci/devices", address, "iommu_group")
    if not link.exists():
        raise DeviceError(f"no PCI device with an IOMMU group at {address}")
    container = os.open("/dev/vfio/vfio", os.O_RDWR | os.O_CLOEXEC)
    group = os.open(f"/dev/vfio/{link.resolve().name}", os.O_RDWR | os.O_CLOEXEC)
    status = bytearray(struct.pack("=II", 8, 0))
    ioctl(group, _VFIO_GROUP_GET_STATUS, status)
    if not struct.unpack("=II", status)[1] & _VFIO_GROUP_VIABLE:
        raise DeviceError(f"{address}: another driver holds a device of its IOMMU group")
    ioctl(group, _VFIO_GROUP_SET_CONTAINER, struct.pack("=i", container))
    ioctl(container, _VFIO_SET_IOMMU, _VFIO_TYPE1_IOMMU)
    device = ioctl(group, _VFIO_GROUP_GET_DEVICE_FD, bytearray(address.encode() + b"\0"))
    return container, group, device


def _region(device: int, index: int) -> tuple[int, int]:
    """Return (size, offset in the device file) of region ``index``."""
    info = bytearray(_REGION_INFO.pack(_REGION_INFO.size, 0, index, 0, 0, 0))
    ioctl(device, _VFIO_DEVICE_GET_REGION_INFO, info)
    return _REGION_INFO.unpack(info)[4:6]


def _enable(device: int) -> None:
    """Let the device answer memory accesses and send message-signalled interrupts."""
    _, config = _region(device, _VFIO_CONFIG_INDEX)
    (command,) = struct.unpack("=H", os.pread(device, 2, config + _PCI_COMMAND))
    os.pwrite(device, struct.pack("=H", command | _PCI_MEMORY_AND_MASTER), config + _PCI_COMMAND)


def _map(device: int, index: int) -> mmap.mmap:
    size, offset = _region(device, index)
    return mmap.mmap(device, size, offset=offset)


def _attach_vectors(device: int) -> list[int]:
    """Make an eventfd for every MSI-X vector of the device and return them in order."""
    info = bytearray(_IRQ_INFO.pack(_IRQ_INFO.size, 0, _VFIO_MSIX_INDEX, 0))
    ioctl(device, _VFIO_DEVICE_GET_IRQ_INFO, info)
    count = _IRQ_INFO.unpack(info)[3]
    events = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(count)]
    request = _IRQ_SET.pack(
        _IRQ_SET.size + 4 * count, _VFIO_IRQ_DATA_EVENTFD_ACTION_TRIGGER, _VFIO_MSIX_INDEX, 0, count
    )
    ioctl(device, _VFIO_DEVICE_SET_IRQS, request + struct.pack(f"={count}i", *events))
    return events
