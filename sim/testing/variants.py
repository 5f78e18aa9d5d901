"""What the marker `scenario` asks for: one run, or one for each combination of values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.testing.launch import Request, make_request

_FORM = "scenario('file.yaml', seed=..., duration=..., set={'key': value or [values]})"


def variants(marker: pytest.Mark, find: Callable[[str | Path], Path]) -> list[Request]:
    """Return the runs that a marker asks for, in the order of its values, the last key's varying first.

    Parameters:
        marker: ``scenario(file, *, seed=None, duration=None, set={})``; a list as a value stands for one run each.
        find: returns the file of a scenario.

    Raises:
        UsageError: of pytest: the marker has another form.
    """
    allowed = {"seed", "duration", "set"}
    if len(marker.args) != 1 or not isinstance(marker.args[0], (str, Path)) or set(marker.kwargs) - allowed:
        raise pytest.UsageError(f"the marker scenario is written {_FORM}")
    chosen = marker.kwargs.get("set", {})
    if not isinstance(chosen, dict):
        raise pytest.UsageError(f"the marker scenario is written {_FORM}; set is a dict")
    values = {"seed": marker.kwargs.get("seed"), "time.duration": marker.kwargs.get("duration"), **chosen}
    for key, value in values.items():
        if value in ([], ()):
            raise pytest.UsageError(f"the marker scenario asks for no value of {key}: its list is empty")
    lists = [value if isinstance(value, (list, tuple)) else [value] for value in values.values()]
    file = find(marker.args[0])
    return [make_request(file, dict(zip(values, each, strict=True))) for each in itertools.product(*lists)]


def name_of(request: Request) -> str:
    """Return the name of a variant, as it stands in the name of its test."""
    settings = [f"{key.rpartition('.')[2]}={value}" for key, value in request.overrides]
    return ",".join([request.scenario.stem, *settings])
