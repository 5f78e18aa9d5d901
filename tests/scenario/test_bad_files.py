"""Every file of tests/bad has one mistake, which is told at the right place in the right words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.scenario import ScenarioErrors, check, load

BAD = Path(__file__).parents[1] / "bad"
FILES = sorted(BAD.glob("*.yaml"))
EXPECT = re.compile(r"^# .+\. expect: (\d+):(\d+) (.+)$")


def expected(path: Path) -> tuple[int, int, str]:
    first = path.read_text(encoding="latin-1").splitlines()[0]
    match = EXPECT.match(first)
    assert match, f"{path.name} does not say what to expect: {first}"
    return int(match[1]), int(match[2]), match[3]


def test_there_are_enough() -> None:
    assert len(FILES) >= 45


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_first_problem(path: Path) -> None:
    line, column, phrase = expected(path)
    with pytest.raises(ScenarioErrors) as caught:
        load(path)
    problems = caught.value.problems
    assert len(problems) == 1, f"one mistake, but {len(problems)} problems:\n{caught.value}"
    assert (problems[0].line, problems[0].column) == (line, column), str(problems[0])
    assert phrase in problems[0].message
    assert str(problems[0]) == f"{path}:{line}:{column}: {problems[0].message}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_message_is_plain(path: Path) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        load(path)
    for problem in caught.value.problems:
        assert "\n" not in problem.message
        assert not re.search(r"pydantic|value_error|validation|dict_type|Traceback|NoneType", problem.message, re.I)
        assert re.search(r"[;?]", problem.message), f"does not say what would be right: {problem.message}"


def test_check_reports_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    problems, code = check(FILES)
    printed = capsys.readouterr().out.splitlines()
    assert code == 2
    assert [str(problem) for problem in problems] == printed
    assert {problem.file for problem in problems} == {str(path) for path in FILES}
    assert all(re.match(r"^[^:]+\.yaml:\d+:\d+: .+", line) for line in printed)
