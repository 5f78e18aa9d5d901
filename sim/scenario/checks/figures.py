"""Figures: what the result of a scenario will have, found by walking the type of result.json."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from sim.report.result import Result
from sim.scenario.checks.context import Context
from sim.scenario.expression import ORDER, TEXT, Expression
from sim.scenario.partitions import LinuxPartition, McuPartition
from sim.scenario.problem import advice

Lines = NewType("Lines", str)
"""Text that result.json does not carry, and expectations may look into."""

TEXTS: dict[str, type | NewType] = {"console": Lines, "log": Lines}
"""Texts of a partition: its console, and what its agent logged."""


def complaint(context: Context, expression: Expression) -> str | None:
    """Return what is wrong with an expectation; None if the result will have its figure and it can be compared."""
    try:
        kind = _kind(context, expression.path)
    except ValueError as error:
        return str(error)
    return _mismatch(expression, kind)


def _mismatch(expression: Expression, kind: Any) -> str | None:
    """Return why a figure of a kind cannot be compared so."""
    name, sign, value = expression.figure, expression.operator, expression.value
    if kind is Any or (value is None and kind is not Lines):
        return None
    if kind is Lines:
        known = f"'{name}' is text of many lines; use {', '.join(TEXT[:-1])} or {TEXT[-1]}"
        return known if sign not in TEXT else None
    if kind is bool:
        right = sign not in (*ORDER, *TEXT) and isinstance(value, bool)
        return None if right else f"'{name}' is true or false; write {name} == true"
    if kind in (int, float):
        if sign in TEXT:
            return f"'{name}' is a number, and '{sign}' looks into text; use >= <= == != > <"
        right = isinstance(value, float)
        return None if right else f"'{name}' is a number, not '{_written(value)}'; compare it with a number"
    if sign in ORDER or expression.tolerance is not None:
        return f"'{name}' is text, which has no order; use == or !="
    if not isinstance(value, str):
        return f"'{name}' is text, not {_written(value)}; write a word or quoted text"
    words = get_args(kind) if get_origin(kind) is Literal else ()
    if words and sign not in TEXT and value not in words:
        return f"'{name}' is never '{value}'; {advice(value, words)}"
    return None


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _kind(context: Context, path: tuple[str, ...]) -> Any:
    """Walk the type of result.json along a path and return that of its end, without None.

    Raises:
        ValueError: it leads nowhere, or to several figures.
    """
    kind: Any = Result
    for depth, part in enumerate(path):
        known = _known(context, kind, path[:depth])
        if known is None:
            return Any
        where = ".".join(path[:depth])
        if not known and get_origin(kind) is dict:
            raise ValueError(f"the scenario has no {path[depth - 1]}; '{'.'.join(path)}' has no value")
        if not known:
            raise ValueError(f"'{where}' is a single figure and has no '{part}'; leave that out")
        if part not in known:
            raise ValueError(f"unknown '{part}'{f' in {where!r}' if where else ''}; {advice(part, known)}")
        kind = _certain(_entry(kind, part))
    known = _known(context, kind, path)
    if known:
        examples = ", ".join(sorted(known))
        raise ValueError(f"'{'.'.join(path)}' has several figures; add one of {examples}")
    if get_origin(kind) is list:
        raise ValueError(f"'{'.'.join(path)}' is a list; an expectation is about a single figure")
    return kind


def _entry(kind: Any, part: str) -> Any:
    """Return the type of an entry of a dict or a typed dict, or of a metric's figure, which is not known."""
    if kind is Any:
        return Any
    return get_args(kind)[-1] if get_origin(kind) is dict else (get_type_hints(kind) | TEXTS)[part]


def _certain(kind: Any) -> Any:
    """Return a type without None; a figure that may be of several types could be anything."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    some = [each for each in get_args(kind) if each is not NoneType]
    return some[0] if len(some) == 1 else Any


def _known(context: Context, kind: Any, path: tuple[str, ...]) -> Iterable[str] | None:
    """Return the keys that a value of the result has; empty for a single figure, None where they are not known."""
    if kind is Any:
        metric = context.scenario.metrics.get(path[1]) if path[0] == "metrics" and len(path) == 2 else None
        return metric.figures if metric else None
    if isinstance(kind, type) and hasattr(kind, "__total__"):
        texts = TEXTS if path[:1] == ("partitions",) and len(path) == 2 else {}
        return [*get_type_hints(kind), *texts]
    if get_origin(kind) is not dict:
        return ()
    if path == ("microcontrollers",):
        return _microcontrollers(context)
    if path == ("links",):
        return _links(context)
    section = {"boot": "partitions"}.get(path[-1], path[-1])
    if path[0] == "partitions" and section == "services":
        partition = context.scenario.partitions.get(path[1])
        return partition.service_names if partition else None
    named = getattr(context.scenario, section, None) if len(path) == 1 else None
    return context.written(section) | set(named) if named is not None else None


def _microcontrollers(context: Context) -> Iterable[str]:
    """Return the partitions that are microcontrollers, and those of which that is not known."""
    sound = context.scenario.partitions
    linux = {name for name, partition in sound.items() if isinstance(partition, LinuxPartition)}
    return context.written("partitions") - linux


def _links(context: Context) -> Iterable[str]:
    """Return the microcontrollers that have something to carry over their link: channels from and to partitions."""
    partitions = context.written("partitions")
    ends = [(channel.source.node, channel.target.node) for channel in context.scenario.channels.values()]
    carried = {node for pair in ends if partitions.issuperset(pair) for node in pair}
    sound = context.scenario.partitions
    off_chip = {
        name
        for name, partition in sound.items()
        if isinstance(partition, McuPartition) and partition.effective_link is not None
    }
    return (off_chip & carried) | (partitions - set(sound))
