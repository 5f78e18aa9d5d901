"""A channel as the host sees it: where its doorbells go, and what went through it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from sim.host.ownership import Ownership
from sim.host.refusals import Refusals
from sim.host.trace import Trace
from sim.report.record import ChannelRecord, MessageRecord, occupancy_steps
from virtio_shm import Layout, RingError, Tap, TapEvent

_HASH_BYTES = 16
_EPOCH = struct.Struct("<I")
_EPOCH_OFFSET = 20
"""Of the driver's epoch in its block: docs/ring.md."""

MOST_MISSED = 100_000
"""Tensors that a producer may count in a run without the host having seen them; each costs a record."""


class End(NamedTuple):
    """One end of a channel."""

    participant: str
    vector: int


class Published(NamedTuple):
    """A tensor that went into a channel; `array` is only valid while the producer stands still."""

    sequence: int
    produced_ns: int
    origin_sequence: int
    origin_ns: int
    array: NDArray[np.generic]


class _Impossible(Exception):
    """Raised when an end claims what cannot be true; the text is the claim."""


class Channel:
    """Observes one ring at boundaries and never writes to it.

    Parameters:
        name: from the scenario.
        region: the memory of the channel.
        layout: its geometry.
        source: the end that produces.
        target: the end that consumes.
        record: takes what is observed.

    Attributes:
        observers: called with every tensor that is published.
        taken: whether its consumer has taken a tensor yet.
    """

    def __init__(
        self, name: str, region: SharedRegion, layout: Layout, source: End, target: End, record: ChannelRecord
    ) -> None:
        self.name = name
        self.region = region
        self.layout = layout
        self.source = source
        self.target = target
        self.record = record
        self.observers: list[Callable[[Published], None]] = []
        self._look_anew()
        self._live: dict[int, MessageRecord] = {}
        self._next_sequence = 0
        self._may_begin_anew = False
        self._fresh = True
        self._passed = -1
        self._unseen = 0
        self._missed = 0
        self._refusals = Refusals(region.view, layout)
        self._refused = 0
        self._surplus = 0
        self._ghosts: dict[int, MessageRecord] = {}
        """By number, tensors that came and went between two looks."""
        self._taken_ghosts: set[int] = set()
        self._in_slot: dict[int, MessageRecord] = {}
        self._replaced_ns: dict[int, int] = {}
        """By number, when the slot of a tensor got another one."""
        self._broken_epoch: int | None = None
        self.taken = False

    def _look_anew(self) -> None:
        self._tap = Tap(self.region.view, self.layout)
        ends = self.source.participant, self.target.participant
        self._ownership = Ownership(self.region.view, self.layout, *ends)

    @property
    def broken(self) -> bool:
        """Whether an end broke it, so that nothing in it is looked at until its producer opens a new session."""
        return self._broken_epoch is not None

    def attribute(self, end: End) -> None:
        """Take what somebody else has written into the ring for the doing of one of its ends."""
        self._ownership.complaint(end.participant)

    @property
    def address(self) -> int:
        """Where its region is in our memory."""
        return np.frombuffer(self.region.view, np.uint8).ctypes.data

    def give_up(self) -> None:
        """Look at nothing in it until there is a new session."""
        if not self.broken:
            self._broken_epoch = self._epoch()

    def _epoch(self) -> int:
        epoch: int = _EPOCH.unpack_from(self.region.view, self.layout.driver + _EPOCH_OFFSET)[0]
        return epoch

    def other(self, end: End) -> End:
        """Return the end that hears the doorbells of `end`."""
        return self.target if end == self.source else self.source

    def observe(self, now_ns: int, trace: Trace, actor: str) -> None:
        """Note what went in and out since the last call, in the trace and in the record.

        Parameters:
            now_ns: the boundary.
            trace: takes the events.
            actor: the participant that ran since the last call. Nobody else who maps the region did, so what is wrong
                now is its doing, whichever end it pretends to be.

        Raises:
            ParticipantFailed: it broke the ring or claims what cannot be; it is said once.
        """
        if self.broken:
            if self._epoch() == self._broken_epoch:
                return
            self._broken_epoch = None
            self._look_anew()
            trace.add(now_ns, "session", self.name, self._epoch())
            self._restarted(now_ns)
        complaint = self._ownership.complaint(actor)
        try:
            events = self._tap.poll()
        except RingError as error:
            self.give_up()
            trace.add(now_ns, "broken", self.name, error.kind)
            reason = complaint or str(error)
            raise ParticipantFailed(actor, f"broke the ring of channel {self.name}: {reason}") from error
        try:
            for event in events:
                self._note(now_ns, event, trace)
            if events:
                self._withdraw_passed(now_ns, trace)
        except _Impossible as claim:
            self.give_up()
            trace.add(now_ns, "impossible", self.name)
            raise ParticipantFailed(actor, f"claims on channel {self.name}: {claim}") from claim
        self._follow_refusals(now_ns)
        if complaint:
            self.give_up()
            trace.add(now_ns, "spoiled", self.name)
            raise ParticipantFailed(actor, f"broke the ring of channel {self.name}: {complaint}")

    def _note(self, now_ns: int, event: TapEvent, trace: Trace) -> None:
        if event.kind == "published":
            self._published(now_ns, event, trace)
        elif event.kind == "restarted":
            trace.add(now_ns, "session", self.name, event.count)
            self._restarted(now_ns)
        elif event.kind == "lost":
            trace.add(now_ns, "lost", self.name, event.count)
            self._unseen += event.count
        else:
            self._moved(now_ns, event, trace)

    def _restarted(self, now_ns: int) -> None:
        """Note that one end has started again: what was under way is lost, and numbers may begin anew."""
        self._fresh = True
        self._refuse(self._refusals.unrecorded, now_ns)
        self.record.lost += len(self._live)
        for message in self._live.values():
            message.dropped = message.taken_ns is None
            message.returned_ns = now_ns
        self._live.clear()
        self._in_slot.clear()
        self._replaced_ns.clear()
        self._passed = -1
        self._may_begin_anew = True

    def _published(self, now_ns: int, event: TapEvent, trace: Trace) -> None:
        """Note a tensor, and those before it that the host did not see."""
        self._must(event.produced_ns <= now_ns, f"a tensor of {event.produced_ns} ns at {now_ns} ns")
        if self._may_begin_anew and event.sequence < self._next_sequence:
            self._next_sequence = event.sequence
            self._refusals.begin()
        self._may_begin_anew = False
        missed = event.sequence - self._next_sequence
        self._must(
            0 <= missed <= MOST_MISSED - self._missed, f"sequence {event.sequence} after {self._next_sequence - 1}"
        )
        self._miss(missed, event.produced_ns)
        self._next_sequence += 1
        if self._fresh:
            self._begin_session()
        assert event.payload is not None
        digest = hashlib.blake2b(event.payload.data, digest_size=_HASH_BYTES).hexdigest()
        message = MessageRecord(
            sequence=event.sequence,
            produced_ns=event.produced_ns,
            origin_ns=event.origin_ns,
            origin_sequence=event.origin_sequence,
            bytes=event.payload.nbytes,
            hash=digest,
        )
        self.record.messages.append(message)
        self._live[event.sequence] = message
        before = self._in_slot.get(event.slot)
        if before is not None and before.sequence in self._live:
            self._replaced_ns[before.sequence] = event.produced_ns
        self._in_slot[event.slot] = message
        shape = "x".join(map(str, event.shape))
        stamps = (event.sequence, event.produced_ns, event.origin_sequence, event.origin_ns)
        trace.add(now_ns, "tensor", self.name, *stamps, event.dtype, shape, digest)
        published = Published(*stamps, event.payload)
        for observer in tuple(self.observers):
            observer(published)

    def _begin_session(self) -> None:
        """Note the first tensor of a session.

        What the producer counts as withdrawn is not what we do: for it all is that was in flight when the last session
        ended, also what its consumer had taken; and a producer that has started again has forgotten its count.
        """
        self._fresh = False
        self.record.sessions += 1
        if self.record.sessions > 1:
            self._surplus = 0
            self._surplus = self._withdrawn_unseen()

    def _withdrawn_unseen(self) -> int:
        """Return how many tensors the producer counts as dropped after they were published, beyond those recorded."""
        counted = self._tap.counters()[0].dropped - self._refusals.count
        return counted - self._surplus - (self.record.dropped - self._refused)

    def _miss(self, count: int, at_ns: int) -> None:
        """Note tensors that came and went between two looks, or that a full ring refused."""
        unseen = min(count, self._unseen)
        self._unseen -= unseen
        for _ in range(unseen):
            ghost = self._skip(at_ns, dropped=False)
            self._ghosts[ghost.sequence] = ghost
        self._refuse(count - unseen, at_ns)

    def _refuse(self, count: int, at_ns: int) -> None:
        """Note tensors that a full ring refused, the last one at a time or before it."""
        since_ns = self.record.messages[-1].produced_ns if self.record.messages else 0
        for t_ns in self._refusals.record(min(count, MOST_MISSED - self._missed), since_ns, at_ns):
            self._skip(t_ns, dropped=True)
            self._refused += 1

    def _skip(self, t_ns: int, dropped: bool) -> MessageRecord:
        """Note a tensor of which there is but a number."""
        message = MessageRecord(self._next_sequence, t_ns, returned_ns=t_ns, dropped=dropped)
        self.record.messages.append(message)
        self._next_sequence += 1
        self._missed += 1
        self.record.gaps += 1
        return message

    def _follow_refusals(self, now_ns: int) -> None:
        """Note how many its producer counts; of one that has started again no number will tell of the last ones."""
        if self._refusals.begins_anew:
            self._refuse(self._refusals.unrecorded, now_ns)
            self._refusals.begin()
        self._refusals.look(now_ns)

    def _moved(self, now_ns: int, event: TapEvent, trace: Trace) -> None:
        """Note that a tensor was taken, given back or withdrawn."""
        message = self._live.get(event.sequence)
        if message is None and event.sequence in self._ghosts and event.kind != "revoked":
            self._taken_ghosts.add(event.sequence)
            return
        self._must(message is not None, f"a receipt for tensor {event.sequence}, which is not there")
        assert message is not None
        if event.kind == "revoked":  # an older one may yet be taken: one that its consumer claimed ahead of its time
            self._withdraw(now_ns, message, trace)
            return
        self._passed = max(self._passed, event.sequence)
        latest = max(event.taken_ns, event.returned_ns)
        self._must(message.produced_ns <= event.taken_ns and latest <= now_ns, f"taken at {event.taken_ns} ns")
        message.taken_ns = event.taken_ns
        self.taken = True
        if event.kind == "taken":
            trace.add(now_ns, "taken", self.name, event.sequence, event.taken_ns)
        else:
            trace.add(now_ns, "returned", self.name, event.sequence, event.taken_ns, event.returned_ns)
            message.returned_ns = event.returned_ns
            del self._live[event.sequence]
            self._replaced_ns.pop(event.sequence, None)

    def _withdraw_passed(self, now_ns: int, trace: Trace) -> None:
        """Withdraw what was not taken before a newer one was: a ring is first in, first out.

        Where nothing is ever withdrawn it was taken, and its receipt gave way to a newer one before it was seen.
        """
        passed = [message for sequence, message in self._live.items() if sequence < self._passed]
        for message in passed:
            if message.taken_ns is None and self.record.overflow == "drop_oldest":
                self._withdraw(now_ns, message, trace)
            elif message.taken_ns is None and message.sequence in self._replaced_ns:
                message.returned_ns = self._withdrawn_ns(message)
                del self._live[message.sequence]

    def _withdraw(self, now_ns: int, message: MessageRecord, trace: Trace) -> None:
        trace.add(now_ns, "revoked", self.name, message.sequence)
        message.dropped, message.returned_ns = True, self._withdrawn_ns(message)
        del self._live[message.sequence]

    def _withdrawn_ns(self, message: MessageRecord) -> int:
        """Return when a tensor was withdrawn: as the one came that got its slot; unseen, a whole ring later."""
        replaced_ns = self._replaced_ns.pop(message.sequence, None)
        if replaced_ns is not None:
            return replaced_ns
        messages = self.record.messages
        later = [each for each in messages[messages.index(message) :] if not each.refused]
        return later[min(len(later) - 1, self.layout.depth)].produced_ns

    @staticmethod
    def _must(holds: bool, claim: str) -> None:
        """Refuse what an end claims if it cannot be true."""
        if not holds:
            raise _Impossible(claim)

    def conclude(self) -> None:
        """Note at the end of a run what the two ends counted themselves, and drops that the host did not see happen."""
        if not self.broken:
            self._believe_counters()
        # Guests run a quantum one after the other: a producer may find a slot free that its consumer gave back at a
        # later time of the same quantum. For that moment the ring counts as full, not as more than full.
        steps = occupancy_steps(self.record.messages)
        self.record.occupancy = [(t_ns, min(level, self.layout.depth)) for t_ns, level in steps]

    def _believe_counters(self) -> None:
        for counters, end in zip(self._tap.counters(), (self.record.producer, self.record.consumer), strict=True):
            for name in ("pushed", "popped", "dropped", "kicks", "stalls", "high_water", "occupancy_ns"):
                setattr(end, name, getattr(counters, name))
        if self.record.overflow == "drop_oldest":
            waiting = (message for message in self._live.values() if message.taken_ns is None)
            ghosts = (message for number, message in self._ghosts.items() if number not in self._taken_ghosts)
            for message in [*ghosts, *waiting][: max(0, self._withdrawn_unseen())]:
                message.dropped = True
        self._refuse(self._refusals.unrecorded, self._refusals.looked_ns)
