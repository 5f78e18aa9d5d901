"""The user's own scenario file with other depths: nothing of it changes but these, comments and layout included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sim.scenario.load import load, read_text
from sim.scenario.model import Scenario
from sim.scenario.problem import ScenarioErrors
from sim.sizing.errors import SizingError
from sim.sizing.search.depths import Depths

_ALIAS = re.compile(r"\s*:\s*(\*[^\s,\]}]+)")
_NUMBER = re.compile(r"[-+]?[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class _Edit:
    """Text to put in place of `text[begin:end]`."""

    begin: int
    end: int
    text: str


def check_free(path: Path) -> None:
    """Make sure that a tuned scenario can be written.

    Parameters:
        path: of the new file.

    Raises:
        SizingError: it exists, or its folder does not.
    """
    if path.exists() or path.is_symlink():
        raise SizingError(f"--write {path}: there is such a file already; name a new one, or remove it first")
    if not path.parent.is_dir():
        raise SizingError(f"--write {path}: no folder {path.parent}; name a file in an existing one")


def write_tuned(path: Path, file: Path, depths: Depths) -> None:
    """Write a scenario with other depths; what is written loads to an equal scenario but for these.

    Parameters:
        path: of the new file.
        file: of the scenario.
        depths: by channel; others stay as they are.

    Raises:
        SizingError: `path` exists, the file says its depths in a way that cannot be changed one by one, or it names
            files that are not found from the folder of `path`.
        OSError: it cannot be written.
    """
    check_free(path)
    scenario = load(file)
    wanted = {name: depth for name, depth in depths.items() if scenario.channels[name].depth != depth}
    text = tuned(read_text(file), wanted, str(file))
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        _check_equal(beside, path, file, with_depths(scenario, wanted))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _check_equal(written: Path, path: Path, file: Path, wanted: Scenario) -> None:
    """Make sure that a file loads to what is wanted."""
    try:
        found = load(written)
    except ScenarioErrors as errors:
        problem = errors.problems[0]
        where = f"{path}:{problem.line}" if problem.line else str(path)
        raise SizingError(f"--write {where}: {problem.message}; write it into {file.parent}, say") from None
    if found == wanted:
        return
    if found.channels == wanted.channels:
        raise SizingError(f"--write {path}: it would find other files from there; write it into {file.parent}")
    raise SizingError(f"--write {path}: {file} shares depths between channels; write each one at its channel first")


def with_depths(scenario: Scenario, depths: Depths) -> Scenario:
    """Return a scenario with other depths; channels that are left out keep theirs."""
    channels = {
        name: each.model_copy(update={"depth": depths[name]}) if name in depths else each
        for name, each in scenario.channels.items()
    }
    return scenario.model_copy(update={"channels": channels})


def tuned(text: str, depths: Depths, file: str = "the scenario") -> str:
    """Return the text of a scenario with other depths.

    Parameters:
        text: of a scenario that loads.
        depths: by channel; others stay as they are.
        file: what messages call it.

    Raises:
        SizingError: a channel is not written out in the file.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    channels = _entries(_entries(root).get("channels", (None, None))[1])
    edits = []
    for name, depth in depths.items():
        key, node = channels.get(name, (None, None))
        if key is None or not isinstance(node, yaml.MappingNode) or node.start_mark.index < key.end_mark.index:
            raise SizingError(f"--write: {file} takes channel {name} from an anchor; write it out there first")
        edits.append(_edit(text, node, depth))
    return _applied(text, edits)


def _entries(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return the own (key, value) nodes of a mapping by key; none of what is no mapping."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: (key, value) for key, value in node.value}


def _applied(text: str, edits: Iterable[_Edit]) -> str:
    for edit in sorted(edits, key=lambda each: each.begin, reverse=True):
        text = text[: edit.begin] + edit.text + text[edit.end :]
    return text


def _edit(text: str, channel: yaml.MappingNode, depth: int) -> _Edit:
    """Return what changes the depth of a channel."""
    own = _entries(channel)
    if "depth" in own:
        return _replacement(text, *own["depth"], depth)
    return _addition(text, channel, own, depth)


def _replacement(text: str, key: yaml.Node, value: yaml.Node, depth: int) -> _Edit:
    if value.start_mark.index < key.end_mark.index:  # an alias is parsed to the node of its anchor, further up
        alias = _ALIAS.match(text, key.end_mark.index)
        assert alias is not None, "what stands after a key and is written before it is an alias"
        return _Edit(alias.start(1), alias.end(1), str(depth))
    number = _NUMBER.search(text, value.start_mark.index, value.end_mark.index)
    assert number is not None, "a scenario that loads has a whole number there"
    return _Edit(number.start(), number.end(), str(depth))  # an anchor or a tag before it stays


def _addition(
    text: str, channel: yaml.MappingNode, own: Mapping[str, tuple[yaml.Node, yaml.Node]], depth: int
) -> _Edit:
    """Return what adds a depth: after the tensor where that stands on one line, else as the first key."""
    tensor = own.get("tensor")
    end = tensor[1].end_mark.index if tensor and _is_one_line(*tensor) else None
    first: yaml.Node = channel.value[0][0]
    begin, indent = first.start_mark.index, " " * first.start_mark.column
    if channel.flow_style:
        return _Edit(begin, begin, f"depth: {depth}, ") if end is None else _Edit(end, end, f", depth: {depth}")
    newline = "\r\n" if "\r\n" in text else "\n"
    if end is not None and (line_end := text.find("\n", end)) >= 0:
        return _Edit(line_end + 1, line_end + 1, f"{indent}depth: {depth}{newline}")
    return _Edit(begin, begin, f"depth: {depth}{newline}{indent}")


def _is_one_line(key: yaml.Node, value: yaml.Node) -> bool:
    """Tell whether a key and its value are written behind each other on one line."""
    one_line = key.start_mark.line == value.start_mark.line == value.end_mark.line
    return bool(one_line and value.start_mark.index > key.end_mark.index)
