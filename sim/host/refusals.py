"""Tensors that a full ring refused: how many its producer counts, and when that was."""

from __future__ import annotations

import struct
from collections import deque

from virtio_shm import Layout
from virtio_shm.layout import COUNTERS_OFFSET, REFUSED_OFFSET

_COUNT = struct.Struct("<I")
_UNTIL = struct.Struct("<Q")
_UNTIL_OFFSET = COUNTERS_OFFSET + 80
"""Of the last counter of a block, the producer's time when it counted last: docs/ring.md."""

_MOST_TIMES = 100_000
"""Looks at which the count had grown that are remembered."""


class Refusals:
    """What a producer counts as dropped before it was published (docs/ring.md, `refused`).

    It is the producer's word, and nothing is recorded for it alone as long as the producer goes on: its next tensor's
    number tells how many are missing. The count tells when they were refused, and of those after which none came.

    Parameters:
        memory: the channel's region.
        layout: its geometry.

    Attributes:
        looked_ns: time of the last look.
    """

    def __init__(self, memory: memoryview, layout: Layout) -> None:
        self.looked_ns = 0
        self._memory = memory
        self._at = layout.driver
        self.begin()

    def begin(self) -> None:
        """Follow a producer that counts from 0."""
        self._seen = 0
        self._recorded = 0
        self._times: deque[tuple[int, int]] = deque(maxlen=_MOST_TIMES)

    @property
    def count(self) -> int:
        """How many its producer counts now."""
        count: int = _COUNT.unpack_from(self._memory, self._at + REFUSED_OFFSET)[0]
        return count

    @property
    def begins_anew(self) -> bool:
        """Whether its producer counts from 0 since the last look: it has started again."""
        return self.count < self._seen

    @property
    def unrecorded(self) -> int:
        """How many had been counted at the last look beyond those that `record` was told of."""
        return max(0, self._seen - self._recorded)

    @property
    def more(self) -> int:
        """How many its producer counts now beyond those that `record` was told of."""
        return max(0, self.count - self._recorded)

    def look(self, now_ns: int) -> None:
        """See whether there are more; they were refused by `now_ns`."""
        self.looked_ns = now_ns
        count = self.count
        if count > self._seen:
            self._seen = count
            self._times.append((count, min(now_ns, *_UNTIL.unpack_from(self._memory, self._at + _UNTIL_OFFSET))))

    def record(self, count: int, since_ns: int, until_ns: int) -> list[int]:
        """Return when the next `count` were refused, as far as was seen; each lies between the two times."""
        found = []
        for _ in range(count):
            self._recorded += 1
            while self._times and self._times[0][0] < self._recorded:
                self._times.popleft()
            t_ns = self._times[0][1] if self._times else until_ns
            found.append(max(since_ns, min(t_ns, until_ns)))
        return found
