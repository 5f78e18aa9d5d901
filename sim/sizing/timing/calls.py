"""Calls of a service, as the record of a run shows them: by the tensors that it took, gave back and sent.

A Linux guest's agent (guests/linux/agent/runtime.py) takes the required inputs one after the other, calls, sends, and
gives the inputs back in the same order; a microcontroller's firmware (guests/mcu/core) does alike. So a call holds the
tensor that its first required input took, from then until that is given back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from sim.report.record import ChannelRecord, MessageRecord
from sim.sizing.plan.ports import Ports


@dataclass(slots=True)
class Input:
    """A tensor that a call took."""

    taken_ns: int
    produced_ns: int
    boundary_ns: int
    """At which its doorbell was delivered."""

    def late_for(self, t_ns: int) -> bool:
        """Tell whether it was not there yet at a time before it was taken."""
        return self.produced_ns > t_ns or t_ns < self.boundary_ns <= self.taken_ns


@dataclass(slots=True)
class Call:
    """One call; times are virtual ns.

    Attributes:
        inputs: that it took, in the order of time.
        end_ns: when it gave them back; of a call with sampled inputs only, when it sent last.
        origin: number and time of the sensor's sample that it worked on.
        until_ns: what it sends, it sends before this time.
        sent: when it sent into each ring.
        full: rings in which it had to wait for room.
    """

    inputs: list[Input]
    end_ns: int
    origin: tuple[int | None, int | None]
    until_ns: int
    sent: dict[str, int] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)

    @property
    def in_time(self) -> set[str]:
        """Rings into which it sent before it had to wait for room in another."""
        waited_ns = min((self.sent[ring] for ring in self.full), default=1 << 63)
        return {ring for ring, sent_ns in self.sent.items() if sent_ns < waited_ns}

    @property
    def taken_ns(self) -> int:
        """When it took its first input."""
        return self.inputs[0].taken_ns

    @property
    def began_ns(self) -> int:
        """When it had all its inputs."""
        return self.inputs[-1].taken_ns

    @property
    def missing(self) -> Input | None:
        """The input that came last, if those before it had to be held until then."""
        for before, each in zip(reversed(self.inputs[:-1]), reversed(self.inputs[1:]), strict=True):
            if each.late_for(before.taken_ns):
                return each
        return None


def calls_of(
    ports: Ports, channels: Mapping[str, ChannelRecord], rung: Mapping[str, Sequence[int]], quantum_ns: int
) -> list[Call]:
    """Return the calls of a service that have ended, in order, without what they sent.

    Parameters:
        ports: its rings.
        channels: all rings of the run.
        rung: boundaries at which the consumer of each ring was rung for it, ascending.
        quantum_ns: distance of boundaries.
    """
    required = [taken_of(channels[ring], rung.get(ring, ()), quantum_ns) for ring in ports.required]
    if required:
        return list(_requiring(required))
    return list(_sampling([taken_of(channels[ring], rung.get(ring, ()), quantum_ns) for ring in ports.sampled]))


@dataclass(slots=True)
class Taken:
    """Tensors of a ring that were taken, in the order in which they were.

    Attributes:
        inputs: what is to be known of each.
        messages: their records.
        times: when each was taken.
    """

    inputs: list[Input]
    messages: list[MessageRecord]
    times: list[int]


def taken_of(channel: ChannelRecord, rung: Sequence[int], quantum_ns: int) -> Taken:
    """Return what was taken out of a ring.

    Parameters:
        channel: its record.
        rung: boundaries at which its consumer was rung for it, ascending.
        quantum_ns: distance of boundaries.
    """
    messages = [each for each in channel.messages if each.taken_ns is not None]
    messages.sort(key=lambda each: each.taken_ns or 0)
    inputs = [Input(each.taken_ns or 0, each.produced_ns, _heard_ns(each, rung, quantum_ns)) for each in messages]
    return Taken(inputs, messages, [each.taken_ns for each in inputs])


def _heard_ns(message: MessageRecord, rung: Sequence[int], quantum_ns: int) -> int:
    """Return the boundary that delivers the doorbell of a tensor: the next one, or the one after it if it came late."""
    next_ns = -(-message.produced_ns // quantum_ns) * quantum_ns
    index = bisect_left(rung, next_ns)
    late = index < len(rung) and rung[index] == next_ns + quantum_ns <= (message.taken_ns or 0)
    return next_ns + quantum_ns if late else next_ns


def _requiring(required: Sequence[Taken]) -> Iterator[Call]:
    """Return calls that hold a tensor of each ring."""
    first, others = required[0], required[1:]
    for given, message in zip(first.inputs, first.messages, strict=True):
        end_ns = message.returned_ns
        if end_ns is None or end_ns < given.taken_ns:  # a guest may claim any time that has been
            continue
        inputs = [given]
        for ring in others:
            index = bisect_right(ring.times, end_ns) - 1  # the next call takes its own only after that
            back_ns = ring.messages[index].returned_ns if index >= 0 else None
            if back_ns is not None and back_ns >= given.taken_ns:
                inputs.append(ring.inputs[index])
        if len(inputs) == len(required):
            inputs.sort(key=lambda each: each.taken_ns)
            yield Call(inputs, end_ns, (message.origin_sequence, message.origin_ns), end_ns)


def _sampling(sampled: Sequence[Taken]) -> Iterator[Call]:
    """Return calls of firmware that takes whatever is there and keeps it: a call ends unseen before the next begins."""
    every = [given for ring in sampled for given in ring.inputs]
    every.sort(key=lambda each: each.taken_ns)
    groups: list[list[Input]] = []
    for given in every:
        if groups and not given.late_for(groups[-1][-1].taken_ns):
            groups[-1].append(given)
        else:
            groups.append([given])
    for group, following in zip_longest(groups, groups[1:]):
        until_ns = following[0].taken_ns if following else 1 << 63
        yield Call(group, group[-1].taken_ns, (None, None), until_ns)


def add_sent(calls: Sequence[Call], ring: str, channel: ChannelRecord, rung: Sequence[int], quantum_ns: int) -> None:
    """Note what calls sent into a ring, and which of them had to wait for room in it.

    A tensor needs the slot of the one that was sent a whole ring before it. If that became free only after the call had
    begun, and the doorbell that tells of it reached the sender between then and the sending, the sender has waited:
    it asks for that doorbell only when it finds no room.

    Parameters:
        calls: of one service, in order.
        ring: its name.
        channel: its record.
        rung: boundaries at which the service's partition was rung for this ring, ascending.
        quantum_ns: distance of boundaries.
    """
    sent = [each for each in channel.messages if not each.refused]
    sent.sort(key=lambda each: each.produced_ns)
    times = [each.produced_ns for each in sent]
    for call in calls:
        index = bisect_left(times, call.began_ns)
        while index < len(sent) and times[index] <= call.until_ns and not _made_by(call, sent[index]):
            index += 1
        if index == len(sent) or times[index] > call.until_ns:
            continue
        call.sent[ring] = times[index]
        if call.origin == (None, None):
            call.end_ns = max(call.end_ns, times[index])
        freed_ns = sent[index - channel.depth].returned_ns if index >= channel.depth else None
        freed_late = freed_ns is not None and -(-freed_ns // quantum_ns) * quantum_ns > call.began_ns
        was_rung = bisect_right(rung, times[index]) > bisect_right(rung, call.began_ns)
        if channel.overflow == "block" and freed_late and was_rung:
            call.full.add(ring)


def refused_between(calls: Sequence[Call], ring: str, channel: ChannelRecord) -> list[Call]:
    """Return the calls whose tensor a ring refused: those that sent nothing where numbers are missing.

    Parameters:
        calls: of one service, in order, with what they sent.
        ring: its name.
        channel: its record.
    """
    found: list[Call] = []
    after_ns, missing = 0, 0
    began = [call.began_ns for call in calls]

    def among(before_ns: int) -> list[Call]:
        between = calls[bisect_left(began, after_ns) : bisect_left(began, before_ns)]
        return [call for call in between if ring not in call.sent][:missing]

    for message in channel.messages:
        if message.refused:
            missing += 1
            continue
        if missing:
            found += among(message.produced_ns)
        after_ns, missing = message.produced_ns, 0
    return found + among(1 << 63) if missing else found


def _made_by(call: Call, message: MessageRecord) -> bool:
    """Tell whether a tensor tells the origin of a call's input; what firmware sends by its timer tells its own."""
    if call.origin == (None, None):
        return message.origin_ns is not None and message.origin_ns <= call.began_ns
    return (message.origin_sequence, message.origin_ns) == call.origin
