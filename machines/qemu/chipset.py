"""What QEMU's machine for Linux guests is on each instruction set."""

from __future__ import annotations

from typing import NamedTuple


class Chipset(NamedTuple):
    """A machine with PCI Express, an IOMMU that VFIO can use, and interrupts by messages.

    Attributes:
        machine: value of QEMU's `-machine`.
        devices: further arguments.
        maps_root: it has virtio-pmem, by which guests map their root.
    """

    machine: str
    devices: tuple[str, ...]
    maps_root: bool


CHIPSETS = {
    "x86_64": Chipset("q35,hpet=off", ("-device", "intel-iommu,intremap=on"), maps_root=True),
    # dtb-randomness: QEMU would put seeds of the host into the device tree. Debian's QEMU 7.2 has no virtio-pmem here.
    "aarch64": Chipset("virt,gic-version=3,its=on,iommu=smmuv3,dtb-randomness=off", (), maps_root=False),
}
"""By architecture."""
