"""Two traces side by side: the first event that differs, and what differs after it. Neither is held in memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from sim.baseline.event import Event, parse

CONTEXT = 3
"""Events that are kept before and after the first one that differs."""


class First(NamedTuple):
    """Where two traces part.

    Attributes:
        number: of the event, counted from 1.
        before: the last events that are equal.
        a: the event of the first trace and those after it; empty where it has ended.
        b: the same of the second.
    """

    number: int
    before: list[Event]
    a: list[Event]
    b: list[Event]


@dataclass(slots=True)
class ChannelChange:
    """What became of the tensors of one channel, from the first event that differs on.

    A tensor of one trace corresponds to that of the other with the same number in the same session of the ring.

    Attributes:
        other_content: those with another hash, type or shape.
        other_published: those published at another time.
        other_taken: those taken at another time.
        worst_ns: the largest of these differences of time.
        only_a: published in the first trace only.
        only_b: in the second only.
    """

    other_content: int = 0
    other_published: int = 0
    other_taken: int = 0
    worst_ns: int = 0
    only_a: int = 0
    only_b: int = 0


@dataclass(slots=True)
class TraceDifference:
    """How two traces differ.

    Attributes:
        first: None where they are equal.
        kinds: by kind of event, how many of it each has.
        channels: by name, those whose tensors differ.
    """

    first: First | None = None
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)
    channels: dict[str, ChannelChange] = field(default_factory=dict)

    @property
    def events(self) -> tuple[int, int]:
        """How many events each has."""
        return sum(a for a, _ in self.kinds.values()), sum(b for _, b in self.kinds.values())


def compare_traces(a: Iterable[str], b: Iterable[str]) -> TraceDifference:
    """Compare two traces, event by event.

    Parameters:
        a: lines of the first.
        b: lines of the second.

    Raises:
        ValueError: a line at or after the first difference is no event.
    """
    difference = TraceDifference()
    before: deque[str] = deque(maxlen=CONTEXT)
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    tensors = _Tensors(difference.channels)
    for number, lines in enumerate(zip_longest(a, b), 1):
        for counted, line in zip(counts, lines, strict=True):
            if line is not None:
                counted[_kind(line)] += 1
        if difference.first is None and lines[0] == lines[1]:
            before.append(lines[0])
            tensors.begin(lines[0])
            continue
        events = [None if line is None else parse(line) for line in lines]
        if difference.first is None:
            difference.first = First(number, [parse(line) for line in before], [], [])
        for side, event in enumerate(events):
            if event is not None:
                kept = difference.first.b if side else difference.first.a
                if len(kept) <= CONTEXT:
                    kept.append(event)
                tensors.note(side, event)
    tensors.conclude()
    difference.kinds = {kind: (counts[0][kind], counts[1][kind]) for kind in sorted(counts[0] | counts[1])}
    return difference


def _kind(line: str) -> str:
    return line.split(" ", 2)[1].rstrip("\n") if " " in line else ""


class _Tensors:
    """Brings together what two traces say about one tensor; holds only what the other has not said yet.

    Parameters:
        changes: by channel; filled.
    """

    def __init__(self, changes: dict[str, ChannelChange]) -> None:
        self._changes = changes
        self._sessions: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._taken: tuple[set[tuple[str, int, str]], ...] = (set(), set())
        self._waiting: dict[tuple[str, str, int, str], tuple[int, Event]] = {}

    def begin(self, line: str) -> None:
        """Note an event that both traces have."""
        if _kind(line) in ("session", "taken", "returned"):
            event = parse(line)
            for side in (0, 1):
                self._follow(side, event)

    def note(self, side: int, event: Event) -> None:
        """Note an event of one trace.

        Parameters:
            side: 0 for the first trace, 1 for the second.
            event: any.
        """
        what = self._follow(side, event)
        if what is None:
            return
        key = (what, event.facts[0], self._sessions[side][event.facts[0]], event.facts[1])
        other = self._waiting.get(key)
        if other is None or other[0] == side:
            self._waiting[key] = (side, event)
            return
        del self._waiting[key]
        self._hold_against(other[1], event)

    def _follow(self, side: int, event: Event) -> str | None:
        """Keep up with one trace; return what the event says of a tensor for the first time: published or taken."""
        if event.kind == "session" and event.facts:
            self._sessions[side][event.facts[0]] += 1
        if event.kind not in ("tensor", "taken", "returned") or len(event.facts) < 3:
            return None
        if event.kind == "tensor":
            return "published"
        tensor = (event.facts[0], self._sessions[side][event.facts[0]], event.facts[1])
        known = tensor in self._taken[side]
        if event.kind == "taken":
            self._taken[side].add(tensor)
        else:
            self._taken[side].discard(tensor)
        return None if known else "taken"

    def _hold_against(self, one: Event, other: Event) -> None:
        times = int(one.facts[2]), int(other.facts[2])
        contents = (one.facts[5:], other.facts[5:]) if one.kind == other.kind == "tensor" else ((), ())
        if contents[0] == contents[1] and times[0] == times[1]:
            return
        change = self._changes.setdefault(one.facts[0], ChannelChange())
        change.other_content += contents[0] != contents[1]
        moved = times[0] != times[1]
        change.other_published += moved and other.kind == "tensor"
        change.other_taken += moved and other.kind != "tensor"
        change.worst_ns = max(change.worst_ns, abs(times[0] - times[1]))

    def conclude(self) -> None:
        """Count what one trace has and the other has not."""
        for (what, channel, _, _), (side, _) in self._waiting.items():
            if what == "published":
                change = self._changes.setdefault(channel, ChannelChange())
                change.only_a += side == 0
                change.only_b += side == 1
