"""What pydantic found, as positions in the file and plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sim.scenario.model import Scenario
from sim.scenario.problem import Problem, advice
from sim.scenario.source import Entries, Items, Node, Path, locate
from sim.scenario.units import shown

Details = Mapping[str, Any]


def problems_of(error: ValidationError, root: Node) -> list[Problem]:
    """Return one problem for each thing that a validation found.

    Parameters:
        error: what pydantic raised for `Scenario`.
        root: the nodes that were validated.
    """
    return [_problem(details, root) for details in error.errors(include_url=False)]


def _problem(details: Details, root: Node) -> Problem:
    path = written_path(details["loc"], root)
    kind = details["type"]
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    at_key = kind == "extra_forbidden" or details["loc"][-1:] == ("[key]",)
    position = locate(root, path, key=at_key or kind == "missing")
    words = _SENTENCES.get(kind)
    message = words(details, path) if words else f"{shown(details['input'])} cannot stand here; {details['msg']}"
    subject = "" if kind in ("missing", "extra_forbidden", "union_tag_not_found") or at_key else _subject(path)
    return Problem(*position, subject + message)


def written_path(loc: Sequence[str | int], root: Node) -> Path:
    """Return the path as it stands in the file: without the steps that pydantic adds for unions and keys.

    Parameters:
        loc: pydantic's location of a mistake.
        root: the nodes that were validated.
    """
    path: list[str | int] = []
    node: Node | None = root
    for index, step in enumerate(loc):
        if isinstance(node, Entries) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif index < len(loc) - 1 or step == "[key]":
            continue
        path.append(step)
    return tuple(path)


def keys_at(loc: Sequence[str | int]) -> list[str]:
    """Return the keys that the language knows for a section; empty where names are free.

    Parameters:
        loc: pydantic's location of it: keys and indices from the root, and the kind after a section of several kinds.
    """
    return sorted({name for kind in _types_at(loc) for name in _fields(kind)})


def _types_at(loc: Sequence[str | int]) -> list[Any]:
    """Return the types that a value at pydantic's location can have."""
    kinds: list[Any] = [Scenario]
    for step in loc:
        chosen = [kind for kind in kinds if step in _tags(kind)]
        kinds = chosen if len(kinds) > 1 and chosen else [inner for kind in kinds for inner in _inside(kind, step)]
    return kinds


def _fields(kind: Any) -> dict[str, Any]:
    if get_origin(kind) is not None or not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def _tags(kind: Any) -> tuple[Any, ...]:
    """Return what pydantic puts into the location of a mistake within a section of several kinds."""
    return get_args(_fields(kind).get("kind")) or (getattr(kind, "kind", None),)


def _inside(kind: Any, step: str | int) -> list[Any]:
    """Return the types that a value at `step` of a `kind` can have, unions taken apart."""
    fields = _fields(kind)
    if fields:
        return _alternatives(fields[str(step)]) if str(step) in fields else []
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), (Mapping, tuple)):
        arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
        return _alternatives(arguments[-1])
    return []


def _alternatives(kind: Any) -> list[Any]:
    if hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    origin = get_origin(kind)
    if origin is None or (isinstance(origin, type) and issubclass(origin, (Mapping, tuple))):
        return [kind]
    return [inner for argument in get_args(kind) for inner in _alternatives(argument)]


def _subject(path: Path) -> str:
    """Return the key that a message is about, as its first words."""
    return f"{path[-1]}: " if path and isinstance(path[-1], str) else ""


def _missing(details: Details, path: Path) -> str:
    usual = _EXAMPLES.get(str(path[-1]), f"add a line {path[-1]}: ...")
    return f"'{path[-1]}' is missing; {_EXAMPLES.get(f'{path[0]} {path[-1]}', usual)}"


def _unknown_key(details: Details, path: Path) -> str:
    for kind in _types_at(details["loc"][:-1]):
        if path[-1] in getattr(kind, "foreign", ()):
            return f"'{path[-1]}' does not belong here; {kind.foreign[path[-1]]}"
    return f"unknown key '{path[-1]}'; {advice(str(path[-1]), keys_at(details['loc'][:-1]))}"


def _wrong_choice(details: Details, path: Path) -> str:
    choices = [word.strip("' ") for word in details["ctx"]["expected"].replace(" or ", ",").split(",")]
    if not isinstance(details["input"], str):
        return f"{shown(details['input'])} is no choice; {advice('', choices)}"
    return f"unknown {shown(details['input'])}; {advice(details['input'], choices)}"


def _wrong_kind(details: Details, path: Path) -> str:
    kinds = [word.strip("' ") for word in details["ctx"]["expected_tags"].split(",")]
    return f"unknown '{details['ctx']['tag']}'; {advice(details['ctx']['tag'], kinds)}"


def _no_kind(details: Details, path: Path) -> str:
    kinds = [word for kind in _types_at(details["loc"]) for word in get_args(_fields(kind).get("kind"))]
    if not kinds:
        return _section(details, path)
    return f"'kind' is missing; add a line {' or '.join(f'kind: {kind}' for kind in kinds)}"


def _not_a(what: str, right: str) -> Callable[[Details, Path], str]:
    def sentence(details: Details, path: Path) -> str:
        return f"{shown(details['input'])} stands where {what} belongs; {right}"

    return sentence


def _out_of_range(words: str, limit: str) -> Callable[[Details, Path], str]:
    def sentence(details: Details, path: Path) -> str:
        return f"{details['input']} is out of range; {words} {details['ctx'][limit]}"

    return sentence


def _section(details: Details, path: Path) -> str:
    keys = keys_at(path)
    inside = f"keys {', '.join(keys)}" if keys else "names, each with its own keys"
    return f"{shown(details['input'])} stands where a section belongs; indent lines with {inside} below it"


_SENTENCES: Mapping[str, Callable[[Details, Path], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "value_error": lambda details, path: str(details["ctx"]["error"]),
    "literal_error": _wrong_choice,
    "union_tag_invalid": _wrong_kind,
    "union_tag_not_found": _no_kind,
    "string_type": _not_a("text", "put quotes around it"),
    "int_type": _not_a("a whole number", "write it without quotes, unit and decimals, like 4"),
    "bool_type": _not_a("a truth value", "write true or false"),
    "tuple_type": _not_a("a list", "start each line below it with '- '"),
    "model_type": _section,
    "model_attributes_type": _section,
    "mapping_type": _section,
    "dict_type": _section,
    "too_short": lambda details, path: "nothing is in it; a scenario has at least one",
    "greater_than_equal": _out_of_range("at least", "ge"),
    "less_than_equal": _out_of_range("at most", "le"),
    "less_than": _out_of_range("below", "lt"),
    "greater_than": _out_of_range("above", "gt"),
}
"""Sentence for each of pydantic's error types that the models can raise."""

_EXAMPLES: Mapping[str, str] = {
    "name": "add a line such as name: my_scenario",
    "time": "add a section such as time: {quantum: 1ms, duration: 10s}",
    "duration": "add a line such as duration: 10s",
    "partitions": "add a section partitions: with at least one guest",
    "machine": "add a line such as machine: linux-x86_64",
    "memory": "add a line such as memory: 256M",
    "speed": "add a line such as speed: 1000 MIPS",
    "run": "add a line such as run: services/detector.py:Detector",
    "from": "add a line such as from: front_camera",
    "to": "add a line such as to: perception.detector.frame",
    "tensor": "add a line such as tensor: uint8[480,640,3]",
    "source": "add a line such as source: plates",
    "size": "add a line such as size: 640x480",
    "rate": "add a line such as rate: 30fps",
    "kind": "add a line such as kind: camera",
    "faults kind": "add a line such as kind: kill",
    "faults target": "add a line such as target: perception",
    "check": "add a line such as check: channels.frames.dropped == 0",
}
"""What to write for a missing key."""
