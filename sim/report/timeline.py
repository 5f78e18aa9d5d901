"""The data of the page's interactive timeline: lanes in the order in which data flows, as compact lists."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from sim.report.gantt import slices_by_core
from sim.report.record import ChannelRecord, DeviceRecord, PartitionRecord, RunRecord
from sim.report.svg import clean
from sim.report.topology import flow_order, hues

MOST_ITEMS = 60_000
"""Tensors, calls and slices on the page; a longer run shows its beginning here and everything in trace.json."""

MOST_MARKS = 400
"""Changes of state and faults that it marks."""


def timeline(record: RunRecord) -> dict[str, Any]:
    """Return the timeline of a run.

    Parameters:
        record: the run.

    Returns:
        ``end`` (ns), ``quantum`` (ns), ``shown`` (ns up to which items are included) and ``lanes``: of services, with
        ``spans`` [start, end, origin sequence] (of an accelerator, its jobs) and, on a microcontroller, ``inferences``
        [start, end, instructions]; of channels, with ``messages`` [sequence, produced, taken, returned,
        origin sequence, dropped] (-1 where there is none) and ``steps`` [t_ns, level]; of cores of the host, with
        ``names`` and ``hues`` of partitions and ``slices`` [start, end, index of the partition]. ``marks`` are
        [t_ns, text, whether it is a fault].
    """
    end_ns = record.virtual_time_ns
    shown_ns = _cut(record)
    colours = hues(record)
    lanes = _cores(record, colours, shown_ns)
    for name in flow_order(record):
        hue = colours[name]
        if name in record.partitions:
            lanes += _services(name, record.partitions[name], hue, shown_ns)
        elif name in record.devices:
            lanes += _jobs(name, record.devices[name], hue, shown_ns)
        for channel, one in record.channels.items():
            if one.source.partition(".")[0] == name:
                lanes.append(_channel(channel, one, hue, shown_ns))
    return {"end": end_ns, "quantum": record.quantum_ns, "shown": shown_ns, "marks": _marks(record), "lanes": lanes}


def _marks(record: RunRecord) -> list[tuple[int, str, int]]:
    """Return changes of state and faults, in order of time."""
    marks = [(one.injected_ns, clean(name), 1) for name, one in record.faults.items() if one.injected_ns is not None]
    for name, partition in record.partitions.items():
        marks += [(one.t_ns, f"{clean(name)} {one.state}", 0) for one in partition.states[1:]]
    return sorted(marks)[:MOST_MARKS]


def _cores(record: RunRecord, colours: Mapping[str, int], shown_ns: int) -> list[dict[str, Any]]:
    """Return a lane for each core that partitions are scheduled on."""
    if record.schedule is None:
        return []
    names = list(record.partitions)
    return [
        {
            "kind": "core", "name": f"core {core}", "group": "host", "hue": 5, "names": [clean(name) for name in names],
            "hues": [colours[name] for name in names],
            "slices": [
                [start_ns, stop_ns, names.index(who)] for start_ns, stop_ns, who in bars if start_ns <= shown_ns
            ],
        }
        for core, bars in slices_by_core(record).items()
    ]  # fmt: skip


def _cut(record: RunRecord) -> int:
    starts = [message.produced_ns for channel in record.channels.values() for message in channel.messages]
    starts += [span.start_ns for partition in record.partitions.values() for span in partition.spans]
    starts += [one.start_ns for partition in record.partitions.values() for one in partition.slices]
    return record.virtual_time_ns if len(starts) <= MOST_ITEMS else sorted(starts)[MOST_ITEMS]


def _services(name: str, partition: PartitionRecord, hue: int, shown_ns: int) -> list[dict[str, Any]]:
    spans: dict[str, list[list[int]]] = {service: [] for service in partition.services}
    for span in partition.spans:
        if span.start_ns <= shown_ns:
            spans.setdefault(span.service, []).append([span.start_ns, span.end_ns, span.sequence])
    lanes: list[dict[str, Any]] = [
        {"kind": "service", "group": clean(name), "name": clean(service), "hue": hue, "spans": sorted(calls)}
        for service, calls in spans.items()
    ]
    if partition.mcu is not None and partition.mcu.inferences and lanes:
        made = [[one.start_ns, one.end_ns, one.instructions] for one in partition.mcu.inferences]
        lanes[0]["inferences"] = sorted(one for one in made if one[0] <= shown_ns)
    return lanes


def _jobs(name: str, device: DeviceRecord, hue: int, shown_ns: int) -> list[dict[str, Any]]:
    """Return a lane of an accelerator's jobs; none of another device."""
    if device.spans is None:
        return []
    spans = [[span.start_ns, span.end_ns, span.sequence] for span in device.spans if span.start_ns <= shown_ns]
    return [{"kind": "service", "group": clean(name), "name": "jobs", "hue": hue, "spans": sorted(spans)}]


def _channel(name: str, channel: ChannelRecord, hue: int, shown_ns: int) -> dict[str, Any]:
    messages = [
        [
            message.sequence,
            message.produced_ns,
            -1 if message.taken_ns is None else message.taken_ns,
            -1 if message.returned_ns is None else message.returned_ns,
            -1 if message.origin_sequence is None else message.origin_sequence,
            int(message.dropped),
        ]
        for message in channel.messages
        if message.produced_ns <= shown_ns
    ]
    steps = [[t_ns, level] for t_ns, level in channel.steps() if t_ns <= shown_ns]
    return {
        "kind": "channel", "name": clean(name), "source": clean(channel.source), "target": clean(channel.target),
        "depth": channel.depth, "hue": hue, "messages": sorted(messages, key=itemgetter(1)), "steps": steps,
    }  # fmt: skip
