"""From a file to a scenario, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.scenario import source
from sim.scenario.checks import cross_check
from sim.scenario.files import search_folders
from sim.scenario.model import Scenario
from sim.scenario.overrides import apply
from sim.scenario.problem import Problem, ScenarioErrors
from sim.scenario.source import Entries
from sim.scenario.wording import problems_of, written_path


def load(path: str | Path, overrides: Mapping[str, str] | None = None) -> Scenario:
    """Load a scenario and check everything that can be known before it runs.

    Parameters:
        path: a YAML file.
        overrides: values in place of the file's, by dotted key: ``{"partitions.perception.speed": "500 MIPS"}``.

    Returns:
        The scenario; the ends of its channels are complete.

    Raises:
        ScenarioErrors: with every mistake found and its position.
    """
    root = apply(source.compose(read_text(Path(path)), str(path)), overrides or {})
    data, folders = source.plain(root), {"folders": search_folders(Path(path))}
    problems: list[Problem] = []
    try:
        scenario = Scenario.model_validate(data, context=folders)
    except ValidationError as error:
        problems = problems_of(error, root)
        remainder = _sound_part(data, error, root, folders)
        if remainder is None:
            raise ScenarioErrors(problems) from None
        scenario = remainder
    scenario, found = cross_check(scenario, root)
    if problems or found:
        raise ScenarioErrors([*problems, *found])
    return scenario


def _sound_part(
    data: dict[str, Any], error: ValidationError, root: Entries, context: dict[str, Any]
) -> Scenario | None:
    """Return the scenario without the entries that have mistakes of their own, so that the rest is checked as well.

    Parameters:
        data: what was validated; changed.
        error: what was found in it.
        root: the nodes of `data`.
        context: of the validation.

    Returns:
        None where a mistake concerns the whole, such as a missing section.
    """
    for details in error.errors(include_url=False):
        path = written_path(details["loc"], root)
        if len(path) == 1 and path[0] not in Scenario.model_fields and details["type"] == "extra_forbidden":
            data.pop(str(path[0]), None)
        elif len(path) >= 2 and path[0] in ("partitions", "devices", "channels", "metrics"):
            data[str(path[0])].pop(path[1], None)
        elif len(path) >= 2 and path[0] == "expectations":
            data["expectations"][int(path[1])] = {"check": "virtual_time_s >= 0s"}  # keeps the others' places
        else:
            return None
    try:
        return Scenario.model_validate(data, context=context)
    except ValidationError:
        return None


def check(paths: Iterable[str | Path], overrides: Mapping[str, str] | None = None) -> tuple[list[Problem], int]:
    """Check scenarios without starting anything; prints one line per mistake on standard output.

    Parameters:
        paths: YAML files.
        overrides: of each of them, as for `load`.

    Returns:
        Every mistake, and the exit code: 0 if there is none, otherwise 2.
    """
    problems: list[Problem] = []
    for path in paths:
        try:
            load(path, overrides)
        except ScenarioErrors as errors:
            problems += errors.problems
    for problem in problems:
        print(problem)
    return problems, 2 if problems else 0


def read_text(path: Path) -> str:
    """Return the text of a scenario file.

    Raises:
        ScenarioErrors: it cannot be read, is too large, empty or not UTF-8.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(source.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ScenarioErrors([Problem(file, 0, 0, _unreadable(path, error))]) from None
    if len(data) > source.MAX_BYTES:
        message = f"larger than {source.MAX_BYTES >> 20} MiB; a scenario is a few kilobytes of text"
        raise ScenarioErrors([Problem(file, 0, 0, message)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file with that encoding"
        raise ScenarioErrors([Problem(file, line, column, message)]) from None
    if not text.strip():
        raise ScenarioErrors([Problem(file, 1, 1, "the file is empty; start with 'name: ...'")])
    return text


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, IsADirectoryError):
        inside = sorted(found.name for found in path.glob("*.yaml"))[:3]
        return f"is a folder; name a file in it{', such as ' + ', '.join(inside) if inside else ''}"
    if not isinstance(error, FileNotFoundError):
        return f"cannot be read: {getattr(error, 'strerror', None) or error}; name a readable YAML file"
    from sim.scenario.problem import nearest

    siblings = [found.name for found in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    near = nearest(path.name, siblings)
    return f"no such file; {f'did you mean {path.with_name(near)}?' if near else 'name an existing YAML file'}"
