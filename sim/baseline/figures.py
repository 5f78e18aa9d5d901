"""Figures of two results side by side: exactly, or, where the runs had different environments, with a tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

TOLERANCE = 0.05
"""Part of the larger of two figures by which they may differ across environments."""
GRAIN_COUNT, GRAIN_RATIO = 1, 0.02
"""Absolute differences that are within tolerance whatever the figures are: of whole numbers, and of others."""

_APART = frozenset(
    {"version", "scenario_file", "digest", "environment", "expectations", "notes", "wall_s", "boot", "wall"}
)
_SETTINGS = frozenset({"scenario", "seed", "time_mode", "quantum_ns", "duration_s"})
"""What is compared elsewhere, or says nothing about what the run did."""
_OF_ENVIRONMENT = frozenset(
    {"digest", "producer", "consumer", "instructions", "grants", "flash_bytes", "ram_bytes", "window_bytes"}
)
"""What another QEMU, kernel or compiler changes without anything being wrong, and what only follows from it."""
_EXACT = frozenset({"dropped", "lost", "gaps", "sessions", "restarts"})
"""Counts of mishaps: one more is one too many."""
_EXPECTATION = "expectation "
_STATES = frozenset({"outcome", "state"})
"""Texts that say what came of something; other texts describe."""


class Moved(NamedTuple):
    """A figure that is not the same in two results.

    Attributes:
        name: dotted, as in an expectation.
        a: its value in the first; None where it is not there.
        b: its value in the second.
    """

    name: str
    a: Any
    b: Any

    @property
    def share(self) -> float | None:
        """How much larger the second is, relative to the first; None where that has no meaning."""
        numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (self.a, self.b))
        return self.b / self.a - 1 if numbers and self.a else None


def settings(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked of a run: scenario, seed, mode, quantum and duration."""
    return {name: result[name] for name in sorted(_SETTINGS) if name in result}


def moved(a: Mapping[str, Any], b: Mapping[str, Any], exactly: bool) -> list[Moved]:
    """Return the figures that differ, those first that changed most.

    Parameters:
        a: a result, as in result.json.
        b: another one.
        exactly: every figure must be the same. Otherwise the runs had different environments: numbers may differ by
            `TOLERANCE`, times by one quantum too, whole numbers by `GRAIN_COUNT` and others by `GRAIN_RATIO`; mishaps
            are counted exactly; texts, lists and what only describes the environment are left out, as are figures
            that only one has.
    """
    ours, theirs = dict(_figures(a, exactly)), dict(_figures(b, exactly))
    quantum_us = max(a.get("quantum_ns", 0), b.get("quantum_ns", 0)) / 1000
    found = []
    for name in {**ours, **theirs}:
        if (name not in ours or name not in theirs) and (not exactly or name.startswith(_EXPECTATION)):
            continue
        one = Moved(name, ours.get(name), theirs.get(name))
        if not (_equal(one.a, one.b) if exactly else _close(one, quantum_us)):
            found.append(one)
    return sorted(found, key=_rank)


def _rank(one: Moved) -> tuple[bool, float]:
    share = one.share
    return share is not None, -abs(share or 0)


def _figures(result: Mapping[str, Any], exactly: bool) -> Iterator[tuple[str, Any]]:
    """Yield every figure by its dotted name, each expectation of the scenario as whether it holds."""
    for expectation in result.get("expectations", ()):
        if expectation.get("figure") != "":
            yield f"{_EXPECTATION}{expectation.get('text')}", expectation.get("passed")
    for name, value in result.items():
        if name not in _APART and name not in _SETTINGS:
            yield from _flat(name, value, exactly)


def _flat(name: str, value: Any, exactly: bool) -> Iterator[tuple[str, Any]]:
    leaf = name.rpartition(".")[2]
    if not exactly and leaf in _OF_ENVIRONMENT:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item, exactly)
    elif exactly:
        yield name, value
    elif leaf == "failed" and not isinstance(value, (int, float)):
        yield name, value is not None
    elif not isinstance(value, list) and (not isinstance(value, str) or leaf in _STATES):
        yield name, value


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _close(one: Moved, quantum_us: float) -> bool:
    a, b = one.a, one.b
    if not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (a, b)):
        return _equal(a, b)
    leaf = one.name.rpartition(".")[2]
    if leaf in _EXACT:
        return _equal(a, b)
    if any(part.endswith("_us") for part in one.name.split(".")):
        grain: float = quantum_us
    else:
        grain = GRAIN_COUNT if isinstance(a, int) and isinstance(b, int) else GRAIN_RATIO
    return abs(a - b) <= grain or math.isclose(a, b, rel_tol=TOLERANCE)
