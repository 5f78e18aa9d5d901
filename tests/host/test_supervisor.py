"""The supervisor: states, restarts and their bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS, State
from machines.qemu.guest import LinuxGuest
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

    def reach(self, name: str, act: Callable[[], None]) -> None:
        act()

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


class Told(Guest, LinuxGuest):
    """A Linux guest that only keeps what it is told."""

    state = State.RUNNING  # type: ignore[assignment]
    wake_ns = NEVER_NS  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("a")
        self.orders: list[dict[str, Any]] = []

    def order(self, order: dict[str, Any]) -> None:
        self.orders.append(order)


def asked(watchdog_ms: int, heartbeat_ms: int) -> tuple[Supervisor, Told, PartitionRecord]:
    host, record, guest = Host(), PartitionRecord("board", "qemu", 0, 1.0), Told()
    supervisor = host.supervisor = Supervisor(host, Trace(), lambda old, now_ns, power_on: Told())  # type: ignore[arg-type]
    supervisor.watch(Care("stop", 0, heartbeat_ms * MS, watchdog_ms * MS), record, guest)  # type: ignore[arg-type]
    return supervisor, guest, record


def test_patience_counts_from_the_oldest_question_without_an_answer() -> None:
    """An answer stands for all that was asked before it, and for nothing that was asked after it."""
    supervisor, guest, record = asked(30, 10)
    for ms in (10, 20, 30):
        supervisor.act(ms * MS)
    assert [order["number"] for order in guest.orders] == [1, 2, 3]
    supervisor.hear(35 * MS, "a", {"type": "alive", "number": 2})
    for ms in (40, 50, 59):
        supervisor.act(ms * MS)
    assert record.state == "ready" and supervisor.wake_ns == 60 * MS
    supervisor.act(60 * MS)
    assert states(record) == [(0, "ready"), (60 * MS, "hung"), (60 * MS, "failed")]
    assert record.failed == "its agent has not answered for 30 ms (watchdog)"


@pytest.mark.parametrize("number", [2, 0, -1, None, "1", [], {}, 1.5])
def test_an_answer_to_what_nobody_asked_is_none(number: object) -> None:
    supervisor, _, record = asked(15, 10)
    supervisor.act(10 * MS)
    supervisor.hear(11 * MS, "a", {"type": "alive", "number": number})
    supervisor.act(25 * MS)
    assert record.state == "failed"


@pytest.mark.parametrize(("policy", "between"), [("restart", []), ("restart_cold", ["booting"])])
def test_a_cold_start_boots(policy: Any, between: list[str]) -> None:
    supervisor, _, record = supervise(Care(policy, 3, ready_within_ns=40 * MS))
    supervisor._revive = lambda old, now_ns, power_on: Told()  # type: ignore[assignment, return-value]
    fail(supervisor, 5 * MS)
    supervisor.hear(9 * MS, "a", {"type": "armed"})
    assert supervisor.wake_ns == NEVER_NS
    assert [each.state for each in record.states] == ["ready", "failed", "restarting", *between, "ready"]


def test_nothing_but_its_services_makes_one_that_starts_again_ready() -> None:
    supervisor, _, record = supervise(Care("restart", 3))
    supervisor._revive = lambda old, now_ns, power_on: Told()  # type: ignore[assignment, return-value]
    fail(supervisor, 5 * MS)
    for kind in ("suspended", "failed", "resumed", "alive"):
        supervisor.hear(6 * MS, "a", {"type": kind, "service": "s", "error": "E", "number": 0})
    assert record.state == "restarting"
    supervisor.hear(7 * MS, "a", {"type": "armed"})
    assert record.state == "ready"


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
