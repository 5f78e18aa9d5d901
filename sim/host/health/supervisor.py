"""Watches over all partitions: asks for signs of life, notes states, starts again what has failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS
from machines.qemu.guest import LinuxGuest
from sim.host.health.care import Care
from sim.host.node import Node
from sim.host.trace import Trace
from sim.report.record import Health, PartitionRecord, StateRecord

_BEGINNING = ("restarting", "booting")
"""States of a life whose services are not loaded yet."""


class Host(Protocol):
    """What the supervisor asks of the executive."""

    def fail(self, failure: ParticipantFailed) -> None:
        """Go on without a participant."""

    def reach(self, name: str, act: Callable[[], None]) -> None:
        """Do something with a participant at its now."""

    def admit(self, guest: Node) -> None:
        """Let a participant take part again."""

    def halt(self, reason: str) -> None:
        """End the run."""


class Listener(Protocol):
    """Is told what becomes of partitions."""

    def state(self, now_ns: int, partition: str, state: Health, reason: str) -> None:
        """A partition came to another state."""

    def noticed(self, now_ns: int, partition: str, what: str) -> None:
        """A partition has found something wrong, and goes on."""


@dataclass
class _Charge:
    """A partition that is looked after."""

    care: Care
    record: PartitionRecord
    node: Node
    next_ping_ns: int = NEVER_NS
    asked: int = 0
    unanswered: dict[int, int] = field(default_factory=dict)
    """Number of each question without an answer, the oldest first, and when it was put."""
    restart_ns: int = NEVER_NS
    ready_by_ns: int = NEVER_NS
    resetting: bool = False
    mended: int = 0
    mended_by_ns: int = NEVER_NS
    troubled: dict[str, str] = field(default_factory=dict)


class Supervisor:
    """An overseer, see `sim.host.overseer`.

    A heartbeat is a question that the host puts to the agent of a Linux guest, and its answer: a loop of services that
    does not come round answers nothing. One that is degraded for longer than its watchdog's time is started again, too,
    if it is started again at all. Between a start and the moment at which its services are loaded nobody asks: one that
    is not ready in time hangs, too. The watchdog of a microcontroller is in its node, as no agent has to be asked.

    Parameters:
        host: the executive.
        trace: takes every change of state.
        revive: makes a partition anew at a time of the run: (its life that ended, now in ns, from power-on).
    """

    def __init__(self, host: Host, trace: Trace, revive: Callable[[Node, int, bool], Node]) -> None:
        self.listeners: list[Listener] = []
        self._host = host
        self._trace = trace
        self._revive = revive
        self._charges: dict[str, _Charge] = {}
        self._now_ns = 0

    def watch(self, care: Care, record: PartitionRecord, node: Node) -> None:
        """Look after one more partition, from time 0 on."""
        charge = self._charges[node.name] = _Charge(care, record, node)
        record.states.append(StateRecord(0, "ready"))
        self._tell_listeners(node.name, "ready", "")
        self._expect_answers(charge, 0)

    def node(self, name: str) -> Node:
        """Return the partition as it is now: another one after a restart."""
        return self._charges[name].node

    def state(self, name: str) -> Health:
        """Return the state of a partition."""
        return self._charges[name].record.state

    def reset(self, name: str, reason: str) -> None:
        """End a partition and start it again at once, whatever its policy says; it does not count as a failure."""
        charge = self._charges[name]
        charge.resetting = True
        self._host.fail(ParticipantFailed(name, reason))
        if charge.resetting:  # it takes no part any more: what has failed before is started again
            charge.resetting, charge.restart_ns = False, self._now_ns

    @staticmethod
    def _expect_answers(charge: _Charge, now_ns: int) -> None:
        if charge.care.heartbeat_ns is not None:
            charge.next_ping_ns = now_ns + charge.care.heartbeat_ns
        charge.unanswered.clear()

    # -- overseer --------------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        """The next question, the end of somebody's patience, or a restart."""
        return min((self._due_ns(charge) for charge in self._charges.values()), default=NEVER_NS)

    @staticmethod
    def _due_ns(charge: _Charge) -> int:
        patience_ns = min(charge.unanswered.values(), default=NEVER_NS) + charge.care.watchdog_ns
        return min(charge.next_ping_ns, charge.restart_ns, charge.ready_by_ns, patience_ns, charge.mended_by_ns)

    def act(self, now_ns: int) -> None:
        """Ask, lose patience, start again."""
        self._now_ns = now_ns
        for name, charge in self._charges.items():
            self._look_after(name, charge)
            if charge.restart_ns <= now_ns:
                self._restart(name, charge)

    def _look_after(self, name: str, charge: _Charge) -> None:
        waited_ns = self._now_ns - min(charge.unanswered.values(), default=self._now_ns)
        if charge.unanswered and waited_ns >= charge.care.watchdog_ns:
            self._lose_patience(name, f"its agent has not answered for {waited_ns / 1e6:g} ms (watchdog)")
        elif charge.ready_by_ns <= self._now_ns:
            limit = f"{charge.care.ready_within_ns / 1e6:g} ms"
            self._lose_patience(name, f"it is not ready {limit} after it was started again (ready_within)")
        elif charge.mended_by_ns <= self._now_ns:
            self._host.fail(ParticipantFailed(name, next(iter(charge.troubled.values()))))
        elif charge.next_ping_ns <= self._now_ns:
            self._ask(charge)

    def _ask(self, charge: _Charge) -> None:
        assert charge.care.heartbeat_ns is not None, "nobody else has a time for it"
        charge.next_ping_ns = self._now_ns + charge.care.heartbeat_ns
        charge.asked += 1
        charge.unanswered[charge.asked] = self._now_ns
        self.tell(charge.node.name, {"type": "ping", "number": charge.asked})

    def tell(self, name: str, order: dict[str, Any]) -> None:
        """Give an order to the agent of a Linux guest, see `guests.linux.agent.orders`."""
        node = self._charges[name].node
        assert isinstance(node, LinuxGuest), "others have no agent"
        self._host.reach(name, partial(node.order, order))

    def _lose_patience(self, name: str, reason: str) -> None:
        self._enter(name, "hung", reason)
        self._host.fail(ParticipantFailed(name, reason))

    # -- what it is told -------------------------------------------------------------------------------------------

    def hear(self, now_ns: int, name: str, message: Mapping[str, Any]) -> None:
        """Note what an agent says; a guest may say anything."""
        charge = self._charges.get(name)
        if charge is None or charge.record.state not in ("ready", "degraded", *_BEGINNING):
            return
        self._now_ns = max(self._now_ns, now_ns)
        kind, service = message.get("type"), str(message.get("service", ""))
        if kind == "alive":
            self._answered(charge, message.get("number"))
        elif charge.record.state in _BEGINNING:
            if kind == "armed":
                charge.ready_by_ns = NEVER_NS
                self._expect_answers(charge, now_ns)
                self._enter(name, "ready")
        elif kind in ("failed", "suspended"):
            self._trouble(name, charge, service, f"service {service}: {message.get('error')}", kind == "failed")
        elif kind == "spoiled":
            for listener in self.listeners:
                listener.noticed(self._now_ns, name, f"service {service}: {message.get('error')}")
        elif kind == "resumed" and charge.troubled.pop(service, None) and not charge.troubled:
            charge.mended_by_ns = NEVER_NS
            self._enter(name, "ready")

    @staticmethod
    def _answered(charge: _Charge, number: object) -> None:
        """Note a sign of life: an answer stands for all that was asked before."""
        if isinstance(number, int) and number in charge.unanswered:
            for asked in [asked for asked in charge.unanswered if asked <= number]:
                del charge.unanswered[asked]

    def _trouble(self, name: str, charge: _Charge, service: str, reason: str, for_good: bool) -> None:
        charge.troubled[service] = reason
        if for_good and charge.care.restarting:
            raise ParticipantFailed(name, reason)
        if charge.care.restarting and charge.care.watchdog_ns:
            charge.mended_by_ns = min(charge.mended_by_ns, self._now_ns + charge.care.watchdog_ns)
        self._enter(name, "degraded", reason)

    def failed(self, now_ns: int, failure: ParticipantFailed) -> None:
        """Note that a partition has failed, and decide what is done about it."""
        charge = self._charges.get(failure.participant)
        if charge is None:
            return
        self._now_ns = max(self._now_ns, now_ns)
        charge.next_ping_ns = charge.mended_by_ns = charge.ready_by_ns = NEVER_NS
        charge.unanswered.clear()
        charge.troubled.clear()
        if charge.resetting:
            charge.resetting, charge.restart_ns = False, self._now_ns
            return
        self._enter(failure.participant, "failed", failure.reason)
        if charge.care.on_failure == "fail_run":
            self._host.halt(str(failure))
        if charge.care.restarting and charge.mended < charge.care.restarts:
            charge.mended += 1
            charge.restart_ns = self._now_ns
        else:
            charge.record.failed = charge.record.failed or failure.reason

    def _restart(self, name: str, charge: _Charge) -> None:
        charge.restart_ns = NEVER_NS
        charge.record.restarts += 1
        cold = charge.care.on_failure == "restart_cold"
        self._enter(name, "restarting")
        try:
            node = self._revive(charge.node, self._now_ns, cold)
        except ParticipantFailed as failure:
            self.failed(self._now_ns, failure)
            return
        charge.node, charge.record.failed = node, None
        self._host.admit(node)
        if isinstance(node, LinuxGuest):
            charge.ready_by_ns = self._now_ns + charge.care.ready_within_ns
            if cold:
                self._enter(name, "booting")
        else:  # it has no agent that would say so
            self._enter(name, "ready")

    def _enter(self, name: str, state: Health, reason: str = "") -> None:
        record = self._charges[name].record
        if record.state == state:
            return
        record.states.append(StateRecord(self._now_ns, state, reason))
        self._trace.add(self._now_ns, "state", name, state)
        self._tell_listeners(name, state, reason)

    def _tell_listeners(self, name: str, state: Health, reason: str) -> None:
        for listener in self.listeners:
            listener.state(self._now_ns, name, state, reason)
