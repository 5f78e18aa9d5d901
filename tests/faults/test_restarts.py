"""How the supervisor starts partitions again: resets, starts that fail, what a life that begins may say."""

from __future__ import annotations

import pytest

from machines.errors import ParticipantFailed
from sim.host.health.care import Care
from sim.host.health.supervisor import Supervisor
from sim.host.trace import Trace
from sim.report.record import PartitionRecord
from tests.host.participants import MS, Guest


class Host:
    """An executive with one guest."""

    def __init__(self) -> None:
        self.supervisor: Supervisor
        self.alive = True
        self.now_ns = 0

    def fail(self, failure: ParticipantFailed) -> None:
        """Fail it once, as an executive does."""
        if self.alive:
            self.alive = False
            self.supervisor.failed(self.now_ns, failure)

    def admit(self, guest: Guest) -> None:
        """Let it live."""
        self.alive = True

    def at(self, ms: int) -> Host:
        """Go on in time, and let the supervisor act."""
        self.now_ns = ms * MS
        self.supervisor.act(self.now_ns)
        return self


def supervised(care: Care, failing: int = 0) -> tuple[Supervisor, Host, PartitionRecord]:
    """Return a supervisor of one guest, whose first `failing` starts fail."""
    host, record = Host(), PartitionRecord("board", "qemu", 0, 1.0)
    left = [failing]

    def revive(old: Guest, now_ns: int, power_on: bool) -> Guest:
        left[0] -= 1
        if left[0] >= 0:
            raise ParticipantFailed("a", "does not start")
        return Guest("a")

    supervisor = host.supervisor = Supervisor(host, Trace(), revive)  # type: ignore[arg-type]
    supervisor.watch(care, record, Guest("a"))  # type: ignore[arg-type]
    return supervisor, host, record


def test_resets_do_not_use_up_restarts() -> None:
    supervisor, host, record = supervised(Care("restart", 1))
    for ms in (1, 2, 3):
        supervisor.reset("a", "reset")
        host.at(ms)
    host.fail(ParticipantFailed("a", "died"))
    host.at(4)
    assert (record.state, record.restarts) == ("ready", 4)
    host.fail(ParticipantFailed("a", "died again"))
    host.at(5)
    assert (record.state, record.restarts, record.failed) == ("failed", 4, "died again")


def test_a_reset_starts_what_has_failed_and_the_next_failure_counts() -> None:
    supervisor, host, record = supervised(Care("stop"))
    host.fail(ParticipantFailed("a", "died"))
    host.at(1)
    supervisor.reset("a", "reset")
    host.at(2)
    assert (record.state, record.restarts, record.failed) == ("ready", 1, None)
    host.fail(ParticipantFailed("a", "died again"))
    host.at(3)
    assert record.state == "failed"


def test_a_start_that_fails_is_tried_again_as_often_as_allowed() -> None:
    _, host, record = supervised(Care("restart", 3), failing=2)
    host.fail(ParticipantFailed("a", "died"))
    for ms in range(1, 6):
        host.at(ms)
    assert (record.state, record.restarts) == ("ready", 3)
    _, host, record = supervised(Care("restart", 2), failing=9)
    host.fail(ParticipantFailed("a", "died"))
    for ms in range(1, 6):
        host.at(ms)
    assert (record.state, record.restarts, record.failed) == ("failed", 2, "does not start")


@pytest.mark.parametrize("kind", ["failed", "suspended"])
def test_one_that_stays_degraded_is_started_again_when_its_watchdog_says(kind: str) -> None:
    supervisor, host, record = supervised(Care("restart", 3, None, 40 * MS))
    message = {"type": kind, "service": "s", "error": "E"}
    if kind == "failed":
        with pytest.raises(ParticipantFailed, match="service s: E"):
            supervisor.hear(10 * MS, "a", message)
        return
    supervisor.hear(10 * MS, "a", message)
    assert supervisor.wake_ns == 50 * MS
    host.at(49)
    assert record.state == "degraded"
    host.at(50).at(51)
    assert [each.state for each in record.states] == ["ready", "degraded", "failed", "restarting", "ready"]
