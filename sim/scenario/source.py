"""YAML text as a tree of nodes that remember their line and column.

Built from the parser's events and not from its tree: that bounds the depth (libyaml's own composer overflows the C
stack on deep nesting), counts what aliases expand to, and sees keys that are given twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import yaml

from sim.scenario.problem import Problem, ScenarioErrors

MAX_DEPTH = 32
"""Deepest nesting of a scenario; what is written by hand stays below 10."""

MAX_NODES = 20_000
"""Most values of a scenario after aliases are expanded, so that a few lines cannot become gigabytes."""

MAX_BYTES = 1 << 20
"""Largest scenario file."""

Event: TypeAlias = Any
"""One of PyYAML's events; their attributes are not in its type stubs."""

Path: TypeAlias = "tuple[str | int, ...]"
"""Way to a value from the root: keys and list indices."""


class Position(NamedTuple):
    """A place in a file; line and column count from 1, or are 0 where there is none."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Scalar:
    """A single value."""

    position: Position
    value: str | int | float | bool | None


@dataclass(frozen=True)
class Items:
    """A list."""

    position: Position
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Entries:
    """A mapping; `keys` has the position of each key."""

    position: Position
    entries: Mapping[str, Node]
    keys: Mapping[str, Position]


Node: TypeAlias = Scalar | Items | Entries


def plain(node: Node) -> Any:
    """Return the tree as dicts, lists and scalars."""
    if isinstance(node, Entries):
        return {key: plain(child) for key, child in node.entries.items()}
    if isinstance(node, Items):
        return [plain(child) for child in node.items]
    return node.value


def locate(root: Node, path: Sequence[str | int], *, key: bool = False) -> Position:
    """Return where the value at `path` is written, or the nearest enclosing one that exists.

    Parameters:
        root: the tree.
        path: keys and indices from the root.
        key: give the place of the last key instead of its value.
    """
    node, position = root, root.position
    for step in path:
        if isinstance(node, Entries) and step in node.entries:
            name = str(step)
            position, node = node.keys[name], node.entries[name]
        elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
            position = node.items[step].position
            node = node.items[step]
        else:
            return position
    return position if key or not isinstance(node, Scalar) else node.position


def compose(text: str, file: str) -> Entries:
    """Turn YAML text into nodes.

    Parameters:
        text: one YAML document.
        file: how to call it in messages.

    Returns:
        The root, which is a mapping.

    Raises:
        ScenarioErrors: broken YAML, a key given twice, an unknown alias, too deep or too much of it.
    """
    composer = _Composer(file)
    try:
        root = composer.document(_events(text))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ScenarioErrors([*composer.problems, Problem(file, where[0], where[1], _plain_words(error))]) from None
    except yaml.YAMLError as error:
        line, column = _unreadable(text)
        raise ScenarioErrors([Problem(file, line, column, _plain_words(error))]) from None
    if composer.problems:
        raise ScenarioErrors(composer.problems)
    if not isinstance(root, Entries):
        place = root.position if root else Position(file, 1, 1)
        raise ScenarioErrors([Problem(*place, "a scenario is made of 'key: value' lines; start with 'name: ...'")])
    return root


def compose_value(text: str, position: Position) -> Node:
    """Turn the value of ``--set KEY=VALUE`` into a node, every part of which has `position`.

    Raises:
        ScenarioErrors: the value is no YAML.
    """
    composer = _Composer(position.file, fixed=position)
    try:
        root = composer.document(_events(text))
    except yaml.YAMLError as error:
        raise ScenarioErrors([Problem(*position, _plain_words(error))]) from None
    if composer.problems:
        raise ScenarioErrors(composer.problems)
    return root if root is not None else Scalar(position, None)


def _events(text: str) -> Iterator[Event]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return iter(yaml.parse(text, Loader=loader))


@dataclass
class _Composer:
    """Consumes events; collects mistakes that do not stop it."""

    file: str
    fixed: Position | None = None
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    count: int = 0

    def document(self, events: Iterator[Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)) and root is None:
                continue
            if isinstance(event, (yaml.DocumentEndEvent, yaml.StreamEndEvent)):
                continue
            if root is not None:
                self._stop(event, "a second document starts here; a file holds one scenario")
            root = self.node(event, events, 0)
        return root

    def node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        before = self.count
        self.count += 1
        if depth > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels; a scenario needs fewer than 10")
        self._check_tag(event)
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event)
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, events, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, events, depth)
        else:
            node = Scalar(self._position(event), self._scalar(event))
        if self.count > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES} values once aliases are expanded; use fewer aliases")
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = (node, self.count - before)
        return node

    def _alias(self, event: Event) -> Node:
        if event.anchor not in self.anchors:
            self._stop(
                event, f"alias *{event.anchor} has no complete anchor &{event.anchor} before it; put the anchor first"
            )
        node, size = self.anchors[event.anchor]
        self.count += size
        return node

    def _sequence(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        items = []
        for following in events:
            if isinstance(following, yaml.SequenceEndEvent):
                break
            items.append(self.node(following, events, depth + 1))
        return Items(self._position(event), tuple(items))

    def _mapping(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        merged: list[Node] = []
        for key in events:
            if isinstance(key, yaml.MappingEndEvent):
                break
            if not isinstance(key, yaml.ScalarEvent):
                self._stop(key, "a key is one word; quote the value or put it on the right of a colon")
            node = self.node(next(events), events, depth + 1)
            position = self._position(key)
            if key.value == "<<" and not key.style:
                merged += node.items if isinstance(node, Items) else [node]
            elif key.value in entries:
                first = keys[key.value].line
                self._report(position, f"'{key.value}' is given twice, first in line {first}; keep one of them")
            else:
                entries[key.value], keys[key.value] = node, position
        self._merge(event, merged, entries, keys)
        return Entries(self._position(event), entries, keys)

    def _merge(self, event: Event, merged: list[Node], entries: dict[str, Node], keys: dict[str, Position]) -> None:
        """Add what ``<<`` brings in (YAML merge keys); own keys and earlier mappings win."""
        for mapping in merged:
            if not isinstance(mapping, Entries):
                self._report(self._position(event), "'<<' takes a mapping; write an alias of one, like '<<: *defaults'")
                continue
            for key, node in mapping.entries.items():
                if key not in entries:
                    entries[key], keys[key] = node, mapping.keys[key]

    def _scalar(self, event: Event) -> str | int | float | bool | None:
        if event.tag or event.style:
            return str(event.value)
        return resolve_scalar(event.value)

    def _check_tag(self, event: Event) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "", "!", "tag:yaml.org,2002:str"):
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._report(self._position(event), f"tag {shown} is not known here; write the value without it")

    def _position(self, event: Event) -> Position:
        if self.fixed is not None:
            return self.fixed
        mark = event.start_mark
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _report(self, position: Position, message: str) -> None:
        self.problems.append(Problem(*position, message))

    def _stop(self, event: Event, message: str) -> None:
        self._report(self._position(event), message)
        raise ScenarioErrors(self.problems)


_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def resolve_scalar(text: str) -> str | int | float | bool | None:
    """Give an unquoted word its type by the core schema of YAML 1.2.

    YAML 1.1, PyYAML's default, would make booleans of ``on`` and ``no`` and 90 of ``1:30``.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


_SYNTAX: tuple[tuple[str, str], ...] = (
    ("cannot start any token", "this character cannot stand here; indent with spaces, quote special characters"),
    ("mapping values are not allowed", "a second ':' in one line; start a new line, or quote the text"),
    ("could not find expected ':'", "a ':' is missing after the key; write 'key: value'"),
    ("did not find expected key", "the indentation does not fit, or a quote or bracket is not closed; align the keys"),
    ("did not find expected '-'", "the indentation does not fit the list above; align the '-' signs"),
    ("did not find expected ','", "a ',' or a closing bracket is missing; close it on this line"),
    ("found unexpected end of stream", "a quote is not closed; close it"),
    ("did not find expected node content", "a value is missing; a ',' or bracket too many?"),
    ("undefined tag handle", "'!' starts a tag; quote the text"),
    ("unknown escape character", "a backslash in double quotes starts an escape; use single quotes"),
    ("control characters are not allowed", "a control character; a scenario is plain text"),
)  # fmt: skip


def _plain_words(error: yaml.YAMLError) -> str:
    """Say a parser's complaint in the words of someone who writes YAML by hand."""
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).strip().splitlines()[0]
    for phrase, meaning in _SYNTAX:
        if phrase in said:
            return f"not YAML: {meaning}"
    return f"not YAML: {said}; check the indentation, quotes and brackets around here"


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _unreadable(text: str) -> tuple[int, int]:
    """Return line and column of the first character that YAML does not allow."""
    found = _UNPRINTABLE.search(text)
    before = text[: found.start()] if found else ""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
