"""What the calls of a service take: workload curves, from execution times call by call.

The longest execution time of n calls in a row, and the least between n tensors sent: A. Maxiaguine, S. Kuenzli and
L. Thiele, Workload characterization model for tasks with variable execution demand, DATE 2004. As calls repeat in a
cycle, a row of n is whole cycles and the worst row of the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from sim.sizing.bounds.arrivals import Phase
from sim.sizing.plan import Calls, Service


class Workload:
    """Execution time of calls in a row.

    Parameters:
        service: its calls and gap.

    Attributes:
        gap_ns: execution time after each call.
        longest_ns: of a single call.
        mean_ns: of a call and its gap, in the long run.
    """

    def __init__(self, service: Service) -> None:
        hold = holds(service.calls)
        self.gap_ns = service.gap_ns
        self.longest_ns = int(hold.max())
        self._cycle = len(hold)
        self._sums = np.concatenate(([0], np.cumsum(np.concatenate((hold, hold)))))
        self.mean_ns = float(hold.mean()) + service.gap_ns
        self._rows: dict[int, int] = {}

    def of(self, calls: int) -> int:
        """Return the longest execution time in ns of so many calls in a row, from 0, and of a gap after each."""
        cycles, rest = divmod(calls, self._cycle)
        if rest not in self._rows:
            starts = self._sums[: self._cycle]
            self._rows[rest] = int((self._sums[rest : rest + self._cycle] - starts).max())
        return cycles * int(self._sums[self._cycle]) + self._rows[rest] + calls * self.gap_ns


class Sends:
    """Tensors that a service sends on one output.

    Parameters:
        service: the service.
        output: its column of `calls.offsets_ns`.
        least_ns: returns the least time in which an execution time is had.

    Attributes:
        share: tensors per call; 0: it never sends.
        soonest_ns: least time from taking inputs to sending.
    """

    def __init__(self, service: Service, output: int, least_ns: Callable[[int], int] = lambda own_ns: own_ns) -> None:
        self._least_ns = least_ns
        hold, sent = holds(service.calls), service.calls.offsets_ns[:, output]
        offsets = np.where(sent < 0, sent, np.maximum(sent, _fetching(service.calls))).astype(np.int64)
        self._cycle, self._gap_ns = len(hold), service.gap_ns
        self._sums = np.concatenate(([0], np.cumsum(np.concatenate((hold, hold)))))
        sending = np.flatnonzero(offsets >= 0)
        self._offsets, self._sending = offsets, np.concatenate((sending, sending + self._cycle))
        self._sends = len(sending)
        self.share = self._sends / self._cycle
        self.soonest_ns = least_ns(int(offsets[sending].min())) if self._sends else 0
        self._moments = self._sums[self._sending] + np.tile(offsets[sending], 2)

    def latest(self, calls: int) -> int:
        """Return the longest execution time in ns from the first of so many calls to what the last one sends."""
        cycles, rest = divmod(calls - 1, self._cycle)
        last = self._sending[: self._sends]
        before = self._sums[last + self._cycle] - self._sums[last + self._cycle - rest]
        longest = int((before + self._offsets[last]).max())
        return cycles * int(self._sums[self._cycle]) + longest + (calls - 1) * self._gap_ns

    def calls_for(self, tensors: int) -> int:
        """Return the least number of calls in a row that send so many tensors."""
        cycles, rest = divmod(tensors - 1, self._sends)
        apart = self._sending[rest : rest + self._sends] - self._sending[: self._sends]
        return cycles * self._cycle + int(apart.min()) + 1

    def spacing(self, tensors: int) -> int:
        """Return the least time in ns from the first to the last of so many tensors."""
        cycles, rest = divmod(tensors - 1, self._sends)
        apart = self._moments[rest : rest + self._sends] - self._moments[: self._sends]
        return self._least_ns(max(0, cycles * int(self._sums[self._cycle]) + int(apart.min())))

    def thinned(self, calls: Phase) -> Phase:
        """Return when each tensor is sent if it is when each call comes, and all are sent at once.

        Of a cycle of c calls s send, the j-th of them in call p_j. So tensor k comes with call floor(k / s) c + p_j,
        where j = k mod s, which is k c / s and p_j - j c / s more.
        """
        apart = Fraction(self._cycle, self._sends)
        shifts = [(int(self._sending[j]) - j * apart) * calls.interval_ns for j in range(self._sends)]
        most = None
        if calls.most is not None:
            cycles, rest = divmod(calls.most, self._cycle)
            most = cycles * self._sends + int((self._sending[: self._sends] < rest).sum())
        earliest_ns, latest_ns = calls.earliest_ns + floor(min(shifts)), calls.latest_ns + ceil(max(shifts))
        return Phase(calls.interval_ns * apart, earliest_ns, latest_ns, most)

    @property
    def rate(self) -> float:
        """Tensors per ns, if it never rests."""
        cycle_ns = int(self._sums[self._cycle])
        return self._sends / cycle_ns if cycle_ns else float("inf")


def holds(calls: Calls) -> NDArray[np.int64]:
    """Return how long each call executes: until all is sent, its inputs are given back, and what follows is done."""
    latest = np.maximum(calls.offsets_ns.max(axis=1, initial=0), _fetching(calls))
    longest: NDArray[np.int64] = np.maximum(calls.hold_ns, latest).astype(np.int64)
    return longest if calls.rest_ns is None else longest + calls.rest_ns


def _fetching(calls: Calls) -> NDArray[np.int64]:
    """Return how long each call executes from taking its first input to taking its last one."""
    if calls.take_ns is None:
        return np.zeros(len(calls.hold_ns), np.int64)
    total: NDArray[np.int64] = calls.take_ns[:, 1:].sum(axis=1)
    return total
