"""What becomes of the tensors of a ring: the result of looking at one consumer, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.sizing.bounds.arrivals import Stream


@dataclass(frozen=True, slots=True)
class Incoming:
    """A ring with what is published on it.

    Attributes:
        name: of the ring.
        stream: what is published.
        unseen_ns: longest time from publication until its consumer, if it slept, is told: a quantum where a node
            publishes, as its doorbells are delivered at the next boundary; devices act at boundaries.
        limit: its depth, where it may be full; None: it never is, or it is endless.
    """

    name: str
    stream: Stream
    unseen_ns: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Handling:
    """Bounds of one ring.

    Attributes:
        delay_ns: from published to taken; None: no bound.
        backlog: tensors that it holds if it is endless; None: no bound.
        seen: the same as its producer sees it, which is told of room a quantum late.
        transits_ns: from published to what is made of it being published, by the ring of that; None: no bound.
        why: there is no bound, in words.
    """

    delay_ns: int | None = None
    backlog: int | None = None
    seen: int | None = None
    transits_ns: Mapping[str, int | None] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Handled:
    """What a consumer does: with its rings, and what it publishes.

    Attributes:
        rings: that it takes from.
        outputs: that it sends into.
    """

    rings: Mapping[str, Handling]
    outputs: Mapping[str, Stream]
