"""Where runs of tests end up: moved when the test fails, gone when it passes."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sim.testing.artefacts import Artefacts, folder_name
from sim.testing.launch import make_request
from sim.testing.run import SimRun

from .traces import figures, stream, written

TEST = "tests/test_focus.py::test_other[focus,rate=25fps]"
PLACE = "test_focus.py-test_other-focus-rate=25fps"


def finished(folder: Path) -> SimRun:
    """Return a run whose report is in a folder."""
    lines = stream(3)
    written(folder, lines)
    return SimRun(make_request(Path("focus.yaml"), {}), figures(lines), folder, folder.parent, update=False)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where runs are kept; not there yet."""
    return tmp_path / "kept" / "sim-runs"


def test_what_passes_leaves_nothing(tmp_path: Path, out: Path) -> None:
    run = finished(tmp_path / "run")
    Artefacts(out, keep_all=False).close(run, TEST)
    assert not run.folder.exists() and not out.exists()


def test_what_fails_is_moved_once_and_stays(tmp_path: Path, out: Path) -> None:
    run, artefacts = finished(tmp_path / "run"), Artefacts(out, keep_all=False)
    artefacts.keep(run, TEST)
    artefacts.keep(run, "tests/test_focus.py::test_that_uses_it_too")
    artefacts.close(run, TEST)
    assert run.folder == out / PLACE
    assert [each.name for each in out.iterdir()] == [PLACE]
    assert (run.folder / "trace.log").read_text() == "".join(stream(3))
    assert not (tmp_path / "run").exists()


def test_everything_is_kept_on_demand(tmp_path: Path, out: Path) -> None:
    run = finished(tmp_path / "run")
    Artefacts(out, keep_all=True).close(run, TEST)
    assert run.folder == out / PLACE and run.folder.is_dir()


def test_two_runs_of_a_test_have_a_folder_each(tmp_path: Path, out: Path) -> None:
    artefacts = Artefacts(out, keep_all=False)
    for name in ("one", "other"):
        artefacts.keep(finished(tmp_path / name), TEST)
    assert sorted(each.name for each in out.iterdir()) == [PLACE, f"{PLACE}-2"]


def test_workers_that_keep_runs_of_the_same_name_do_not_get_in_each_others_way(tmp_path: Path, out: Path) -> None:
    """A worker that was started late, in the place of one that crashed, spares what was kept before."""
    began = time.time()
    workers = [Artefacts(out, keep_all=False, began=began) for _ in range(8)]
    runs = [finished(tmp_path / str(number)) for number in range(len(workers))]
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(lambda pair: pair[0].keep(pair[1], TEST), zip(workers, runs, strict=True)))
    assert len({run.folder for run in runs}) == len(runs)
    for run in runs:
        assert sorted(each.name for each in run.folder.iterdir()) == ["result.json", "trace.log"]


def test_what_an_earlier_session_kept_is_replaced(tmp_path: Path, out: Path) -> None:
    Artefacts(out, keep_all=False).keep(finished(tmp_path / "run"), TEST)
    (out / PLACE / "old").touch()
    long_ago = time.time() - 3600
    os.utime(out / PLACE, (long_ago, long_ago))
    Artefacts(out, keep_all=False).keep(finished(tmp_path / "run"), TEST)
    assert [each.name for each in out.iterdir()] == [PLACE]
    assert not (out / PLACE / "old").exists()


def test_names_of_folders_are_safe_and_of_one_test_each() -> None:
    assert folder_name("tests/test_a.py::TestB::test_c[../../etc/passwd]") == "test_a.py-TestB-test_c-..-..-etc-passwd"
    long = [folder_name(f"tests/test_a.py::test_b[{'x' * 300}{number}]") for number in (1, 2)]
    assert len(set(long)) == 2 and all(len(name) <= 80 for name in long)
