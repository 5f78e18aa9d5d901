"""How long a partition takes from a doorbell to its work, and from its work to a doorbell, as a run shows it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

from sim.report.distribution import percentile
from sim.report.record import ChannelRecord
from sim.sizing.timing.calls import Call, Input
from sim.sizing.timing.execution import ExecutionClock


def wakes_ns(calls: Sequence[Call], clock: ExecutionClock, ends: Sequence[int]) -> list[int]:
    """Return for each call the execution time from the doorbell that woke the partition to taking the first input.

    Calls of a partition that was awake get the median of the others but the first, before which it was starting; 0
    where it was always awake.

    Parameters:
        calls: of one service, in order.
        clock: of its partition.
        ends: when calls of any service of the partition ended, ascending.
    """
    found = [_wake_ns(call, clock, ends) for call in calls]
    usual = percentile([each for each in found[1:] if each is not None], 50) or 0
    return [usual if each is None else each for each in found]


def fetches_ns(calls: Sequence[Call], clock: ExecutionClock) -> list[tuple[int, ...]]:
    """Return for each call the execution times from taking one input to taking the next; of one input there is none.

    Calls that had to wait for an input get the medians of the others.

    Parameters:
        calls: of one service, in order.
        clock: of its partition.
    """

    def fetch_ns(call: Call) -> tuple[int, ...]:
        return tuple(clock.between(one.taken_ns, other.taken_ns) for one, other in pairwise(call.inputs))

    whole = [fetch_ns(call) for call in calls if call.missing is None]
    usual = tuple(percentile(column, 50) or 0 for column in zip(*whole, strict=True))
    if not any(map(any, whole)):
        return []
    return [fetch_ns(call) if call.missing is None else usual for call in calls]


def _wake_ns(call: Call, clock: ExecutionClock, ends: Sequence[int]) -> int | None:
    came = call.missing or max(call.inputs, key=lambda each: each.boundary_ns)
    taken_ns = call.missing.taken_ns if call.missing else call.taken_ns
    if not _was_idle(ends, came.boundary_ns, taken_ns):
        return None
    return clock.between(came.boundary_ns, taken_ns)


def _was_idle(ends: Sequence[int], rung_ns: int, taken_ns: int) -> bool:
    index = bisect_left(ends, taken_ns) - 1
    return (ends[index] if index >= 0 else 0) <= rung_ns <= taken_ns


def look_ns(takes: Sequence[Input], clock: ExecutionClock, ends: Sequence[int]) -> int:
    """Return the execution time from a doorbell to looking at the first service: the least to taking anything.

    Parameters:
        takes: whatever services of a partition took, sampled tensors too.
        clock, ends: as of `wakes_ns`.
    """
    idle = (each for each in takes if _was_idle(ends, each.boundary_ns, each.taken_ns))
    return min((clock.between(each.boundary_ns, each.taken_ns) for each in idle), default=0)


def bell_ns(
    outputs: Mapping[str, ChannelRecord], rung: Mapping[str, Sequence[int]], clock: ExecutionClock, quantum_ns: int
) -> int:
    """Return the execution time from publishing a tensor to ringing its consumer.

    A tensor that is published less than this before a boundary is heard of a quantum later. So the time lies between
    the longest that was too short and the shortest that was not; 0 where none was.

    Parameters:
        outputs: rings that a partition sends into, by name.
        rung: for each of them the boundaries at which its consumer was rung, ascending.
        clock: of the partition.
        quantum_ns: distance of boundaries.
    """
    late: list[int] = []
    in_time: list[int] = []
    for ring, channel in outputs.items():
        sent = sorted(each.produced_ns for each in channel.messages if not each.refused)
        for index, produced_ns in enumerate(sent):
            boundary_ns = -(-produced_ns // quantum_ns) * quantum_ns
            left_ns = clock.between(produced_ns, boundary_ns)
            alone = index + 1 == len(sent) or sent[index + 1] > boundary_ns + quantum_ns
            if _rings(rung[ring], boundary_ns):
                in_time.append(left_ns)
            elif alone and _rings(rung[ring], boundary_ns + quantum_ns):
                late.append(left_ns)
    return _threshold(sorted(late), sorted(in_time))


def _rings(rung: Sequence[int], at_ns: int) -> bool:
    index = bisect_left(rung, at_ns)
    return index < len(rung) and rung[index] == at_ns


def _threshold(late: Sequence[int], in_time: Sequence[int]) -> int:
    """Return what separates two samples best: fewest late ones above it, fewest others below it (both ascending)."""

    def wrong(limit: int) -> int:
        return len(late) - bisect_right(late, limit) + bisect_left(in_time, limit)

    lower = min((0, *late), key=wrong)
    index = bisect_right(in_time, lower)
    return (lower + in_time[index]) // 2 if lower and index < len(in_time) else lower
