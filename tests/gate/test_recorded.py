"""Baselines: what is saved is read back; what is damaged, cut off or something else is one clear line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.baseline import BaselineError, compare, open_recorded, save

from .traces import figures, recorded, stream, written

LINES = stream(50)


def header(**changes: object) -> bytes:
    """Return the first line of a baseline in which some figures differ."""
    return json.dumps({"edgesim_baseline": 1, "result": figures(LINES, **changes)}).encode() + b"\n"


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A baseline of `LINES`."""
    path = tmp_path / "baselines" / "edges.baseline"
    save(path, figures(LINES), LINES)
    return path


def test_a_baseline_is_the_run(baseline: Path) -> None:
    kept = open_recorded(baseline)
    assert list(kept.open()) == list(kept.open()) == LINES
    assert kept.digest == figures(LINES)["digest"]
    assert kept.sources == {"frames": "camera.frame"}


def test_baselines_of_equal_runs_are_equal_bytes(baseline: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    save(again, figures(LINES, wall_s=99.0, scenario_file="/elsewhere/edges.yaml", wall={"seconds": 5}), LINES)
    assert again.read_bytes() == baseline.read_bytes()
    assert len(again.read_bytes()) < 20 * len(LINES) + 1500


def test_a_folder_of_a_run_serves_too(tmp_path: Path) -> None:
    kept = open_recorded(written(tmp_path / "run", LINES))
    assert list(kept.open()) == LINES


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: b"name: edges\n", "it is no baseline, which is compressed with gzip"),
        (lambda data: b"", "is no run"),
        (lambda data: gzip.compress(b"{}\n"), "header of a baseline"),
        (lambda data: gzip.compress(b"[1, 2]\n"), "header of a baseline"),
        (lambda data: gzip.compress(b"not json\n"), "header of a baseline"),
        (lambda data: gzip.compress(b"\xff\n"), "header of a baseline"),
        (lambda data: gzip.compress(b"[" * 100_000 + b"\n"), "header of a baseline"),
        (lambda data: gzip.compress(header(channels={"frames": 3})), "figures are damaged"),
        (lambda data: gzip.compress(header(expectations=["x"])), "figures are damaged"),
        (lambda data: gzip.compress(header(quantum_ns="x")), "'quantum_ns' is no whole number"),
        (lambda data: gzip.compress(b'{"edgesim_baseline": 99}\n'), "format 99"),
        (lambda data: gzip.compress(b'{"edgesim_baseline": 1, "result": 5}\n'), "figures"),
        (lambda data: gzip.compress(b'{"edgesim_baseline": 1, "result": {"channels": {}}}\n'), "partitions"),
        (lambda data: data[:30], "is no run"),
    ],
)  # fmt: skip
def test_what_is_no_baseline_is_told(baseline: Path, damage: Callable[[bytes], bytes], word: str) -> None:
    baseline.write_bytes(damage(baseline.read_bytes()))
    with pytest.raises(BaselineError, match=word) as told:
        open_recorded(baseline)
    assert str(told.value).startswith(f"{baseline}: ") and "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["trace.log", "result.json"])
def test_one_file_of_a_run_is_not_the_run(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "run", LINES)
    with pytest.raises(BaselineError, match=f"name its folder, {folder}"):
        open_recorded(folder / name)


@pytest.mark.parametrize(
    "line", ["garbage", "x tensor frames 1 1", "5 taken frames 1 soon", f"{'9' * 5000} tensor frames 1 1"]
)
def test_a_line_that_is_no_event_is_told_though_the_digest_is_right(tmp_path: Path, line: str) -> None:
    lines = [*LINES, line + "\n"]
    kept = open_recorded(written(tmp_path / "run", lines))
    with pytest.raises(BaselineError, match=r"is damaged: '.*' is no event of a trace") as told:
        kept.check()
    assert "\n" not in str(told.value) and len(str(told.value)) < 250


def test_a_number_beyond_all_bounds_is_damage_and_no_crash(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", LINES[:-1], figures(LINES[:-1], partitions={"vision": {"cpu_share": 10**400}}))
    with pytest.raises(BaselineError, match="damaged"):
        compare(open_recorded(folder), recorded(LINES))


def test_a_baseline_keeps_what_the_scenario_expects_and_no_more(baseline: Path, tmp_path: Path) -> None:
    whole = {"text": "all 3 runs agree", "figure": "", "passed": True, "actual": 3}
    result = figures(LINES)
    save(tmp_path / "more", {**result, "expectations": [*result["expectations"], whole]}, LINES)
    assert (tmp_path / "more").read_bytes() == baseline.read_bytes()


def test_a_trace_that_was_changed_is_told(baseline: Path) -> None:
    text = gzip.decompress(baseline.read_bytes()).replace(b"doorbell frames camera", b"doorbell frames cabinn", 1)
    baseline.write_bytes(gzip.compress(text))
    with pytest.raises(BaselineError, match="do not add up to its digest"):
        list(open_recorded(baseline).open())


def test_a_trace_that_was_cut_off_is_told(baseline: Path) -> None:
    data = baseline.read_bytes()
    baseline.write_bytes(data[:-30])
    with pytest.raises(BaselineError, match="is damaged"):
        list(open_recorded(baseline).open())


@pytest.mark.parametrize("missing", ["trace.log", "result.json"])
def test_a_folder_without_a_run_is_told(tmp_path: Path, missing: str) -> None:
    folder = written(tmp_path / "run", LINES)
    (folder / missing).unlink()
    with pytest.raises(BaselineError, match=f"it has no {missing}"):
        open_recorded(folder)


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="No such file"):
        open_recorded(tmp_path / "nothing")


def test_the_header_can_be_read_by_anybody(baseline: Path) -> None:
    header = json.loads(gzip.decompress(baseline.read_bytes()).split(b"\n", 1)[0])
    assert header["edgesim_baseline"] == 1 and header["events"] == len(LINES)
    assert header["result"]["environment"]["qemu"] == "QEMU 7.2.22"
