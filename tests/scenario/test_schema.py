"""The JSON Schema and the reference say what the models say, and the reference's example runs through the checks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from sim.scenario import load
from sim.scenario.reference import ORDER, tables, write
from sim.scenario.schema import sections, to_schema

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "scenario.md"
GOOD = [Path(__file__).parent / "valid.yaml", *sorted((ROOT / "scenarios").glob("*.yaml"))]


def test_schema_is_a_schema() -> None:
    schema = json.loads(json.dumps(to_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == to_schema()
    assert schema["$defs"]["Time"]["properties"]["quantum"]["default"] == "1ms"
    machines = {
        kind: schema["$defs"][kind]["properties"]["machine"]["enum"] for kind in ("LinuxPartition", "McuPartition")
    }
    assert machines["LinuxPartition"] == ["linux-aarch64", "linux-x86_64"]
    assert "mps2-an386" in machines["McuPartition"] and "linux-x86_64" not in machines["McuPartition"]


def test_every_key_is_described() -> None:
    schema = to_schema()
    for name, definition in {**schema["$defs"], "Scenario": schema}.items():
        assert definition["description"], name
        for key, value in definition["properties"].items():
            assert key == "kind" or "." in value["description"], f"{name}.{key}"


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_schema_accepts_what_loads(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), to_schema(), jsonschema.Draft202012Validator)


REFUSED = """
    unknown_key_channel missing_time unit_missing_duration unit_unknown_duration unknown_machine name_capital
    unknown_kind tensor_dtype wrong_type_depth seed_negative unknown_overflow end_form depth_no_power
    unit_missing_bandwidth unit_bits_bandwidth
    mcu_memory mcu_unknown_key mcu_unknown_backend mcu_unknown_machine mcu_link_kind mcu_link_unit mcu_python
    mcu_source_form linux_c_source linux_backend
"""


@pytest.mark.parametrize("name", REFUSED.split())
def test_schema_refuses_what_does_not_load(name: str) -> None:
    data = yaml.safe_load((ROOT / "tests" / "bad" / f"{name}.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, to_schema(), jsonschema.Draft202012Validator)


def test_reference_is_up_to_date() -> None:
    document = DOCUMENT.read_text()
    assert write(document) == document, "run: python -m sim.scenario.reference docs/scenario.md"


def test_reference_has_every_section() -> None:
    own = {section.__name__ for section in sections()} - {"DeviceBase", "_Partition"}
    assert {name for name, _ in ORDER} == own
    assert "| `overflow` | `block`, `drop_newest`, `drop_oldest` | `block` |" in tables()


def test_reference_without_markers() -> None:
    with pytest.raises(ValueError, match="generated: begin"):
        write("# A document without tables")


def test_example_of_the_reference_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
    path = tmp_path / "example.yaml"
    path.write_text(example)
    scenario = load(path)
    assert scenario.name == "rear_view"
    assert set(yaml.safe_load(example)) == set(to_schema()["properties"]), "the example shows every section"
