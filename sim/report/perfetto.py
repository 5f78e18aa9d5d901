"""trace.json: the run in the Trace Event Format, for ui.perfetto.dev and chrome://tracing.

Format: "Trace Event Format", Google, 2016 (docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
Every partition and device is a process with a thread per service, and one for the inferences of a microcontroller; all
channels are one process with an asynchronous track and a counter each; arrows (flow events) lead from the call that
published a tensor to the call that took it. The host is a process with a thread per core that partitions share, and one
for faults, which are instants across everything; a partition's states are a thread of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from sim.report.gantt import slices_by_core
from sim.report.health import eventful
from sim.report.record import ChannelRecord, MessageRecord, PartitionRecord, RunRecord
from sim.report.svg import clean

Event = dict[str, Any]
CHANNELS = 1
"""Process id of the channels; partitions and devices follow."""
DOORBELLS, LOG, INFERENCE, STATE, FIRST_SERVICE = 1, 2, 3, 4, 10
"""Thread ids in a partition's process; a device's process has thread DOORBELLS, and of an accelerator FIRST_SERVICE."""
FAULTS, FIRST_CORE = 1, 10
"""Thread ids in the host's process."""
_ORDER = "MXbnisfeC"
"""Of events at one instant: slices before the flows that bind to them."""


def trace(record: RunRecord) -> dict[str, Any]:
    """Return the whole trace, ready for JSON.

    Parameters:
        record: the run; its nanoseconds become microseconds with three decimals.

    Returns:
        The JSON object form of the format, events in order of time.
    """
    tracks = _Tracks(record)
    events = [*tracks.names(), *tracks.calls(), *tracks.jobs(), *tracks.inferences()]
    events += [*_doorbells(record, tracks), *_logs(record, tracks)]
    events += [*_host(record, tracks.host), *_states(record, tracks), *_faults(record, tracks.host)]
    for name, channel in record.channels.items():
        events += [*_messages(name, channel, record.virtual_time_ns), *_occupancy(name, channel)]
        events += [*tracks.device_events(name, channel), *tracks.flows(name, channel)]
    events.sort(key=lambda event: (event.get("ts", -1.0), _ORDER.index(event["ph"])))
    about = {"scenario": record.scenario, "seed": str(record.seed), "digest": record.digest, "time": record.time_mode}
    return {"displayTimeUnit": "ns", "otherData": about, "traceEvents": events}


def _us(t_ns: int) -> float:
    return t_ns / 1000


class _Tracks:
    """Where in the trace each partition, device and service has its place."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        participants = [*record.partitions, *record.devices]
        self.processes = {name: CHANNELS + 1 + index for index, name in enumerate(participants)}
        self.host = CHANNELS + 1 + len(participants)
        self.threads: dict[str, tuple[int, int]] = {}
        self.spans: dict[str, list[tuple[int, int]]] = {}
        self.inferring = {name: one.mcu for name, one in record.partitions.items() if one.mcu and one.mcu.inferences}
        for name, partition in record.partitions.items():
            for index, service in enumerate(_services(partition)):
                end = f"{name}.{service}"
                self.threads[end] = self.processes[name], FIRST_SERVICE + index
                calls = [(span.start_ns, span.end_ns) for span in partition.spans if span.service == service]
                self.spans[end] = sorted(calls)

    def names(self) -> Iterator[Event]:
        """Yield the metadata: names and order of processes and threads."""
        yield from _name("process", CHANNELS, 0, "channels", 1000)
        for order, (name, process) in enumerate(self.processes.items()):
            guest = name in self.record.partitions
            yield from _name("process", process, 0, f"{'partition' if guest else 'device'} {clean(name)}", order)
            yield from _name("thread", process, DOORBELLS, "doorbells" if guest else "tensors", 1)
            if guest:
                yield from _name("thread", process, LOG, "log", 2)
            if guest and eventful(self.record):
                yield from _name("thread", process, STATE, "state", 0)
            if name in self.inferring:
                yield from _name("thread", process, INFERENCE, "inference", 3)
        for end, (process, thread) in self.threads.items():
            yield from _name("thread", process, thread, clean(end.partition(".")[2]), thread)

    def calls(self) -> Iterator[Event]:
        """Yield every call of a service as a complete event."""
        for name, partition in self.record.partitions.items():
            for span in partition.spans:
                process, thread = self.threads[f"{name}.{span.service}"]
                yield {"ph": "X", "name": clean(span.service), "cat": "service", "pid": process, "tid": thread,
                       "ts": _us(span.start_ns), "dur": _us(span.end_ns - span.start_ns),
                       "args": {"sample": span.sequence}}  # fmt: skip

    def jobs(self) -> Iterator[Event]:
        """Yield every job of an accelerator as a complete event, on a thread that is named with the first one."""
        for name, device in self.record.devices.items():
            common = {"pid": self.processes[name], "tid": FIRST_SERVICE}
            if device.spans:
                yield from _name("thread", self.processes[name], FIRST_SERVICE, "jobs", FIRST_SERVICE)
            for span in device.spans or ():
                yield {"ph": "X", "name": span.service, "cat": "device", **common, "ts": _us(span.start_ns),
                       "dur": _us(span.end_ns - span.start_ns), "args": {"sample": span.sequence}}  # fmt: skip

    def inferences(self) -> Iterator[Event]:
        """Yield every inference of a microcontroller as a complete event."""
        for name, mcu in self.inferring.items():
            for one in mcu.inferences:
                yield {"ph": "X", "name": "inference", "cat": "inference", "pid": self.processes[name],
                       "tid": INFERENCE, "ts": _us(one.start_ns), "dur": _us(one.end_ns - one.start_ns),
                       "args": {"sample": one.sequence, "instructions": one.instructions}}  # fmt: skip

    def device_events(self, name: str, channel: ChannelRecord) -> Iterator[Event]:
        """Yield what devices did with a channel's tensors; they act at an instant, so the slices have no length."""
        for message in channel.messages:
            for end, verb, t_ns in (
                (channel.source, "publish", message.produced_ns),
                (channel.target, "take", message.taken_ns),
            ):
                device = end.partition(".")[0]
                if device in self.record.devices and t_ns is not None:
                    yield {"ph": "X", "name": f"{verb} {clean(name)}", "cat": "device", "pid": self.processes[device],
                           "tid": DOORBELLS, "ts": _us(t_ns), "dur": 0.0,
                           "args": {"sequence": message.sequence}}  # fmt: skip

    def flows(self, name: str, channel: ChannelRecord) -> Iterator[Event]:
        """Yield an arrow for every tensor whose publishing and taking both lie in a slice."""
        number = list(self.record.channels).index(name)
        for index, message in enumerate(channel.messages):
            if message.taken_ns is None:
                continue
            begin, end = self._place(channel.source, message.produced_ns), self._place(channel.target, message.taken_ns)
            if begin and end:
                common = {"name": clean(name), "cat": "tensor", "id": f"{number}/{index}"}
                yield {"ph": "s", **common, **begin}
                yield {"ph": "f", "bp": "e", **common, **end}

    def _place(self, end: str, t_ns: int) -> Event | None:
        """Return thread and time of a slice at one end of a channel that holds `t_ns`; 1 ns earlier at its very end."""
        device = end.partition(".")[0]
        if device in self.record.devices:
            return {"pid": self.processes[device], "tid": DOORBELLS, "ts": _us(t_ns)}
        service = ".".join(end.split(".")[:2])
        calls = self.spans.get(service, [])
        index = bisect_right(calls, (t_ns, 1 << 62)) - 1
        if index < 0 or calls[index][1] < t_ns:
            return None
        start_ns, end_ns = calls[index]
        process, thread = self.threads[service]
        return {"pid": process, "tid": thread, "ts": _us(min(t_ns, max(start_ns, end_ns - 1)))}


def _services(partition: PartitionRecord) -> list[str]:
    return list(dict.fromkeys([*partition.services, *(span.service for span in partition.spans)]))


def _name(what: str, process: int, thread: int, name: str, order: int) -> list[Event]:
    common = {"ph": "M", "pid": process, "tid": thread}
    named = {"name": f"{what}_name", **common, "args": {"name": name}}
    return [named, {"name": f"{what}_sort_index", **common, "args": {"sort_index": order}}]


def _messages(name: str, channel: ChannelRecord, end_ns: int) -> Iterator[Event]:
    """Yield each tensor's time in its slot as an asynchronous slice: slices of a ring overlap."""
    for index, message in enumerate(channel.messages):
        common: Event = {"name": clean(name), "cat": f"channel {clean(name)}", "id": index}
        common |= {"pid": CHANNELS, "tid": 0}
        until = end_ns if message.returned_ns is None else message.returned_ns
        yield {"ph": "b", **common, "ts": _us(message.produced_ns), "args": _facts(message)}
        if message.taken_ns is not None:
            yield {"ph": "n", **common, "name": "taken", "ts": _us(message.taken_ns)}
        yield {"ph": "e", **common, "ts": _us(until)}


def _facts(message: MessageRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {"sequence": message.sequence, "sample": message.origin_sequence, "bytes": message.bytes}
    facts |= {"hash": message.hash, "dropped": message.dropped}
    if message.latency_ns is not None:
        facts["latency_us"] = _us(message.latency_ns)
    if message.age_ns is not None:
        facts["age_us"] = _us(message.age_ns)
    return facts


def _occupancy(name: str, channel: ChannelRecord) -> Iterator[Event]:
    for t_ns, level in channel.steps():
        yield {"ph": "C", "name": f"{clean(name)} slots in use", "pid": CHANNELS, "tid": 0, "ts": _us(t_ns),
               "args": {"slots": level}}  # fmt: skip


def _host(record: RunRecord, process: int) -> Iterator[Event]:
    """Yield who had which core of the host, a thread for each core."""
    cores = slices_by_core(record) if record.schedule else {}
    if cores or record.faults:
        yield from _name("process", process, 0, "host", -1)
    if record.faults:
        yield from _name("thread", process, FAULTS, "faults", 0)
    for core, bars in cores.items():
        yield from _name("thread", process, FIRST_CORE + core, f"core {core}", 1 + core)
        for start_ns, stop_ns, partition in bars:
            yield {"ph": "X", "name": clean(partition), "cat": "schedule", "pid": process, "tid": FIRST_CORE + core,
                   "ts": _us(start_ns), "dur": _us(stop_ns - start_ns)}  # fmt: skip


def _states(record: RunRecord, tracks: _Tracks) -> Iterator[Event]:
    """Yield the states of each partition, and an instant where it came to another one."""
    if not eventful(record):
        return
    for name, partition in record.partitions.items():
        if not partition.states:
            continue
        place: Event = {"cat": "state", "pid": tracks.processes[name], "tid": STATE}
        ends = [*(later.t_ns for later in partition.states[1:]), record.virtual_time_ns]
        for one, until_ns in zip(partition.states, ends, strict=True):
            facts = {"reason": clean(one.reason)}
            yield {"ph": "X", "name": one.state, **place, "ts": _us(one.t_ns), "dur": _us(max(0, until_ns - one.t_ns)),
                   "args": facts}  # fmt: skip
            if one is not partition.states[0]:
                named = f"{clean(name)} {one.state}"
                yield {"ph": "i", "s": "p", "name": named, **place, "ts": _us(one.t_ns), "args": facts}


def _faults(record: RunRecord, process: int) -> Iterator[Event]:
    """Yield what became of each fault, as instants across everything."""
    for name, fault in record.faults.items():
        facts = {"kind": clean(fault.kind), "target": clean(fault.target), "outcome": fault.outcome}
        times = (("struck", fault.injected_ns), ("noticed", fault.detected_ns), ("well again", fault.recovered_ns))
        for verb, t_ns in times:
            if t_ns is not None:
                yield {"ph": "i", "s": "g", "name": f"{clean(name)} {verb}", "cat": "fault", "pid": process,
                       "tid": FAULTS, "ts": _us(t_ns), "args": facts | {"detail": clean(fault.detail)}}  # fmt: skip


def _doorbells(record: RunRecord, tracks: _Tracks) -> Iterator[Event]:
    for bell in record.doorbells:
        process = tracks.processes.get(bell.target)
        if process is not None:
            facts = {"source": clean(bell.source), "vector": bell.vector, "channel": clean(bell.channel or "control")}
            yield {"ph": "i", "s": "t", "name": "doorbell", "cat": "doorbell", "pid": process, "tid": DOORBELLS,
                   "ts": _us(bell.t_ns), "args": facts}  # fmt: skip


def _logs(record: RunRecord, tracks: _Tracks) -> Iterator[Event]:
    for name, partition in record.partitions.items():
        for line in partition.log:
            yield {"ph": "i", "s": "t", "name": f"{clean(line.service)}: {clean(line.text)}"[:200], "cat": "log",
                   "pid": tracks.processes[name], "tid": LOG, "ts": _us(max(0, line.t_ns)),
                   "args": {"level": clean(line.level)}}  # fmt: skip
