"""A tuned scenario is the user's own file with other depths, and nothing else in it moves."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from sim.scenario import load
from sim.sizing.answer.tuned import check_free, tuned, with_depths, write_tuned
from sim.sizing.errors import SizingError

PROJECT = Path(__file__).parents[2]
SHIPPED = sorted((PROJECT / "scenarios").rglob("*.yaml"))


def changed_lines(before: str, after: str) -> list[str]:
    return [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)
        if line[:2] not in ("--", "++")
    ]


def without_depths(text: str) -> list[str]:
    lines = [re.sub(r"(, )?depth: [0-9]+", "", line) for line in text.splitlines()]
    return [line for line in lines if line.strip()]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(PROJECT / "scenarios")))
def test_every_shipped_scenario_comes_back_with_its_depths_doubled(file: Path, tmp_path: Path) -> None:
    scenario = load(file)
    depths = {name: min(2 * channel.depth, 64) for name, channel in scenario.channels.items()}
    text = file.read_text()
    path = tmp_path / "tuned.yaml"
    path.write_text(tuned(text, depths))
    assert load(path) == with_depths(scenario, depths)
    assert without_depths(path.read_text()) == without_depths(text)


HEAD = """# a comment at the top
name: small
time: {duration: 1s}
partitions:
  a:
    {machine: linux-x86_64, memory: 256M, speed: 1000 MIPS, services: {echo: {run: "guests/services/echo.py:echo"}}}
devices:
  numbers: {kind: recording, source: numbers.npy, rate: 10Hz}
  out: {kind: sink}
"""


def written(text: str, depths: dict[str, int]) -> str:
    return tuned(HEAD + text, depths).removeprefix(HEAD)


def test_a_value_is_replaced_where_it_stands() -> None:
    text = "channels:\n  x:\n    to: b\n    depth:   4   # four\n    from: a\n  y: {depth: 8, to: c}\n"
    assert written(text, {"x": 16, "y": 2}) == (
        "channels:\n  x:\n    to: b\n    depth:   16   # four\n    from: a\n  y: {depth: 2, to: c}\n"
    )


def test_a_depth_is_added_after_the_tensor() -> None:
    text = 'channels:\n    x:\n        tensor: "int8[1,4]"  # four\n        to: b\n'
    assert written(text, {"x": 2}) == (
        'channels:\n    x:\n        tensor: "int8[1,4]"  # four\n        depth: 2\n        to: b\n'
    )
    text = 'channels:\n  x: {from: a, tensor: "int8[1,4]", to: b}\n  y: {tensor: "int8[1]"}\n'
    assert written(text, {"x": 2, "y": 8}) == (
        'channels:\n  x: {from: a, tensor: "int8[1,4]", depth: 2, to: b}\n  y: {tensor: "int8[1]", depth: 8}\n'
    )


def test_a_depth_is_added_where_the_file_ends_without_a_line_feed() -> None:
    assert (
        written("channels:\n  x:\n    tensor: int8[1]", {"x": 2})
        == "channels:\n  x:\n    depth: 2\n    tensor: int8[1]"
    )


def test_a_depth_is_added_where_the_tensor_takes_several_lines_or_comes_from_elsewhere() -> None:
    text = "channels:\n  x:\n    from: a\n    tensor: >-\n      int8[1]\n    to: b\n"
    assert written(text, {"x": 2}) == text.replace("    from: a", "    depth: 2\n    from: a")
    text = 'base: &base {tensor: "int8[1]"}\nchannels:\n  x:\n    <<: *base\n    to: b\n  y: {<<: *base, to: b}\n'
    assert written(text, {"x": 2, "y": 4}) == text.replace("<<: *base\n", "depth: 2\n    <<: *base\n").replace(
        "{<<: *base", "{depth: 4, <<: *base"
    )


def test_line_ends_of_another_system_stay() -> None:
    text = "channels:\r\n  x:\r\n    tensor: int8[1]\r\n    to: b\r\n  y:\r\n    depth: 4\r\n"
    assert written(text, {"x": 2, "y": 2}) == (
        "channels:\r\n  x:\r\n    tensor: int8[1]\r\n    depth: 2\r\n    to: b\r\n  y:\r\n    depth: 2\r\n"
    )


def test_an_alias_of_a_depth_is_replaced_and_its_anchor_kept() -> None:
    text = "channels:\n  x: {depth: &deep 8, to: b}\n  y:\n    depth: *deep\n  z: {depth: *deep}\n"
    assert written(text, {"y": 2, "z": 4}) == text.replace("depth: *deep\n", "depth: 2\n").replace("*deep}", "4}")
    assert written(text, {"x": 16, "y": 2, "z": 2}) == (
        "channels:\n  x: {depth: &deep 16, to: b}\n  y:\n    depth: 2\n  z: {depth: 2}\n"
    )


def test_a_channel_that_is_not_written_out_cannot_be_changed() -> None:
    text = "channels:\n  x: &same {depth: 4, to: b}\n  y: *same\n"
    with pytest.raises(SizingError, match=r"^--write: the scenario takes channel y from an anchor; write it out"):
        written(text, {"y": 2})
    text = "base: &base\n  x: {depth: 4}\nchannels:\n  <<: *base\n"
    with pytest.raises(SizingError, match=r"takes channel x from an anchor"):
        written(text, {"x": 2})


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ivi(tmp_path: Path) -> Path:
    file = tmp_path / "ivi.yaml"
    file.write_text((PROJECT / "scenarios" / "ivi_camera.yaml").read_text())
    return file


def test_what_is_written_loads_to_what_is_wanted(ivi: Path, tmp_path: Path) -> None:
    path = tmp_path / "tuned.yaml"
    write_tuned(path, ivi, {"frames": 2, "samples": 8})
    assert load(path) == with_depths(load(ivi), {"frames": 2})
    assert changed_lines(ivi.read_text(), path.read_text())[1:] == ["-    depth: 4", "+    depth: 2"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["ivi.yaml", "tuned.yaml"]


def test_no_file_is_overwritten(ivi: Path, tmp_path: Path) -> None:
    before = ivi.read_text()
    with pytest.raises(SizingError) as caught:
        write_tuned(ivi, ivi, {"frames": 2})
    assert str(caught.value) == f"--write {ivi}: there is such a file already; name a new one, or remove it first"
    assert ivi.read_text() == before
    dangling = tmp_path / "link.yaml"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(SizingError, match="there is such a file already"):
        check_free(dangling)


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "none" / "tuned.yaml"
    with pytest.raises(SizingError) as caught:
        check_free(path)
    assert str(caught.value) == f"--write {path}: no folder {tmp_path / 'none'}; name a file in an existing one"


def test_files_beside_the_scenario_must_be_found_from_the_new_one(ivi: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text((PROJECT / "guests" / "services" / "head_unit.py").read_text())
    ivi.write_text(ivi.read_text().replace("guests/services/head_unit.py", "own.py"))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(SizingError) as caught:
        write_tuned(other / "tuned.yaml", ivi, {"frames": 2})
    assert str(caught.value).startswith(f"--write {other / 'tuned.yaml'}:")
    assert str(caught.value).endswith(f"; write it into {tmp_path}, say")
    assert "no file 'own.py'" in str(caught.value)
    (other / "own.py").write_text((PROJECT / "guests" / "services" / "head_unit.py").read_text())
    with pytest.raises(SizingError, match="it would find other files from there; write it into"):
        write_tuned(other / "tuned.yaml", ivi, {"frames": 2})
    assert [each.name for each in other.iterdir()] == ["own.py"]


def test_depths_that_channels_share_are_told(ivi: Path, tmp_path: Path) -> None:
    text = ivi.read_text().replace("depth: 4", "depth: &four 4", 1).replace("depth: 4", "depth: *four", 1)
    ivi.write_text(text)
    with pytest.raises(SizingError, match=r"shares depths between channels; write each one at its channel first$"):
        write_tuned(tmp_path / "tuned.yaml", ivi, {"frames": 2})
    write_tuned(tmp_path / "tuned.yaml", ivi, {"frames": 2, "checked": 8})
    assert load(tmp_path / "tuned.yaml") == with_depths(load(ivi), {"frames": 2, "checked": 8})
