"""What a running QEMU process has of its surroundings: its own guest's memory, its own channels, its own doorbells."""

from __future__ import annotations

import os
import re
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.simulator import Running

from machines.qemu.ivshmem import GUEST_ID, HOST_ID, DoorbellServer

from .hostile_scenario import write

CHANNELS = {
    "left": {"to_left", "across"},
    "right": {"across", "from_right"},
    "neighbour": {"shared", "from_neighbour"},
    "villain": {"to_villain", "shared"},
}
BOTH_ENDS_ARE_GUESTS = {"across", "shared"}
VECTORS = 3
"""Control and two channels."""

_OURS = re.compile(r"/memfd:edgesim-(\S+)")
_EVENTFD = re.compile(r"^eventfd-id:\s*(\d+)$", re.M)
_HOST_FILES = ("/usr/", "/lib/", "/lib64/", "/etc/", "/proc/", "/sys/", "/dev/null", "/dev/zero")
"""Where QEMU's program, its libraries and its firmware lie."""


@dataclass(frozen=True)
class Process:
    """What one process has open and mapped.

    Attributes:
        open_regions: names of shared regions by inode, of open descriptors.
        mapped_regions: the same of mappings, by name only.
        sockets: inodes.
        eventfds: numbers that the kernel gave them.
        files: other files, open or mapped.
        seccomp: mode of its system call filter; 2 is a filter (proc(5)).
        limits: /proc/<pid>/limits.
    """

    open_regions: dict[int, str]
    mapped_regions: set[str]
    sockets: set[str]
    eventfds: set[str]
    files: set[str]
    seccomp: str
    limits: str


def look_at(pid: int) -> Process:
    """Read from /proc what a process has."""
    folder = Path("/proc", str(pid))
    regions: dict[int, str] = {}
    sockets, eventfds, files = set(), set(), set()
    for fd in (folder / "fd").iterdir():
        name = str(fd.readlink())
        if found := _OURS.match(name):
            regions[fd.stat().st_ino] = found[1]
        elif name.startswith("socket:"):
            sockets.add(name)
        elif name == "anon_inode:[eventfd]":
            eventfds |= set(_EVENTFD.findall((folder / "fdinfo" / fd.name).read_text()))
        elif name.startswith("/"):
            files.add(name)
    mapped = {line.split(maxsplit=5)[5] for line in (folder / "maps").read_text().splitlines() if "/" in line}
    named = {name: _OURS.match(name) for name in mapped}
    files |= {name for name, ours in named.items() if not ours}
    status = (folder / "status").read_text()
    seccomp = re.search(r"^Seccomp:\s*(\d)$", status, re.M)
    assert seccomp is not None
    return Process(
        regions, {ours[1] for ours in named.values() if ours}, sockets, eventfds, files, seccomp[1],
        (folder / "limits").read_text(),
    )  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A run under way.

    Attributes:
        sim: the simulator.
        guests: its QEMUs by partition.
        folder: of the report.
    """

    sim: Process
    guests: dict[str, Process]
    folder: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("reach")
    sim = Running(folder, write(folder, {"villain": {"attack": "nothing"}}))
    try:
        sim.wait_for_phase("running")
        guests = {name: pid for pid, line in sim.qemus().items() for name in CHANNELS if f"/{name}.console" in line}
        yield Scene(look_at(sim.process.pid), {name: look_at(pid) for name, pid in guests.items()}, sim.folder)
    finally:
        sim.close()


@pytest.mark.guest
@pytest.mark.slow
class TestQemu:
    """Of the four QEMUs of a run."""

    def test_it_maps_its_channels_and_no_other(self, scene: Scene) -> None:
        assert set(scene.guests) == set(CHANNELS)
        for name, guest in scene.guests.items():
            wanted = CHANNELS[name] | {f"{name}-control"}
            assert set(guest.open_regions.values()) == wanted
            assert guest.mapped_regions == wanted

    def test_a_region_is_in_the_hands_of_its_two_ends(self, scene: Scene) -> None:
        holders: dict[int, set[str]] = {}
        for name, guest in scene.guests.items():
            for inode in guest.open_regions:
                holders.setdefault(inode, set()).add(name)
        for inode, names in holders.items():
            region = scene.sim.open_regions[inode]
            assert len(names) == 1 + (region in BOTH_ENDS_ARE_GUESTS), region

    def test_it_has_no_doorbell_and_no_socket_of_another(self, scene: Scene) -> None:
        assert len(scene.sim.eventfds) >= 2 * VECTORS * len(CHANNELS)
        for name, guest in scene.guests.items():
            assert len(guest.sockets) == 3, "lockstep, monitor, doorbells"
            assert len(guest.eventfds & scene.sim.eventfds) == 2 * VECTORS
            for other in scene.guests.keys() - {name}:
                assert not guest.eventfds & scene.guests[other].eventfds
                assert not guest.sockets & scene.guests[other].sockets

    def test_it_opens_no_file_of_another(self, scene: Scene) -> None:
        for name, guest in scene.guests.items():
            logs = {file for file in guest.files if file.startswith(str(scene.folder))}
            assert {Path(file).name for file in logs} <= {f"{name}.console.log", f"{name}.qemu.log"}
            assert not {file for file in guest.files if file.startswith("/dev/shm")}

    def test_it_is_confined(self, scene: Scene) -> None:
        for guest in scene.guests.values():
            assert guest.seccomp == "2"
            found = dict(re.findall(r"^(Max .*?)  +(\S+)", guest.limits, re.M))
            assert found["Max core file size"] == "0"
            assert int(found["Max file size"]) == 16 << 20
            assert int(found["Max address space"]) < 3 << 30
            assert int(found["Max open files"]) < 200

    def test_what_it_writes_is_private(self, scene: Scene) -> None:
        files = list((scene.folder / "logs").glob("*.console.log"))
        assert len(files) == len(CHANNELS)
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert (scene.folder / "logs").stat().st_mode & 0o777 == 0o700


def test_a_guest_has_one_peer_and_that_is_the_host() -> None:
    """The whole conversation of a doorbell server with its device: docs/specs/ivshmem-spec of QEMU."""
    memory = os.memfd_create("control")
    server = DoorbellServer(memory, VECTORS)
    device = os.dup(server.device_fd)
    server.handed_over()
    said = []
    while select.select([device], [], [], 0)[0]:
        said.append(struct.unpack("<q", os.read(device, 8))[0])
    server.close()
    os.close(device)
    os.close(memory)
    version, memory_follows = 0, -1
    assert said == [version, GUEST_ID, memory_follows] + VECTORS * [HOST_ID] + VECTORS * [GUEST_ID]
