"""What the marker `scenario` asks for, and what a run is asked with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.testing.launch import make_request
from sim.testing.variants import name_of, variants


def asked(*arguments: Any, **options: Any) -> list[str]:
    """Return the commands of the runs that a marker asks for."""
    marker = pytest.mark.scenario(*arguments, **options).mark
    return [each.command for each in variants(marker, Path)]


def test_lists_make_variants_of_every_combination() -> None:
    commands = asked("a.yaml", seed=[1, 2], set={"time.quantum": ["1ms", "2ms"], "b.c": True})
    assert commands == [
        f"sim run a.yaml --set seed={seed} --set time.quantum={quantum} --set b.c=true"
        for seed in (1, 2)
        for quantum in ("1ms", "2ms")
    ]


def test_a_plain_marker_is_one_run() -> None:
    assert asked("a.yaml") == ["sim run a.yaml"]
    assert asked("a b.yaml", duration="1s") == ["sim run 'a b.yaml' --set time.duration=1s"]


def test_names_are_short() -> None:
    request = make_request(Path("x/edges.yaml"), {"seed": 3, "partitions.vision.speed": "500 MIPS"})
    assert name_of(request) == "edges,seed=3,speed=500 MIPS"


def test_a_list_without_values_is_told() -> None:
    with pytest.raises(pytest.UsageError, match=r"asks for no value of b\.c: its list is empty"):
        asked("a.yaml", set={"b.c": []})


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((), {}), (("a.yaml", "b.yaml"), {}), ((5,), {}), (("a.yaml",), {"sede": 3}), (("a.yaml",), {"set": ["x"]})],
)
def test_another_form_is_told(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(pytest.UsageError, match="marker scenario is written scenario"):
        asked(*arguments, **options)
