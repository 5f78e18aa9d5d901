"""The monitor over telnet: measured bytes, replies in pieces, errors, and what is no monitor."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.renode import monitor as subject
from machines.renode.monitor import ANSWER, OFFER, Monitor, MonitorError

BANNER = b"Renode, version 1.16.1\r\n\r\r\n\r(monitor) "


def talking(*script: tuple[int, bytes], patience: float = 5.0) -> Monitor:
    """Return the client of a server that takes so many bytes and then says something, step by step, and hangs up."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, contextlib.suppress(OSError):  # the client may have had enough
            for wanted, said in script:
                while wanted > 0:
                    got = theirs.recv(wanted)
                    if not got:
                        return
                    wanted -= len(got)
                theirs.sendall(said)

    threading.Thread(target=serve, daemon=True).start()
    return Monitor(ours, patience)


def opened(command: str, reply: bytes, patience: float = 5.0) -> Monitor:
    monitor = talking((0, OFFER), (9, BANNER), (len(command) + 1, reply), patience=patience)
    monitor.open()
    return monitor


def test_the_measured_bytes() -> None:
    assert bytes.fromhex("fffd00fffb01fffb03fffc22") == OFFER
    assert len(ANSWER) == 9


@pytest.mark.parametrize(
    ("reply", "name", "lines"),
    [
        (b"help me\n\rone\r\n\rtwo\r\n\r(safety-x1_y) ", "safety-x1_y", ["one", "two"]),
        (b"help me\n\r(monitor) ", "monitor", []),
        (b"\x1b[32mhelp me\x1b[0m\n\r\x1b[1mone\x1b[0m\r\n\r\x1b[31m(monitor) \x1b[0m", "monitor", ["one"]),
        (b"help me\n\rnot the (prompt) \r\n\r(monitor) ", "monitor", ["not the (prompt)"]),
    ],
)
def test_what_a_command_prints(reply: bytes, name: str, lines: list[str]) -> None:
    monitor = opened("help me", reply)
    assert monitor.execute("help me") == (name, lines)
    monitor.close()


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (
            "There was an error executing command 'x'\r\n\rNo such file",
            "'x': There was an error executing command 'x' No such file",
        ),
        ("No such command or device: x", "'x': No such command or device: x"),
        ("Error E25: Could not find suitable constructor", "'x': Error E25: Could not find suitable constructor"),
    ],
)
def test_errors_are_one_line(printed: str, words: str) -> None:
    monitor = opened("x", f"x\n\rfine\r\n\r{printed}\r\n\r(monitor) ".encode())
    with pytest.raises(MonitorError) as caught:
        monitor.execute("x")
    assert str(caught.value) == words
    monitor.close()


@given(printed=st.binary(max_size=60), cut=st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_any_reply_ends_in_lines_or_an_error(printed: bytes, cut: int) -> None:
    reply = b"x\n\r" + printed + b"\r\n\r(monitor) "
    parts = [(0, reply[at : at + cut]) for at in range(0, len(reply), cut)]
    monitor = talking((0, OFFER), (9, BANNER), (2, b""), *parts)
    monitor.open()
    try:
        _, lines = monitor.execute("x")
        assert all(lines)
    except MonitorError as error:
        assert "\n" not in str(error)
    monitor.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH", "a Renode monitor was expected, but it says b'SSH-2.0-Open'"),
        (b"", "the monitor closed the connection"),
        (OFFER[:5], "the monitor closed the connection"),
    ],
)
def test_what_is_no_monitor(said: bytes, words: str) -> None:
    monitor = talking((0, said))
    with pytest.raises(MonitorError) as caught:
        monitor.open()
    assert str(caught.value) == words
    monitor.close()


def test_a_monitor_that_goes_after_its_offer_is_told() -> None:
    monitor = talking((0, OFFER), (9, b"Renode"))
    with pytest.raises(MonitorError, match="the monitor closed the connection"):
        monitor.open()
    monitor.close()
    gone = talking((0, OFFER))
    with pytest.raises(MonitorError, match=r"the monitor closed the connection|connection to the monitor broke"):
        gone.open()
    gone.close()


def test_a_monitor_that_does_not_come_back_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(OFFER)
    monitor = Monitor(ours, patience=0.1)
    with pytest.raises(MonitorError, match=r"no answer in 0\.1 s"):
        monitor.open()
    monitor.close()
    theirs.close()


def test_an_endless_reply_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "REPLY_LIMIT", 1000)
    monitor = opened("x", b"x\n\r" + b"again\r\n\r" * 1000)
    with pytest.raises(MonitorError, match="more than 1000 bytes"):
        monitor.execute("x")
    monitor.close()
