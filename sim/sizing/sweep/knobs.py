"""Knobs: what a sweep can vary of a plan without loading the scenario anew.

A new knob is a function (plan, value, place) -> plan and a line in `KNOBS`. Whatever else a scenario has can be varied
by its dotted key as well, which loads the scenario once for each value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.scenario.model import DEPTHS, Scenario
from sim.scenario.problem import advice
from sim.scenario.units import NS_PER_S, NUMBER, parse_rate, parse_speed
from sim.sizing.cameras import MAX_CAMERAS, with_cameras
from sim.sizing.errors import SizingError
from sim.sizing.plan import Node, Overflow, Plan, Ring, Sensor, scaled_ns
from sim.sizing.sweep.axes import Form, Value

CAMERAS = "cameras"
"""The knob that changes which rings there are; `sim.sizing.sweep.variants` applies it, as it tells copies' origins."""

RELOADED: Mapping[str, str] = {"quantum": "time.quantum", "duration": "time.duration", "seed": "seed"}
"""Short names of dotted keys for which the scenario is loaded anew."""

_OVERFLOWS: tuple[Overflow, ...] = ("block", "drop_newest", "drop_oldest")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a knob with a name in it applies.

    Attributes:
        name: what stands for `*`; empty without one.
        present: the scenario's own value, where the knob's `present` tells one.
    """

    name: str = ""
    present: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Knob:
    """What can be varied.

    Attributes:
        turn: returns the plan with a value at a place.
        form: how values are written.
        load: it is what the system must bear, not what its architect may choose.
        there: returns the names that may stand for `*`.
        present: returns the scenario's own value at a name.
    """

    turn: Callable[[Plan, Value, Place], Plan]
    form: Form
    load: bool = False
    there: Callable[[Plan], list[str]] | None = None
    present: Callable[[Scenario, str], Fraction] | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A knob at its place: what is left to say is the value."""

    knob: Knob
    place: Place

    def turn(self, plan: Plan, value: Value) -> Plan:
        """Return the plan with a value."""
        return self.knob.turn(plan, value, self.place)


def _with_rings(plan: Plan, change: Callable[[Ring], Ring]) -> Plan:
    return replace(plan, rings={name: change(ring) for name, ring in plan.rings.items()})


def _depth(plan: Plan, value: Value, place: Place) -> Plan:
    depth = int(value)
    return _with_rings(plan, lambda ring: replace(ring, depth=depth))


def _channel_depth(plan: Plan, value: Value, place: Place) -> Plan:
    depth = int(value)
    return _with_rings(plan, lambda ring: replace(ring, depth=depth) if ring.channel == place.name else ring)


def _overflow_of(value: Value) -> Overflow:
    return next(each for each in _OVERFLOWS if each == value)


def _overflow(plan: Plan, value: Value, place: Place) -> Plan:
    overflow = _overflow_of(value)
    return _with_rings(plan, lambda ring: replace(ring, overflow=overflow))


def _channel_overflow(plan: Plan, value: Value, place: Place) -> Plan:
    overflow = _overflow_of(value)
    return _with_rings(plan, lambda ring: replace(ring, overflow=overflow) if ring.channel == place.name else ring)


def _at_rate(sensor: Sensor, value: Value) -> Sensor:
    interval = NS_PER_S / Fraction(value)
    if sensor.jitter_ns >= interval:
        raise SizingError(f"a rate of {value} Hz; the jitter of {sensor.name} is not shorter than a period of it")
    return replace(sensor, interval_ns=interval)


def _fps(plan: Plan, value: Value, place: Place) -> Plan:
    if not any(isinstance(each, Sensor) and each.camera for each in plan.devices):
        raise SizingError("the scenario has no device of kind camera; leave this out")
    devices = (_at_rate(each, value) if isinstance(each, Sensor) and each.camera else each for each in plan.devices)
    return replace(plan, devices=tuple(devices))


def _device_rate(plan: Plan, value: Value, place: Place) -> Plan:
    devices = (
        _at_rate(each, value) if isinstance(each, Sensor) and each.name == place.name else each for each in plan.devices
    )
    return replace(plan, devices=tuple(devices))


def _slower(node: Node, factor: float, whole: bool) -> Node:
    """Return a node whose calls take `factor` times as long; `whole`: what lies between calls as well."""
    services = tuple(
        replace(
            each,
            calls=each.calls.scaled(factor),
            gap_ns=scaled_ns(each.gap_ns, factor) if whole else each.gap_ns,
        )
        for each in node.services
    )
    wake_ns, bell_ns = (scaled_ns(each, factor) if whole else each for each in (node.wake_ns, node.bell_ns))
    return replace(node, services=services, wake_ns=wake_ns, bell_ns=bell_ns)


def _service_time(plan: Plan, value: Value, place: Place) -> Plan:
    return replace(plan, nodes=tuple(_slower(node, float(value), False) for node in plan.nodes))


def _speed(plan: Plan, value: Value, place: Place) -> Plan:
    factor = float(place.present / Fraction(value))

    def changed(node: Node) -> Node:
        return replace(_slower(node, factor, True), duty=_duty(place.present / node.duty, Fraction(value)))

    return replace(plan, nodes=tuple(changed(node) if node.name == place.name else node for node in plan.nodes))


def _duty(machine: Fraction, speed: Fraction) -> Fraction:
    """Return the share of its time that a machine executes so that a speed comes out.

    Parameters:
        machine: a speed that it can have; others are halves and doubles of it, and the next one above `speed` is taken.
        speed: what is wanted.
    """
    while machine < speed:
        machine *= 2
    while machine / 2 >= speed:
        machine /= 2
    return speed / machine


def _cameras(plan: Plan, value: Value, place: Place) -> Plan:
    return with_cameras(plan, int(value))


def _whole(text: str, what: str) -> Fraction:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(f"'{text}' is no {what}; write a whole number")
    return Fraction(int(text))


def _parse_cameras(text: str) -> Value:
    number = _whole(text, "number of cameras")
    if not 1 <= number <= MAX_CAMERAS:
        raise ValueError(f"{number} is out of range; from 1 to {MAX_CAMERAS}")
    return number


def _parse_depth(text: str) -> Value:
    depth = _whole(text, "depth")
    if not DEPTHS[0] <= depth <= DEPTHS[-1]:
        raise ValueError(f"{depth} is out of range; a power of two from {DEPTHS[0]} to {DEPTHS[-1]}")
    if depth not in DEPTHS:
        below = 1 << (int(depth).bit_length() - 1)
        raise ValueError(f"{depth} is no power of two; {below} or {2 * below}")
    return depth


def _parse_overflow(text: str) -> Value:
    if text not in _OVERFLOWS:
        raise ValueError(f"'{text}' is no way to overflow; {advice(text, _OVERFLOWS)}")
    return text


def _parse_rate(text: str) -> Value:
    return parse_rate(text if not text[-1:].isdecimal() else f"{text}fps")


def _parse_speed(text: str) -> Value:
    return parse_speed(text if not text[-1:].isdecimal() else f"{text} MIPS")


def _parse_any(text: str) -> Value:
    return Fraction(int(text)) if text.isdecimal() and len(text) < 19 else text


def _parse_factor(text: str) -> Value:
    number, percent = (text[:-1].strip(), 100) if text.endswith("%") else (text, 1)
    if not re.fullmatch(NUMBER, number):
        raise ValueError(f"'{text}' is no factor; write 1.1 or 110%")
    factor = Fraction(number) / percent
    if not Fraction(1, 1000) <= factor <= 1000:
        raise ValueError(f"a factor of {text} is out of range; from 0.001 to 1000")
    return factor


def _channels(plan: Plan) -> list[str]:
    return sorted({ring.channel for ring in plan.rings.values()})


def _sensors(plan: Plan) -> list[str]:
    return [each.name for each in plan.devices if isinstance(each, Sensor)]


def _nodes(plan: Plan) -> list[str]:
    return [node.name for node in plan.nodes]


def _present_speed(scenario: Scenario, name: str) -> Fraction:
    return scenario.partitions[name].speed_mips


DEPTH = Form(_parse_depth, powers=True)
RATE = Form(_parse_rate, "Hz")
OVERFLOW = Form(_parse_overflow)
FACTOR = Form(_parse_factor, between=lambda number: number)
TEXT = Form(_parse_any)
"""Of what the scenario is loaded anew for: loading tells whether it is right."""

KNOBS: Mapping[str, Knob] = {
    "fps": Knob(_fps, RATE, load=True),
    "devices.*.rate": Knob(_device_rate, RATE, load=True, there=_sensors),
    CAMERAS: Knob(_cameras, Form(_parse_cameras), load=True),
    "depth": Knob(_depth, DEPTH),
    "channels.*.depth": Knob(_channel_depth, DEPTH, there=_channels),
    "overflow": Knob(_overflow, OVERFLOW),
    "channels.*.overflow": Knob(_channel_overflow, OVERFLOW, there=_channels),
    "service_time": Knob(_service_time, FACTOR, load=True),
    "partitions.*.speed": Knob(_speed, Form(_parse_speed, "MIPS"), there=_nodes, present=_present_speed),
}
"""By the name of the axis, in the order in which they are turned: what is told of one place after what is told of all,
so that it goes before it; copies of cameras are like their originals."""


def pattern_of(name: str, plan: Plan) -> str | None:
    """Return the key in `KNOBS` of an axis; None where the scenario must be loaded anew for it."""
    if name in KNOBS:
        return name
    for pattern, knob in KNOBS.items():
        if knob.there is not None and _named(name, pattern) in knob.there(plan):
            return pattern
    return None


def bind(name: str, pattern: str, scenario: Scenario) -> Bound:
    """Return the knob of an axis, which has this key in `KNOBS`."""
    knob = KNOBS[pattern]
    place = Place(_named(name, pattern) or "")
    if knob.present is not None:
        place = replace(place, present=knob.present(scenario, place.name))
    return Bound(knob, place)


def check_name(name: str) -> None:
    """Raise SizingError where an axis is neither a knob nor may be a key of the scenario."""
    if name in KNOBS or name in RELOADED or "." in name:
        return
    known = [each for each in KNOBS if "*" not in each] + list(RELOADED)
    meant = advice(name, known)
    also = "" if meant.endswith("?") else ", or a dotted key such as channels.frames.depth"
    raise SizingError(f"no axis '{name}'; {meant}{also}")


def is_load(key: str) -> bool:
    """Return whether a key for which the scenario is loaded anew is one that an architect does not choose."""
    return key in ("time.duration", "seed")


def _named(name: str, pattern: str) -> str | None:
    """Return what stands for `*`; None where the name is not of this pattern."""
    before, star, after = pattern.partition("*")
    if star and name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after):
        return name[len(before) : len(name) - len(after)]
    return None
