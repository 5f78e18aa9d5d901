"""The supervisor: states, restarts and their bound."""

from __future__ import annotations

import pytest

from machines.errors import ParticipantFailed
from sim.host.health.care import Care
from sim.host.health.supervisor import Supervisor
from sim.host.trace import Trace
from sim.report.record import PartitionRecord

from .participants import MS, Guest


class Host:
    """An executive that only remembers."""

    def __init__(self) -> None:
        self.supervisor: Supervisor
        self.admitted: list[Guest] = []
        self.halted = ""
        self.now_ns = 0

    def fail(self, failure: ParticipantFailed) -> None:
        self.supervisor.failed(self.now_ns, failure)

    def admit(self, guest: Guest) -> None:
        self.admitted.append(guest)

    def halt(self, reason: str) -> None:
        self.halted = reason


def supervise(care: Care) -> tuple[Supervisor, Host, PartitionRecord]:
    host, record = Host(), PartitionRecord("board", "qemu", 0, 1.0)
    supervisor = host.supervisor = Supervisor(host, Trace(), lambda old, now_ns, power_on: Guest(old.name))  # type: ignore[arg-type]
    supervisor.watch(care, record, Guest("a"))  # type: ignore[arg-type]
    return supervisor, host, record


def fail(supervisor: Supervisor, at_ns: int, reason: str = "died") -> None:
    supervisor.failed(at_ns, ParticipantFailed("a", reason))
    if supervisor.wake_ns <= at_ns:
        supervisor.act(at_ns)


def states(record: PartitionRecord) -> list[tuple[int, str]]:
    return [(each.t_ns, each.state) for each in record.states]


def test_without_a_policy_a_failed_partition_stays_failed() -> None:
    supervisor, host, record = supervise(Care())
    fail(supervisor, 5 * MS)
    assert states(record) == [(0, "ready"), (5 * MS, "failed")]
    assert record.failed == "died" and not host.admitted and not host.halted


def test_a_partition_is_started_again_at_most_so_often() -> None:
    supervisor, host, record = supervise(Care("restart", 2))
    for at_ms in (5, 6, 7):
        fail(supervisor, at_ms * MS, f"died at {at_ms}")
    assert record.restarts == 2 and len(host.admitted) == 2
    assert [state for _, state in states(record)] == [
        *("ready", "failed", "restarting", "ready", "failed", "restarting", "ready", "failed")
    ]
    assert record.failed == "died at 7"


def test_the_run_ends_if_the_scenario_wants_that() -> None:
    supervisor, host, _ = supervise(Care("fail_run"))
    fail(supervisor, 1 * MS)
    assert host.halted == "a: died"


def test_a_reset_starts_again_whatever_the_policy_and_is_no_failure() -> None:
    supervisor, host, record = supervise(Care("fail_run"))
    supervisor.reset("a", "reset")
    supervisor.act(0)
    assert [state for _, state in states(record)] == ["ready", "restarting", "ready"]
    assert not host.halted and record.failed is None


def test_a_service_that_waits_for_a_broken_channel_degrades_its_partition_until_it_goes_on() -> None:
    supervisor, _, record = supervise(Care())
    supervisor.hear(1 * MS, "a", {"type": "suspended", "service": "s", "error": "driver lied"})
    supervisor.hear(2 * MS, "a", {"type": "suspended", "service": "t", "error": "driver lied"})
    supervisor.hear(3 * MS, "a", {"type": "resumed", "service": "s"})
    assert record.state == "degraded"
    supervisor.hear(4 * MS, "a", {"type": "resumed", "service": "t"})
    assert states(record) == [(0, "ready"), (1 * MS, "degraded"), (4 * MS, "ready")]


def test_a_crashed_service_is_a_failure_where_the_partition_is_started_again() -> None:
    supervisor, _, record = supervise(Care("restart", 1))
    with pytest.raises(ParticipantFailed, match="service s: ValueError"):
        supervisor.hear(1 * MS, "a", {"type": "failed", "service": "s", "error": "ValueError"})
    supervisor, _, record = supervise(Care())
    supervisor.hear(1 * MS, "a", {"type": "failed", "service": "s", "error": "ValueError"})
    assert record.state == "degraded"


def test_what_an_agent_cannot_mean_changes_nothing() -> None:
    supervisor, _, record = supervise(Care())
    for message in ({"type": "armed"}, {"type": "alive", "number": "x"}, {"type": "resumed", "service": 7}, {}):
        supervisor.hear(1 * MS, "a", message)  # type: ignore[arg-type]
    assert states(record) == [(0, "ready")]
