"""The schedule of a run: its policy, whom it concerns, and the record of who had which core when."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from machines.participant import Slice
from sim.host.scheduler import Policy, configured_share, cores_of, make_policy
from sim.report.record import PartitionRecord, RunRecord, ScheduleRecord, SliceRecord, WindowRecord
from sim.scenario.model import Scenario


class Timetable:
    """What an executive has to know of the schedule.

    Parameters:
        scenario: what is run.
        record: takes the schedule, and the slices of each partition; it has all partitions.

    Attributes:
        policy: who has a core when; None: everybody always.
        scheduled: names of the partitions that it schedules.
        shares: of the partitions whose speed their machine does not have: how much of its time it executes.
    """

    def __init__(self, scenario: Scenario, record: RunRecord) -> None:
        policy = make_policy(scenario)
        guests = scenario.linux_guests
        self.policy: Policy | None = None if policy.full else policy
        self.scheduled = frozenset() if policy.full else frozenset(guests)
        self.shares: Mapping[str, Fraction] = {name: each.duty for name, each in guests.items() if each.duty != 1}
        self._partitions = record.partitions
        for name, guest in guests.items():
            noted = record.partitions[name]
            noted.vcpus, noted.cores = guest.vcpus, cores_of(scenario, name)
            share = configured_share(scenario, name)
            noted.configured_share = None if share is None else float(share)
        if self.policy is not None:
            record.schedule = _schedule(scenario, record.partitions)

    def note(self, name: str, executing: Slice) -> None:
        """Note that a partition had its cores."""
        record = self._partitions[name]
        last = record.slices[-len(record.cores) :]
        if last and last[0].stop_ns == executing.start_ns:
            for each in last:
                each.stop_ns = executing.stop_ns
        else:
            record.slices += [SliceRecord(executing.start_ns, executing.stop_ns, core) for core in record.cores]


def _schedule(scenario: Scenario, partitions: Mapping[str, PartitionRecord]) -> ScheduleRecord:
    described = scenario.host.scheduler
    used = 1 + max(core for each in partitions.values() for core in each.cores)
    windowed = described.policy == "arinc653"
    return ScheduleRecord(
        policy=described.policy,
        cores=scenario.host.cores or used,
        major_frame_ns=described.major_frame_ns if windowed else None,
        context_switch_ns=described.context_switch_ns,
        windows=[
            WindowRecord(each.partition, each.core, each.offset_ns, each.length_ns)
            for each in (described.windows if windowed else ())
        ],
    )
