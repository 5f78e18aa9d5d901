"""Plans of scenarios with nothing but their rings and devices: all that a memory account looks at."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from sim.host.legs import has_link, legs_of, link_name
from sim.scenario import ScenarioErrors, load
from sim.scenario.model import Scenario
from sim.sizing.plan import Device, Link, Plan, Ring, Sensor, Sink

ROOT = Path(__file__).parents[2]
IVI_CAMERA = ROOT / "scenarios/ivi_camera.yaml"


def rings_of(scenario: Scenario) -> dict[str, Ring]:
    """Return the rings of a scenario by name."""
    rings = {}
    for leg in legs_of(scenario):
        channel = scenario.channels[leg.channel]
        ends = leg.source.participant, leg.target.participant
        rings[leg.name] = Ring(
            leg.name, leg.channel, *ends, channel.payload_bytes, channel.depth, overflow=channel.overflow
        )
    return rings


def plan_with_rings(scenario: Scenario) -> Plan:
    """Return a plan in which nothing happens."""
    devices: list[Device] = [
        Sink(name, ()) if device.kind in ("display", "sink") else Sensor(name, Fraction(1), ())
        for name, device in scenario.devices.items()
    ]
    devices += [Link(link_name(node), (), 0, True) for node in scenario.partitions if has_link(scenario, node)]
    return Plan(scenario.name, 1_000_000, 1_000_000, rings_of(scenario), (), tuple(devices))


def shipped() -> list[Path]:
    """Return the shipped scenarios that this computer can check, and the tests' own one."""
    found = [ROOT / "tests/scenario/valid.yaml"]
    for path in sorted((ROOT / "scenarios").rglob("*.yaml")):
        try:
            load(path)
        except ScenarioErrors:
            continue
        found.append(path)
    return found
