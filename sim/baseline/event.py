"""Events of a trace, as `sim.host.trace` writes them, and how a person says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """What the facts of a kind of event are.

    Attributes:
        fields: names of its facts, in order; those that end in ``_ns`` are virtual times.
        identity: how many of them, from the first, tell which event of its kind it is.
        words: the sentence; ``{by}`` is who publishes into the channel.
    """

    fields: tuple[str, ...]
    identity: int
    words: str


KINDS: Mapping[str, Kind] = {
    "doorbell": Kind(("channel", "sender", "receiver"), 3, "doorbell of channel {channel} from {sender} to {receiver}"),
    "tensor": Kind(
        ("channel", "sequence", "produced_ns", "origin_sequence", "origin_ns", "dtype", "shape", "hash"),
        2,
        "tensor {sequence} of channel {channel} published at {produced_ns} by {by}, {dtype} {shape}, hash {hash}",
    ),
    "taken": Kind(("channel", "sequence", "taken_ns"), 2, "tensor {sequence} of channel {channel} taken at {taken_ns}"),
    "returned": Kind(
        ("channel", "sequence", "taken_ns", "returned_ns"),
        2,
        "tensor {sequence} of channel {channel} taken at {taken_ns} and given back at {returned_ns}",
    ),
    "revoked": Kind(("channel", "sequence"), 2, "tensor {sequence} of channel {channel} withdrawn: the ring was full"),
    "session": Kind(("channel", "count"), 1, "the ends of channel {channel} agree on the ring anew (number {count})"),
    "lost-doorbell": Kind(("channel", "sender"), 2, "doorbell of channel {channel} from {sender} is lost"),
    "lost": Kind(("channel", "count"), 1, "{count} tensors of channel {channel} came and went unseen"),
    "broken": Kind(("channel", "offence"), 1, "the ring of channel {channel} is broken: {offence}"),
    "impossible": Kind(("channel",), 1, "an end of channel {channel} claims what cannot be"),
    "spoiled": Kind(("channel",), 1, "an end of channel {channel} wrote what is not its own"),
    "failed": Kind(("partition",), 1, "{partition} failed"),
    "state": Kind(("partition", "state"), 1, "{partition} is {state}"),
    "fault": Kind(("fault", "sort", "target"), 1, "fault {fault} ({sort}) strikes {target}"),
    "fault-end": Kind(("fault",), 1, "fault {fault} is over"),
    "instructions": Kind(("partition", "count"), 1, "{partition} has executed {count} instructions"),
}
"""The kinds that have words of their own; any other is shown as it is written, its first fact being its identity."""

_PUBLISHER = "its producer"
_TENSORS = ("tensor", "taken", "returned")
_DIGITS = 19
"""Of a time: virtual time in ns has 64 bits."""


class Event(NamedTuple):
    """One line of a trace.

    Attributes:
        t_ns: the boundary at which it was seen.
        kind: its first word.
        facts: what follows.
    """

    t_ns: int
    kind: str
    facts: tuple[str, ...]

    @property
    def identity(self) -> tuple[str, ...]:
        """What it is about, whenever it happens: kind, channel and sequence of a tensor, kind and name of others."""
        known = KINDS.get(self.kind)
        return (self.kind, *self.facts[: known.identity if known else 1])

    @property
    def fields(self) -> dict[str, str]:
        """Its facts by name; facts without one are called ``fact 1``, ``fact 2`` ..."""
        known = KINDS.get(self.kind)
        names = known.fields if known else ()
        unnamed = [f"fact {number}" for number in range(len(names) + 1, len(self.facts) + 1)]
        return dict(zip((*names, *unnamed), self.facts, strict=False))

    def differing(self, other: Event) -> dict[str, tuple[str, str]]:
        """Return the fields that differ from those of an event of the same identity, the time it was seen last."""
        mine, theirs = self.fields, other.fields
        names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
        found = {name: (shown(name, mine.get(name)), shown(name, theirs.get(name))) for name in names}
        if self.t_ns != other.t_ns:
            found["seen at"] = (milliseconds(self.t_ns), milliseconds(other.t_ns))
        return found

    def say(self, sources: Mapping[str, str]) -> str:
        """Return the event as a sentence.

        Parameters:
            sources: who publishes into each channel.
        """
        known = KINDS.get(self.kind)
        if known is None or len(self.facts) < len(known.fields):
            return " ".join((self.kind, *self.facts))
        facts = {name: shown(name, fact) for name, fact in self.fields.items()}
        return known.words.format(**facts, by=sources.get(facts.get("channel", ""), _PUBLISHER))


def parse(line: str) -> Event:
    """Return the event of a line.

    Raises:
        ValueError: it is none.
    """
    t_ns, _, rest = line.rstrip("\n").partition(" ")
    kind, *facts = rest.split(" ")
    if not _is_number(t_ns) or not kind:
        raise ValueError(f"'{line.strip()[:60]}' is no event of a trace")
    if kind in _TENSORS and len(facts) > 2 and not _is_number(facts[2]):
        raise ValueError(f"'{line.strip()[:60]}' is no event of a trace: '{facts[2][:20]}' is no time")
    return Event(int(t_ns), kind, tuple(facts))


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS


def shown(name: str, fact: str | None) -> str:
    """Return a fact as people read it: times in milliseconds, counts with separators, hashes without their tail."""
    if fact is None:
        return "-"
    if name.endswith("_ns") and fact.isdecimal():
        return milliseconds(int(fact))
    if name == "hash":
        return fact[:16]
    return f"{int(fact):,}" if name == "count" and fact.isdecimal() else fact


def milliseconds(t_ns: int) -> str:
    """Return a virtual time, exactly: ``566.6 ms``."""
    whole, fraction = divmod(abs(t_ns), 1_000_000)
    sign = "-" if t_ns < 0 else ""
    return f"{sign}{whole}.{fraction:06d}".rstrip("0").rstrip(".") + " ms"
