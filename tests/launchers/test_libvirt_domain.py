"""The description of a machine for libvirt says the same as QEMU's arguments."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from machines.libvirt.domain import Domain, Owner, describe
from machines.qemu.binary import QemuBinary
from machines.qemu.command import Attachments, GuestImage, GuestMachine, arguments

QEMU = QemuBinary(Path("/usr/bin/qemu-system-x86_64"), (7, 2, 0), "QEMU 7.2")
ATTACHED = Attachments(Path("/p/lockstep.so"), 4711, 10, 11, 12, (13, 14), Path("/logs/a.console.log"), 15)
MACHINE = GuestMachine("Haswell-noTSX,-rdrand", 256 << 20, 0, (4096, 4096))
HOLDER = 99
ARGUMENT = "{http://libvirt.org/schemas/domain/qemu/1.0}arg"


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    """What we would start QEMU with ourselves; the kernel's arguments need quoting in XML."""
    root = tmp_path / "root"
    root.write_bytes(bytes(2 << 20))
    image = GuestImage(Path("/i/kernel"), Path("/i/initrd"), root, 'quiet "a<b" & c', "d")
    return arguments(MACHINE, image, QEMU, ATTACHED)


def parsed(line: list[str], owner: Owner | None = None) -> tuple[ElementTree.Element, list[str]]:
    """Return the description, and the words in it that QEMU gets as they are."""
    domain = Domain("edgesim-a-1", "a of <b>", HOLDER, owner)
    root = ElementTree.fromstring(describe(domain, QEMU.path, line, {"QEMU_MODULE_DIR": "/m"}))
    return root, [element.attrib["value"] for element in root.iter(ARGUMENT)]


def values(words: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(words) if name == option]


def test_libvirt_is_told_in_its_own_words(line: list[str]) -> None:
    root, _ = parsed(line)
    assert root.findtext("name") == "edgesim-a-1"
    assert root.findtext("title") == "a of <b>"
    memory, kind = root.find("memory"), root.find("os/type")
    assert memory is not None and (memory.text, memory.attrib["unit"]) == ("256", "MiB")
    assert kind is not None and kind.attrib == {"arch": "x86_64", "machine": "q35"}
    assert root.findtext("vcpu") == "1"
    assert root.findtext("cpu/model") == "Haswell-noTSX"
    assert root.findtext("os/kernel") == "/i/kernel"
    assert root.findtext("os/initrd") == "/i/initrd"
    assert root.findtext("os/cmdline") == 'quiet "a<b" & c'
    assert root.findtext("devices/emulator") == str(QEMU.path)
    clock = root.find("clock")
    assert clock is not None and clock.attrib["start"] == "1767225600"  # 2026-01-01, `date -d 2026-01-01Z +%s`


def test_every_other_word_is_passed_on_in_its_order(line: list[str]) -> None:
    _, words = parsed(line)
    assert values(words, "-machine") == ["acpi=auto", *values(line, "-machine")]
    for option in ("-cpu", "-smp", "-m", "-icount", "-rtc", "-seed", "-device", "-serial", "-mon"):
        assert values(words, option) == values(line, option), option
    assert "-no-reboot" in words
    assert not {"-S", "-kernel", "-append", "-sandbox", "-accel", "-display"} & set(words)


def test_descriptors_become_paths(line: list[str]) -> None:
    _, words = parsed(line)
    sockets = [value for value in values(words, "-chardev") if value.startswith("socket")]
    assert sockets == [f"socket,id={name},path=/proc/99/fd/{fd}" for name, fd in (("monitor", 11), ("doorbells", 12))]
    memory = [text.split("mem-path=")[1].split(",")[0] for text in values(words, "-object")[1:]]
    assert memory == ["/proc/99/fd/13", "/proc/99/fd/14"]
    assert values(words, "-plugin") == ["/p/lockstep.so,socket=/proc/99/fd/10,parent=0"]
    assert values(words, "-incoming") == ["defer"]
    assert not [word for word in words if "/proc/self" in word or "fd=" in word]


def test_what_libvirt_adds_is_taken_back(line: list[str]) -> None:
    root, words = parsed(line)
    assert values(words, "-uuid") == ["00000000-0000-0000-0000-000000000000"]
    assert values(words, "-boot") == ["strict=off"]
    controller, balloon = root.find("devices/controller"), root.find("devices/memballoon")
    assert controller is not None and controller.attrib == {"type": "usb", "model": "none"}
    assert balloon is not None and balloon.attrib == {"model": "none"}


def test_where_libvirt_has_more_rights_qemu_has_ours(line: list[str]) -> None:
    assert parsed(line)[0].find("seclabel") is None
    labels = list(parsed(line, Owner(1000, 100, ("apparmor", "dac")))[0].iter("seclabel"))
    assert [label.attrib["model"] for label in labels] == ["apparmor", "dac"]
    assert labels[0].attrib["type"] == "none"
    assert labels[1].findtext("label") == "+1000:+100"
