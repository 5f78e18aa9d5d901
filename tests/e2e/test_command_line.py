"""Mistakes in usage, scenarios and environment: one line each, the right exit code, nothing started."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .simulator import IVI, RELAY, ROOT, Finished, command, run

BAD = sorted((ROOT / "tests" / "bad").glob("*.yaml"))


@pytest.fixture
def nothing_there(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty cache and no QEMU."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "SIM_QEMU": "/nonexistent"}


def told(done: Finished, code: int) -> str:
    """Return the only line on standard error of a command that ended with `code`."""
    assert done.code == code, done.err
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    return lines[0]


def test_check_tells_every_mistake_of_every_file(nothing_there: dict[str, str], tmp_path: Path) -> None:
    done = command("check", *BAD, **nothing_there)
    assert done.code == 2
    assert len(BAD) >= 40
    lines = (done.out + done.err).splitlines()
    files = set()
    for line in lines:
        match = re.match(r"(.+?):(\d+):(\d+): \S", line)
        assert match, line
        files.add(Path(match[1]).name)
    assert files == {path.name for path in BAD}
    assert not list(tmp_path.rglob("*.state"))


def test_check_of_what_is_right_says_so(nothing_there: dict[str, str]) -> None:
    assert command("check", *(ROOT / "scenarios").glob("*.yaml"), RELAY, **nothing_there).code == 0


@pytest.mark.parametrize("bad", BAD[::9], ids=lambda path: path.stem)
def test_a_bad_scenario_starts_nothing(nothing_there: dict[str, str], tmp_path: Path, bad: Path) -> None:
    done = command("run", bad, "--out", tmp_path / "out", **nothing_there)
    assert done.code == 2
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache").exists()


def test_no_qemu_is_one_line_that_helps(tmp_path: Path) -> None:
    line = told(run(tmp_path / "out", IVI, "1s", SIM_QEMU="/nonexistent"), 3)
    assert "/nonexistent is not installed" in line and "apt-get install" in line


def test_an_old_qemu_is_refused_by_its_version(tmp_path: Path) -> None:
    old = tmp_path / "qemu"
    old.write_text("#!/bin/sh\necho 'QEMU emulator version 6.2.0 (Debian)'\n")
    old.chmod(0o755)
    assert "6.2" in told(run(tmp_path / "out", IVI, "1s", SIM_QEMU=old), 3)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["run", ROOT], str(ROOT)),
        (["run", RELAY, "--duration", "3 parsecs"], "parsecs"),
        (["run", RELAY, "--duration", "-1s"], "-1s"),
        (["run", RELAY, "--seed", "-1"], "seed"),
        (["run", RELAY, "--set", "nonsense"], "nonsense"),
        (["run", RELAY, "--set", "partitions.first.memory=a lot"], "a lot"),
        (["run", RELAY, "--set", "partitions.thrid.memory=256M"], "thrid"),
        (["run", RELAY, "--set", "channels.middle.tensor=uint8[1,2,3]"], "1,2,3"),
        (["check", "nowhere.yaml"], "nowhere.yaml"),
        (["console", "nowhere", "first"], "nowhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else "sim",
)
def test_wrong_usage_is_exit_code_2(nothing_there: dict[str, str], arguments: list[object], word: str) -> None:
    done = command(*arguments, **nothing_there)
    assert done.code == 2, done.err
    assert word in done.err + done.out


def test_a_report_that_cannot_be_written_is_one_line(nothing_there: dict[str, str]) -> None:
    assert "/dev/null/report" in told(run(Path("/dev/null/report"), RELAY, "1s", **nothing_there), 3)


def test_schema_is_json(nothing_there: dict[str, str]) -> None:
    done = command("schema", **nothing_there)
    assert done.code == 0
    assert json.loads(done.out)["$schema"]
