"""Baselines: what is saved is read back; what is damaged, cut off or something else is one clear line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.baseline import BaselineError, open_recorded, save

from .traces import figures, stream, written

LINES = stream(50)


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
        (lambda data: b"name: edges\n", "Not a gzipped file"),
        (lambda data: b"", "is no run"),
        (lambda data: gzip.compress(b"{}\n"), "header of a baseline"),
        (lambda data: gzip.compress(b"[1, 2]\n"), "header of a baseline"),
        (lambda data: gzip.compress(b"not json\n"), "is no run"),
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
