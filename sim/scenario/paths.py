"""Paths: data on its way from a sensor to where it is used, over any number of channels and services.

A tensor carries the origin of the input that it was made from: number and time of a sensor's sample. A service passes
on the origin of its first required input (one that has only optional inputs, of the first that has a tensor), so going
back from the end of a path there is one way to the sensor whose samples are told there. An accelerator passes on the
origin of each tensor that it takes; where several channels lead to it, the first one by which there is a way counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from pydantic import Field

from sim.scenario.ports import End, Endpoint
from sim.scenario.types import Duration, Section

Ends: TypeAlias = "Mapping[str, tuple[Endpoint, Endpoint]]"
"""Complete ends (from, to) of each channel."""

Origins: TypeAlias = "Callable[[str, str], Sequence[str]]"
"""Tells the inputs whose origin a service (partition, name) may pass on."""


class DataPath(Section):
    """Data from a sensor to where it is used: how old it is when it arrives there."""

    source: End = Field(alias="from", description="Device whose samples are followed.")
    target: End = Field(alias="to", description="Device, partition, service or input at which they arrive.")
    deadline_ns: Duration | None = Field(
        default=None, alias="deadline", description="Age from which on an arrival counts as late."
    )


def ways(channels: Ends, origins: Origins, source: Endpoint, target: Endpoint) -> list[tuple[str, ...]]:
    """Return the ways from a sensor to a target, one for each channel that ends there: the channels in order.

    Parameters:
        channels: all of them.
        origins: of services.
        source: where the samples come from; a device, or its port.
        target: where they arrive; what is left out of it may be anything.
    """
    into: dict[Endpoint, list[str]] = {}
    for name, (_, end) in channels.items():
        into.setdefault(end, []).append(name)
    last = [name for name, (_, end) in channels.items() if covers(target, end)]
    return [way for name in last if (way := _way_to(name, channels, into, origins, source))]


def _way_to(
    last: str, channels: Ends, into: Mapping[Endpoint, Sequence[str]], origins: Origins, source: Endpoint
) -> tuple[str, ...] | None:
    """Return the way from a sensor to the end of a channel; None if there is none."""
    waiting: list[tuple[str, ...]] = [(last,)]
    seen = {last}
    while waiting:
        way = waiting.pop()
        begin = channels[way[0]][0]
        if covers(source, begin):
            return way
        for before in reversed([name for end in _inputs(begin, into, origins) for name in into.get(end, ())]):
            if before not in seen:
                seen.add(before)
                waiting.append((before, *way))
    return None


def _inputs(output: Endpoint, into: Mapping[Endpoint, Sequence[str]], origins: Origins) -> list[Endpoint]:
    """Return the inputs whose origin may be passed on at an output: of a device, all; a sensor has none."""
    if output.service is None:
        return [end for end in into if end[:2] == output[:2]]
    return [Endpoint(output.node, output.service, port) for port in origins(output.node, output.service)]


def covers(written: Endpoint, end: Endpoint) -> bool:
    """Tell whether a complete end is what was written, whose last parts may have been left out."""
    parts = [part for part in written if part is not None]
    return [part for part in end if part is not None][: len(parts)] == parts


def origin_inputs(required: Sequence[str], connected: Sequence[str]) -> tuple[str, ...]:
    """Return the inputs whose origin a service may pass on.

    Parameters:
        required: its required inputs, in the order of their declaration.
        connected: all inputs that a channel ends at.
    """
    return tuple(required[:1] or connected)
