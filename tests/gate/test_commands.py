"""`sim run` of several scenarios, again and again, against baselines; `sim diff`: as processes, with real runs."""

from __future__ import annotations

import json
import re
import shutil
import time
from io import StringIO
from pathlib import Path

import pytest

from sim.commands.execution import amend, execute
from sim.commands.repeat import repeat
from sim.report.progress import Progress
from sim.scenario import load
from tests.e2e.simulator import ROOT, Finished, command

from .traces import figures, stream, written

HERE = Path(__file__).parent
GUARD = HERE / "guard.yaml"


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the guard, with a baseline in it."""
    folder = tmp_path_factory.mktemp("guard") / "run"
    done = command("run", GUARD, "--out", folder, "--save-baseline", folder / "guard.baseline")
    assert done.code == 0, done.err
    assert f"baseline: {folder / 'guard.baseline'}, " in done.out
    return folder


def told(done: Finished, code: int) -> str:
    """Return the only line on standard error of a command that ended with `code`."""
    assert done.code == code, done.err
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    return lines[0]


@pytest.mark.slow
def test_a_run_is_its_own_baseline_and_that_of_a_folder(guard: Path, tmp_path: Path) -> None:
    for baseline in (guard / "guard.baseline", guard):
        done = command("run", GUARD, "--out", tmp_path / "again", "--baseline", baseline)
        assert done.code == 0, done.out
        assert f"passed  same as baseline {baseline}  (all " in done.out
    again = command("run", GUARD, "--out", tmp_path / "again", "--save-baseline", tmp_path / "b")
    assert again.code == 0
    assert (tmp_path / "b").read_bytes() == (guard / "guard.baseline").read_bytes()


@pytest.mark.slow
def test_another_seed_is_not_the_baseline(guard: Path, tmp_path: Path) -> None:
    done = command("run", GUARD, "--seed", 2, "--out", tmp_path / "other", "--baseline", guard / "guard.baseline")
    assert done.code == 1
    assert re.search(
        r"FAILED  same as baseline .*event \d+ differs, at 3 ms: tensor 0 of channel frames: hash \w+ in baseline",
        done.out,
    )
    result = json.loads((tmp_path / "other" / "result.json").read_text())
    assert not result["passed"] and not result["expectations"][-1]["passed"]
    assert "same as baseline" in (tmp_path / "other" / "junit.xml").read_text()
    compared = json.loads((tmp_path / "other" / "baseline.json").read_text())
    assert compared["first_difference"]["a"]["channel"] == "frames"

    diff = command("diff", guard, tmp_path / "other")
    assert diff.code == 1
    assert "tensor 0 of channel frames published at 3 ms by camera.frame, uint8 120x160, hash" in diff.out
    assert re.search(r"seed +1 +2\b", diff.out)
    shown = json.loads(command("diff", guard, tmp_path / "other", "--json").out)
    assert [shown[key] for key in ("first_difference", "events", "channels", "settings")] == [
        compared[key] for key in ("first_difference", "events", "channels", "settings")
    ]


@pytest.mark.slow
def test_runs_of_one_scenario_agree(tmp_path: Path) -> None:
    done = command("run", GUARD, "--out", tmp_path / "run", "--repeat", 4, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["repeat"] == {"runs": 4, "agree": True, "differing": None, "comparison": None}
    assert not list((tmp_path / "run").glob("run-*"))
    plain = command("run", GUARD, "--out", tmp_path / "run", "--repeat", 2)
    assert f"  passed  all 2 runs agree  (digest {result['digest']} each time)" in plain.out.splitlines()
    assert "all 2 runs agree" in (tmp_path / "run" / "junit.xml").read_text()


@pytest.mark.slow
def test_a_run_that_differs_from_the_first_is_told_and_kept(guard: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "logs").mkdir(parents=True)

    def progress() -> Progress:
        return Progress(0, stream=StringIO())

    first = execute(load(GUARD), GUARD, folder, cold=False, began=time.monotonic(), progress=progress())
    found = repeat(load(GUARD, {"seed": "2"}), GUARD, first, 5, False, progress)
    assert found.differing == 2 and found.plain()["agree"] is False
    outcome = found.outcome()
    assert not outcome.passed
    assert re.match(r"run 2 of 5 is not run 1: event \d+ differs, at 3 ms: tensor 0 of channel frames", outcome.reason)
    assert outcome.evidence == f"see {folder / 'run-2'}"
    assert outcome.trace_line is not None
    assert " tensor frames 0 " in (folder / "trace.log").read_text().splitlines()[outcome.trace_line - 1]
    assert not amend(first, outcome).figures["passed"]
    assert 'message="run 2 of 5 is not run 1: ' in (folder / "junit.xml").read_text()
    assert (folder / "run-2" / "report.html").is_file() and not (folder / "run-3").exists()
    assert command("diff", folder, folder / "run-2").code == 1


@pytest.mark.slow
def test_several_scenarios_have_a_line_and_a_folder_each(tmp_path: Path) -> None:
    again = tmp_path / "guard.yaml"
    for name in ("guard.yaml", "density.c"):
        shutil.copy(HERE / name, tmp_path / name)
    again.write_text(again.read_text().replace("<= 10ms", "<= 1us"))
    broken = tmp_path / "broken.yaml"
    broken.write_text(GUARD.read_text().replace("density.c", "broken.c"))
    (tmp_path / "broken.c").write_text((HERE / "density.c").read_text() + "this is no C\n")
    done = command("run", GUARD, again, broken, "--out", tmp_path / "out")
    assert done.code == 2, done.err
    verdicts = [line for line in done.out.splitlines() if not line.startswith(" ")]
    assert re.fullmatch(rf"passed  {GUARD}  0.2 s in [\d.]+ s, digest \w{{12}}, .*/out/guard/report.html", verdicts[0])
    assert verdicts[1].startswith(f"FAILED  {again}  0.2 s in ") and verdicts[1].endswith("/out/guard-2/report.html")
    assert verdicts[2].startswith(f"FAILED  {broken}  ") and "broken.c" in verdicts[2]
    assert verdicts[-1] == "1 of 3 scenarios passed"
    assert "      FAILED  channels.shares.age_us.p99 <= 1us" in done.out
    both = command("run", GUARD, again, "--out", tmp_path / "out", "--json")
    assert both.code == 1
    assert [result["passed"] for result in json.loads(both.out)] == [True, False]


def test_no_scenario_starts_where_one_is_wrong(tmp_path: Path) -> None:
    bad = sorted((ROOT / "tests" / "bad").glob("unknown_*.yaml"))[:2]
    done = command("run", GUARD, *bad, "--out", tmp_path / "out")
    assert done.code == 2
    assert {line.split(":")[0] for line in done.err.splitlines()} == {str(path) for path in bad}
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", GUARD, "--baseline", "nowhere"], "nowhere: is no run to compare with"),
        (["run", GUARD, "--baseline", GUARD], "it is no baseline, which is compressed with gzip"),
        (["run", GUARD, "--baseline", HERE], "it has no result.json"),
        (["run", GUARD, "--baseline", "a", "--save-baseline", "b"], "compare with a baseline or make one"),
        (["run", GUARD, "--save-baseline", HERE], "is a folder; name a file"),
        (["run", GUARD, GUARD, "--save-baseline", "b"], "a baseline is of one scenario, not of 2"),
        (["run", GUARD, "--time", "realtime", "--repeat", "2"], "no run repeats another"),
        (["diff", "nowhere", HERE], "nowhere: is no run"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(Path(word).name for word in value),
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[object], word: str) -> None:
    assert word in told(command(*arguments), 2)


def test_no_run_is_made_for_a_baseline_that_is_of_no_use(tmp_path: Path) -> None:
    lines = stream(5)
    damaged = written(tmp_path / "damaged", lines, figures(lines, scenario="guard"))
    (damaged / "trace.log").write_text("".join(lines[:-1]))
    other = written(tmp_path / "other", lines)
    wanted = {damaged: "do not add up to its digest", other: "is a run of scenario 'edges', not of 'guard'"}
    for baseline, word in wanted.items():
        done = command("run", GUARD, "--out", tmp_path / "out", "--baseline", baseline)
        assert word in told(done, 2)
        assert not (tmp_path / "out").exists()


def test_diff_of_equal_runs_is_0_and_of_others_1(tmp_path: Path) -> None:
    lines = stream(5)
    a, b = written(tmp_path / "a", lines), written(tmp_path / "b", lines)
    other = written(tmp_path / "c", lines[:-1], figures(lines[:-1], seed=9))
    assert command("diff", a, b).code == 0
    assert command("diff", a, other).code == 1
    (b / "trace.log").write_text("".join(lines[:-1]))
    assert "do not add up to its digest" in told(command("diff", a, b), 2)


def test_diff_of_long_traces_is_quick(tmp_path: Path) -> None:
    lines = stream(30_000)
    other = [*lines[:50_000], lines[50_000].replace(" 12", " 13", 1), *lines[50_001:]]
    a, b = written(tmp_path / "a", lines), written(tmp_path / "b", other)
    done = command("diff", a, b, "--json")
    assert json.loads(done.out)["first_difference"]["event"] == 50_001
