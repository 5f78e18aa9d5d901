"""`sim size` as a person calls it: answers, files, exit codes, and one line for whatever is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.commands.size import Options, size
from sim.scenario import load
from sim.sizing.account import region
from sim.sizing.answer import Answer
from sim.sizing.answer.answering import Modelled
from sim.sizing.answer.tuned import with_depths
from sim.sizing.errors import SizingError
from tests.sizing import small_system

PROJECT = Path(__file__).parents[2]
IVI = PROJECT / "scenarios" / "ivi_camera.yaml"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_system.write(tmp_path)


def sim(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Return what a process of its own does."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "118"}
    command = [sys.executable, "-m", "sim", "size", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def refused(*arguments: object, folder: Path, code: int = 2) -> str:
    """Return what is said of a call that fails: one line on standard error, nothing on standard output."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(app, ["size", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert not (folder / "runs").exists(), "nothing is made for a question that has no answer"
    return line


def test_the_answer_is_printed_and_written(small: Path, tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.yaml"
    done = sim(small, "--target", "drops=0, p99(rows->out)<40ms", "--write", tuned, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "met drops=0 0 0" in lines
    assert "frames 16 4 +12 4,096 3 none depth 2: drops 50" in lines
    assert "picture 4 2 +2 4,096 1 2 least depth" in lines
    assert "half the windows of front drops is 74, all on frames no depth meets the target" in lines
    folder = tmp_path / "runs" / "small-size-1"
    assert f"report: {folder.relative_to(tmp_path) / 'report.html'}" in lines
    assert sorted(each.name for each in folder.iterdir()) == ["report.html", "size.json"]
    depths = {"frames": 4, "boxes": 4, "picture": 2}
    assert load(tuned) == with_depths(load(small), depths)
    assert "depth: 4, overflow: drop_oldest}  # new ones count" in tuned.read_text()


def test_json_is_all_that_is_printed(small: Path, tmp_path: Path) -> None:
    done = sim(small, "--json", "--out", tmp_path / "out", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert done.stdout == (tmp_path / "out" / "size.json").read_text()
    assert found["target"] == "drops=0" and found["met"] is True
    assert {each["channel"]: each["depth"] for each in found["proposals"]} == {"frames": 4, "boxes": 4, "picture": 2}
    assert found["compared"] == [] and found["emulation"] == "", "a scenario that declares its times is not run"
    assert found["timing"] == f"declared in {small}"


def test_the_same_question_has_the_same_answer(small: Path, tmp_path: Path) -> None:
    answers = []
    for _ in range(2):
        found = json.loads(sim(small, "--json", folder=tmp_path).stdout)
        del found["wall_s"]
        answers.append(found)
    assert answers[0] == answers[1]


def test_overrides_are_part_of_the_question(small: Path, tmp_path: Path) -> None:
    done = sim(small, "--set", "devices.rows.rate=50Hz", "--json", folder=tmp_path)
    frames = json.loads(done.stdout)["proposals"][0]
    assert (frames["channel"], frames["depth"]) == ("frames", 2)


def test_a_mistake_is_one_line_for_a_shell(small: Path, tmp_path: Path) -> None:
    done = sim(small, "--target", "drps=0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sim: --target, column 1: unknown figure 'drps'; did you mean 'drops'?\n"


def test_targets_that_are_none(small: Path, tmp_path: Path) -> None:
    assert refused(small, "--target", "p99(rows->ot)<3ms", folder=tmp_path) == (
        "sim: --target, column 11: unknown partition or device 'ot'; did you mean 'out'?"
    )
    assert refused(small, "--target", "", folder=tmp_path) == (
        "sim: --target, column 1: a comparison is missing; write one like drops=0"
    )


@pytest.mark.parametrize("name", ["result.json", "sweep.parquet"])
def test_the_report_of_a_run_or_a_sweep_is_not_overwritten(small: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "other"
    out.mkdir()
    (out / name).write_text("")
    with pytest.raises(SizingError, match=f"has another report, with {name}, in it; name another folder"):
        size(Options(small, "drops=0", out=out, emulate=False))
    assert [each.name for each in out.iterdir()] == [name]


def test_targets_that_are_out_of_reach(small: Path, tmp_path: Path) -> None:
    assert refused(small, "--target", "p99(rows->out)<5ms", folder=tmp_path, code=1) == (
        "sim: p99(rows->out) is 17 ms at best, at any depth; ask for <= 17.1ms, or make the services and windows on "
        "the way of 'frames' and 'boxes' and 'picture' shorter"
    )
    done = refused(small, "--target", "drops=0,p99(rows->out)<20ms", folder=tmp_path, code=1)
    assert done.startswith(
        "sim: p99(rows->out)<20ms cannot be had together with drops=0: p99(rows->out) is 22 ms at best"
    )


def test_a_consumer_that_does_not_keep_up_is_told(tmp_path: Path) -> None:
    """Of 200 samples a second 125 can be looked at: 64 slots are full after a second, and that is no answer."""
    file = small_system.write(tmp_path, detect="4ms")
    line = refused(file, "--set", "time.duration=300ms", folder=tmp_path, code=1)
    assert line.endswith(
        "at best, at any depth; 'front' does not keep up with 'frames' even at depth 64: make it faster, or what sends "
        "to it slower; simulated for 1200ms instead of 300ms, as some rings still filled up at the end of the run"
    )


def test_other_questions_without_an_answer(small: Path, tmp_path: Path) -> None:
    assert refused(tmp_path / "smal.yaml", folder=tmp_path) == (
        f"{tmp_path}/smal.yaml: no such file; did you mean {small}?"
    )
    assert refused(small, "--write", small, folder=tmp_path) == (
        f"sim: --write {small}: there is such a file already; name a new one, or remove it first"
    )
    assert refused(small, "--write", tmp_path / "no" / "x.yaml", folder=tmp_path) == (
        f"sim: --write {tmp_path}/no/x.yaml: no folder {tmp_path}/no; name a file in an existing one"
    )
    assert refused(small, "--out", small, folder=tmp_path) == f"sim: --out {small}: is a file; name a folder"
    assert refused(IVI, "--set", "time.mode=realtime", folder=tmp_path) == (
        f"sim: {IVI}: it runs in real time, which no model predicts; --set time.mode=virtual"
    )
    assert "no-such-run is no folder" in refused(IVI, "--from", "no-such-run", folder=tmp_path)
    assert refused(small, "--set", "time.duration", folder=tmp_path).startswith("--set time.duration: is no assignment")


def test_a_run_of_another_scenario(small: Path, tmp_path: Path) -> None:
    from sim.sizing.timing import Timing

    run = tmp_path / "run"
    run.mkdir()
    Timing("other", {}).write(run)
    assert refused(small, "--from", run, folder=tmp_path) == (
        f"sim: {run} is a run of another scenario, other, and {small} is small; name a run of this one"
    )


def test_depths_that_do_not_fit_the_machine(tmp_path: Path) -> None:
    """The machine has just what the guests and the present rings take, and more is needed to drop nothing."""
    file = small_system.write(tmp_path, cells=4096)
    rings = (("frames", 2, 4096), ("boxes", 4, 16), ("picture", 2, 4096))
    memory = (512 << 20) + sum(region(*ring).mapping for ring in rings)
    little = (f"host.memory={memory}B", "channels.frames.depth=2", "channels.picture.depth=2")
    overrides = [part for each in little for part in ("--set", each)]
    line = refused(file, *overrides, folder=tmp_path, code=1)
    assert line.startswith("sim: the depths that meet drops=0 do not fit the machine: ")
    assert sim(file, *overrides, "--target", "drops<1000", folder=tmp_path).returncode == 0


def test_nothing_is_written_that_its_run_does_not_prove(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.commands import size

    def missed(self: object, modelled: Modelled, tuned: object) -> tuple[Answer, bool]:
        return modelled.answer, False

    monkeypatch.setattr(size._Question, "_proven", missed)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["size", str(small), "--emulate", "--write", "tuned.yaml"], catch_exceptions=False)
    assert done.exit_code == 1
    assert done.stderr == "tuned.yaml: not written: the run with the proposed depths misses the target\n"
    assert "target MISSED in" in done.stdout
    assert not (tmp_path / "tuned.yaml").exists()


@pytest.mark.slow
@pytest.mark.guest
def test_prediction_and_emulation_agree(tmp_path: Path) -> None:
    target = "drops=0,p99(front_camera->display)<100ms"
    out = tmp_path / "out"
    done = sim(IVI, "--target", target, "--set", "time.duration=3s", "--json", "--out", out, folder=PROJECT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["timing"] == f"measured in {out / 'measured'}" and found["emulation"] == str(out / "emulation")
    emulated = json.loads((out / "emulation" / "result.json").read_text())
    assert {name: emulated["channels"][name]["depth"] for name in ("frames", "picture")} == {
        each["channel"]: each["depth"] for each in found["proposals"] if each["channel"] in ("frames", "picture")
    }
    compared = {each["figure"]: each for each in found["compared"]}
    for figure, each in compared.items():
        if figure.endswith("occupancy_max"):
            assert abs(each["predicted"] - each["emulated"]) <= 1, figure
    age = compared["paths.front_camera->display.age.p99"]
    assert age["error"] <= 0.05
    assert age["emulated"] / 1000 == emulated["paths"]["camera_to_display"]["age_us"]["p99"]
