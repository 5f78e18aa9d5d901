"""The columns of a sweep's table and how a row is made of what the model found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sim.sizing.cameras import Variant
from sim.sizing.model.outcome import Outcome, PathOutcome
from sim.sizing.plan import Accelerator, Link, Plan

Cell = int | float | None

_OF_ALL = {
    "memory_bytes": int, "dropped": int, "dropped_share": float, "stalls": int, "age_p99_ns": int, "events": int,
}  # fmt: skip
_OF_RING = {"occupancy_max": int, "dropped": int}
_OF_PATH = {"age_p50_ns": int, "age_p99_ns": int, "age_max_ns": int, "delivered": int, "missing": int, "late": int}
_OF_NODE = {"utilisation": float}


@dataclass(frozen=True)
class Columns:
    """The columns that follow those of the axes.

    Attributes:
        rings, paths, nodes: whose figures there are; copies are part of their originals.
    """

    rings: tuple[str, ...]
    paths: tuple[str, ...]
    nodes: tuple[str, ...]

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> Columns:
        """Return those of everything that any of the plans has, in the order of the first that has it."""
        rings: dict[str, None] = {}
        paths: dict[str, None] = {}
        nodes: dict[str, None] = {}
        for plan in plans:
            rings |= dict.fromkeys(plan.rings)
            paths |= dict.fromkeys(plan.paths)
            nodes |= dict.fromkeys(_busy_names(plan))
        return cls(tuple(rings), tuple(paths), tuple(nodes))

    @cached_property
    def types(self) -> Mapping[str, type]:
        """Int or float of each column, in order."""
        found: dict[str, type] = dict(_OF_ALL)
        for kind, names, figures in (
            ("rings", self.rings, _OF_RING), ("paths", self.paths, _OF_PATH), ("nodes", self.nodes, _OF_NODE)
        ):  # fmt: skip
            found |= {f"{kind}.{name}.{figure}": each for name in names for figure, each in figures.items()}
        return found

    def row(self, variant: Variant, outcome: Outcome) -> list[Cell]:
        """Return the figures of a point, in the order of `types`.

        Of copies and their original the worst is told: most slots held, oldest age; what is counted is added up.
        """
        rings: dict[str, tuple[int, int]] = {}
        offered = stalls = total = 0
        for name, ring in outcome.rings.items():
            origin = variant.rings.get(name, name)
            held, dropped = rings.get(origin, (0, 0))
            rings[origin] = max(held, ring.occupancy_max), dropped + ring.dropped
            offered, stalls, total = offered + ring.offered, stalls + ring.stalls, total + ring.dropped
        paths: dict[str, list[PathOutcome]] = {}
        for name, path in outcome.paths.items():
            paths.setdefault(variant.paths.get(name, name), []).append(path)
        ages = {name: _ages(each) for name, each in paths.items()}
        oldest = [age[1] for age in ages.values()]
        worst = None if None in oldest or not oldest else max(age for age in oldest if age is not None)
        cells: list[Cell] = [
            variant.plan.memory_bytes, total, total / offered if offered else 0.0, stalls, worst, outcome.events
        ]  # fmt: skip
        for name in self.rings:
            cells += rings.get(name, (None, None))
        for name in self.paths:
            cells += [*ages[name], *_counts(paths[name])] if name in paths else [None] * len(_OF_PATH)
        there = set(_busy_names(variant.plan))
        for name in self.nodes:
            node = outcome.nodes.get(name)
            busy = node.busy_ns / outcome.virtual_ns if node is not None else 0.0
            cells.append(busy if name in there else None)
        return cells


def _busy_names(plan: Plan) -> list[str]:
    """Return what has a utilisation: nodes, accelerators and links."""
    devices = [each.name for each in plan.devices if isinstance(each, (Accelerator, Link))]
    return [node.name for node in plan.nodes] + devices


def _ages(paths: Sequence[PathOutcome]) -> tuple[int | None, int | None, int | None]:
    """Return the worst p50, p99 and maximum; None where nothing arrives on one of the paths."""
    ages = [path.age for path in paths]
    if not all(age.count for age in ages):
        return None, None, None
    return max(age.p50_ns for age in ages), max(age.p99_ns for age in ages), max(age.max_ns for age in ages)


def _counts(paths: Sequence[PathOutcome]) -> tuple[int, int, int]:
    return (
        sum(path.delivered for path in paths), sum(path.missing for path in paths), sum(path.late for path in paths)
    )  # fmt: skip
