"""From a description of a Linux guest to QEMU's arguments: a pure function, and the digest of what it describes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from machines.errors import EnvironmentLacks
from machines.qemu import plugin
from machines.qemu.binary import QemuBinary
from machines.qemu.chipset import CHIPSETS
from machines.qemu.limits import SANDBOX

CONTROL_BYTES = 16 << 20
"""Size of the control region, the BAR of the ivshmem-doorbell device."""

ROOT_SLOT = 0x02
CONTROL_SLOT = 0x0F
FIRST_REGION_SLOT = 0x10
REGIONS_PER_SLOT = 8
MAX_REGIONS = 15 * REGIONS_PER_SLOT
"""PCI slots 0x10 to 0x1e, eight functions each; 0x1f is the chipset's."""

MAX_VECTORS = 2048
"""PCI 3.0, section 6.8.2: an MSI-X table has at most 2048 entries."""

OLDEST_WITH_X86_SMP = (9, 0, 0)

ROOT_ALIGNMENT = 2 << 20
"""The root image's size is a multiple of it: virtio-pmem maps whole 2 MiB pages."""


@dataclass(frozen=True)
class GuestImage:
    """Files that a Linux guest boots from.

    Attributes:
        kernel: bzImage.
        initrd: initial RAM file system, None: none.
        root: root file system, mapped read-only by all guests; None: it is in `initrd`.
        arguments: kernel command line.
        digest: identifies the bytes of all of them.
    """

    kernel: Path
    initrd: Path | None
    root: Path | None
    arguments: str
    digest: str

    @property
    def root_bytes(self) -> int:
        """Size of the root file, 0 if there is none."""
        return 0 if self.root is None else self.root.stat().st_size


Execution = Literal["lockstep", "tcg", "kvm"]


@dataclass(frozen=True)
class GuestMachine:
    """What shapes a guest and so its snapshot.

    Attributes:
        cpu: QEMU's name and features of the CPU model.
        memory_bytes: RAM.
        shift: icount shift; an instruction takes 2**shift virtual nanoseconds.
        region_bytes: sizes of the channel regions, powers of two, in the order of their index.
        execution: `lockstep` in virtual time, else by the wall clock: `tcg` translated, `kvm` on the processor itself.
        architecture: instruction set.
        vcpus: processors. In virtual time they take turns in one thread, so `shift` is the time between two
            instructions of the whole guest, whichever executes them.
    """

    cpu: str
    memory_bytes: int
    shift: int
    region_bytes: tuple[int, ...]
    execution: Execution = "lockstep"
    architecture: str = "x86_64"
    vcpus: int = 1

    @property
    def vectors(self) -> int:
        """Doorbells in each direction: one for control and one per channel."""
        return 1 + len(self.region_bytes)


@dataclass(frozen=True)
class Attachments:
    """What differs from one process to the next: descriptors by number and paths.

    Attributes:
        plugin: the lockstep plugin; None in real time.
        parent: process id of the simulator.
        lockstep_fd, monitor_fd, doorbell_fd: connected sockets.
        region_fds: memory of the channel regions.
        console: file that takes the serial console.
        snapshot_fd: an open snapshot to start from, or None to boot.
    """

    plugin: Path | None
    parent: int
    lockstep_fd: int
    monitor_fd: int
    doorbell_fd: int
    region_fds: tuple[int, ...]
    console: Path
    snapshot_fd: int | None


def arguments(machine: GuestMachine, image: GuestImage, binary: QemuBinary, attached: Attachments) -> list[str]:
    """Return QEMU's arguments for one guest, without the program's name.

    The machine starts paused: QMP `cont` lets it go. See `docs/notes` for why each option is needed for repeatability.
    """
    lockstep: list[str] = []
    if attached.plugin is not None:
        lockstep = ["-plugin", f"{quoted(attached.plugin)},socket={attached.lockstep_fd},parent={attached.parent}"]
    line = [
        *_platform(machine, binary),
        *_boot(image),
        *_root(image),
        *_console(attached),
        *_doorbells(machine, attached),
        *_regions(machine, attached),
        *lockstep,
        *SANDBOX,
        "-S",
    ]  # fmt: skip
    if attached.snapshot_fd is not None:
        line += ["-incoming", f"fd:{attached.snapshot_fd}"]
    return line


def quoted(path: Path) -> str:
    """Return a path for use within an option, where a comma would end it."""
    return str(path).replace(",", ",,")


def demand(machine: GuestMachine, binary: QemuBinary) -> None:
    """See to it that this QEMU can run this guest.

    Raises:
        EnvironmentLacks: it cannot; the text says which can.
    """
    stepped = machine.execution == "lockstep"
    if stepped and machine.vcpus > 1 and machine.architecture == "x86_64" and binary.version < OLDEST_WITH_X86_SMP:
        version = ".".join(map(str, binary.version))
        raise EnvironmentLacks(
            f"{machine.vcpus} vcpus: QEMU {version} hangs when it brings up a second x86 processor in virtual time; "
            "use QEMU 9 or newer (Debian 13, or point SIM_QEMU to one), or machine: linux-aarch64"
        )


def machine_digest(machine: GuestMachine, image: GuestImage, binary: QemuBinary) -> str:
    """Return the hexadecimal digest of everything that shapes a snapshot of this guest."""
    nothing = Path("-")
    blank = Attachments(nothing, 0, 0, 0, 0, (0,) * len(machine.region_bytes), nothing, None)
    anonymous = GuestImage(nothing, nothing, nothing, image.arguments, image.digest)
    held_by = plugin.digest() if machine.execution == "lockstep" else None
    described = json.dumps(
        [binary.identity, image.digest, held_by, [*_platform(machine, binary), *_boot(anonymous)],
         _doorbells(machine, blank), CONTROL_BYTES, _regions(machine, blank)]
    )  # fmt: skip
    return hashlib.sha256(described.encode()).hexdigest()


def _platform(machine: GuestMachine, binary: QemuBinary) -> list[str]:
    firmware = ["-L", str(binary.data)] if binary.data is not None else []
    chipset = CHIPSETS[machine.architecture]
    memory = machine.memory_bytes >> 20
    return [
        *firmware,
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        *_processor(machine),
        "-m", f"{memory},slots=2,maxmem={memory + 1024}M" if chipset.maps_root else str(memory),
        *(["-icount", f"shift={machine.shift},sleep=off"] if machine.execution == "lockstep" else []),
        "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1",
        *chipset.devices,
    ]  # fmt: skip


def _processor(machine: GuestMachine) -> list[str]:
    """What executes instructions."""
    kind = CHIPSETS[machine.architecture].machine
    if machine.execution == "lockstep":
        return ["-machine", kind, "-accel", "tcg,thread=single", "-cpu", machine.cpu, "-smp", str(machine.vcpus)]
    if machine.execution == "tcg":  # with one processor for ever, QEMU would leave out its memory barriers
        processors = f"{machine.vcpus},maxcpus={max(2, machine.vcpus)}"
        return ["-machine", kind, "-accel", "tcg,thread=multi", "-cpu", machine.cpu, "-smp", processors]
    if machine.architecture == "x86_64":
        kind += ",kernel-irqchip=split"  # interrupts are remapped by QEMU's IOMMU
    return ["-machine", kind, "-accel", "kvm", "-cpu", "host", "-smp", str(machine.vcpus)]


def _boot(image: GuestImage) -> list[str]:
    initrd = [] if image.initrd is None else ["-initrd", str(image.initrd)]
    return ["-kernel", str(image.kernel), *initrd, "-append", image.arguments]


def _root(image: GuestImage) -> list[str]:
    if image.root is None:
        return []
    file = f"mem-path={quoted(image.root)},size={image.root_bytes},align={ROOT_ALIGNMENT},readonly=on"
    device = f"virtio-pmem-pci,memdev=root,addr={ROOT_SLOT:02x}.0"
    return ["-object", f"memory-backend-file,id=root,share=on,{file}", "-device", device]


def _console(attached: Attachments) -> list[str]:
    return [
        "-chardev", f"file,id=console,path={quoted(attached.console)}", "-serial", "chardev:console",
        "-chardev", f"socket,id=monitor,fd={attached.monitor_fd}", "-mon", "chardev=monitor,mode=control",
    ]  # fmt: skip


def _doorbells(machine: GuestMachine, attached: Attachments) -> list[str]:
    device = f"ivshmem-doorbell,chardev=doorbells,vectors={machine.vectors},master=on,addr={CONTROL_SLOT:02x}.0"
    return ["-chardev", f"socket,id=doorbells,fd={attached.doorbell_fd}", "-device", device]


def _regions(machine: GuestMachine, attached: Attachments) -> list[str]:
    line: list[str] = []
    for index, (size, fd) in enumerate(zip(machine.region_bytes, attached.region_fds, strict=True)):
        slot, function = divmod(index, REGIONS_PER_SLOT)
        address = f"{FIRST_REGION_SLOT + slot:02x}.{function}"
        backend = f"memory-backend-file,id=region{index},share=on,mem-path=/proc/self/fd/{fd},size={size}"
        device = f"ivshmem-plain,memdev=region{index},master=on,addr={address},multifunction=on"
        line += ["-object", backend, "-device", device]
    return line
