"""External Control: every byte of both versions, every reply code, and servers that lie."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server import VERSIONS, ControlServer, pieces

from machines.renode.api import TEXT_LIMIT, Command, ControlError, Event, ExternalControl, Refused, handshake, request

ALL = (Command.RUN_FOR, Command.GET_TIME, Command.GET_MACHINE, Command.SYSTEM_BUS)


class Slab:
    """A machine of 64 KiB."""

    name = "slab"

    def __init__(self) -> None:
        self.time_us = 0
        self.bytes = bytearray(1 << 16)

    def run(self, duration_us: int) -> None:
        self.time_us += duration_us

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.bytes[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        self.bytes[address : address + len(data)] = data


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serve(version: str, machine: Slab) -> ExternalControl:
    """Return a client of a server in a thread."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=ControlServer(theirs, version, machine).serve, daemon=True).start()
    return ExternalControl(ours)


@pytest.fixture
def slab() -> Slab:
    return Slab()


@pytest.fixture
def control(slab: Slab) -> Iterator[ExternalControl]:
    client = serve("1.16.1", slab)
    client.open(ALL)
    yield client
    client.close()


def answered(*parts: bytes, patience: float = 5.0) -> ExternalControl:
    """Return a client of a server that says these bytes, whatever it is asked, and hangs up."""
    ours, theirs = socket.socketpair()

    def say() -> None:
        with theirs, contextlib.suppress(OSError):  # the client may have had enough
            for part in parts:
                theirs.sendall(part)
            theirs.shutdown(socket.SHUT_WR)
            while theirs.recv(4096):
                pass

    threading.Thread(target=say, daemon=True).start()
    return ExternalControl(ours, patience)


def test_requests_are_the_measured_bytes() -> None:
    assert handshake([Command.RUN_FOR, Command.GET_TIME]) == bytes.fromhex("0200 0100 0200")
    run = request(Command.RUN_FOR, struct.pack("<Q", 100_000))
    assert run == bytes.fromhex("52450108000000a086010000000000")


def test_the_server_takes_the_measured_handshakes() -> None:
    for version, said in (("1.16.1", "060001000200030004000501 0600"), ("1.15.3", "0500 0100 0200 0300 0400 0501")):
        ours, theirs = socket.socketpair()
        threading.Thread(target=ControlServer(theirs, version, Slab()).serve, daemon=True).start()
        ours.sendall(bytes.fromhex(said))
        assert ours.recv(16) == b"\x05"
        ours.sendall(bytes.fromhex("52450108000000a086010000000000"))
        assert ours.recv(16) == bytes.fromhex("0401")
        ours.close()


def test_time_is_what_was_run(version: str) -> None:
    machine = Slab()
    control = serve(version, machine)
    control.open(ALL[:3])
    for duration_us in (1, 0, 31250, 2**40):
        control.begin_run(duration_us, patience=5)
        control.finish_run()
    assert control.time_us() == 31251 + 2**40
    assert control.machine("slab") == 0
    control.close()


def test_a_machine_that_is_not_there_is_refused_and_the_conversation_goes_on(control: ExternalControl) -> None:
    with pytest.raises(Refused, match="GET_MACHINE: Machine not found"):
        control.machine("other")
    assert control.machine("slab") == 0


@given(
    offset=st.integers(0, 1000),
    words=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9),
    width=st.sampled_from([0, 1, 2, 4, 8]),
)
@settings(max_examples=40, deadline=None)
def test_the_bus_keeps_what_is_written(offset: int, words: list[int], width: int) -> None:
    slab = Slab()
    control = serve("1.16.1", slab)
    control.open(ALL)
    bus = control.bus(control.machine("slab"))
    size = width or 1
    data = b"".join((word % 256**size).to_bytes(size, "little") for word in words)
    control.write(bus, offset, data, width)
    assert slab.read(offset, len(data)) == data
    assert control.read(bus, offset, len(words), width) == data
    control.close()


def test_the_bus_is_a_command_that_1_15_does_not_have() -> None:
    control = serve("1.15.3", Slab())
    with pytest.raises(ControlError, match="does not agree to the protocol: Encountered unknown command 0x6"):
        control.open(ALL)
    control.close()


def test_a_command_that_was_not_agreed_on_is_told() -> None:
    control = serve("1.16.1", Slab())
    control.open(ALL[:3])
    with pytest.raises(ControlError, match="SYSTEM_BUS is a command that this Renode does not have"):
        control.bus(0)
    control.close()


EVENT = bytes([6]) + struct.pack("<BII", 5, 9, 16) + bytes(16)


def test_events_before_a_reply_are_taken() -> None:
    control = answered(EVENT + EVENT + bytes.fromhex("0401"))
    control.begin_run(1, patience=5)
    control.finish_run()
    assert list(control.events) == [Event(5, 9, bytes(16))] * 2


@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_replies_may_come_in_pieces(cuts: list[int]) -> None:
    control = answered(*pieces(EVENT + bytes.fromhex("030208000000 1122334455667788"), cuts))
    assert control.time_us() == 0x8877665544332211
    control.close()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"", "Renode closed the connection"),
        (bytes.fromhex("03"), "Renode closed the connection"),
        (bytes.fromhex("0302 08000000 1122"), "Renode closed the connection"),
        (bytes.fromhex("07"), "GET_TIME is answered with the unknown code 7"),
        (bytes.fromhex("05"), "GET_TIME is answered with the unknown code 5"),
        (bytes.fromhex("0402"), "GET_TIME is answered without data, expected 8 bytes"),
        (bytes.fromhex("0303 00000000"), "GET_TIME (2) is answered for command 3"),
        (bytes.fromhex("0202"), "GET_TIME is a command that this Renode does not have"),
        (bytes.fromhex("0302 07000000") + bytes(7), "GET_TIME is answered with 7 bytes, expected 8"),
        (bytes.fromhex("0302 ffffffff"), "GET_TIME is answered with 4294967295 bytes, expected 8"),
        (bytes.fromhex("0002 04000000") + b"oh\nh", "GET_TIME: oh h"),
        (bytes.fromhex("0002 00000000"), "GET_TIME: no reason given"),
        (bytes.fromhex("0002 ffffffff"), f"an error message states 4294967295 bytes, at most {TEXT_LIMIT} are taken"),
        (bytes.fromhex("01 05000000") + b"fe\x1b\xff!", "GET_TIME: fatal error: fe?\N{REPLACEMENT CHARACTER}!"),
        (bytes.fromhex("06 05 00000000 ffffff7f"), f"an event states 2147483647 bytes, at most {TEXT_LIMIT} are taken"),
    ],
)
def test_what_a_server_may_say_wrongly(reply: bytes, words: str) -> None:
    control = answered(reply)
    with pytest.raises(ControlError) as caught:
        control.time_us()
    assert str(caught.value) == words
    control.close()


@pytest.mark.parametrize(
    ("ask", "reply", "words"),
    [
        (lambda control: control.open(ALL), b"\x04", "answers the handshake with 4, expected 5"),
        (lambda control: control.open(ALL), b"HTTP/1.1 400", "answers the handshake with 72"),
        (lambda control: control.finish_run(), bytes.fromhex("0301 00000000"), "RUN_FOR is answered with data"),
        (lambda control: control.machine("x"), bytes.fromhex("0303 04000000 ffffffff"), "with the number -1"),
    ],
)
def test_what_else_a_server_may_say_wrongly(ask: Callable[[ExternalControl], object], reply: bytes, words: str) -> None:
    control = answered(reply)
    control.begin_run(1, patience=5)
    with pytest.raises(ControlError, match=words):
        ask(control)
    control.close()


@given(
    replies=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(lambda code, rest: bytes([code]) + rest, st.integers(0, 7), st.binary(max_size=24)),
            st.sampled_from([EVENT, bytes.fromhex("0401"), bytes.fromhex("0301"), bytes.fromhex("030108000000")]),
        ),
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_garbage_ends_in_an_answer_or_a_clear_error(replies: list[bytes]) -> None:
    """No other exception, no endless wait, whatever the server says."""
    control = answered(*replies)

    def run() -> None:
        control.begin_run(1, patience=5)
        control.finish_run()

    for ask in (control.time_us, run, lambda: control.machine("a"), lambda: control.read(0, 0, 3, 4)):
        try:
            ask()
        except ControlError as error:
            assert str(error).isprintable()
    control.close()


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    control = ExternalControl(ours, patience=0.05)
    started = time.monotonic()
    with pytest.raises(ControlError, match="does not answer in time"):
        control.time_us()
    assert time.monotonic() - started < 2
    theirs.close()
    control.close()


def test_a_server_that_says_events_only_is_not_listened_to_for_ever() -> None:
    ours, theirs = socket.socketpair()

    def babble() -> None:
        with contextlib.suppress(OSError):
            while True:
                theirs.sendall(EVENT)

    threading.Thread(target=babble, daemon=True).start()
    control = ExternalControl(ours, patience=0.3)
    with pytest.raises(ControlError, match="does not answer in time"):
        control.time_us()
    control.close()
    theirs.close()


def test_a_server_that_takes_nothing_is_told() -> None:
    ours, theirs = socket.socketpair()
    control = ExternalControl(ours, patience=0.1)
    with pytest.raises(ControlError, match=r"takes no request for 0\.1 s"):
        control.write(0, 0, bytes(1 << 23))
    theirs.close()
    control.close()
