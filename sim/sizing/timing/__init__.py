"""Execution times: how long each service takes, as a run measured it or a scenario declares it.

A run leaves them in `timing.json` beside its report. All times are execution time in ns: time in which the partition
had its core.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.sizing.errors import SizingError

FILE = "timing.json"
VERSION = 1
_MARK = "edgesim_timing"
_MOST_NS = 10**14
"""Longest time: more than a day. Of all calls that are kept together it is still an int64."""

MOST_CALLS = 10_000
"""Calls of a service that are kept; of more, so many in equal distances. With three outputs they take 400 kB."""

_MOST_BYTES = 64 << 20
"""Largest file that is read: calls of a hundred services."""


@dataclass(frozen=True, slots=True)
class ServiceTiming:
    """Calls of one service, in order.

    Attributes:
        outputs: rings that it sends into.
        hold_ns: of each call, from taking its inputs to giving them back, without waiting for room in an output.
        offsets_ns: of each call, from taking its inputs to sending each output; -1 where it sends nothing.
        wake_ns: of each call, from the doorbell that woke its partition to taking its first input; empty: no time.
        fetch_ns: of each call, from taking each input to taking the next, within `hold_ns`; empty: no time.
        gap_ns: from the end of a call to taking inputs that are there already, at least.
        rest_ns: of each call, how much longer that was; empty: as long.
        source: `measured` in a run, or `declared` in the scenario.
        counted: calls that were measured; more than are kept where there were very many.
        waited: of these, calls that had to wait for room in an output; they stand here with the times of another call.
    """

    outputs: tuple[str, ...]
    hold_ns: tuple[int, ...]
    offsets_ns: tuple[tuple[int, ...], ...]
    wake_ns: tuple[int, ...] = ()
    fetch_ns: tuple[tuple[int, ...], ...] = ()
    gap_ns: int = 0
    rest_ns: tuple[int, ...] = ()
    source: str = "measured"
    counted: int = 0
    waited: int = 0


@dataclass(frozen=True, slots=True)
class NodeTiming:
    """Of a partition, whatever runs on it.

    Attributes:
        look_ns: from a doorbell to looking at the first service.
        bell_ns: from publishing a tensor to ringing its consumer.
    """

    look_ns: int = 0
    bell_ns: int = 0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Tensors that came into a ring.

    Attributes:
        count: of tensors, without those that the ring refused as it was full.
        min_ns, p50_ns, p99_ns, max_ns: of the time from one to the next (nearest rank); 0 for less than two tensors.
    """

    count: int
    min_ns: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Of all services of a scenario.

    Attributes:
        scenario: its name.
        services: by `PARTITION.SERVICE`.
        nodes: by partition; what is missing takes no time.
        opened_ns: of each ring that a sensor sends into: when it first could.
        arrivals: of each ring; empty where nothing was measured.
        notes: for the reader.
        origin: where it comes from, in words: `measured in runs/ivi_camera-3`. Not part of the file.
    """

    scenario: str
    services: Mapping[str, ServiceTiming]
    nodes: Mapping[str, NodeTiming] = field(default_factory=dict)
    opened_ns: Mapping[str, int] = field(default_factory=dict)
    arrivals: Mapping[str, Arrivals] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: str = field(default="", compare=False)

    def to_json(self) -> str:
        """Return it as the text of a `timing.json`."""
        services = {name: _service_data(each) for name, each in self.services.items()}
        arrivals = {
            ring: {"count": each.count, "interval_ns": [each.min_ns, each.p50_ns, each.p99_ns, each.max_ns]}
            for ring, each in self.arrivals.items()
        }
        parts = {
            _MARK: VERSION,
            "scenario": self.scenario,
            "services": services,
            "nodes": {name: {"look_ns": each.look_ns, "bell_ns": each.bell_ns} for name, each in self.nodes.items()},
            "opened_ns": dict(self.opened_ns),
            "arrivals": arrivals,
            "notes": list(self.notes),
        }
        lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in parts.items()]
        return "{" + ",\n ".join(lines) + "}\n"

    @classmethod
    def from_json(cls, text: str, name: str = FILE) -> Timing:
        """Read the text of a `timing.json`.

        Parameters:
            text: its content.
            name: what messages call the file.

        Raises:
            SizingError: it is no such file, or not whole.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            problem = " ".join(str(error).split())
            raise SizingError(f"{name}: no JSON ({problem}); run the scenario anew") from None
        return _Reading(name).timing(data)

    def write(self, folder: Path) -> None:
        """Write it into the folder of a run, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        beside = folder / f".{FILE}.part"
        beside.write_text(self.to_json())
        beside.replace(folder / FILE)


def read(folder: Path) -> Timing:
    """Return what a run measured.

    Parameters:
        folder: of its report.

    Raises:
        SizingError: there is none, or it is broken; the message names the file.
    """
    file = folder / FILE
    try:
        text = _text(file)
    except (FileNotFoundError, NotADirectoryError):
        what = f"has no {FILE}" if folder.is_dir() else "is no folder"
        raise SizingError(f"{folder} {what}; name the folder of a `sim run` in virtual time") from None
    except UnicodeDecodeError:
        raise SizingError(f"{file}: no text; run the scenario anew") from None
    except OSError as error:
        raise SizingError(f"{file}: {error.strerror}; name the folder of a run") from None
    return Timing.from_json(text, str(file))


def _text(file: Path) -> str:
    """Return what a file says, but for one that never ends or of which nothing ever comes, such as a pipe.

    Raises:
        SizingError: it is such a file, or too large.
        OSError, UnicodeDecodeError: as of any file.
    """
    with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise SizingError(f"{file}: is no plain file; name the folder of a run")
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise SizingError(f"{file}: larger than {_MOST_BYTES >> 20} MiB, which no run writes; run the scenario anew")
    return data.decode()


def _service_data(service: ServiceTiming) -> dict[str, Any]:
    columns = {ring: [each[i] for each in service.offsets_ns] for i, ring in enumerate(service.outputs)}
    return {
        "source": service.source,
        "counted": service.counted,
        "waited": service.waited,
        "gap_ns": service.gap_ns,
        "rest_ns": list(service.rest_ns),
        "wake_ns": list(service.wake_ns),
        "fetch_ns": [list(each) for each in service.fetch_ns],
        "hold_ns": list(service.hold_ns),
        "offsets_ns": columns,
    }


class _Reading:
    """Reads the data of a file, trusting nothing.

    Parameters:
        name: of the file.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def _fail(self, where: str, should: str) -> SizingError:
        return SizingError(f"{self._name}: {where} is not {should}; run the scenario anew")

    def _keys(self, value: Any, where: str, keys: Sequence[str]) -> dict[str, Any]:
        """Return a mapping that has exactly these keys."""
        found = self._mapping(value, where)
        if set(found) != set(keys):
            raise self._fail(where, f"a mapping with {', '.join(keys)}")
        return found

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._fail(where, "a mapping")
        return value

    def _text(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise self._fail(where, "a text")
        return value

    def _number(self, value: Any, where: str, least: int = 0) -> int:
        if type(value) is not int or not least <= value <= _MOST_NS:
            raise self._fail(where, f"a whole number from {least} to {_MOST_NS}")
        return value

    def _numbers(self, value: Any, where: str, least: int = 0) -> tuple[int, ...]:
        if not isinstance(value, list):
            raise self._fail(where, "a list")
        return tuple(self._number(each, f"{where}[{i}]", least) for i, each in enumerate(value))

    def timing(self, data: Any) -> Timing:
        """Return all of it."""
        if not isinstance(data, dict) or _MARK not in data:
            raise SizingError(f"{self._name}: not written by `sim run`; name the folder of a run")
        if data[_MARK] != VERSION or type(data[_MARK]) is not int:
            raise SizingError(
                f"{self._name}: version {repr(data[_MARK])[:40]}, this simulator reads {VERSION}; run it anew"
            )
        found = self._keys(data, "it", (_MARK, "scenario", "services", "nodes", "opened_ns", "arrivals", "notes"))
        services = self._mapping(found["services"], "services")
        nodes = self._mapping(found["nodes"], "nodes")
        opened = self._mapping(found["opened_ns"], "opened_ns")
        arrivals = self._mapping(found["arrivals"], "arrivals")
        if not isinstance(found["notes"], list):
            raise self._fail("notes", "a list")
        return Timing(
            self._text(found["scenario"], "scenario"),
            {name: self._service(each, f"services.{name}") for name, each in services.items()},
            {name: self._node(each, f"nodes.{name}") for name, each in nodes.items()},
            {ring: self._number(each, f"opened_ns.{ring}") for ring, each in opened.items()},
            {ring: self._arrivals(each, f"arrivals.{ring}") for ring, each in arrivals.items()},
            tuple(self._text(note, "a note") for note in found["notes"]),
        )

    def _service(self, value: Any, where: str) -> ServiceTiming:
        keys = ("source", "counted", "waited", "gap_ns", "rest_ns", "wake_ns", "fetch_ns", "hold_ns", "offsets_ns")
        found = self._keys(value, where, keys)
        hold = self._numbers(found["hold_ns"], f"{where}.hold_ns")
        if len(hold) > MOST_CALLS:
            raise self._fail(f"{where}.hold_ns", f"of at most {MOST_CALLS} calls")
        wake, rest = (self._of_calls(found[key], f"{where}.{key}", len(hold)) for key in ("wake_ns", "rest_ns"))
        columns = {}
        for ring, each in self._mapping(found["offsets_ns"], f"{where}.offsets_ns").items():
            columns[ring] = self._numbers(each, f"{where}.offsets_ns.{ring}", -1)
            if len(columns[ring]) != len(hold):
                raise self._fail(f"{where}.offsets_ns.{ring}", f"of {len(hold)} calls")
        if found["source"] not in ("measured", "declared"):
            raise self._fail(f"{where}.source", "measured or declared")
        return ServiceTiming(
            tuple(columns),
            hold,
            tuple(zip(*columns.values(), strict=True)) if columns else ((),) * len(hold),
            wake,
            self._rows(found["fetch_ns"], f"{where}.fetch_ns", len(hold)),
            self._number(found["gap_ns"], f"{where}.gap_ns"),
            rest,
            found["source"],
            self._number(found["counted"], f"{where}.counted"),
            self._number(found["waited"], f"{where}.waited"),
        )

    def _of_calls(self, value: Any, where: str, count: int) -> tuple[int, ...]:
        """Return a number for each call, or none at all."""
        found = self._numbers(value, where)
        if found and len(found) != count:
            raise self._fail(where, f"of {count} calls")
        return found

    def _rows(self, value: Any, where: str, count: int) -> tuple[tuple[int, ...], ...]:
        """Return lists of one length, one for each call; or none at all."""
        if not isinstance(value, list):
            raise self._fail(where, "a list")
        rows = tuple(self._numbers(each, f"{where}[{i}]") for i, each in enumerate(value))
        if rows and (len(rows) != count or len({len(row) for row in rows}) > 1):
            raise self._fail(where, f"of {count} calls with as many numbers each")
        return rows

    def _node(self, value: Any, where: str) -> NodeTiming:
        keys = ("look_ns", "bell_ns")
        found = self._keys(value, where, keys)
        return NodeTiming(*(self._number(found[key], f"{where}.{key}") for key in keys))

    def _arrivals(self, value: Any, where: str) -> Arrivals:
        found = self._keys(value, where, ("count", "interval_ns"))
        intervals = self._numbers(found["interval_ns"], f"{where}.interval_ns")
        if len(intervals) != 4:
            raise self._fail(f"{where}.interval_ns", "least, p50, p99 and greatest")
        return Arrivals(self._number(found["count"], f"{where}.count"), *intervals)
