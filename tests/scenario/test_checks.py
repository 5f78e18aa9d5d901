"""Checks of the whole: cycles in particular, as they are found by an algorithm of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario import ScenarioErrors, load
from sim.scenario.checks.wiring import find_cycle

SERVICES = Path(__file__).parent / "services" / "detector.py"
HEAD = "name: loops\ntime: {duration: 1s}\npartitions:\n  one:\n    machine: linux-x86_64\n    memory: 256M\n"


def loops(tmp_path: Path, channels: list[tuple[str, str, str]]) -> Path:
    """Write a scenario of services with inputs left and right, and outputs detections and preview."""
    services = {end.split(".")[0] for start, to, _ in channels for end in (start, to)}
    lines = [f"      {name}: {{run: {SERVICES}:merge}}" for name in sorted(services)]
    wires = [
        f"  c{n}: {{from: one.{start}, to: one.{to}, tensor: 'float32[16,6]', overflow: {overflow}}}"
        for n, (start, to, overflow) in enumerate(channels)
    ]
    path = tmp_path / "loops.yaml"
    text = [HEAD + "    speed: 1000 MIPS\n    services:", *lines, "channels:", *wires]
    path.write_text("\n".join(text))
    return path


def cycles_told(path: Path) -> list[str]:
    try:
        load(path)
    except ScenarioErrors as errors:
        return [problem.message for problem in errors.problems if "cycle" in problem.message]
    return []


def test_a_cycle_of_three_is_told_once(tmp_path: Path) -> None:
    ring = [("a.detections", "b.left"), ("b.detections", "c.left"), ("c.detections", "a.left")]
    told = cycles_told(loops(tmp_path, [(*wire, "block") for wire in ring]))
    assert told == [
        "channels c0 -> c1 -> c2 form a cycle in which every one blocks; let one of them drop: overflow: drop_oldest"
    ]


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
def test_one_that_drops_opens_the_cycle(tmp_path: Path, overflow: str) -> None:
    ring = [("a.detections", "b.left", "block"), ("b.detections", "a.left", overflow)]
    assert cycles_told(loops(tmp_path, ring)) == []


def test_a_service_that_feeds_itself(tmp_path: Path) -> None:
    assert len(cycles_told(loops(tmp_path, [("a.detections", "a.left", "block")]))) == 1


def test_two_cycles_are_both_told(tmp_path: Path) -> None:
    wires = [
        ("a.detections", "b.left", "block"),
        ("b.detections", "a.left", "block"),
        ("c.detections", "c.left", "block"),
    ]
    assert len(cycles_told(loops(tmp_path, wires))) == 2


def reaches(edges: dict[int, set[int]], start: int, goal: int) -> bool:
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target == goal:
                return True
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return False


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14, unique=True))
def test_a_cycle_is_found_exactly_if_there_is_one(wires: list[tuple[int, int]]) -> None:
    edges: dict[tuple[str, str | None], dict[str, tuple[str, str | None]]] = {}
    plain: dict[int, set[int]] = {}
    for number, (start, goal) in enumerate(wires):
        edges.setdefault((str(start), None), {})[f"c{number}"] = (str(goal), None)
        plain.setdefault(start, set()).add(goal)
    cycle = find_cycle(edges)
    assert bool(cycle) == any(reaches(plain, node, node) for node in plain)
    steps = [wires[int(name[1:])] for name in cycle]
    for (_, goal), (start, _) in zip(steps, steps[1:] + steps[:1], strict=True):
        assert goal == start
