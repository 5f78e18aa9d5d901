"""Paths of a scenario as the rings that samples pass."""

from __future__ import annotations

from collections.abc import Sequence

from sim.host.legs import Leg
from sim.scenario.model import Scenario
from sim.scenario.paths import Ends, origin_inputs, ways
from sim.scenario.ports import Endpoint, parse_endpoint
from sim.scenario.problem import advice
from sim.scenario.services import required_inputs
from sim.sizing.errors import SizingError
from sim.sizing.plan import Path


def paths_of(scenario: Scenario, legs: Sequence[Leg], asked: Sequence[tuple[str, str]] = ()) -> dict[str, Path]:
    """Return the scenario's own paths and others.

    Parameters:
        scenario: one that was loaded.
        legs: all its rings.
        asked: (sensor, target) of the others; named `SENSOR->TARGET`.

    Raises:
        SizingError: there is no such path.
    """
    found = {}
    for name, path in scenario.paths.items():
        (way,) = ways_of(scenario, path.source, path.target)
        found[name] = Path(name, path.source.node, _rings(legs, way), path.deadline_ns)
    for source, target in asked:
        name = f"{source}->{target}"
        way = _asked(scenario, source, target)
        found.setdefault(name, Path(name, scenario.channels[way[0]].source.node, _rings(legs, way)))
    return found


def _asked(scenario: Scenario, source: str, target: str) -> tuple[str, ...]:
    """Return the channels of the one path between two ends that a person wrote."""
    begin, end = _end(source, "a sensor"), _end(target, "an end")
    sensors = [name for name in scenario.devices if scenario.outputs_of(name)]
    if begin.node not in sensors:
        raise SizingError(f"path {source}->{target}: '{source}' is no device that sends; {advice(begin.node, sensors)}")
    if end.node not in (nodes := [*scenario.partitions, *scenario.devices]):
        raise SizingError(f"path {source}->{target}: no partition or device '{end.node}'; {advice(end.node, nodes)}")
    found = ways_of(scenario, begin, end)
    if not found:
        ends = (channel.target for channel in scenario.channels.values())
        known = sorted({str(each) for each in ends if ways_of(scenario, begin, each)})
        raise SizingError(f"path {source}->{target}: no samples go there; from '{source}' they arrive at {_any(known)}")
    if len(found) > 1:
        inputs = _any([str(scenario.channels[way[-1]].target) for way in found])
        raise SizingError(f"path {source}->{target}: samples arrive there by {len(found)} inputs; write {inputs}")
    return found[0]


def _end(text: str, what: str) -> Endpoint:
    try:
        return parse_endpoint(text)
    except ValueError:
        raise SizingError(f"'{text}' is no name of {what}; write SENSOR->TARGET, such as camera->display") from None


def _any(names: Sequence[str]) -> str:
    return " or ".join(names)


def ways_of(scenario: Scenario, source: Endpoint, target: Endpoint) -> list[tuple[str, ...]]:
    """Return the ways from a sensor to a target, one for each channel that ends there: the channels in order."""
    ends: Ends = {name: (channel.source, channel.target) for name, channel in scenario.channels.items()}

    def origins(node: str, service: str) -> tuple[str, ...]:
        required = required_inputs(scenario.partitions[node], service)
        return origin_inputs(required, tuple(scenario.inputs_of(node, service)))

    return ways(ends, origins, source, target)


def _rings(legs: Sequence[Leg], way: Sequence[str]) -> tuple[str, ...]:
    return tuple(leg.name for channel in way for leg in legs if leg.channel == channel)
