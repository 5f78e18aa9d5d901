"""Sweeps from end to end: engines agree, and what was ended goes on."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from machines.errors import ParticipantFailed
from sim import scenario as language
from sim.host.legs import legs_of
from sim.sizing.errors import SizingError
from sim.sizing.plan.ports import ports_of, services_of
from sim.sizing.reduction import plan_of
from sim.sizing.sweep.asking import ask
from sim.sizing.sweep.engines import ENGINES, Answer, Task, engine
from sim.sizing.sweep.engines.local import Local
from sim.sizing.sweep.folder import CSV, MANIFEST, PARQUET, PARTS
from sim.sizing.sweep.result import OBJECTIVES, SweepResult
from sim.sizing.sweep.summary import summary
from sim.sizing.sweep.sweeping import sweep, tasks_of
from sim.sizing.sweep.variants import Question, Variants
from sim.sizing.timing import ServiceTiming, Timing

from .sweep_plans import ORIGIN, SCENARIO, TIMES, asked

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
ROOT = SCENARIO.parents[1]
GRID = ("cameras=1..2", "depth=2,4", "fps=15,30,60", "service_time=1,3")


def swept(folder: Path, jobs: int = 1) -> SweepResult:
    return sweep(asked(*GRID), ORIGIN, folder, Local(jobs))


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / PARQUET).read_bytes(), (folder / CSV).read_bytes()


class Backwards:
    """Answers in the wrong order, and no more than some tasks."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def answers(self, question: Question, tasks: Sequence[Task]) -> Generator[Answer, None, None]:
        for task in list(reversed(tasks))[: self.most]:
            self.asked.append(task.number)
            yield Answer(task.number, Variants(question).rows(task.points))
        if len(tasks) > self.most:
            raise KeyboardInterrupt


def test_a_table_has_a_row_for_each_point(tmp_path: Path) -> None:
    result = swept(tmp_path / "out")
    assert result.points == 24 and result.before == 0
    assert result.table.column("point").to_pylist() == list(range(24))
    assert result.table.column("fps").to_pylist()[:6] == [15, 15, 30, 30, 60, 60]
    assert result.column("service_time").dtype == np.float64
    assert result.table.num_columns == len(set(result.table.column_names))
    points = asked(*GRID).points
    for number in (0, 7, 23):
        (row,) = Variants(asked(*GRID).question).rows([points[number]])
        found = {name: result.table.column(name)[number].as_py() for name in asked(*GRID).question.columns.types}
        assert list(found.values()) == row
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [MANIFEST, CSV, PARQUET]


def test_the_front_is_that_of_the_objectives(tmp_path: Path) -> None:
    result = swept(tmp_path)
    values = np.stack([result.column(name) for name in OBJECTIVES], axis=1)
    values[np.isnan(values)] = np.inf
    for number, one in enumerate(values):
        others = ((values <= one).all(axis=1) & (values < one).any(axis=1)).any()
        assert result.pareto[number] == (not others)
    assert (result.pareto_of_load >= result.pareto).all() and result.pareto_of_load.sum() > result.pareto.sum()


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    from pyarrow import csv, parquet

    swept(tmp_path)
    written, text = parquet.read_table(tmp_path / PARQUET), csv.read_csv(tmp_path / CSV)
    assert written.column_names == text.column_names
    assert written.column("age_p99_ns").to_pylist() == text.column("age_p99_ns").to_pylist()


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    swept(tmp_path / "one")
    swept(tmp_path / "three", jobs=3)
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_a_sweep_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    swept(tmp_path / "whole")
    first, second = Backwards(5), Backwards(99)
    with pytest.raises(KeyboardInterrupt):
        sweep(asked(*GRID), ORIGIN, tmp_path / "ended", first)
    told: list[tuple[int, int]] = []
    result = sweep(asked(*GRID), ORIGIN, tmp_path / "ended", second, lambda done, total: told.append((done, total)))
    assert result.before == 5 and told[0] == (5, 24) and told[-1] == (24, 24)
    assert sorted(first.asked + second.asked) == list(range(24))
    assert files(tmp_path / "whole") == files(tmp_path / "ended")
    third = Backwards(0)
    again = sweep(asked(*GRID), ORIGIN, tmp_path / "ended", third)
    assert again.before == again.points == 24 and again.table.equals(result.table)
    assert not (tmp_path / "ended" / PARTS).exists()


def test_parts_that_are_broken_are_answered_anew(tmp_path: Path) -> None:
    swept(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        sweep(asked(*GRID), ORIGIN, tmp_path / "ended", Backwards(5))
    parts = sorted((tmp_path / "ended" / PARTS).iterdir())
    parts[0].write_bytes(b"")
    parts[1].write_bytes(parts[2].read_bytes()[:-9])
    rows = parquet.read_metadata(parts[3]).num_rows
    parquet.write_table(pyarrow.table({"other": list(range(rows))}), parts[3])
    assert sweep(asked(*GRID), ORIGIN, tmp_path / "ended", Local(1)).before == 2
    assert files(tmp_path / "whole") == files(tmp_path / "ended")


def test_another_question_does_not_go_into_the_same_folder(tmp_path: Path) -> None:
    swept(tmp_path)
    with pytest.raises(SizingError, match="another sweep in it, of other axes and points; name another --out"):
        sweep(asked("depth=2,4"), ORIGIN, tmp_path, Local(1))
    other = replace(ORIGIN, facts={"scenario text": "2"})
    with pytest.raises(SizingError, match="of other scenario text;"):
        sweep(asked(*GRID), other, tmp_path, Local(1))
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(SizingError, match="not written by this version"):
        swept(tmp_path)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(SizingError, match="has other files in it, and no sweep"):
        swept(tmp_path)
    with pytest.raises(SizingError, match="is a file"):
        swept(tmp_path / "result.json")


def test_a_mistake_in_a_worker_is_raised_here(tmp_path: Path) -> None:
    question = asked(*GRID).question
    tasks = [Task(number, ((),)) for number in range(4)]  # points without values
    with pytest.raises(IndexError):
        list(Local(2).answers(question, tasks))


def test_a_worker_that_is_killed_is_told_in_one_line(tmp_path: Path) -> None:
    import multiprocessing

    answers = Local(2).answers(asked(*GRID).question, tasks_of(asked(*GRID).points * 200))
    next(answers)
    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(ParticipantFailed, match="signal 9"):
        list(answers)
    assert not multiprocessing.active_children()


def test_an_engine_that_is_closed_leaves_no_process() -> None:
    import multiprocessing

    answers = Local(2).answers(asked(*GRID).question, tasks_of(asked(*GRID).points))
    next(answers)
    assert len(multiprocessing.active_children()) == 2
    answers.close()
    assert not multiprocessing.active_children()


def test_every_engine_can_be_made() -> None:
    assert [type(engine(name, 2)).__name__ for name in ENGINES] == ["Local", "Ray"]


def test_tasks_have_each_point_once() -> None:
    for count in (1, 5, 127, 128, 1_000, 100_000):
        points = tuple((None,) for _ in range(count))
        tasks = tasks_of(points)  # type: ignore[arg-type]
        assert sum(len(task.points) for task in tasks) == count and [task.number for task in tasks] == list(
            range(len(tasks))
        )


def test_the_summary_tells_the_front(tmp_path: Path) -> None:
    lines = summary(swept(tmp_path))
    assert lines[0].startswith("ivi_camera: 24 points, 24 in ")
    assert any("memory" in line and "p99 age" in line and "cameras" in line for line in lines)
    assert lines[-2:] == [f"parquet: {tmp_path / PARQUET}", f"csv: {tmp_path / CSV}"]


def command(folder: Path, *more: str) -> list[str]:
    settings = [word for key, value in TIMES.items() for word in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "sim", "sweep", str(SCENARIO), *settings, "--out", str(folder), *more]


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command(folder, *more), capture_output=True, text=True, env=environment, timeout=120)


LONG = ("--grid", "cameras=1..4", "--grid", "depth=2,4,8", "--grid", "service_time=0.5..2.5..0.01", "--jobs", "2")


def runs(process: int) -> bool:
    """Return whether a process is there and no zombie, which has no command line."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def interrupted(folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Start the command, end it once two parts are there, and return its exit code and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command(folder, *LONG), stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + 120
    while len(list((folder / PARTS).glob("points-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    children = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert len(children) == 2
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    while any(map(runs, children)):
        assert time.monotonic() < deadline, "the workers outlive the command"
        time.sleep(0.01)
    return process.returncode, said


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on(tmp_path: Path) -> None:
    assert interrupted(tmp_path / "killed", signal.SIGKILL)[0] == -signal.SIGKILL
    assert not (tmp_path / "killed" / PARQUET).exists()
    done = run(tmp_path / "killed", *LONG)
    assert done.returncode == 0, done.stderr
    assert "points are there already" in done.stdout and " were there, " in done.stdout
    whole = run(tmp_path / "whole", *LONG)
    assert whole.returncode == 0 and "were there" not in whole.stdout
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert (tmp_path / "killed" / "report.html").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_interrupted_says_how_it_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    code, said = interrupted(tmp_path, number)
    assert code == 130 and "points are kept; the same command with --out" in said and said.endswith("interrupted\n")


@pytest.mark.slow
def test_ray_finds_the_same_to_the_bit(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    by_ray, local = (
        run(tmp_path / "ray", *LONG, "--engine", "ray", "--sample", "200"),
        run(tmp_path / "local", *LONG, "--sample", "200"),
    )
    assert by_ray.returncode == 0, by_ray.stderr
    assert local.returncode == 0, local.stderr
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert json.loads((tmp_path / "ray" / MANIFEST).read_text()) == json.loads(
        (tmp_path / "local" / MANIFEST).read_text()
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--grid", "depth="], "--grid depth=: no values"),
        (["--grid", "depht=2"], "no axis 'depht'; did you mean 'depth'?"),
        (["--grid", "depth=2", "--path", "x"], "--path x: is no path"),
        (["--grid", "depth=2", "--path", "front_camera->nope"], "path front_camera->nope"),
        (["--grid", "depth=2", "--engine", "spark"], "--engine spark: no such engine; one of local, ray"),
        (["--grid", "depth=2", "--from", "/nowhere"], "/nowhere is no folder"),
        (["--grid", "depth=2", "--sample", "0"], "--sample 0: is out of range"),
        ([], "no axis; write --grid depth=2,4,8"),
    ],
)
def test_a_wrong_question_is_one_line_and_starts_nothing(tmp_path: Path, more: list[str], message: str) -> None:
    done = run(tmp_path / "out", *more)
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["partition_schedule", "surround_12cam", "ivi_camera"])
def test_a_question_can_be_sent_to_another_computer(name: str) -> None:
    """Also where a policy is part of it: what comes out is asked the same."""
    cloudpickle = pytest.importorskip("ray.cloudpickle")
    file = SCENARIO.with_name(f"{name}.yaml")
    scenario = language.load(file)
    legs, services = legs_of(scenario), {}
    for partition, service in services_of(scenario):
        outputs = ports_of(scenario, legs, partition, service).outputs
        services[f"{partition}.{service}"] = ServiceTiming(outputs, (2_000_000,), ((1_000_000,) * len(outputs),))
    plan = plan_of(scenario, Timing(name, services))
    ours = ask(scenario, plan, lambda values: plan, ["depth=2,4", "service_time=1,2"])
    theirs = pickle.loads(cloudpickle.dumps(ours.question))
    assert Variants(theirs).rows(ours.points) == Variants(ours.question).rows(ours.points)
