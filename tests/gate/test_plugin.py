"""The pytest plugin as a user has it: an inner pytest session with real runs of a microcontroller."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent

TESTS = """
import pytest

def test_passes(sim_run):
    run = sim_run("guard.yaml")
    run.assert_passed()
    assert run.folder.is_dir() and "sim-runs" not in str(run.folder)
    assert run.channel("shares").delivered > 5

@pytest.mark.scenario("guard.yaml", set={"devices.camera.rate": ["50fps", "100fps"]})
def test_variants(scenario_run):
    assert scenario_run.channel("frames").messages < 15

@pytest.mark.scenario("guard.yaml", set={"partitions.guard.speed": "3.90625 MIPS"})
def test_too_slow(scenario_run):
    scenario_run.assert_passed()

@pytest.mark.scenario("guard.yaml")
def test_baseline(scenario_run):
    scenario_run.assert_matches_baseline("guard.baseline")

def test_mistake(sim_run):
    sim_run("guard.yaml", **{"partitions.gaurd.speed": "1 MIPS"})
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with the scenario, its firmware and `TESTS`."""
    for name in ("guard.yaml", "density.c"):
        (pytester.path / name).write_text((HERE / name).read_text())
    pytester.makepyfile(test_guard=TESTS)
    return pytester


def kept(suite: pytest.Pytester) -> list[str]:
    """Return the names of the folders of runs that were kept."""
    return sorted(each.name for each in (suite.path / "sim-runs").glob("*"))


@pytest.mark.slow
def test_what_fails_is_told_and_kept_and_what_passes_leaves_nothing(suite: pytest.Pytester) -> None:
    done = suite.runpytest_subprocess("--sim-update-baselines", "-k", "baseline", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, deselected=5)
    assert not (suite.path / "sim-runs").exists()

    done = suite.runpytest_subprocess("-n", "2", "--junit-xml=junit.xml", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=3, failed=3)
    done.stdout.fnmatch_lines_random(
        [
            "*- expected: channels.shares.age_us.p99 <= 10ms",
            "*+ seen:     channels.shares.age_us.p99 is *us, expected <= 10000us",
            "*why:      the guard must know before the next picture",
            "artefacts: *sim-runs/test_guard.py-test_too_slow-guard-speed=3.90625-MIPS",
            "$ sim run guard.yaml --set 'partitions.guard.speed=3.90625 MIPS'",
            "*assert 21 < 15*",
            "*DidNotRun: sim run guard.yaml * the scenario or an override is wrong*",
            "*gaurd*did you mean 'guard'*",
        ]
    )
    assert kept(suite) == [
        "test_guard.py-test_too_slow-guard-speed=3.90625-MIPS",
        "test_guard.py-test_variants-guard-rate=100fps",
    ]
    for folder in (suite.path / "sim-runs").iterdir():
        names = {each.name for each in folder.iterdir()}
        assert {"report.html", "result.json", "trace.json", "trace.log", "junit.xml", "logs", "sim.log"} <= names
    cases = {case.get("name"): case for case in ElementTree.parse(suite.path / "junit.xml").iter("testcase")}
    told = {each.get("name"): each.get("value") for each in cases["test_passes"].iter("property")}
    assert told["sim.command"] == "sim run guard.yaml" and len(told["sim.digest"] or "") == 64
    folders = [
        e.get("value")
        for e in cases["test_variants[guard,rate=100fps]"].iter("property")
        if e.get("name") == "sim.folder"
    ]
    assert folders == [str(suite.path / "sim-runs" / "test_guard.py-test_variants-guard-rate=100fps")]


@pytest.mark.slow
def test_options_choose_what_is_kept_and_where(suite: pytest.Pytester) -> None:
    arguments = ("--sim-keep-runs", "--sim-out=elsewhere", "-k", "passes or 50fps")
    suite.runpytest_subprocess(*arguments).assert_outcomes(passed=2, deselected=4)
    names = sorted(each.name for each in (suite.path / "elsewhere").iterdir())
    assert names == ["test_guard.py-test_passes", "test_guard.py-test_variants-guard-rate=50fps"]


def test_the_fixture_without_the_marker_is_told(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_guard="def test_it(scenario_run):\n    pass\n")
    done = suite.runpytest_subprocess()
    assert done.ret == pytest.ExitCode.INTERRUPTED or done.ret == pytest.ExitCode.USAGE_ERROR
    done.stdout.fnmatch_lines(["test_guard.py::test_it: scenario_run needs @pytest.mark.scenario('file.yaml')"])
    done.stdout.no_fnmatch_line("*Error: *")


def test_a_marker_of_another_form_is_told_in_a_line(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_guard="import pytest\n\n@pytest.mark.scenario()\ndef test_it(scenario_run):\n    pass\n")
    done = suite.runpytest_subprocess()
    done.stdout.fnmatch_lines(["test_guard.py::test_it: the marker scenario is written scenario('file.yaml', *"])
    done.stdout.no_fnmatch_line("*Error: *")


def test_a_wrong_timeout_is_told(suite: pytest.Pytester) -> None:
    for wrong in ("soon", "-1", "0", "inf"):
        suite.makeini(f"[pytest]\nsim_timeout = {wrong}\n")
        done = suite.runpytest_subprocess()
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        done.stderr.fnmatch_lines([f"ERROR: sim_timeout = {wrong}: is no time; write wall seconds, such as 600"])


@pytest.mark.slow
def test_tests_of_two_folders_have_their_own_baselines(suite: pytest.Pytester) -> None:
    """They ask for the same run, of a scenario in the root."""
    for name in ("one", "other"):
        (suite.path / name).mkdir()
        (suite.path / name / f"test_{name}.py").write_text(
            "import pytest\n\n@pytest.mark.scenario('guard.yaml', duration='50ms')\ndef test_it(scenario_run):\n"
            "    scenario_run.assert_matches_baseline('guard.baseline')\n"
        )
    suite.runpytest_subprocess("--sim-update-baselines", "one", "other").assert_outcomes(passed=2)
    assert (suite.path / "one" / "guard.baseline").is_file()
    (suite.path / "other" / "guard.baseline").write_text("no baseline")
    done = suite.runpytest_subprocess("one", "other")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["E*AssertionError: *other/guard.baseline: is no run to compare with: *"])
    done.stdout.no_fnmatch_line("*recorded.py*")


def test_the_marker_is_known_where_markers_must_be(suite: pytest.Pytester) -> None:
    done = suite.runpytest_subprocess("--markers")
    done.stdout.fnmatch_lines(["@pytest.mark.scenario(file, [*], seed=None, duration=None, set={}):*"])


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\nsim_timeout = 0.2\n")
    done = suite.runpytest_subprocess("-k", "passes")
    done.assert_outcomes(failed=1, deselected=5)
    done.stdout.fnmatch_lines(["*DidNotRun: sim run guard.yaml: took more than 0.2 s*"])


@pytest.mark.slow
def test_what_a_run_without_a_result_left_is_kept(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\nsim_timeout = 4\n")
    suite.makepyfile(test_guard="def test_long(sim_run):\n    sim_run('guard.yaml', duration='1h')\n")
    done = suite.runpytest_subprocess()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["*run without a result*", "artefacts: sim-runs/test_guard.py-test_long", "*logs*sim.log*"]
    )
    assert {each.name for each in (suite.path / "sim-runs" / "test_guard.py-test_long").iterdir()} >= {
        "logs",
        "sim.log",
    }
