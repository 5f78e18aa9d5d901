"""Lets faults strike at their time, and notes what comes of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from machines.participant import NEVER_NS
from sim.host.channel import Published
from sim.host.faults import KINDS
from sim.host.faults.strike import NOT_YET, Scene, Strike
from sim.host.trace import Trace
from sim.report.record import FaultOutcome, FaultRecord, Health
from sim.scenario.faults import Event, Fault

_GONE: frozenset[Health] = frozenset({"failed", "hung", "stopped"})


@dataclass
class _Planned:
    """A fault, when it strikes and when it ends."""

    name: str
    fault: Fault
    strike: Strike
    record: FaultRecord
    victims: frozenset[str]
    begin_ns: int
    end_ns: int = NEVER_NS


class Injector:
    """An overseer, see `sim.host.overseer`, and a listener of the supervisor.

    A fault harms a partition if it strikes it, or one that shares a channel with it. It is detected when the state of
    such a partition changes after it struck, and healed when all of these are ready again.

    Parameters:
        scene: the run.
        trace: takes every fault.
        records: by name of the fault; filled in.
    """

    def __init__(self, scene: Scene, trace: Trace, records: dict[str, FaultRecord]) -> None:
        self._scene = scene
        self._trace = trace
        self._plan = [self._planned(name, fault, records) for name, fault in scene.scenario.faults.items()]
        for planned in self._plan:
            event = planned.fault.event
            if event is not None and event.state is None:
                observe = partial(self._published, planned, event)
                scene.channels[event.name].observers.append(observe)

    def _planned(self, name: str, fault: Fault, records: dict[str, FaultRecord]) -> _Planned:
        records[name] = record = FaultRecord(fault.kind, fault.target, fault.at_ns if fault.event is None else None)
        strike = KINDS[fault.kind](fault, self._scene)
        begin_ns = NOT_YET if fault.event is not None or fault.at_ns is None else fault.at_ns
        return _Planned(name, fault, strike, record, self._victims(fault), begin_ns)

    def _victims(self, fault: Fault) -> frozenset[str]:
        """Return the partitions that it may harm."""
        channels = self._scene.scenario.channels
        if fault.target in channels:
            struck = {channels[fault.target].source.node, channels[fault.target].target.node}
        else:
            struck = {fault.target.split(".")[0]}
            pairs = ({each.source.node, each.target.node} for each in channels.values())
            struck.update(*(pair for pair in pairs if pair & struck))
        return frozenset(struck & set(self._scene.scenario.partitions))

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
                planned.strike.end(now_ns)
            if planned.begin_ns <= now_ns:
                self._strike(planned, now_ns)

    def _strike(self, planned: _Planned, now_ns: int) -> None:
        planned.begin_ns = NEVER_NS
        planned.record.injected_ns = now_ns
        planned.record.outcome = "unnoticed"
        self._trace.add(now_ns, "fault", planned.name, planned.fault.kind, planned.fault.target)
        if planned.fault.lasts_ns is not None:
            planned.end_ns = now_ns + planned.fault.lasts_ns
        planned.record.detail = planned.strike.begin(now_ns)

    # -- what it is told -------------------------------------------------------------------------------------------

    def state(self, now_ns: int, partition: str, state: Health, reason: str) -> None:
        """A partition came to another state: what waited for that strikes, and what caused it is detected."""
        for planned in self._plan:
            event = planned.fault.event
            if planned.begin_ns == NOT_YET and planned.record.injected_ns is None and event == (partition, state, 0):
                planned.begin_ns = now_ns + (planned.fault.at_ns or 0)
            elif planned.record.injected_ns is not None and partition in planned.victims:
                self._follow(planned, now_ns, partition, state, reason)

    def noticed(self, now_ns: int, partition: str, what: str) -> None:
        """A partition has found something wrong, and goes on: a fault that has harmed nobody else is healed by that."""
        for planned in self._plan:
            record = planned.record
            if record.injected_ns is not None and record.detected_ns is None and partition in planned.victims:
                record.detected_ns = record.recovered_ns = now_ns
                record.outcome = "recovered"
                record.detail += f"; {partition}: {what}"

    def _follow(self, planned: _Planned, now_ns: int, partition: str, state: Health, reason: str) -> None:
        record = planned.record
        if record.recovered_ns is not None:
            return
        if record.detected_ns is None and state != "ready":
            record.detected_ns = now_ns
            record.detail += f"; {partition} {state}: {reason}" if reason else f"; {partition} {state}"
        states = {each: self._scene.supervisor.state(each) for each in planned.victims}
        record.outcome = _outcome(states.values())
        if record.outcome == "recovered":
            record.recovered_ns = now_ns

    def _published(self, planned: _Planned, event: Event, published: Published) -> None:
        """A channel carries a tensor."""
        waits = planned.begin_ns == NOT_YET and planned.record.injected_ns is None
        if waits and published.sequence + 1 >= event.number:
            planned.begin_ns = self._scene.executive.horizon_ns + (planned.fault.at_ns or 0)


def _outcome(states: Collection[Health]) -> FaultOutcome:
    """Return what has become of partitions that were harmed, so far."""
    if all(state == "ready" for state in states):
        return "recovered"
    return "failed" if any(state in _GONE for state in states) else "degraded"
