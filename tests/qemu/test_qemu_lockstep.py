"""The coordinator's end of the lockstep protocol, with a plugin that the test plays."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from machines.errors import ParticipantFailed
from machines.qemu.lockstep import NO_DEADLINE, Boundary, Lockstep

GRANT, DRAIN, YIELD, RING = 1, 2, 3, 4  # enum order_kind in plugin/lockstep.c
END_NS = 2**64 - 1  # the slice ends with its grant


class Plugin:
    """The other end: what the C side does, packet by packet."""

    def __init__(self, coordinator: Lockstep) -> None:
        self.socket = socket.socket(fileno=os.dup(coordinator.plugin_fd))
        self.socket.settimeout(5)
        coordinator.handed_over()

    def report(self, now_ns: int, deadline_ns: int = NO_DEADLINE, instructions: int = 0, idle: int = 0) -> None:
        self.socket.send(struct.pack("=QQQQ", now_ns, deadline_ns, instructions, idle))

    def order(self) -> tuple[int, ...]:
        """Return kind, until_ns, start_ns, stop_ns."""
        return struct.unpack("=QQQQ", self.socket.recv(64))


@pytest.fixture
def coordinator() -> Iterator[Lockstep]:
    made = Lockstep("guest")
    yield made
    made.close()


@pytest.fixture
def plugin(coordinator: Lockstep) -> Iterator[Plugin]:
    made = Plugin(coordinator)
    yield made
    made.socket.close()


def test_a_boundary_is_read_as_it_was_written(coordinator: Lockstep, plugin: Plugin) -> None:
    assert not coordinator.waiting()
    plugin.report(5, 2**63, 7, 1)
    assert coordinator.waiting()
    assert coordinator.wait() == Boundary(5, 2**63, 7, True)
    assert not coordinator.waiting()


def test_orders_are_those_of_the_plugin(coordinator: Lockstep, plugin: Plugin) -> None:
    coordinator.grant(2**40 + 1)
    assert plugin.order() == (GRANT, 2**40 + 1, 0, END_NS)
    plugin.report(8)
    assert not coordinator.wait().idle
    coordinator.grant(2**40, 17, 2**39)
    assert plugin.order() == (GRANT, 2**40, 17, 2**39)
    plugin.report(8)
    coordinator.wait()
    coordinator.grant(30, stop_ns=0)
    assert plugin.order() == (GRANT, 30, 0, 0)
    plugin.report(9, idle=1)
    assert coordinator.drain() == Boundary(9, NO_DEADLINE, 0, True)
    assert plugin.order() == (DRAIN, 0, 0, 0)
    coordinator.yield_()
    assert plugin.order() == (YIELD, 0, 0, 0)
    coordinator.ring()
    assert plugin.order() == (RING, 0, 0, 0)


def test_waiting_takes_as_long_as_it_may(coordinator: Lockstep, plugin: Plugin) -> None:
    began = time.monotonic()
    assert not coordinator.waiting(0.05)
    assert time.monotonic() - began >= 0.05
    plugin.report(1)
    assert coordinator.waiting(60)


def test_a_plugin_that_ends_is_a_failure_of_its_guest(coordinator: Lockstep, plugin: Plugin) -> None:
    plugin.socket.close()
    with pytest.raises(ParticipantFailed, match="guest: QEMU ended"):
        coordinator.wait()
    with pytest.raises(ParticipantFailed, match="guest: QEMU ended"):
        coordinator.grant(1)


def test_a_plugin_that_dies_with_an_order_unread_is_no_other_error(coordinator: Lockstep, plugin: Plugin) -> None:
    coordinator.grant(1)
    plugin.socket.close()  # the kernel answers ECONNRESET
    with pytest.raises(ParticipantFailed, match="QEMU ended"):
        coordinator.wait()


@pytest.mark.parametrize("packet", [b"", b"short", bytes(31)])
def test_half_a_report_is_a_failure(coordinator: Lockstep, plugin: Plugin, packet: bytes) -> None:
    plugin.socket.send(packet)
    with pytest.raises(ParticipantFailed):
        coordinator.wait()


def test_a_guest_that_hangs_is_given_up() -> None:
    coordinator = Lockstep("guest", patience_s=0.25)
    plugin = Plugin(coordinator)
    began = time.monotonic()
    with pytest.raises(ParticipantFailed, match=r"did not reach its boundary within 0\.25 s"):
        coordinator.wait()
    assert 0.2 <= time.monotonic() - began < 5
    plugin.socket.close()
    coordinator.close()
    coordinator.close()


def test_a_guest_under_a_debugger_is_waited_for() -> None:
    coordinator = Lockstep("guest", patience_s=None)
    plugin = Plugin(coordinator)
    limit = coordinator._ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)
    assert limit == bytes(16)  # socket(7): a timeout of zero is none
    plugin.report(3)
    assert coordinator.wait().now_ns == 3
    plugin.socket.close()
    coordinator.close()
