"""Measures execution times and arrivals in the record of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from sim.host.legs import Leg, legs_of
from sim.report.distribution import percentile
from sim.report.record import ChannelRecord, RunRecord
from sim.scenario.model import Scenario
from sim.sizing.plan import NOT_SENT
from sim.sizing.plan.ports import Ports, ports_of, services_of
from sim.sizing.timing import MOST_CALLS, Arrivals, NodeTiming, ServiceTiming, Timing
from sim.sizing.timing.calls import Call, Input, add_sent, calls_of, refused_between, taken_of
from sim.sizing.timing.execution import ExecutionClock, clock_of
from sim.sizing.timing.waking import bell_ns, fetches_ns, look_ns, wakes_ns

Item = TypeVar("Item")
_BROKEN = ("hung", "failed", "restarting")


def measure(scenario: Scenario, record: RunRecord) -> Timing:
    """Return what a run tells of execution times and arrivals.

    Equal runs give equal timings: all comes from what the trace holds.

    Parameters:
        scenario: that was run.
        record: of a run in virtual time that has ended.
    """
    legs = legs_of(scenario)
    ports = {each: ports_of(scenario, legs, *each) for each in services_of(scenario)}
    calls = {each: _complete(scenario, legs, each, ports[each], record) for each in ports}
    services, notes = {}, []
    for (partition, service), own in calls.items():
        clock = clock_of(scenario, partition, record.partitions[partition].slices)
        name = f"{partition}.{service}"
        measured = _timing(own, ports[partition, service], record.channels, clock)
        node = [call for (other, _), each in calls.items() if other == partition for call in each]
        node.sort(key=lambda call: call.taken_ns)
        takes = _takes(partition, [each for (other, _), each in ports.items() if other == partition], record)
        wakes = _thinned(wakes_ns(own, clock, sorted(call.end_ns for call in node)))
        fetches = _thinned(fetches_ns(own, clock) if ports[partition, service].required else [])
        gaps = _thinned(_gaps_ns(own, clock, node, takes))
        least_ns = min(gaps, default=0)
        services[name] = replace(
            measured,
            wake_ns=tuple(wakes),
            fetch_ns=tuple(fetches),
            gap_ns=least_ns,
            rest_ns=tuple(each - least_ns for each in gaps) if any(each > least_ns for each in gaps) else (),
        )
        notes += _remarks(name, services[name], ports[partition, service], record)
    if any(fault.injected_ns is not None for fault in record.faults.values()):
        notes.append("faults struck in the measured run: calls under them may have taken longer than they would")
    return Timing(
        scenario.name,
        services,
        _nodes(scenario, legs, ports, calls, record),
        _opened(scenario, legs, record),
        {leg.name: _arrivals(record.channels[leg.name]) for leg in legs},
        tuple(notes),
    )


def _complete(
    scenario: Scenario, legs: Sequence[Leg], service: tuple[str, str], ports: Ports, record: RunRecord
) -> list[Call]:
    """Return the calls of a service with what they sent, without those that a fault or a restart cut short."""
    partition = service[0]
    heard = _heard(record, partition)
    calls = calls_of(ports, record.channels, heard, record.quantum_ns)
    own = {*ports.required, *ports.sampled, *ports.outputs}
    concerned = {partition} | {end.participant for leg in legs if leg.name in own for end in (leg.source, leg.target)}
    cuts = sorted(
        state.t_ns
        for name in concerned & record.partitions.keys()
        for state in record.partitions[name].states
        if state.state in _BROKEN
    )
    calls = [call for call in calls if bisect_right(cuts, call.end_ns) == bisect_right(cuts, call.taken_ns - 1)]
    for ring in ports.outputs:
        add_sent(calls, ring, record.channels[ring], heard.get(ring, ()), record.quantum_ns)
    return calls


def _nodes(
    scenario: Scenario,
    legs: Sequence[Leg],
    ports: Mapping[tuple[str, str], Ports],
    calls: Mapping[tuple[str, str], Sequence[Call]],
    record: RunRecord,
) -> dict[str, NodeTiming]:
    """Return what is measured of partitions rather than of their services."""
    nodes = {}
    for partition in dict.fromkeys(name for name, _ in ports):
        clock = clock_of(scenario, partition, record.partitions[partition].slices)
        ends = sorted(call.end_ns for (name, _), own in calls.items() if name == partition for call in own)
        takes = _takes(partition, [each for (name, _), each in ports.items() if name == partition], record)
        takes = [take for take in takes if ends and take.taken_ns >= ends[0]]  # before, it was still starting
        outputs = {leg.name: record.channels[leg.name] for leg in legs if leg.source.participant == partition}
        rung = {
            ring: [each.t_ns for each in record.doorbells if each.channel == ring and each.source == partition]
            for ring in outputs
        }
        bell = bell_ns(outputs, rung, clock, record.quantum_ns)
        nodes[partition] = NodeTiming(look_ns(takes, clock, ends), bell)
    return nodes


def _heard(record: RunRecord, partition: str) -> dict[str, list[int]]:
    """Return the boundaries at which a partition was rung, by the ring for which it was."""
    heard: dict[str, list[int]] = {}
    for each in record.doorbells:
        if each.target == partition and each.channel is not None:
            heard.setdefault(each.channel, []).append(each.t_ns)
    return heard


def _takes(partition: str, services: Sequence[Ports], record: RunRecord) -> list[Input]:
    """Return what the services of a partition took, in the order of time."""
    heard = _heard(record, partition)
    rings = [ring for ports in services for ring in (*ports.required, *ports.sampled)]
    takes = [
        take
        for ring in rings
        for take in taken_of(record.channels[ring], heard.get(ring, ()), record.quantum_ns).inputs
    ]
    return sorted(takes, key=lambda take: take.taken_ns)


def _timing(
    calls: Sequence[Call],
    ports: Ports,
    channels: Mapping[str, ChannelRecord],
    clock: ExecutionClock,
) -> ServiceTiming:
    """Return how long the calls of a service take.

    Parameters:
        calls: of the service.
        ports: its rings.
        channels: all of the run.
        clock: of its partition.
    """
    fetching = _median([clock.between(call.taken_ns, call.began_ns) for call in calls if call.missing is None])
    times: list[tuple[int, ...]] = []
    for call in calls:
        whole = call.missing is None
        taking = clock.between(call.taken_ns, call.began_ns) if whole else fetching  # held inputs do not execute
        sent = [
            taking + clock.between(call.began_ns, call.sent[ring]) if ring in call.sent else NOT_SENT
            for ring in ports.outputs
        ]
        times.append((taking + clock.between(call.began_ns, call.end_ns), *sent))
    for column, ring in enumerate(ports.outputs, 1):
        usual = _median([each[column] for each in times if each[column] != NOT_SENT])
        lost = {id(call) for call in refused_between(calls, ring, channels[ring])}
        for index, call in enumerate(calls):
            if id(call) in lost:
                times[index] = (*times[index][:column], usual, *times[index][column + 1 :])
    in_time = [[ring in call.in_time for ring in ports.outputs] if call.full else None for call in calls]
    times = _without_waiting(times, in_time)
    waited = sum(bool(call.full) for call in calls)
    kept = _thinned(times)
    hold, offsets = tuple(each[0] for each in kept), tuple(each[1:] for each in kept)
    return ServiceTiming(ports.outputs, hold, offsets, counted=len(calls), waited=waited)


def _without_waiting(
    times: Sequence[tuple[int, ...]], in_time: Sequence[Sequence[bool] | None]
) -> list[tuple[int, ...]]:
    """Give calls that waited for room the times of the call before that did not and sent the same, else of one after.

    What such a call sent before it had to wait tells by how much it was slower or faster than that one. The first calls
    of a run find their rings empty, so there is hardly ever none to compare with; then calls keep their own times.

    Parameters:
        times: hold time and offsets of each call.
        in_time: of each call that waited, which offsets are its own; None for one that did not wait.
    """

    def pattern(each: tuple[int, ...]) -> tuple[bool, ...]:
        return tuple(offset == NOT_SENT for offset in each[1:])

    known: dict[tuple[bool, ...], tuple[int, ...]] = {}
    for each, own in zip(reversed(times), reversed(in_time), strict=True):
        if own is None:
            known[pattern(each)] = each
    result = []
    for each, own in zip(times, in_time, strict=True):
        if own is None:
            known[pattern(each)] = each
        like = known.get(pattern(each))
        result.append(each if own is None or like is None else _shifted(like, each, [False, *own]))
    return result


def _shifted(like: tuple[int, ...], each: tuple[int, ...], own: Sequence[bool]) -> tuple[int, ...]:
    """Return the times of a call in which those that are its own stand, and others are moved as the last of these."""
    last = max((column for column, is_own in enumerate(own) if is_own), key=lambda column: each[column], default=None)
    later_ns = 0 if last is None else each[last] - like[last]
    return tuple(
        each[column] if is_own or each[column] == NOT_SENT else max(0, like[column] + later_ns)
        for column, is_own in enumerate(own)
    )


def _gaps_ns(calls: Sequence[Call], clock: ExecutionClock, node: Sequence[Call], takes: Sequence[Input]) -> list[int]:
    """Return for each call the time from its end to the next one, whose inputs are there already.

    Where no call ever follows so closely, it is that to taking a sampled tensor that is there. Calls after which
    nothing is there get the median of the others.

    Parameters:
        calls: of the service whose calls end.
        clock: of its partition.
        node: calls of all services of the partition, in the order of time.
        takes: whatever these took, in the order of time.
    """
    begins, times = [call.taken_ns for call in node], [take.taken_ns for take in takes]
    following: list[int | None] = []
    sampled: list[int | None] = []
    for call in calls:
        index = bisect_right(begins, call.end_ns)
        follows = index < len(node) and not any(each.late_for(call.end_ns) for each in node[index].inputs)
        following.append(clock.between(call.end_ns, begins[index]) if follows else None)
        index = bisect_right(times, call.end_ns)
        follows = index < len(takes) and not takes[index].late_for(call.end_ns)
        sampled.append(clock.between(call.end_ns, times[index]) if follows else None)
    found = sampled if all(each is None for each in following) else following
    usual = _median([each for each in found if each is not None])
    return [usual if each is None else each for each in found]


def _remarks(name: str, timing: ServiceTiming, ports: Ports, record: RunRecord) -> list[str]:
    """Return what the reader has to know of a service."""
    remarks = []
    if not timing.counted:
        remarks.append(f"{name}: no call of it was measured")
    if timing.waited:
        what = "had to wait for room in an output; times of calls that had not stand for them"
        remarks.append(f"{name}: {timing.waited} of {timing.counted} calls {what}")
    for ring in ports.outputs:
        own = sum(message.origin_ns == message.produced_ns for message in record.channels[ring].messages)
        if own and (ports.required or ports.sampled):
            remarks.append(f"{name}: {own} tensors on {ring} were sent by a timer, which the model leaves out")
    return remarks


def _thinned(times: Sequence[Item]) -> Sequence[Item]:
    if len(times) <= MOST_CALLS:
        return times
    return [times[index * len(times) // MOST_CALLS] for index in range(MOST_CALLS)]


def _opened(scenario: Scenario, legs: Sequence[Leg], record: RunRecord) -> dict[str, int]:
    """Return when each ring could first be sent into by its sensor; 0 where the first sample went at once."""
    answering = {channel.target.node for channel in scenario.channels.values()}  # accelerators send when they are fed
    sensors = scenario.devices.keys() - answering
    opened = {}
    for leg in legs:
        if leg.source.participant not in sensors:
            continue
        first = next((each for each in record.channels[leg.name].messages if not each.refused), None)
        opened[leg.name] = 0
        if first is not None:
            due_ns = -(-(first.origin_ns or 0) // record.quantum_ns) * record.quantum_ns
            if first.produced_ns > due_ns or first.origin_sequence:
                opened[leg.name] = first.produced_ns
    return opened


def _arrivals(channel: ChannelRecord) -> Arrivals:
    times = sorted(each.produced_ns for each in channel.messages if not each.refused)
    between = sorted(later - earlier for earlier, later in pairwise(times))
    if not between:
        return Arrivals(len(times))
    p50, p99 = percentile(between, 50) or 0, percentile(between, 99) or 0
    return Arrivals(len(times), between[0], p50, p99, between[-1])


def _median(values: Sequence[int]) -> int:
    return percentile(values, 50) or 0
