"""From QEMU's arguments to libvirt's description of the same machine: a pure function.

What libvirt has words for is said in these, so that its tools show it: name, memory, processors, emulator, kernel,
clock. All else is passed on as it is (`<qemu:commandline>`). These arguments come after those that libvirt makes, and
the last word counts in QEMU, so whatever libvirt says by itself and we do not want is unsaid there. Source: libvirt,
"Domain XML format" and "QEMU/KVM driver: Pass-through of arbitrary qemu commands".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"

_FLAGS = frozenset({"-S", "-nodefaults", "-no-user-config", "-no-reboot"})
"""QEMU's options that no value follows."""

_SAID = frozenset(
    {"-S", "-nodefaults", "-no-user-config", "-display", "-accel", "-kernel", "-initrd", "-append", "-sandbox"}
)
"""Options that libvirt says as we do. Of the accelerator it says `tcg`; one thread follows from `-icount`."""

_UNSAID = [
    "-uuid", "00000000-0000-0000-0000-000000000000",  # a guest reads it (SMBIOS, fw_cfg); without one it is zero
    "-boot", "strict=off",  # a guest's firmware reads it
    "-machine", "acpi=auto",  # libvirt: off where there is no firmware for it
    "-action", "shutdown=poweroff",  # libvirt: pause, and wait for libvirt
    "-msg", "timestamp=off",
]  # fmt: skip

_ARCHITECTURES = {"q35": "x86_64", "virt": "aarch64"}
"""Of QEMU's machines for Linux guests."""


@dataclass(frozen=True)
class Owner:
    """Whose process QEMU becomes where libvirt has more rights than we.

    Attributes:
        uid, gid: ours, so that QEMU may open what is ours.
        models: libvirt's security drivers that confine QEMU.
    """

    uid: int
    gid: int
    models: tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """What a domain is called and who holds what it opens.

    Attributes:
        name: unique in libvirt.
        title: in words.
        holder: process in which our descriptors are open under their numbers.
        owner: None: QEMU is started by our own libvirt, with our rights.
    """

    name: str
    title: str
    holder: int
    owner: Owner | None = None


def describe(domain: Domain, emulator: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the domain XML of the machine that QEMU's arguments make.

    Parameters:
        domain: what it is called.
        emulator: the QEMU.
        arguments: all that follows the program's name when we start it ourselves.
        environment: variables that QEMU needs.
    """
    options = list(_options(arguments))
    first = dict(reversed(options))
    root = ElementTree.Element("domain", {"type": "qemu"})
    _add(root, "name", domain.name)
    _add(root, "title", domain.title)
    _add(root, "memory", _leading_number(first["-m"]), unit="MiB")
    _add(root, "vcpu", _leading_number(first["-smp"]))
    _add_boot(root, first)
    if first["-machine"].startswith("q35"):  # elsewhere ACPI needs a firmware, which is not there
        _add(_add(root, "features"), "acpi")
    _add_processor(root, first)
    _add(root, "clock", offset="absolute", start=str(_epoch(first["-rtc"])))
    for event in ("on_poweroff", "on_reboot", "on_crash"):
        _add(root, event, "destroy")
    _add_devices(root, emulator)
    if domain.owner is not None:
        _add_labels(root, domain.owner)
    passed = _add(root, f"{{{_QEMU}}}commandline")
    for word in [*_UNSAID, *_passed_on(options, domain.holder)]:
        _add(passed, f"{{{_QEMU}}}arg", value=word)
    for name, value in environment.items():
        _add(passed, f"{{{_QEMU}}}env", name=name, value=value)
    ElementTree.register_namespace("qemu", _QEMU)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode")


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value, which is empty for a flag."""
    words = iter(arguments)
    for option in words:
        yield option, "" if option in _FLAGS else next(words)


def _leading_number(value: str) -> str:
    number = re.match(r"\d+", value)
    assert number is not None, value
    return number[0]


def _epoch(rtc: str) -> int:
    """Return the seconds since 1970 of `-rtc base=DATE,...`."""
    base = next(part.removeprefix("base=") for part in rtc.split(",") if part.startswith("base="))
    return int(datetime.fromisoformat(base).replace(tzinfo=timezone.utc).timestamp())


def _add_boot(root: ElementTree.Element, first: Mapping[str, str]) -> None:
    machine = first["-machine"].split(",")[0]
    boot = _add(root, "os")
    _add(boot, "type", "hvm", arch=_ARCHITECTURES[machine], machine=machine)
    for tag, option in (("kernel", "-kernel"), ("initrd", "-initrd"), ("cmdline", "-append")):
        if first.get(option):
            _add(boot, tag, first[option])


def _add_processor(root: ElementTree.Element, first: Mapping[str, str]) -> None:
    """The model, without our changes to it, which libvirt would call by other names; and one socket, as QEMU does."""
    processor = _add(root, "cpu", mode="custom", match="exact", check="none")
    _add(processor, "model", first["-cpu"].split(",")[0], fallback="allow")
    _add(processor, "topology", sockets="1", cores=_leading_number(first["-smp"]), threads="1")


def _add_devices(root: ElementTree.Element, emulator: Path) -> None:
    """None of those that libvirt adds unasked."""
    devices = _add(root, "devices")
    _add(devices, "emulator", str(emulator))
    _add(devices, "controller", type="usb", model="none")
    _add(devices, "memballoon", model="none")


def _add_labels(root: ElementTree.Element, owner: Owner) -> None:
    for model in owner.models:
        if model == "dac":
            label = _add(root, "seclabel", type="static", model="dac", relabel="no")
            _add(label, "label", f"+{owner.uid}:+{owner.gid}")
        else:
            _add(root, "seclabel", type="none", model=model)


def _passed_on(options: Sequence[tuple[str, str]], holder: int) -> Iterator[str]:
    """Yield the words that libvirt has none of its own for; descriptors by the path at which QEMU can open them."""
    for option, value in options:
        if option in _SAID:
            continue
        yield option
        if option == "-incoming":
            yield "defer"
        elif option not in _FLAGS:
            yield _by_path(option, value, f"/proc/{holder}/fd")


def _by_path(option: str, value: str, folder: str) -> str:
    if option == "-chardev" and value.startswith("socket,"):
        return re.sub(r"\bfd=(\d+)", rf"path={folder}/\1", value)
    if option == "-object":
        return value.replace("/proc/self/fd", folder)
    if option == "-plugin":
        value = re.sub(r",socket=(\d+)", rf",socket={folder}/\1", value)
        return re.sub(r",parent=\d+", ",parent=0", value)
    return value
