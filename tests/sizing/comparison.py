"""What the model found held against what the executive left; every figure exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from machines.native.accelerator import AcceleratorDevice
from machines.native.link import LinkDevice
from sim.report.distribution import P99_9, percentile
from sim.report.paths import _follow
from sim.report.record import ChannelRecord, MessageRecord, PathRecord
from sim.sizing.model.outcome import Outcome, RingOutcome, Times
from sim.sizing.plan import Link

from .reference import World
from .rings import Tensor

RANKS = {"p50_ns": 50, "p95_ns": 95, "p99_ns": 99, "p99_9_ns": P99_9}


def differences(outcome: Outcome, world: World) -> list[str]:
    """Return in what the two are not the same; one line each."""
    return [line for part in (_rings, _series, _records, _nodes, _devices, _paths) for line in part(outcome, world)]


def _unlike(what: str, model: Any, real: Any) -> Iterator[str]:
    if model != real:
        yield f"{what}: the model has {model}, the executive {real}"


def _rings(outcome: Outcome, world: World) -> Iterator[str]:
    for name, ring in outcome.rings.items():
        tensors, depth = world.journals[name].tensors, world.plan.rings[name].depth
        taken = [tensor for tensor in tensors if tensor.taken_ns is not None]
        lost = sum(tensor.refused or tensor.withdrawn_ns is not None for tensor in tensors)
        until_ns = world.plan.duration_ns
        yield from _unlike(f"{name} offered", ring.offered, len(tensors))
        yield from _unlike(f"{name} delivered", ring.delivered, len(taken))
        yield from _unlike(f"{name} dropped", ring.dropped, lost)
        yield from _unlike(f"{name} refused", ring.refused, sum(tensor.refused for tensor in tensors))
        yield from _unlike(f"{name} stalls", ring.stalls, world.producers[name].counters.stalls)
        yield from _unlike(f"{name} max", ring.occupancy_max, world.journals[name].occupancy_max(depth))
        yield from _unlike(f"{name} level", ring.level_ns.tolist(), world.journals[name].level_ns(depth, until_ns))
        yield from _times(f"{name} latency", ring.latency, [(t.taken_ns or 0) - t.produced_ns for t in taken])
        yield from _times(f"{name} age", ring.age, [(t.taken_ns or 0) - t.origin_ns for t in taken])


def _times(what: str, times: Times, values: Sequence[int]) -> Iterator[str]:
    exact = (len(values), min(values, default=0), max(values, default=0))
    yield from _unlike(what, (times.count, times.min_ns, times.max_ns), exact)
    for name, percent in RANKS.items():
        found, real = getattr(times, name), percentile(values, percent) or 0
        if not real <= found <= real + real // 256:
            yield f"{what} {name}: the model has {found}, the executive {real}"


def _series(outcome: Outcome, world: World) -> Iterator[str]:
    for name, series in outcome.series.items():
        depth, until_ns = world.plan.rings[name].depth, world.plan.duration_ns
        most = world.journals[name].most(depth, until_ns, series.step_ns)
        yield from _unlike(f"{name} series", series.levels.tolist(), most + [0] * (len(series.levels) - len(most)))


def _records(outcome: Outcome, world: World) -> Iterator[str]:
    """What the host saw at boundaries is what the ends did, as far as it can be seen."""
    for name, ring in outcome.rings.items():
        if world.plan.rings[name].source == world.plan.rings[name].target:
            continue  # what comes and goes within a quantum
        record = world.channels[name].record
        tensors = world.journals[name].tensors
        yield from _unlike(f"{name} record published", ring.offered, record.published)
        yield from _unlike(f"{name} record delivered", ring.delivered, len(record.latencies_ns))
        yield from _unlike(f"{name} record dropped", ring.dropped, record.dropped)
        yield from _refusals(name, record, tensors, world.plan.quantum_ns)
        yield from _times(f"{name} record latency", ring.latency, record.latencies_ns)
        yield from _times(f"{name} record age", ring.age, record.ages_ns)
        at_start = any(tensor.returned_ns == 0 for tensor in tensors)  # in a receipt 0 is: not yet
        unseen = record.gaps - sum(tensor.refused for tensor in tensors)
        unseen_withdrawn = record.overflow == "drop_oldest" and unseen  # of these the host does not know when
        if not unseen_withdrawn and not at_start:
            yield from _unlike(f"{name} record max", ring.occupancy_max, record.occupancy_max)
            mean = record.occupancy_mean(world.plan.duration_ns)
            yield from _unlike(f"{name} record mean", _mean(ring), mean)


def _refusals(name: str, record: ChannelRecord, tensors: Sequence[Tensor], quantum_ns: int) -> Iterator[str]:
    """Of what was refused the host knows when, to the quantum, and which; unless others went by unseen beside it."""
    real = [tensor.produced_ns for tensor in tensors if tensor.refused]
    seen = [message.produced_ns for message in record.messages if message.refused]
    if len(real) != record.gaps:
        return
    numbers = [number for number, tensor in enumerate(tensors) if tensor.refused]
    yield from _unlike(f"{name} refused", numbers, [message.sequence for message in record.messages if message.refused])
    for real_ns, seen_ns in zip(real, seen, strict=True):
        if not 0 <= seen_ns - real_ns < quantum_ns:
            yield f"{name}: refused at {real_ns} ns, recorded at {seen_ns} ns"


def _mean(ring: RingOutcome) -> float:
    held = sum(level * int(level_ns) for level, level_ns in enumerate(ring.level_ns))
    return held / int(ring.level_ns.sum())


def _paths(outcome: Outcome, world: World) -> Iterator[str]:
    """As the report follows them, from all that there was."""
    for name, found in outcome.paths.items():
        plan, real = world.plan.paths[name], PathRecord("", "")
        _follow(real, *(_complete(world, ring) for ring in (plan.rings[0], plan.rings[-1])))
        ages = [age_ns for _, age_ns, _ in real.arrivals]
        late = sum(age_ns > plan.deadline_ns for age_ns in ages) if plan.deadline_ns is not None else 0
        counted = found.delivered, found.missing, found.late
        yield from _unlike(f"{name} path", counted, (len(ages), len(real.missing), late))
        yield from _times(f"{name} path age", found.age, ages)


def _complete(world: World, name: str) -> ChannelRecord:
    messages = [
        MessageRecord(number, tensor.produced_ns, tensor.taken_ns)
        if tensor.refused
        else MessageRecord(number, tensor.produced_ns, tensor.taken_ns, None, tensor.origin_ns, tensor.origin_sequence)
        for number, tensor in enumerate(world.journals[name].tensors)
    ]
    return ChannelRecord("", "", "uint8", (), 2, "", 0, messages)


def _nodes(outcome: Outcome, world: World) -> Iterator[str]:
    for name, guest in world.guests.items():
        yield from _unlike(f"{name} busy", outcome.nodes[name].busy_ns, int(guest.busy_ns / guest.node.duty))
        yield from _unlike(f"{name} calls", dict(outcome.nodes[name].calls), guest.calls)


def _devices(outcome: Outcome, world: World) -> Iterator[str]:
    for device in world.plan.devices:
        real, found = world.devices[device.name], outcome.nodes.get(device.name)
        counted = (found.busy_ns, found.calls[device.name]) if found else (0, 0)
        if isinstance(device, Link) and isinstance(real, LinkDevice):
            both = real.statistics.values()
            busy_ns = (max if device.full_duplex else sum)(each.busy_ns for each in both)
            yield from _unlike(f"{device.name} busy", counted, (busy_ns, sum(each.tensors for each in both)))
        elif isinstance(real, AcceleratorDevice):
            busy_ns = sum(end_ns - start_ns for start_ns, end_ns, _ in real.jobs)
            yield from _unlike(f"{device.name} busy", counted, (busy_ns, len(real.jobs)))
