"""Lets faults strike at their time, and notes what comes of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

from machines.participant import NEVER_NS
from sim.host.channel import Published
from sim.host.faults import KINDS
from sim.host.faults.blame import Reach, culprit, reach_of
from sim.host.faults.strike import NOT_YET, Scene, Strike
from sim.host.trace import Trace
from sim.report.record import FaultOutcome, FaultRecord, Health
from sim.scenario.faults import Event, Fault

_GONE: frozenset[Health] = frozenset({"failed", "hung"})
_BEGINNING: frozenset[Health] = frozenset({"ready", "restarting", "booting"})
"""States of a life that can be harmed: what becomes of it then has a cause of its own."""


@dataclass
class _Planned:
    """A fault, when it strikes and when it ends, and whom it has harmed."""

    name: str
    fault: Fault
    strike: Strike
    record: FaultRecord
    reach: Reach
    begin_ns: int
    end_ns: int = NEVER_NS
    affected: set[str] = field(default_factory=set)
    spent: bool = False


class Injector:
    """An overseer, see `sim.host.overseer`, and a listener of the supervisor.

    A fault is detected when the state of a partition changes that it may have harmed, see `sim.host.faults.blame`, and
    healed when all that it has harmed are ready again.

    Parameters:
        scene: the run.
        trace: takes every fault.
        records: by name of the fault; filled in.
    """

    def __init__(self, scene: Scene, trace: Trace, records: dict[str, FaultRecord]) -> None:
        self._scene = scene
        self._trace = trace
        self._plan = [self._planned(name, fault, records) for name, fault in scene.scenario.faults.items()]
        self._struck: list[_Planned] = []
        self._striking: _Planned | None = None
        self._down: set[str] = set()
        for planned in self._plan:
            event = planned.fault.event
            if event is not None and event.state is None:
                observe = partial(self._published, planned, event)
                scene.channels[event.name].observers.append(observe)

    def _planned(self, name: str, fault: Fault, records: dict[str, FaultRecord]) -> _Planned:
        records[name] = record = FaultRecord(fault.kind, fault.target, fault.at_ns if fault.event is None else None)
        strike = KINDS[fault.kind](fault, self._scene)
        begin_ns = NOT_YET if fault.event is not None or fault.at_ns is None else fault.at_ns
        return _Planned(name, fault, strike, record, reach_of(fault, self._scene.scenario), begin_ns)

    # -- overseer --------------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        """When the next fault strikes or ends."""
        return min((min(each.begin_ns, each.end_ns) for each in self._plan), default=NEVER_NS)

    def act(self, now_ns: int) -> None:
        """Let faults strike and end."""
        for planned in self._plan:
            if planned.end_ns <= now_ns:
                planned.end_ns = NEVER_NS
                self._trace.add(now_ns, "fault-end", planned.name)
                self._scene.lasting[planned.fault.target].remove(planned.strike)
                planned.strike.end(now_ns)
            if planned.begin_ns <= now_ns:
                self._strike(planned, now_ns)

    def _strike(self, planned: _Planned, now_ns: int) -> None:
        planned.begin_ns = NEVER_NS
        planned.record.injected_ns = now_ns
        planned.record.outcome = "unnoticed"
        self._trace.add(now_ns, "fault", planned.name, planned.fault.kind, planned.fault.target)
        gone = [each for each in planned.reach.struck if self._scene.supervisor.state(each) in _GONE]
        if gone and planned.fault.kind != "reset":
            planned.record.detail = f"nothing to strike: {gone[0]} has failed before"
            return
        if planned.fault.lasts_ns is not None:
            planned.end_ns = now_ns + planned.fault.lasts_ns
        self._scene.lasting[planned.fault.target].append(planned.strike)
        self._struck.append(planned)
        self._striking = planned
        done = planned.strike.begin(now_ns)
        self._striking = None
        planned.record.detail = done + planned.record.detail

    # -- what it is told -------------------------------------------------------------------------------------------

    def state(self, now_ns: int, partition: str, state: Health, reason: str) -> None:
        """A partition came to another state: what waited for that strikes, and what caused it is detected."""
        for planned in self._plan:
            if _waits(planned) and planned.fault.event == (partition, state, 0):
                planned.begin_ns = now_ns + (planned.fault.at_ns or 0)
        if state in _BEGINNING and partition in self._down:
            self._down.discard(partition)
        elif state not in ("ready", "booting") and partition not in self._down:
            self._detect(now_ns, partition, f"{partition} {state}: {reason}" if reason else f"{partition} {state}")
            if state in _GONE:
                self._down.add(partition)
        for planned in self._struck:
            planned.spent |= state == "restarting" and partition in planned.reach.struck
            if partition in planned.affected:
                self._follow(planned, now_ns)

    def noticed(self, now_ns: int, partition: str, what: str) -> None:
        """A partition has found something wrong, and goes on: a fault that has harmed nobody else is healed by that."""
        planned = culprit(partition, [each for each in self._open() if each.fault.kind == "corrupt_header"])
        if planned is not None and not planned.affected:
            planned.record.detected_ns = planned.record.recovered_ns = now_ns
            planned.record.outcome = "recovered"
            planned.record.detail += f"; {partition}: {what}"

    def _open(self) -> list[_Planned]:
        """Return the faults that trouble may come from: the one that strikes now, or all that are not healed."""
        if self._striking is not None:
            return [self._striking]
        return [planned for planned in self._struck if planned.record.recovered_ns is None]

    def _detect(self, now_ns: int, partition: str, what: str) -> None:
        planned = culprit(partition, self._open())
        if planned is None:
            return
        planned.affected.add(partition)
        if planned.record.detected_ns is None:
            planned.record.detected_ns = now_ns
            planned.record.detail += f"; {what}"

    def _follow(self, planned: _Planned, now_ns: int) -> None:
        record = planned.record
        if record.recovered_ns is not None:
            return
        record.outcome = _outcome([self._scene.supervisor.state(each) for each in planned.affected])
        if record.outcome == "recovered":
            record.recovered_ns = now_ns

    def _published(self, planned: _Planned, event: Event, published: Published) -> None:
        """A channel carries a tensor."""
        if _waits(planned) and len(self._scene.channels[event.name].record.messages) >= event.number:
            planned.begin_ns = self._scene.executive.horizon_ns + (planned.fault.at_ns or 0)


def _waits(planned: _Planned) -> bool:
    """Tell whether the event of a fault has not come yet."""
    return planned.begin_ns == NOT_YET and planned.record.injected_ns is None


def _outcome(states: Collection[Health]) -> FaultOutcome:
    """Return what has become of partitions that were harmed, so far."""
    if all(state == "ready" for state in states):
        return "recovered"
    return "failed" if any(state in _GONE for state in states) else "degraded"
