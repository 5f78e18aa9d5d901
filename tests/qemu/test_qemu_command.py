"""QEMU's arguments and the digest of a machine, without starting anything."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from machines.errors import EnvironmentLacks
from machines.qemu import debugger, plugin
from machines.qemu.binary import QemuBinary
from machines.qemu.command import (
    MAX_REGIONS,
    Attachments,
    GuestImage,
    GuestMachine,
    arguments,
    demand,
    machine_digest,
)

MIB = 1 << 20
OLD = QemuBinary(Path("/usr/bin/qemu-system-x86_64"), (7, 2, 22), "QEMU emulator version 7.2.22 (Debian 1)")
NEW = QemuBinary(Path("/q/bin/qemu"), (10, 0, 2), "QEMU emulator version 10.0.2", Path("/q/share/qemu"), Path("/q/lib"))
MACHINE = GuestMachine("Haswell", 256 * MIB, 0, (4 * MIB, 64 << 10))
ATTACHED = Attachments(Path("/p/lockstep.so"), 4711, 10, 11, 12, (13, 14), Path("/logs/a.console.log"), None)


@pytest.fixture
def image(tmp_path: Path) -> GuestImage:
    root = tmp_path / "root"
    root.write_bytes(bytes(2 * MIB))
    return GuestImage(tmp_path / "kernel", tmp_path / "initrd", root, "console=ttyS0 quiet", "d1")


def option(line: list[str], name: str) -> list[str]:
    """Return the values of every occurrence of an option."""
    return [value for flag, value in pairwise(line) if flag == name]


@pytest.mark.parametrize("qemu", [OLD, NEW], ids=["7.2", "10.0"])
def test_what_repeatability_needs_is_there(image: GuestImage, qemu: QemuBinary) -> None:
    line = arguments(MACHINE, image, qemu, ATTACHED)
    assert option(line, "-icount") == ["shift=0,sleep=off"]
    assert option(line, "-rtc") == ["base=2026-01-01T00:00:00,clock=vm"]
    assert option(line, "-seed") == ["1"]
    assert option(line, "-accel") == ["tcg,thread=single"]
    assert {"-nodefaults", "-no-user-config", "-S"} <= set(line)
    assert option(line, "-cpu") == ["Haswell"]
    assert option(line, "-m")[0].startswith("256,")
    assert option(line, "-plugin") == ["/p/lockstep.so,socket=10,parent=4711"]
    assert option(line, "-append") == ["console=ttyS0 quiet"]
    assert option(line, "-L") == (["/q/share/qemu"] if qemu is NEW else [])
    assert all(isinstance(word, str) and word for word in line)


def test_descriptors_appear_once_and_where_they_belong(image: GuestImage) -> None:
    line = arguments(MACHINE, image, OLD, replace(ATTACHED, snapshot_fd=15))
    chardevs = option(line, "-chardev")
    assert "socket,id=monitor,fd=11" in chardevs
    assert "socket,id=doorbells,fd=12" in chardevs
    assert option(line, "-incoming") == ["fd:15"]
    regions = [text for text in option(line, "-object") if "id=region" in text]
    assert [f"/proc/self/fd/{fd}" in text for fd, text in zip((13, 14), regions, strict=True)] == [True, True]
    assert not option(arguments(MACHINE, image, OLD, ATTACHED), "-incoming")


def test_every_region_has_its_own_address_and_doorbell(image: GuestImage) -> None:
    count = MAX_REGIONS
    machine = replace(MACHINE, region_bytes=(4096,) * count)
    attached = replace(ATTACHED, region_fds=tuple(range(20, 20 + count)))
    devices = option(arguments(machine, image, OLD, attached), "-device")
    addresses = [text.split("addr=")[1].split(",")[0] for text in devices if "addr=" in text]
    assert len(set(addresses)) == len(addresses) == count + 2
    plain = [text for text in devices if text.startswith("ivshmem-plain")]
    assert "addr=10.0" in plain[0] and "addr=10.7" in plain[7] and "addr=11.0" in plain[8]
    assert "addr=1e.7" in plain[-1]
    assert all("master=on" in text for text in devices if text.startswith("ivshmem"))
    assert f"vectors={count + 1}," in next(text for text in devices if text.startswith("ivshmem-doorbell"))


def test_a_missing_region_is_refused(image: GuestImage) -> None:
    with pytest.raises(ValueError):
        arguments(MACHINE, image, OLD, replace(ATTACHED, region_fds=(13,)))


def test_the_digest_knows_all_that_shapes_a_snapshot(image: GuestImage, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {machine_digest(MACHINE, image, OLD)}
    machines = [
        replace(MACHINE, cpu="Nehalem"),
        replace(MACHINE, memory_bytes=512 * MIB),
        replace(MACHINE, shift=1),
        replace(MACHINE, region_bytes=(4 * MIB,)),
        replace(MACHINE, region_bytes=(64 << 10, 4 * MIB)),
        replace(MACHINE, region_bytes=()),
        replace(MACHINE, vcpus=2),
        replace(MACHINE, architecture="aarch64"),
    ]
    digests |= {machine_digest(machine, image, OLD) for machine in machines}
    images = [replace(image, digest="d2"), replace(image, arguments="console=ttyS0")]
    digests |= {machine_digest(MACHINE, other, OLD) for other in images}
    digests |= {machine_digest(MACHINE, image, NEW)}
    digests |= {machine_digest(MACHINE, image, replace(OLD, identity="QEMU emulator version 7.2.22 (Debian 2)"))}
    monkeypatch.setattr(plugin, "digest", lambda: "another plugin")
    digests |= {machine_digest(MACHINE, image, OLD)}
    assert len(digests) == 1 + len(machines) + len(images) + 3


def test_the_digest_does_not_know_where_things_are(image: GuestImage, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = elsewhere / "r"
    root.write_bytes(bytes(2 * MIB))
    moved = GuestImage(elsewhere / "k", elsewhere / "i", root, image.arguments, image.digest)
    assert machine_digest(MACHINE, image, OLD) == machine_digest(MACHINE, moved, OLD)
    assert machine_digest(MACHINE, image, OLD) == machine_digest(MACHINE, image, replace(OLD, path=Path("/opt/q")))
    assert arguments(MACHINE, image, OLD, ATTACHED) == arguments(MACHINE, image, OLD, ATTACHED)


def test_an_arm_guest_has_the_same_devices_but_no_root(image: GuestImage) -> None:
    machine = replace(MACHINE, cpu="cortex-a76", architecture="aarch64")
    line = arguments(machine, replace(image, root=None), OLD, ATTACHED)
    (kind,) = option(line, "-machine")
    assert kind.startswith("virt,") and {"gic-version=3", "iommu=smmuv3", "dtb-randomness=off"} <= set(kind.split(","))
    assert option(line, "-m") == ["256"]
    assert not any("pmem" in word or "intel-iommu" in word for word in line)
    same = [text for text in option(arguments(MACHINE, image, OLD, ATTACHED), "-device") if "ivshmem" in text]
    assert option(line, "-device") == same


def test_a_kernel_may_come_without_initial_file_system(image: GuestImage) -> None:
    line = arguments(MACHINE, replace(image, initrd=None, root=None), OLD, ATTACHED)
    assert "-initrd" not in line and option(line, "-kernel") == [str(image.kernel)]


def test_processors_take_turns_and_old_qemu_has_one_on_x86(image: GuestImage) -> None:
    two = replace(MACHINE, vcpus=2)
    line = arguments(two, image, NEW, ATTACHED)
    assert (option(line, "-smp"), option(line, "-accel")) == (["2"], ["tcg,thread=single"])
    demand(two, NEW)
    demand(MACHINE, OLD)
    demand(replace(two, architecture="aarch64"), OLD)
    with pytest.raises(EnvironmentLacks, match=r"^2 vcpus: QEMU 7\.2\.22 hangs .* use QEMU 9 or newer"):
        demand(two, OLD)


def test_a_debugger_may_come_from_this_computer_only() -> None:
    assert debugger.gdb_arguments(4711) == ["-gdb", "tcp:127.0.0.1:4711"]
    assert debugger.listen(4711) == "gdbserver tcp:127.0.0.1:4711"


def test_a_comma_in_a_path_ends_no_option(image: GuestImage) -> None:
    attached = replace(ATTACHED, console=Path("/a,b/guest.console.log"), plugin=Path("/c,d/lockstep.so"))
    line = arguments(MACHINE, image, OLD, attached)
    assert "file,id=console,path=/a,,b/guest.console.log" in line
    assert option(line, "-plugin")[0].startswith("/c,,d/lockstep.so,socket=")
