"""The record of a run made anew from its trace: what execution times are measured from."""

from __future__ import annotations

from pathlib import Path

from sim.host.legs import legs_of
from sim.report.record import ChannelRecord, DoorbellRecord, MessageRecord, PartitionRecord, RunRecord
from sim.scenario.model import Scenario


def record_of(scenario: Scenario, trace: Path) -> RunRecord:
    """Return the record of a run without faults whose partitions always had their cores."""
    record = RunRecord(scenario.name, quantum_ns=scenario.time.quantum_ns)
    for leg in legs_of(scenario):
        channel = scenario.channels[leg.channel]
        shape = channel.tensor.shape
        record.channels[leg.name] = ChannelRecord(
            *leg.shown, channel.tensor.dtype, shape, channel.depth, channel.overflow, 0
        )
    for name, partition in scenario.partitions.items():
        services = list(partition.service_names)
        record.partitions[name] = PartitionRecord(partition.machine, "qemu", 0, 1.0, services)
    live: dict[tuple[str, int], MessageRecord] = {}
    for line in trace.read_text().splitlines():
        at, kind, *facts = line.split()
        if kind == "doorbell":
            record.doorbells.append(DoorbellRecord(int(at), facts[1], facts[2], 0, facts[0]))
        elif kind == "tensor":
            sequence, produced_ns, number, origin_ns = map(int, facts[1:5])
            message = MessageRecord(sequence, produced_ns, origin_ns=origin_ns, origin_sequence=number)
            record.channels[facts[0]].messages.append(message)
            live[facts[0], sequence] = message
        elif kind in ("taken", "returned"):
            live[facts[0], int(facts[1])].taken_ns = int(facts[2])
            if kind == "returned":
                live[facts[0], int(facts[1])].returned_ns = int(facts[3])
    return record
