"""What a person sees while a scenario runs."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from sim.report import progress as module
from sim.report.progress import Progress

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def nowhere_special(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def play(progress: Progress) -> None:
    with progress:
        progress.phase("restoring guests")
        progress.partition("perception", "ready, warm start in 0.17 s")
        for tenth in range(101):
            progress.advance(tenth * SECOND // 10, tenth * 0.05, {"frames": 3 * tenth, "[red]x": tenth})


def test_many_channels_are_told_together() -> None:
    stream = io.StringIO()
    with Progress(SECOND, stream=stream) as progress:
        progress.advance(SECOND, 0.5, {f"to_{number}": number for number in range(13)})
    assert stream.getvalue().splitlines()[0].endswith("(2 x real time), 78 tensors in 13 channels")


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    play(Progress(10 * SECOND, stream=stream))
    lines = stream.getvalue().splitlines()
    assert "restoring guests" in lines[0] and "perception: ready, warm start in 0.17 s" in lines[1]
    assert len(lines) == 2 + 10 + 1, "a line at every tenth, and one at the end"
    assert lines[-1].endswith("virtual 10.00 s of 10 s, wall 5.00 s (2 x real time), frames 300, [red]x 100")
    assert "\x1b" not in stream.getvalue()


def test_json_leaves_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    play(Progress(10 * SECOND, json=True))
    captured = capsys.readouterr()
    assert captured.out == "" and "restoring guests" in captured.err


@pytest.mark.parametrize(("name", "text"), [("CI", "true"), ("TERM", "dumb")])
def test_plain_lines_in_ci_even_on_a_terminal(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    stream = Terminal()
    play(Progress(10 * SECOND, stream=stream))
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_live_display_and_is_given_back() -> None:
    stream = Terminal()
    play(Progress(10 * SECOND, stream=stream))
    shown = stream.getvalue()
    assert "\x1b[?25l" in shown and shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor comes back"
    last = shown[shown.rindex("restoring guests") :]
    assert "10.00 s of 10 s" in last and "perception" in last and "frames 300" in last and "[red]x 100" in last


def test_a_terminal_is_given_back_after_an_error() -> None:
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(SECOND, stream=stream) as progress:
        progress.phase("running")
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("\x1b[?25h")


def test_refreshes_are_few_however_often_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**9))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock) / 1000)
    stream = Terminal()
    with Progress(10 * SECOND, stream=stream) as progress:
        for tick in range(10_000):
            progress.advance(tick * 1_000_000, tick / 1000, {})
    assert 20 <= stream.getvalue().count("virtual ") <= 110


def test_a_slow_run_still_says_something(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with Progress(1000 * SECOND, stream=stream) as progress:
        for second in range(61):
            now[0] = float(second)
            progress.advance(second * SECOND, float(second), {})
    assert len(stream.getvalue().splitlines()) == 60 // 5 + 1


def test_rich_is_loaded_only_for_a_terminal() -> None:
    code = "import io, sys; from sim.report.progress import Progress; Progress(1, stream=io.StringIO())"
    code += "; print('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
