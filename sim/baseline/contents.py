"""What the tensors of two runs hold, whenever they were published: what a run computes, and not when.

Tensors correspond that are in one channel and come from the same sample of a device: what that is does not depend on
times, while numbers of tensors shift where one is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.baseline.event import Event, parse


class Other(NamedTuple):
    """A tensor that holds something else in the second of two runs.

    Attributes:
        a: its publication in the first.
        b: its publication in the second.
        number: of the second's event, counted from 1.
    """

    a: Event
    b: Event
    number: int

    @property
    def channel(self) -> str:
        """The channel that it is in."""
        return self.b.facts[0]

    @property
    def sample(self) -> str:
        """Number of the sample that it comes from."""
        return self.b.facts[3]


@dataclass(slots=True)
class Contents:
    """How the tensors of two runs compare.

    Attributes:
        first: the first of the second run that holds something else; None where none does.
        channels: by name, of those with such tensors: how many, and how many correspond.
    """

    first: Other | None = None
    channels: dict[str, tuple[int, int]] = field(default_factory=dict)


def compare_contents(a: Iterable[str], b: Iterable[str]) -> Contents:
    """Compare what tensors hold, with their type and shape.

    Parameters:
        a: lines of the first trace.
        b: lines of the second.

    Raises:
        ValueError: a line about a tensor is no event.
    """
    known = {key: event for key, event, _ in _tensors(a)}
    found, other, both = Contents(), Counter[str](), Counter[str]()
    for key, event, number in _tensors(b):
        before = known.get(key)
        if before is None:
            continue
        both[event.facts[0]] += 1
        if before.facts[5:] != event.facts[5:]:
            other[event.facts[0]] += 1
            found.first = found.first or Other(before, event, number)
    found.channels = {name: (count, both[name]) for name, count in other.items()}
    return found


def _tensors(lines: Iterable[str]) -> Iterator[tuple[tuple[str, str, int], Event, int]]:
    """Yield every tensor with what it is known by, channel, sample and how many-th of it, and its event's number."""
    seen = Counter[tuple[str, str]]()
    for number, line in enumerate(lines, 1):
        if " tensor " not in line:
            continue
        event = parse(line)
        if event.kind == "tensor" and len(event.facts) > 5:
            sample = event.facts[0], event.facts[3]
            seen[sample] += 1
            yield (*sample, seen[sample]), event, number
