"""Two runs side by side, and the rule by which they are the same.

Runs of one environment are compared bit by bit: they are the same when every event of their traces is. QEMU, the guest
image and the backends of microcontrollers shape every instruction count, so runs of different environments are compared
by what their tensors hold, whenever these were published (`sim.baseline.contents`), and by their figures: they are the
same when all that correspond hold the same and no figure has moved beyond its tolerance (`sim.baseline.figures.moved`).
In real time it is chance which samples are dropped, so only figures count. Firmware is not environment: it is what is
tested. Neither is the Python that runs the simulator: no digest depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sim.baseline.contents import Contents, compare_contents
from sim.baseline.event import Event
from sim.baseline.figures import Moved, moved, settings
from sim.baseline.recorded import BaselineError, Recorded
from sim.baseline.traces import TraceDifference, compare_traces

_NO_ENVIRONMENT = ("python", "quantum_ns")
_FIRMWARE = "firmware "
REALTIME = "in real time no run repeats another"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two runs compare.

    Attributes:
        a: the first, which is what should be.
        b: the second.
        same: whether they are, by the rule.
        obstacle: why they cannot be compared bit by bit; empty where they can.
        settings: what was asked of them that differs: (first, second) by name.
        environment: what they ran in that differs, firmware included.
        trace: how their traces differ; None where there is an obstacle.
        contents: what tensors hold, where another environment is the obstacle.
        figures: those that moved.
    """

    a: Recorded
    b: Recorded
    same: bool
    obstacle: str
    settings: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    environment: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    trace: TraceDifference | None = None
    contents: Contents = field(default_factory=Contents)
    figures: list[Moved] = field(default_factory=list)

    @property
    def where(self) -> tuple[int, Event] | None:
        """The first event of the second run that differs, with its number; None where there is none."""
        if self.contents.first is not None:
            return self.contents.first.number, self.contents.first.b
        first = self.trace.first if self.trace else None
        return (first.number, first.b[0]) if first is not None and first.b else None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it; ``docs/ci.md`` has the keys."""
        return {
            "same": self.same,
            "a": {"name": self.a.name, "digest": self.a.digest},
            "b": {"name": self.b.name, "digest": self.b.digest},
            "compared": "figures" if self.obstacle else "events",
            "obstacle": self.obstacle,
            "settings": {name: list(values) for name, values in self.settings.items()},
            "environment": {name: list(values) for name, values in self.environment.items()},
            "first_difference": self._first(),
            "events": {name: list(values) for name, values in self.trace.kinds.items()} if self.trace else {},
            "channels": self._channels(),
            "figures": {one.name: [one.a, one.b] for one in self.figures},
        }

    def _channels(self) -> dict[str, Any]:
        if self.trace is not None:
            return {name: asdict(change) for name, change in self.trace.channels.items()}
        return {name: {"other_content": count} for name, (count, _) in self.contents.channels.items()}

    def _first(self) -> dict[str, Any] | None:
        other = self.contents.first
        if other is not None:
            a, b = _plain(other.a, self.a.sources), _plain(other.b, self.b.sources)
            return {"event": other.number, "a": a, "b": b}
        first = self.trace.first if self.trace else None
        if first is None:
            return None
        sides = {"a": (first.a, self.a.sources), "b": (first.b, self.b.sources)}
        told = {name: _plain(events[0], sources) if events else None for name, (events, sources) in sides.items()}
        return {"event": first.number, **told}


def compare(a: Recorded, b: Recorded) -> Comparison:
    """Compare two runs.

    Parameters:
        a: what should be.
        b: what is.

    Raises:
        BaselineError: a trace is damaged, or a figure is not what it should be.
    """
    asked = _differing(settings(a.result), settings(b.result))
    environment = _differing(a.result["environment"], b.result["environment"])
    obstacle = _obstacle(a, b, environment)
    try:
        if obstacle:
            figures = _moved(a, b, exactly=False)
            contents = Contents() if obstacle == REALTIME else compare_contents(a.open(), b.open())
            same = not (figures or asked or contents.first)
            return Comparison(a, b, same, obstacle, asked, environment, None, contents, figures)
        trace = compare_traces(a.open(), b.open())
    except ValueError as error:
        raise BaselineError(f"{a.name}, {b.name}: {error}") from None
    if trace.first is None:
        return Comparison(a, b, True, "", asked, environment, trace)
    return Comparison(a, b, False, "", asked, environment, trace, figures=_moved(a, b, exactly=True))


def _moved(a: Recorded, b: Recorded, exactly: bool) -> list[Moved]:
    try:
        return moved(a.result, b.result, exactly)
    except (AttributeError, OverflowError, TypeError, ValueError):
        raise BaselineError(f"{a.name}, {b.name}: the figures of one of them are damaged") from None


def _obstacle(a: Recorded, b: Recorded, environment: Mapping[str, tuple[Any, Any]]) -> str:
    """Return why two runs cannot be compared bit by bit: another environment, or real time."""
    if any(each.result.get("time_mode") == "realtime" for each in (a, b)):
        return REALTIME
    if a.digest == b.digest:
        return ""
    shaping = [name for name in environment if name not in _NO_ENVIRONMENT and not name.startswith(_FIRMWARE)]
    return f"they ran in different environments ({', '.join(shaping)})" if shaping else ""


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name), b.get(name)) for name in {**a, **b} if a.get(name) != b.get(name)}


def _plain(event: Event, sources: Mapping[str, str]) -> dict[str, Any]:
    facts = event.fields
    return {
        "t_ns": event.t_ns,
        "kind": event.kind,
        "channel": facts.get("channel"),
        "sequence": int(facts["sequence"]) if facts.get("sequence", "").isdecimal() else None,
        "facts": facts,
        "text": event.say(sources),
    }
