"""QMP errors become failures of the guest, with a monitor that the test plays."""

from __future__ import annotations

import gc
import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from machines.errors import ParticipantFailed
from machines.qemu.monitor import Monitor

GREETING = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}\n'


class Answering(threading.Thread):
    """Answers like QEMU's monitor: each command with the next of `answers`, and then hangs up.

    Parameters:
        monitor: to be connected.
        answers: after that to the negotiation.
        before: waited for before the last answer.
        greeting: what is said first.
    """

    def __init__(
        self,
        monitor: Monitor,
        *answers: dict[str, Any],
        before: threading.Event | None = None,
        greeting: bytes = GREETING,
    ) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(fileno=os.dup(monitor.qemu_fd))
        self._greeting, self._before = greeting, before
        self._answers = [{"return": {}}, *answers] if greeting == GREETING else []
        self.commands: list[dict[str, Any]] = []
        self.start()

    def run(self) -> None:
        with self._socket:
            self._socket.sendall(self._greeting)
            for left in reversed(range(len(self._answers))):
                command = self._command()
                if self._before is not None and left == 0:
                    assert self._before.wait(10)
                self.commands.append(command)
                answer = {**self._answers[-left - 1], **({"id": command["id"]} if "id" in command else {})}
                self._socket.sendall(json.dumps(answer).encode() + b"\n")

    def _command(self) -> dict[str, Any]:
        """Read one JSON object; clients need not end it with a new line."""
        text = b""
        while True:
            text += self._socket.recv(4096)
            try:
                command: dict[str, Any] = json.loads(text)
            except ValueError:
                continue
            return command


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    made = Monitor("guest")
    yield made
    made.close()


def test_a_command_gives_its_result(monitor: Monitor) -> None:
    qemu = Answering(monitor, {"return": {"status": "paused"}})
    monitor.connect()
    assert monitor.execute("query-status") == {"status": "paused"}
    assert [command["execute"] for command in qemu.commands] == ["qmp_capabilities", "query-status"]


def test_arguments_reach_qemu_under_their_own_names(monitor: Monitor) -> None:
    qemu = Answering(monitor, {"return": {}})
    monitor.connect()
    monitor.execute("migrate-set-parameters", max_bandwidth=5)
    assert qemu.commands[-1]["arguments"] == {"max-bandwidth": 5}


def test_a_refusal_names_guest_and_command(monitor: Monitor) -> None:
    Answering(monitor, {"error": {"class": "GenericError", "desc": "There is no such thing"}})
    monitor.connect()
    with pytest.raises(ParticipantFailed, match="guest: QMP getfd: There is no such thing"):
        monitor.execute("getfd")


def test_a_qemu_that_hangs_up_is_a_failure(monitor: Monitor) -> None:
    Answering(monitor, {"return": {}})
    monitor.connect()
    monitor.execute("query-status")
    with pytest.raises(ParticipantFailed, match="guest: QMP cont"):
        monitor.execute("cont")


def test_a_qemu_that_ends_while_it_negotiates_is_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    """It may end at any moment, also at the one in which the client counts itself connected."""
    for _ in range(20):
        monitor = Monitor("guest")
        Answering(monitor)
        with pytest.raises(ParticipantFailed, match="guest: Q"):
            monitor.connect()
            monitor.execute("cont")
        monitor.close()
    gc.collect()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("greeting", [b"", b"no json\n", b'{"hello": 1}\n'], ids=["silence", "text", "other"])
def test_no_greeting_is_a_failure(monitor: Monitor, greeting: bytes) -> None:
    Answering(monitor, greeting=greeting)
    with pytest.raises(ParticipantFailed, match="guest: QEMU ended before its monitor answered"):
        monitor.connect()


def test_a_guest_that_is_held_can_breathe_while_qemu_thinks(monitor: Monitor) -> None:
    """The answer comes only after the caller was given the chance to release the big lock."""
    breathed = threading.Event()
    Answering(monitor, {"return": {}}, before=breathed)
    monitor.connect()
    assert monitor.execute("stop", breathe=breathed.set) == {}


def test_closing_is_possible_in_any_state() -> None:
    unused = Monitor("guest")
    unused.close()
    unused.close()
    connected = Monitor("guest")
    Answering(connected, {"return": {}})
    connected.connect()
    connected.execute("query-status")
    connected.close()
    connected.close()
