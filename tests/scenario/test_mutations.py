"""Whatever a file holds, loading it gives a scenario or a list of mistakes, and never another exception."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.scenario import Scenario, ScenarioErrors, load

HERE = Path(__file__).parent
VALID = (HERE / "valid.yaml").read_text().replace("services/", f"{HERE}/services/")
SYNTAX = ["null", "~", "&a", "*a", "<<", "!!int", "|", ">-", "---", "?", "1e999", ".inf", "-0"]
WORDS = sorted({*re.findall(r"[\w.]+|[^\w\s]", VALID), *SYNTAX})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations") / "mutant.yaml"


def load_or_list(path: Path, data: bytes, overrides: dict[str, str] | None = None) -> None:
    path.write_bytes(data)
    try:
        assert isinstance(load(path, overrides), Scenario)
    except ScenarioErrors as errors:
        assert errors.problems
        assert list(errors.problems) == sorted(errors.problems)
        lines = data.decode("utf-8", "replace").splitlines()
        for problem in errors.problems:
            assert problem.message
            assert "\n" not in problem.message
            assert "pydantic" not in problem.message
            assert 0 <= problem.line <= max(len(lines), 1) + 1


MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(data=st.binary(max_size=200))
def test_any_bytes(path: Path, data: bytes) -> None:
    load_or_list(path, data)


@MANY
@given(text=st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text(path: Path, text: str) -> None:
    load_or_list(path, text.encode())


@MANY
@given(data=st.data())
def test_a_word_replaced(path: Path, data: st.DataObject) -> None:
    spans = [match.span() for match in re.finditer(r"[\w.]+|[^\w\s]", VALID)]
    text = VALID
    for start, end in sorted(
        data.draw(st.lists(st.sampled_from(spans), min_size=1, max_size=3, unique=True)), reverse=True
    ):
        text = text[:start] + data.draw(st.sampled_from(WORDS)) + text[end:]
    load_or_list(path, text.encode())


@MANY
@given(data=st.data())
def test_lines_moved_about(path: Path, data: st.DataObject) -> None:
    lines = VALID.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = (
            lines.pop(index) if data.draw(st.booleans()) else " " * data.draw(st.integers(0, 6)) + lines[index].strip()
        )
        lines.insert(data.draw(st.integers(0, len(lines))), line)
    load_or_list(path, "\n".join(lines).encode())


def values() -> st.SearchStrategy[object]:
    """Return anything that YAML's flow style can say."""
    scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.sampled_from(WORDS)
    keys = st.sampled_from(["name", "time", "kind", "from", "to", "tensor", "run", "settings", "<<", "x", "0"])
    return st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


def flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return "null" if value is None else str(value)


REPLACED = """
    name description seed time time.quantum time.duration host.cores host.memory host.bandwidth
    partitions partitions.cockpit partitions.cockpit.services partitions.cockpit.services.smooth.run
    partitions.perception.memory partitions.perception.machine partitions.perception.services.detector.settings
    partitions.perception.services.detector.settings.threshold
    partitions.safety partitions.safety.machine partitions.safety.backend partitions.safety.speed
    partitions.safety.services partitions.safety.services.monitor.run partitions.safety.firmware
    partitions.safety.services.monitor.settings.deadline_ms partitions.cabin.link partitions.cabin.link.kind
    partitions.cabin.link.rate partitions.cabin.link.mtu partitions.cabin.services.motion.settings
    devices devices.front_camera devices.front_camera.kind devices.front_camera.source devices.front_camera.rate
    channels channels.raw channels.raw.from channels.raw.to channels.raw.tensor channels.raw.depth
    metrics metrics.detection metrics.detection.kind metrics.detection.channel
    expectations expectations.0 expectations.1.check
"""
KEYS = REPLACED.split()


@MANY
@given(changes=st.dictionaries(st.sampled_from(KEYS), values().map(flow), min_size=1, max_size=3))
def test_values_replaced(path: Path, changes: dict[str, str]) -> None:
    load_or_list(path, VALID.encode(), changes)
