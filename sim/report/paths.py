"""The paths of a run: which samples arrived at their end, when, and how old they were."""

from __future__ import annotations

from collections.abc import Mapping, Set

from sim.report.record import ChannelRecord, PathRecord, RunRecord
from sim.scenario.model import Scenario
from sim.scenario.paths import DataPath, origin_inputs, ways
from sim.scenario.services import required_inputs


def conclude_paths(scenario: Scenario, record: RunRecord) -> None:
    """Fill in the paths of a run from what went through its channels.

    Parameters:
        scenario: one that was loaded, so that each of its paths has one way.
        record: its channels are complete.
    """
    record.paths = {name: _followed(scenario, path, record) for name, path in scenario.paths.items()}


def _followed(scenario: Scenario, path: DataPath, record: RunRecord) -> PathRecord:
    ends = {name: (channel.source, channel.target) for name, channel in scenario.channels.items()}

    def origins(node: str, service: str) -> tuple[str, ...]:
        required = required_inputs(scenario.partitions[node], service)
        return origin_inputs(required, tuple(scenario.inputs_of(node, service)))

    (way,) = ways(ends, origins, path.source, path.target)
    found = PathRecord(str(path.source), str(path.target), way, deadline_ns=path.deadline_ns)
    _follow(found, *(record.channels[name] for name in _rings(record, way)))
    return found


def _rings(record: RunRecord, way: tuple[str, ...]) -> tuple[str, str]:
    """Return the first and the last ring of a way; a channel over a link begins with a ring of its own."""
    legs = [name for name in record.channels if name.partition("@")[0] == way[0]]
    return legs[0] if legs else way[0], way[-1]


def _follow(path: PathRecord, first: ChannelRecord, last: ChannelRecord) -> None:
    """Note each sample that arrived; what a guest says of a sample that was not so sent is left out."""
    sent = {
        message.origin_sequence: message.origin_ns
        for message in first.messages
        if message.origin_ns is not None and message.origin_sequence is not None
    }
    for message in last.messages:
        number, age_ns = message.origin_sequence, message.age_ns
        if number is None or age_ns is None or message.taken_ns is None or age_ns < 0:
            continue
        if sent.get(number) == message.origin_ns:
            path.arrivals.append((message.taken_ns, age_ns, number))
    path.missing = _missing(sent, {number for _, _, number in path.arrivals})


def _missing(sent: Mapping[int, int], arrived: Set[int]) -> list[tuple[int, int]]:
    """Return number and time of each sample that never arrived though a later one did.

    A sensor numbers its samples one after the other; of one that a full ring refused only the number is known, and it
    stands at the time of the sample before it.
    """
    missing: list[tuple[int, int]] = []
    t_ns = 0
    for number in range(min(sent, default=0), max(arrived, default=0)):
        t_ns = sent.get(number, t_ns)
        if number not in arrived:
            missing.append((number, t_ns))
    return missing
