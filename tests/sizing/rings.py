"""Ends of real rings that note what becomes of each tensor, whether the host looks at the right moment or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from virtio_shm import Consumer, Frame, Producer


@dataclass
class Tensor:
    """One tensor that a producer had for a ring.

    Attributes:
        refused: the ring was full and did not take it.
        withdrawn_ns: when it made room for a newer one.
    """

    produced_ns: int
    origin_ns: int = 0
    origin_sequence: int = 0
    taken_ns: int | None = None
    returned_ns: int | None = None
    withdrawn_ns: int | None = None
    refused: bool = False

    @property
    def freed_ns(self) -> int | None:
        """From when on its slot was free."""
        return self.returned_ns if self.withdrawn_ns is None else self.withdrawn_ns


@dataclass
class Journal:
    """All that went through one ring."""

    tensors: list[Tensor] = field(default_factory=list)
    at: dict[int, Tensor] = field(default_factory=dict)
    """By slot, the newest tensor in it."""

    def has(self, now_ns: int) -> bool:
        """Tell whether there is one to be taken."""
        for tensor in reversed(self.tensors):
            if tensor.taken_ns is not None:
                return False
            if not tensor.refused and tensor.withdrawn_ns is None and tensor.produced_ns <= now_ns:
                return True
        return False

    def level_ns(self, depth: int, until_ns: int) -> list[int]:
        """Return how long each number of slots was held, by the definition in docs/report.md."""
        levels, since_ns, level = [0] * (depth + 1), 0, 0
        for t_ns, change in sorted(self._changes().items()):
            levels[min(level, depth)] += t_ns - since_ns
            since_ns, level = t_ns, level + change
        levels[min(level, depth)] += until_ns - since_ns
        return levels

    def most(self, depth: int, until_ns: int, step_ns: int) -> list[int]:
        """Return the most slots held for any time within each step."""
        most, since_ns, level = [0] * -(-until_ns // step_ns), 0, 0
        for t_ns, change in [*sorted(self._changes().items()), (until_ns, 0)]:
            for step in range(since_ns // step_ns, -(-t_ns // step_ns)) if since_ns < t_ns else ():
                most[step] = max(most[step], min(level, depth))
            since_ns, level = t_ns, level + change
        return most

    def occupancy_max(self, depth: int) -> int:
        """Return the most slots held at an instant."""
        level = most = 0
        for _, change in sorted(self._changes().items()):
            level += change
            most = max(most, min(level, depth))
        return most

    def _changes(self) -> dict[int, int]:
        changes: dict[int, int] = {}
        for tensor in self.tensors:
            if not tensor.refused:
                changes[tensor.produced_ns] = changes.get(tensor.produced_ns, 0) + 1
                if tensor.freed_ns is not None:
                    changes[tensor.freed_ns] = changes.get(tensor.freed_ns, 0) - 1
        return changes


class NotedProducer(Producer):
    """A producer with a journal.

    Attributes:
        journal: where it notes.
        gate: closed: it seems that no session is open.
    """

    journal: Journal
    gate = True

    def poll_ready(self) -> bool:
        return super().poll_ready() and self.gate

    def reserve(self, spec: Any) -> Any:
        dropped = self.counters.dropped
        view = super().reserve(spec)
        if view is None:
            if self.overflow != "block":
                self.journal.tensors.append(Tensor(self._clock(), refused=True))
            return None
        self._slot = next(slot for slot, each in enumerate(self._views) if each is view)
        if self.counters.dropped > dropped:  # its slot is the one that the next tensor gets
            self.journal.at[self._slot].withdrawn_ns = self._clock()
        return view

    def commit(self, *, origin_sequence: int | None = None, origin_ns: int | None = None) -> bool:
        assert origin_sequence is not None and origin_ns is not None, "all that is sent has an origin"
        tensor = Tensor(self._clock(), origin_ns, origin_sequence)
        self.journal.tensors.append(tensor)
        self.journal.at[self._slot] = tensor
        return super().commit(origin_sequence=origin_sequence, origin_ns=origin_ns)


class NotedConsumer(Consumer):
    """A consumer with a journal."""

    journal: Journal

    def take(self) -> Frame | None:
        frame = super().take()
        if frame is not None:
            self.journal.at[frame.slot].taken_ns = self._clock()
        return frame

    def give_back(self, frame: Frame) -> bool:
        self.journal.at[frame.slot].returned_ns = self._clock()
        return super().give_back(frame)
