"""Values from the command line (``--set KEY=VALUE``) put in place of those of the file."""

from __future__ import annotations

from collections.abc import Mapping

from sim.scenario.problem import Problem, ScenarioErrors, advice
from sim.scenario.source import Entries, Items, Node, Position, compose_value


def apply(root: Entries, overrides: Mapping[str, str]) -> Entries:
    """Return the tree with values replaced.

    Parameters:
        root: the scenario as in the file.
        overrides: YAML text of each value, by dotted key; a list's index counts from 0.

    Raises:
        ScenarioErrors: a key leads nowhere, or a value is no YAML.
    """
    problems: list[Problem] = []
    for key, text in overrides.items():
        position = Position(f"--set {key}", 0, 0)
        try:
            changed = _replaced(root, key.split("."), compose_value(text, position), position)
        except ScenarioErrors as errors:
            problems += errors.problems
        else:
            assert isinstance(changed, Entries)
            root = changed
    if problems:
        raise ScenarioErrors(problems)
    return root


def _replaced(node: Node, path: list[str], value: Node, position: Position) -> Node:
    """Return `node` with the value at `path` replaced, and only the way to it copied."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(node, Items):
        if not step.isdecimal() or int(step) >= len(node.items):
            raise _lost(position, f"'{step}' is no place in a list of {len(node.items)}; count from 0")
        index = int(step)
        child = _replaced(node.items[index], rest, value, position)
        return Items(node.position, (*node.items[:index], child, *node.items[index + 1 :]))
    if not isinstance(node, Entries):
        raise _lost(position, f"'{step}' lies below a single value; leave it out")
    known = node.entries.get(step)
    if known is None:
        if not step or (rest and position.file.split(".", 1)[0] != f"--set {step}"):
            raise _lost(position, f"no key '{step}' here; {advice(step, node.entries)}")
        known = Entries(position, {}, {})
    child = _replaced(known, rest, value, position)
    keys = node.keys if step in node.keys and rest else {**node.keys, step: position}
    return Entries(node.position, {**node.entries, step: child}, keys)


def _lost(position: Position, message: str) -> ScenarioErrors:
    return ScenarioErrors([Problem(*position, message)])
