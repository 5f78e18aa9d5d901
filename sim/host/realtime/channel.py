"""A channel that is looked at while both of its ends go on, and whose clocks agree only to some microseconds."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from sim.host.channel import MOST_MISSED, Channel, End
from sim.host.ownership import Ownership
from sim.host.realtime.tap import FreeTap
from sim.host.trace import Trace
from sim.report.record import ChannelRecord
from virtio_shm import Layout, RingError, TapEvent
from virtio_shm.layout import COUNTERS_OFFSET

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_KICKS = struct.Struct("<Q")
_KICKS_OFFSET = COUNTERS_OFFSET + 24
"""Of the fourth counter of a block."""

_RECEIPT_COUNT_OFFSET, _EPOCH_OFFSET, _INDEX_OFFSET = 88, 20, 2
"""In the device's block, the driver's block and the available ring: docs/ring.md."""

_EARLY = 4
"""Receipts for each slot that wait for their tensor; those of tensors that the host never gets to see are let go."""

_MOST_KICKS = 1000
"""Doorbells of one end that are believed at one look."""


class FreeChannel(Channel):
    """Observes one ring while it is in use.

    What an end does between two reads of the host must not be held against it: a receipt may be seen before its tensor,
    and of a tensor that came and went in a moment only the header may be left.

    Parameters:
        name, region, layout, source, target, record: see `Channel`.

    Attributes:
        clock: the host's, in ns.
        tolerance_ns: at most so far the clocks of its ends are apart from it.
        torn: tensors whose content the host did not get to see whole.
        uncounted: tensors that came and went between two looks, beyond those of which each has a record.
    """

    def __init__(
        self, name: str, region: SharedRegion, layout: Layout, source: End, target: End, record: ChannelRecord
    ) -> None:
        super().__init__(name, region, layout, source, target, record)
        self.clock: Callable[[], int] = lambda: 0
        self.tolerance_ns = 0
        self.torn = 0
        self.uncounted = 0
        self._early: deque[TapEvent] = deque(maxlen=_EARLY * layout.depth)
        self._overtaken: set[int] = set()
        self._told = 0  # places in the ring that the tap has told of
        self._ahead = 0  # such that were taken for passed before it told of them
        self._accused = source
        self._seen: tuple[int, ...] = ()
        self._kicks = {source: 0, target: 0}

    def _look_anew(self) -> None:
        self._tap = FreeTap(self.region.view, self.layout)
        self._ownership = Ownership(self.region.view, self.layout, "", "")  # nobody knows who wrote

    @property
    def moved(self) -> bool:
        """Whether anything has happened since this was asked last; cheaper than looking."""
        view, layout = self.region.view, self.layout
        seen = (
            self._index(),
            *_U32.unpack_from(view, layout.device + _RECEIPT_COUNT_OFFSET),
            *_U32.unpack_from(view, layout.driver + _EPOCH_OFFSET),
            self._refusals.count,
        )
        self._seen, before = seen, self._seen
        return seen != before

    def _index(self) -> int:
        index: int = _U16.unpack_from(self.region.view, self.layout.available + _INDEX_OFFSET)[0]
        return index

    def doorbells(self) -> list[tuple[End, int]]:
        """Return how often each end has rung the other one since the last call, as it counts itself."""
        rung = []
        for end, block in ((self.source, self.layout.driver), (self.target, self.layout.device)):
            kicks: int = _KICKS.unpack_from(self.region.view, block + _KICKS_OFFSET)[0]
            count = min(max(0, kicks - self._kicks[end]), _MOST_KICKS)
            self._kicks[end] = kicks
            if count:
                rung.append((end, count))
        return rung

    def observe(self, now_ns: int, trace: Trace, actor: str) -> None:
        """Note what went in and out since the last call.

        Parameters:
            now_ns: the host's time.
            trace: takes the events.
            actor: is not believed to have been alone; whose words are wrong is at fault.

        Raises:
            ParticipantFailed: an end broke the ring or claims what cannot be; it is said once.
        """
        try:
            super().observe(now_ns, trace, actor)
        except ParticipantFailed as failure:
            cause = failure.__cause__
            end = self._accused
            if isinstance(cause, RingError):
                end = self.target if cause.side == "device" else self.source
            raise ParticipantFailed(end.participant, failure.reason) from cause

    def _note(self, now_ns: int, event: TapEvent, trace: Trace) -> None:
        now_ns = self.clock() + self.tolerance_ns  # what was read may be younger than the look
        self._accused = self.source if event.kind in ("published", "revoked") else self.target
        self._told += event.count if event.kind in ("published", "lost") else 0
        super()._note(now_ns, event, trace)
        if event.kind == "published":
            early = tuple(self._early)
            self._early.clear()
            for each in early:
                self._note(now_ns, each, trace)

    def _restarted(self, now_ns: int) -> None:
        super()._restarted(now_ns)
        self._early.clear()
        self._overtaken = set()
        self._told = self._ahead = 0

    def _published(self, now_ns: int, event: TapEvent, trace: Trace) -> None:
        if event.sequence < self._next_sequence and not self._may_begin_anew:
            self.torn += 1  # the header of the tensor before it, read while it was written
            self._unseen += 1
            return
        self._let_pass(event.sequence - self._next_sequence)
        if event.payload is not None:
            super()._published(now_ns, event, trace)
            return
        self.torn += 1
        observers, self.observers = self.observers, []
        super()._published(now_ns, replace(event, payload=np.empty(0, np.uint8)), trace)
        self.observers = observers
        message = self.record.messages[-1]
        message.bytes, message.hash = self.layout.payload_bytes, ""

    def _let_pass(self, missed: int) -> None:
        """Hold it against nobody that tensors went by between two looks, as far as the ring's index says so too.

        A slot may be filled again while it is read. Then a later tensor is seen in the old one's place, before the tap
        has told of those in between. Without `drop_newest` a tensor's number is its place in the ring and how many its
        producer had refused, so the index and that count show whether there were that many; the index has 16 bits, and
        what is a multiple of these it cannot show.
        """
        repaid = min(self._ahead, self._unseen)
        self._ahead -= repaid
        self._unseen -= repaid
        early = max(0, missed - self._unseen - self._refusals.more)
        untold = (self._index() - self._told) & 0xFFFF
        if self.record.overflow != "drop_newest" and self._ahead + (early & 0xFFFF) <= untold + 1:
            self._ahead += early & 0xFFFF  # one more than the index: a header is written before it
            self._unseen += early
        beyond = min(missed, self._unseen) - (MOST_MISSED - self._missed)
        if beyond > 0:
            self._next_sequence += beyond
            self._unseen -= beyond
            self.record.gaps += beyond
            self.uncounted += beyond

    def _moved(self, now_ns: int, event: TapEvent, trace: Trace) -> None:
        if event.sequence in self._live:
            super()._moved(now_ns, event, trace)
        elif event.sequence >= self._next_sequence:
            self._early.append(event)

    def _withdraw_passed(self, now_ns: int, trace: Trace) -> None:
        """Withdraw what was overtaken, once it was so at two looks: receipts are read one after the other."""
        if self.record.overflow != "drop_oldest":
            return
        passed = {n for n, message in self._live.items() if n < self._passed and message.taken_ns is None}
        for sequence in sorted(passed & self._overtaken):
            self._withdraw(now_ns, self._live[sequence], trace)
        self._overtaken = passed - self._overtaken
