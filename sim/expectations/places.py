"""Where in trace.log something is told: its lines begin with the boundary at which each thing was seen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice

from sim.expectations.evidence.moment import Evidence

_MOST_LINES = 200_000
"""That are looked through for one expectation."""


def place(trace: Sequence[str], evidence: Evidence) -> int | None:
    """Return the line of trace.log that tells something, counted from 1.

    That is the first line from its time on that is of one of its kinds and has all of its facts; failing that, the
    first from its time on.

    Parameters:
        trace: lines, ascending in time.
        evidence: what is looked for; without time and words it is of no one moment, and None is returned.
    """
    if not trace:
        return None
    begin = 0 if evidence.t_ns is None else bisect_left(trace, evidence.t_ns, key=line_ns)
    if evidence.kinds or evidence.facts:
        for index, line in enumerate(islice(trace, begin, begin + _MOST_LINES), begin):
            _, kind, *told = line.split()
            if (not evidence.kinds or kind in evidence.kinds) and evidence.facts <= set(told):
                return index + 1
    return None if evidence.t_ns is None else min(begin + 1, len(trace))


def line_ns(line: str) -> int:
    """Return the boundary at which a line of trace.log was written."""
    return int(line.split(" ", 1)[0])
