"""Targets as text: `drops=0, p99(front_camera->display)<80ms, memory<64M`.

A target is comparisons with commas between them. A comparison is a figure, of what it is, an operator and a value:

    comparison = figure [ "(" subject ")" ] operator value
    figure     = "drops" | "stalls" | "memory" | "occupancy" | "missing" | "p50" | "p95" | "p99" | "p99.9" | "max"
    subject    = channel | from "->" to | path
    operator   = "=" | "==" | "<" | "<=" | ">" | ">="

Ends, durations and memory sizes are written as in a scenario.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.scenario.model import Scenario
from sim.scenario.ports import Endpoint, parse_endpoint
from sim.scenario.problem import advice
from sim.scenario.units import parse_duration, parse_memory, shown
from sim.sizing.errors import SizingError
from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Plan
from sim.sizing.plan.paths import ways_of
from sim.sizing.target.requirement import COMPARISONS, PERCENTILES, UNITS, Requirement
from sim.sizing.target.verdict import Verdict

DEFAULT = "drops=0"
"""What is asked for when nothing is said."""

_FIGURE = re.compile(r"[A-Za-z_]\w*(?:\.[0-9]+)?")
_OPERATOR = re.compile(r"[^\w\s(),.'\"-]+")
_BLANKS = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Target:
    """What depths must achieve.

    Attributes:
        text: as written.
        requirements: all of which must hold.
        paths: ends (sensor, target) of the paths that it asks about, for `plan_of`; those of the scenario left out.
        ways: channels on each path of `requirements`, in order, by the path's name.
    """

    text: str
    requirements: tuple[Requirement, ...]
    paths: tuple[tuple[str, str], ...]
    ways: Mapping[str, tuple[str, ...]]

    def verdicts(self, plan: Plan, outcome: Outcome) -> tuple[Verdict, ...]:
        """Return what comes of each requirement.

        Parameters:
            plan: what was simulated.
            outcome: what came of it.
        """
        return tuple(requirement.verdict(plan, outcome) for requirement in self.requirements)

    def channels_of(self, requirement: Requirement) -> tuple[str, ...]:
        """Return the channels that a requirement is about; none: about all of them."""
        return self.ways[requirement.path] if requirement.path else (requirement.channel,) * bool(requirement.channel)


class _Wrong(Exception):
    """What is wrong at a place of the text."""

    def __init__(self, at: int, message: str) -> None:
        self.at = at
        super().__init__(message)


def parse_target(text: str, scenario: Scenario) -> Target:
    """Read a target.

    Parameters:
        text: comparisons with commas between them.
        scenario: one that was loaded; it has the channels and ends that may be named.

    Raises:
        SizingError: it has another form, or names what the scenario has not; the message has the column.
    """
    reader = _Reader(text, scenario)
    try:
        requirements = tuple(reader.comparisons())
    except _Wrong as wrong:
        raise SizingError(f"--target, column {wrong.at + 1}: {wrong}") from None
    return Target(text.strip(), requirements, tuple(reader.paths), reader.ways)


class _Reader:
    """Reads from left to right; `at` is the place of the next character."""

    def __init__(self, text: str, scenario: Scenario) -> None:
        self.text, self.at, self.scenario = text, 0, scenario
        self.paths: dict[tuple[str, str], None] = {}
        self.ways: dict[str, tuple[str, ...]] = {}

    def comparisons(self) -> Iterator[Requirement]:
        while True:
            yield self._comparison()
            if self.at == len(self.text):
                return
            self.at += 1  # a comma: a value ends there or at the end

    def _comparison(self) -> Requirement:
        begin = self._skip()
        figure = self._figure()
        channel = path = ""
        if self._skip() < len(self.text) and self.text[self.at] == "(":
            channel, path = self._subject(figure)
        elif figure in PERCENTILES or figure in ("occupancy", "missing"):
            raise _Wrong(self.at, f"{figure} of what? write {self._example(figure)}")
        sign = self._operator(figure)
        limit = self._value(figure, sign)
        return Requirement(self.text[begin : self.at].strip(), figure, sign, limit, channel, path)

    def _skip(self) -> int:
        blanks = _BLANKS.match(self.text, self.at)
        self.at = blanks.end() if blanks else self.at
        return self.at

    def _figure(self) -> str:
        match = _FIGURE.match(self.text, self.at)
        if match is None:
            rest = self.text[self.at : self.at + 1]
            what = f"'{rest}' begins no comparison" if rest not in ("", ",") else "a comparison is missing"
            hint = "" if not rest or rest == "," or self.at == 0 else ", after a comma"
            raise _Wrong(self.at, f"{what}; write one like {DEFAULT}{hint}")
        if match[0] not in UNITS:
            known = advice(match[0], UNITS)
            raise _Wrong(self.at, f"unknown figure {shown(match[0])}; {known}")
        self.at = match.end()
        return match[0]

    def _subject(self, figure: str) -> tuple[str, str]:
        """Return the channel or the name of the path in brackets."""
        begin = self.at + 1
        end = self.text.find(")", begin)
        if end < 0:
            raise _Wrong(self.at, "this '(' is not closed; write ')' after what the figure is of")
        inner = self.text[begin:end]
        at = begin + len(inner) - len(inner.lstrip())
        name = inner.strip()
        self.at = end + 1
        if not name:
            raise _Wrong(at, f"{figure} of what? write {self._example(figure)}")
        if "->" in name:
            return "", self._path(figure, name, at)
        if name in self.scenario.channels:
            if figure == "missing":
                raise _Wrong(at, f"samples are missing at the end of a path; write missing(FROM->TO), or drops({name})")
            return name, ""
        times = figure in PERCENTILES or figure == "missing"
        if times and name in self.scenario.paths:
            return "", self._named_path(name)
        channels = () if figure == "missing" else self.scenario.channels
        known = [*channels, *(self.scenario.paths if times else ())]
        what = "path" if figure == "missing" else "channel or path" if times else "channel"
        raise _Wrong(at, f"unknown {what} {shown(name)}; {advice(name, known)}")

    def _named_path(self, name: str) -> str:
        path = self.scenario.paths[name]
        self.ways[name] = ways_of(self.scenario, path.source, path.target)[0]
        return name

    def _path(self, figure: str, text: str, at: int) -> str:
        """Return the name of a path that is written as `FROM->TO`."""
        if figure not in PERCENTILES and figure != "missing":
            advised = f"missing({text})" if figure == "drops" else self._example(figure)
            raise _Wrong(at, f"{figure} is of a channel, not of a path; write {advised}")
        written = text.partition("->")
        begin, end = (self._end(part, at) for part in written[::2])
        if begin.node not in self._sensors():
            known = advice(begin.node, self._sensors())
            raise _Wrong(at, f"'{begin}' is no device that takes samples, where a path begins; {known}")
        at += len(text) - len(written[2].lstrip())
        nodes = [*self.scenario.partitions, *self.scenario.devices]
        if end.node not in nodes:
            raise _Wrong(at, f"unknown partition or device '{end.node}'; {advice(end.node, nodes)}")
        name = f"{begin}->{end}"
        self.ways[name] = self._only_way(begin, end, at)
        self.paths[str(begin), str(end)] = None
        return name

    def _end(self, text: str, at: int) -> Endpoint:
        try:
            return parse_endpoint(text)
        except ValueError:
            first = next(iter(self._sensors()), "camera")
            message = f"{shown(text.strip())} is no end of a path; write FROM->TO like {first}->perception.detector"
            raise _Wrong(at, message) from None

    def _sensors(self) -> list[str]:
        return [name for name in self.scenario.devices if self.scenario.outputs_of(name)]

    def _only_way(self, begin: Endpoint, end: Endpoint, at: int) -> tuple[str, ...]:
        found = ways_of(self.scenario, begin, end)
        if len(found) == 1:
            return found[0]
        targets = {name: channel.target for name, channel in self.scenario.channels.items()}
        if found:
            ends = " or ".join(str(targets[way[-1]]) for way in found)
            raise _Wrong(at, f"samples of '{begin}' arrive at '{end}' by {len(found)} inputs; write {ends}")
        reached = sorted({str(target) for target in targets.values() if ways_of(self.scenario, begin, target)})
        where = f"they arrive at {', '.join(reached)}" if reached else "add channels to the scenario"
        raise _Wrong(at, f"no channels carry samples of '{begin}' to '{end}'; {where}")

    def _operator(self, figure: str) -> str:
        begin = self._skip()
        match = _OPERATOR.match(self.text, begin)
        written = match[0] if match else ""
        if written in COMPARISONS:
            self.at += len(written)
            return written
        if written:
            near = {"=<": "<=", "=>": ">=", "≤": "<=", "≥": ">="}.get(written)
            meant = f"write {near}" if near else f"one of {' '.join(sorted(set(COMPARISONS) - {'=='}))}"
            raise _Wrong(begin, f"'{written}' is no comparison; {meant}")
        example = "80ms" if UNITS[figure] == "ns" else "64M" if UNITS[figure] == "bytes" else "0"
        sign = "<" if UNITS[figure] else "="
        raise _Wrong(begin, f"a comparison is missing; go on with {sign}{example}, say")

    def _value(self, figure: str, sign: str) -> float:
        begin = self._skip()
        end = self.text.find(",", begin)
        text = self.text[begin : end if end >= 0 else len(self.text)].strip()
        try:
            limit = _limit(figure, sign, text)
        except ValueError as error:
            raise _Wrong(begin, str(error)) from None
        self.at = end if end >= 0 else len(self.text)
        return limit

    def _example(self, figure: str) -> str:
        """Return a figure with a subject that exists."""
        if figure in ("drops", "stalls", "memory"):
            return figure
        channels = list(self.scenario.channels)
        sensors = self._sensors()
        if figure == "missing" or (figure in PERCENTILES and sensors):
            for sensor in sensors:
                for channel in reversed(channels):
                    target = self.scenario.channels[channel].target
                    if ways_of(self.scenario, Endpoint(sensor), target):
                        return (
                            f"{figure}({sensor}->{target if target.node in self.scenario.partitions else target.node})"
                        )
        return f"{figure}({channels[0] if channels else 'CHANNEL'})"


def _limit(figure: str, sign: str, text: str) -> float:
    """Return a value in the unit of its figure.

    Raises:
        ValueError: it has another form.
    """
    unit = UNITS[figure]
    if len(text.split()) > 1 and any(sign in text for sign in COMPARISONS):
        raise ValueError(f"{shown(text)} is more than a value; put a comma between two comparisons")
    if unit == "ns":
        if not text:
            raise ValueError("a time is missing; write it like 80ms")
        value = 0 if text == "0" else parse_duration(text, "80ms")
        if sign in ("=", "=="):
            raise ValueError(f"'{sign}' asks for {text} to the nanosecond; write <= {text}")
        return float(value)
    if unit == "bytes":
        if not text:
            raise ValueError("a memory size is missing; write it like 64M")
        return float(parse_memory(text))
    if not re.fullmatch("[0-9]{1,15}", text):
        said = f"{shown(text)} is no count" if text else "a number is missing"
        raise ValueError(f"{said}; {figure} takes a whole number without a unit, like 0")
    return float(text)
