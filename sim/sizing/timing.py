"""Execution times: how long each service takes, as a run measured it or a scenario declares it.

A run leaves them in `timing.json` beside its report. All times are execution time in ns: time in which the partition
had its core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FILE = "timing.json"


@dataclass(frozen=True, slots=True)
class ServiceTiming:
    """Calls of one service, in order.

    Attributes:
        outputs: rings that it sends into.
        hold_ns: of each call, from taking its inputs to giving them back, without waiting for room in an output.
        offsets_ns: of each call, from taking its inputs to sending each output; -1 where it sends nothing.
        wake_ns: from a doorbell to taking a tensor (median).
        gap_ns: from the end of a call to taking inputs that are there already (median).
        source: `measured` in a run, or `declared` in the scenario.
    """

    outputs: tuple[str, ...]
    hold_ns: tuple[int, ...]
    offsets_ns: tuple[tuple[int, ...], ...]
    wake_ns: int = 0
    gap_ns: int = 0
    source: str = "measured"


@dataclass(frozen=True, slots=True)
class Timing:
    """Of all services of a scenario.

    Attributes:
        scenario: its name.
        services: by `PARTITION.SERVICE`.
        opened_ns: of each ring that a device sends into: when it first could.
    """

    scenario: str
    services: Mapping[str, ServiceTiming]
    opened_ns: Mapping[str, int] = field(default_factory=dict)
