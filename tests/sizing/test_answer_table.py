"""The answer in a terminal: all that decides is in it, and nothing that a guest or a scenario wrote can deceive."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from sim.sizing.answer import Answer, Compared
from sim.sizing.answer.table import WIDTH, show
from sim.sizing.sensitivity import Sensitivity
from sim.sizing.sensitivity.headroom_words import breaks_first
from tests.sizing.answers import answer, headrooms


def shown(one: Answer) -> list[str]:
    stream = StringIO()
    show(one, Console(file=stream, width=WIDTH, highlight=False))
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_every_part_is_there() -> None:
    one = answer()
    lines = shown(one)
    for verdict in one.verdicts:
        assert any(line.startswith(f"{'met' if verdict.met else 'MISSED'} {verdict.text} ") for line in lines)
    for proposal in one.proposals:
        row = next(
            line for line in lines if line.startswith(f"{proposal.channel} {proposal.depth_now} {proposal.depth} ")
        )
        assert f"{proposal.bytes:,}" in row
    assert f"binding: {one.binding}" in lines
    assert all(f"note: {note}" in lines for note in one.notes)


def test_predictions_stand_beside_what_was_emulated() -> None:
    compared = (
        Compared("channels.a.occupancy_max", 4, 2),
        Compared("channels.a.latency.p99", 1_000_000, 1_010_000),
        Compared("channels.a.delivered", 300, 299),
        Compared("channels.a.dropped", 3, 0),
        Compared("paths.rows->perception.detector.frame.age.p99", 22_000_000, 20_000_000),
        Compared("paths.rows->perception.detector.frame.age.max", 30_000_000, 30_000_000),
        Compared("paths.rows->perception.detector.frame.delivered", 299, 299),
    )
    lines = shown(replace(answer(), compared=compared))
    assert "a 4 / 2, off by 100.0 % 1 ms / 1.01 ms, 1.0 % 300 / 299 3 / 0" in lines
    path = "rows->perception.detector.frame"
    assert f"{path} 22 ms / 20 ms, off by 10.0 % 30 ms / 30 ms, 0.0 % 299 / 299" in lines


def test_what_sizing_anew_takes() -> None:
    proposed = {each.channel: each.depth for each in answer().proposals}
    first, *_ = proposed
    deeper = {**proposed, first: 2 * proposed[first]}
    changes = (
        Sensitivity("a", (), "", proposed, 0),
        Sensitivity("b", (), "drops is 3", deeper, 2 << 20),
        Sensitivity("c", (), "drops is 3", deeper, 0),
        Sensitivity("d", (), "drops is 3", {}, None),
        Sensitivity("e", (), "drops is 3", dict.fromkeys(proposed, 4096), 1 << 30),
    )
    lines = shown(replace(answer(), sensitivities=changes))
    assert "a all holds no more memory" in lines
    assert f"b drops is 3 {first} {deeper[first]}; 2 MiB more" in lines
    assert f"c drops is 3 {first} {deeper[first]}; no more memory" in lines
    assert "d drops is 3 no depth meets the target" in lines
    assert any(line.startswith("e drops is 3 ") and line.endswith("...; 1 GiB more") for line in lines)


def test_how_far_each_direction_goes_and_what_breaks_first() -> None:
    lines = shown(answer())
    assert any(line.startswith("cameras, now 1 2 3 2 MiB more perception.detector would be busy") for line in lines)
    assert any(line.startswith("cockpit.head_unit slower 3.23 times 3.39 times no more memory p99(") for line in lines)
    assert "imu faster, now 10 Hz 154 Hz not tried no more memory nothing" in lines
    assert "breaks first: 3 cameras (2 hold): perception.detector would be busy 101 % of the time" in lines


@pytest.mark.parametrize(
    ("number", "changed", "words"),
    [
        (0, {"holds": 1.0, "fails": 2.0}, "2 cameras (1 holds): perception.detector would be busy 101 % of the time"),
        (
            1,
            {},
            "cockpit.head_unit 3.39 times as slow (3.23 times still hold): p99(front_camera->display) is 103 ms; "
            "cockpit.head_unit is busy 61 % of the time",
        ),
        (
            1,
            {"holds": 1.0, "fails": 1.05, "bottleneck": ""},
            "cockpit.head_unit 1.05 times as slow (now it holds): p99(",
        ),
        (2, {"holds": 10.0, "fails": 10.5, "breaks": "drops is 3"}, "imu at 10.5 Hz (now it holds): drops is 3"),
        (2, {"holds": 20.0, "fails": 21.0, "breaks": "drops is 3"}, "imu at 21 Hz (20 Hz still holds): drops is 3"),
        (2, {}, "nothing; each direction holds up to 15.4 times what there is now"),
    ],
)
def test_what_breaks_first_in_one_sentence(number: int, changed: dict[str, Any], words: str) -> None:
    said = breaks_first([replace(headrooms()[number], **changed)])
    assert said.startswith(f"breaks first: {words}")


def test_control_characters_do_not_reach_the_terminal() -> None:
    one = replace(answer(), binding="\x1b[31mred", notes=("a\x07b",))
    assert not any("\x1b" in line or "\x07" in line for line in shown(one))
