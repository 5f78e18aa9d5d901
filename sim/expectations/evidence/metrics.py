"""What shows that an expectation about a metric does not hold: the tensor that was worst."""

from __future__ import annotations

import re

from sim.expectations.evidence.moment import Evidence, told
from sim.report.record import RunRecord

_DIFFERENCE = re.compile(r"tensor (\d+) of (\w+)")
"""How `sim.metrics.EqualMetric` begins its `first_difference`."""


def of_metric(record: RunRecord, name: str) -> Evidence | None:
    """Return the worst answer; of a metric that compares channels, the first tensor that differs."""
    worst = record.worst.get(name)
    if worst is not None:
        facts = (worst.channel,) if worst.sequence is None else (worst.channel, worst.sequence)
        return Evidence(worst.text, worst.produced_ns, ("tensor",), told(*facts))
    figures = record.metrics.get(name)
    first = figures.get("first_difference") if isinstance(figures, dict) else None
    if not first:
        return None
    found = _DIFFERENCE.match(str(first))
    channel = record.channels.get(found[2]) if found else None
    if found is None or channel is None or int(found[1]) >= len(channel.messages):
        return Evidence(str(first))
    message = channel.messages[int(found[1])]
    said = f"{first}, published at {message.produced_ns / 1e9:.6f} s"
    return Evidence(said, message.produced_ns, ("tensor",), told(found[2], message.sequence))
