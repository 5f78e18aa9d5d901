"""The doorbell server, seen from the device's end of its socket."""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from machines.memory import SharedRegion
from machines.qemu.ivshmem import GUEST_ID, HOST_ID, DoorbellServer

VECTORS = 3


class Device:
    """Reads what a server sends as QEMU's ivshmem device does: eight bytes at a time, with at most one descriptor."""

    def __init__(self, server: DoorbellServer) -> None:
        self._socket = socket.socket(fileno=os.dup(server.device_fd))
        self._socket.setblocking(False)
        assert self._read() == (0, None)  # protocol version
        self.own_id, nothing = self._read()
        assert nothing is None
        minus_one, self.memory = self._read()
        assert minus_one == -1
        self.peers: dict[int, list[int]] = {}
        for _ in range(2 * VECTORS):
            peer, fd = self._read()
            assert fd is not None
            self.peers.setdefault(peer, []).append(fd)

    def _read(self) -> tuple[int, int | None]:
        room = socket.CMSG_SPACE(array.array("i").itemsize)
        data, ancillary, _, _ = self._socket.recvmsg(8, room)
        fds = array.array("i")
        for _, _, rights in ancillary:
            fds.frombytes(rights[: len(rights) - len(rights) % fds.itemsize])
        return struct.unpack("<q", data)[0], fds[0] if fds else None

    def at_end(self) -> bool:
        """Return whether the server has nothing more to say yet."""
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()
        for fd in (self.memory, *(fd for fds in self.peers.values() for fd in fds)):
            assert fd is not None
            os.close(fd)


@pytest.fixture
def region() -> Iterator[SharedRegion]:
    made = SharedRegion("doorbells", 4096)
    yield made
    made.close()


@pytest.fixture
def server(region: SharedRegion) -> Iterator[DoorbellServer]:
    made = DoorbellServer(region.fd, VECTORS)
    yield made
    made.close()


@pytest.fixture
def device(server: DoorbellServer) -> Iterator[Device]:
    made = Device(server)
    yield made
    made.close()


def test_the_device_learns_of_one_peer_only(device: Device) -> None:
    assert device.own_id == GUEST_ID == 0  # what master=on demands
    assert list(device.peers) == [HOST_ID, GUEST_ID]  # its own come last
    assert [len(fds) for fds in device.peers.values()] == [VECTORS, VECTORS]
    assert device.at_end()


def test_the_memory_is_the_region(device: Device, region: SharedRegion) -> None:
    region.view[:5] = b"hello"
    assert device.memory is not None
    assert os.pread(device.memory, 5, 0) == b"hello"


def test_doorbells_of_the_guest_are_collected_once_and_in_order(server: DoorbellServer, device: Device) -> None:
    assert server.collect() == []
    for vector in (2, 0, 2):
        os.eventfd_write(device.peers[HOST_ID][vector], 1)
    assert server.collect() == [0, 2]
    assert server.collect() == []
    assert server.consumed()  # what the guest rings is not what it is rung with


def test_a_doorbell_to_the_guest_is_consumed_when_it_was_read(server: DoorbellServer, device: Device) -> None:
    assert server.consumed()
    server.ring(1)
    server.ring(1)
    server.ring(2)
    assert not server.consumed()
    assert os.eventfd_read(device.peers[GUEST_ID][1]) == 2
    assert not server.consumed()
    assert os.eventfd_read(device.peers[GUEST_ID][2]) == 1
    assert server.consumed()
    assert server.collect() == []


def test_a_guest_that_keeps_ringing_cannot_block_the_host(server: DoorbellServer, device: Device) -> None:
    bell = device.peers[HOST_ID][1]
    os.eventfd_write(bell, 2**64 - 2)  # the most an eventfd holds: another write would block or fail
    assert server.collect() == [1]
    os.eventfd_write(device.peers[GUEST_ID][0], 2**64 - 2)  # a guest may also write to its own
    with pytest.raises(BlockingIOError):
        os.eventfd_write(device.peers[GUEST_ID][0], 1)


def test_most_doorbells_that_a_device_can_have_fit_into_the_socket(region: SharedRegion) -> None:
    """The conversation is queued before QEMU exists: it must not block with a device full of channels."""
    server = DoorbellServer(region.fd, 121)
    server.close()
    server.close()
