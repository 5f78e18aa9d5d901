"""Targets: what may be written, what it means, and what is said of everything else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario import load
from sim.sizing.errors import SizingError
from sim.sizing.target import DEFAULT, Target, parse_target
from sim.sizing.target.requirement import COMPARISONS, PERCENTILES, Requirement
from tests.sizing.responses import MS, PATH, Answered, System

SCENARIO = load(Path(__file__).parents[2] / "scenarios" / "ivi_camera.yaml")


def parsed(text: str) -> Target:
    return parse_target(text, SCENARIO)


def one(text: str) -> Requirement:
    (requirement,) = parsed(text).requirements
    return requirement


def complaint(text: str) -> str:
    with pytest.raises(SizingError) as caught:
        parsed(text)
    return str(caught.value)


def test_all_that_may_be_asked_for() -> None:
    target = parsed(
        "drops=0 , p99( front_camera -> display )< 80ms,memory<64M,p99.9(frames)<=2.5ms,missing(camera_to_display)==3,"
        "occupancy(frames)<=2,drops(checked)<=1,stalls=0,max(imu->cockpit.head_unit.cabin)<1s,p50(motion)>1us"
    )
    found = [(each.figure, each.operator, each.limit, each.channel, each.path) for each in target.requirements]
    assert found == [
        ("drops", "=", 0, "", ""),
        ("p99", "<", 80 * MS, "", "front_camera->display"),
        ("memory", "<", 64 << 20, "", ""),
        ("p99.9", "<=", 2_500_000, "frames", ""),
        ("missing", "==", 3, "", "camera_to_display"),
        ("occupancy", "<=", 2, "frames", ""),
        ("drops", "<=", 1, "checked", ""),
        ("stalls", "=", 0, "", ""),
        ("max", "<", 1000 * MS, "", "imu->cockpit.head_unit.cabin"),
        ("p50", ">", 1000, "motion", ""),
    ]
    assert target.paths == (("front_camera", "display"), ("imu", "cockpit.head_unit.cabin"))
    assert target.ways["front_camera->display"] == ("frames", "detections", "picture")
    assert target.requirements[1].text == "p99( front_camera -> display )< 80ms"


def test_the_default_is_a_target() -> None:
    assert one(DEFAULT) == Requirement("drops=0", "drops", "=", 0.0)


AFTER = "one of < <= = > >="
ARRIVES = "cockpit.head_unit.detections or cockpit.head_unit.safety or cockpit.head_unit.preview"


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "a comparison is missing; write one like drops=0"),
        ("drops=0,", 9, "a comparison is missing; write one like drops=0"),
        ("drops=0, ,stalls=0", 10, "a comparison is missing; write one like drops=0"),
        ("%", 1, "'%' begins no comparison; write one like drops=0"),
        ("dorps=0", 1, "unknown figure 'dorps'; did you mean 'drops'?"),
        ("drops=0,p97(frames)<3ms", 9, "unknown figure 'p97'; did you mean 'p99'?"),
        ("p99<80ms", 4, "p99 of what? write p99(front_camera->display)"),
        ("p99()<3ms", 5, "p99 of what? write p99(front_camera->display)"),
        ("missing=0", 8, "missing of what? write missing(front_camera->display)"),
        ("occupancy<3", 10, "occupancy of what? write occupancy(frames)"),
        ("drops(frames=0", 6, "this '(' is not closed; write ')' after what the figure is of"),
        ("drops(frmes)=0", 7, "unknown channel 'frmes'; did you mean 'frames'?"),
        (
            "p99(camera_to_dsplay)<3ms",
            5,
            "unknown channel or path 'camera_to_dsplay'; did you mean 'camera_to_display'?",
        ),
        ("missing(camera)=0", 9, "unknown path 'camera'; only camera_to_display is known"),
        ("missing(frames)=0", 9, "samples are missing at the end of a path; write missing(FROM->TO), or drops(frames)"),
        (
            "drops(front_camera->display)=0",
            7,
            "drops is of a channel, not of a path; write missing(front_camera->display)",
        ),
        ("occupancy(imu->display)=0", 11, "occupancy is of a channel, not of a path; write occupancy(frames)"),
        (
            "p99(camera->display)<80ms",
            5,
            "'camera' is no device that takes samples, where a path begins; did you mean 'front_camera'?",
        ),
        (
            "p99(display->front_camera)<80ms",
            5,
            "'display' is no device that takes samples, where a path begins; one of front_camera, imu",
        ),
        ("p99(front_camera->dsplay)<80ms", 19, "unknown partition or device 'dsplay'; did you mean 'display'?"),
        (
            "p99( front_camera ->  cockpit )<8ms",
            23,
            f"samples of 'front_camera' arrive at 'cockpit' by 3 inputs; write {ARRIVES}",
        ),
        (
            "p99(imu->display)<3ms",
            10,
            "no channels carry samples of 'imu' to 'display'; "
            "they arrive at cabin.motion.sample, cockpit.head_unit.cabin",
        ),
        (
            "p99(imu->b->c)<1ms",
            5,
            "'b->c' is no end of a path; write FROM->TO like front_camera->perception.detector",
        ),
        ("max(imu->)<1ms", 5, "'' is no end of a path; write FROM->TO like front_camera->perception.detector"),
        ("drops", 6, "a comparison is missing; go on with =0, say"),
        ("p99(frames)", 12, "a comparison is missing; go on with <80ms, say"),
        ("memory 64M", 8, "a comparison is missing; go on with <64M, say"),
        ("drops!=0", 6, f"'!=' is no comparison; {AFTER}"),
        ("drops=<0", 6, "'=<' is no comparison; write <="),
        ("drops ≤ 0", 7, "'≤' is no comparison; write <="),
        ("drops=", 7, "a number is missing; drops takes a whole number without a unit, like 0"),
        ("drops=1.5", 7, "'1.5' is no count; drops takes a whole number without a unit, like 0"),
        ("drops=-1", 7, "'-1' is no count; drops takes a whole number without a unit, like 0"),
        ("stalls<3ms", 8, "'3ms' is no count; stalls takes a whole number without a unit, like 0"),
        ("drops=0 stalls=0", 7, "'0 stalls=0' is more than a value; put a comma between two comparisons"),
        ("p99(frames)<", 13, "a time is missing; write it like 80ms"),
        ("p99(frames)<80", 13, "80 has no unit; write 80ms, say"),
        ("p99(frames)<80mss", 13, "unknown unit 'mss' of a duration; did you mean 'ms'?"),
        ("p99(frames)<-1ms", 13, "'-1ms' is negative; a duration is not, write it like 80ms"),
        ("p99(frames)==80ms", 14, "'==' asks for 80ms to the nanosecond; write <= 80ms"),
        ("memory<", 8, "a memory size is missing; write it like 64M"),
        ("memory<64", 8, "64 has no unit; write 64M, say"),
        ("memory<64MB", 8, "'64MB' could mean 1000 or 1024; write M or MiB, which is 1024"),
    ],
)
def test_what_is_wrong_is_told_with_its_column(text: str, column: int, message: str) -> None:
    assert complaint(text) == f"--target, column {column}: {message}"


def test_columns_count_characters() -> None:
    assert complaint("drops=0,  p99(frames)<80").startswith("--target, column 23: ")


@given(st.text(alphabet="dropsmax9(.)->=<0 ,frames_camM%é\n", max_size=40))
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_is_a_target_or_one_line(text: str) -> None:
    try:
        target = parsed(text)
    except SizingError as error:
        assert str(error).startswith("--target, column ")
    else:
        assert target.requirements


blanks = st.sampled_from(["", " ", "  "])
counted = st.tuples(
    st.sampled_from(
        ["drops", "stalls", "drops(frames)", "stalls(picture)", "occupancy(frames)", "missing(imu->cabin)"]
    ),
    st.sampled_from(sorted(COMPARISONS)),
    st.integers(0, 10**9).map(lambda number: (str(number), float(number))),
)
timed = st.tuples(
    st.builds(
        "{}({})".format, st.sampled_from(sorted(PERCENTILES)), st.sampled_from(["status", "front_camera->display"])
    ),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.integers(0, 10**6).map(lambda number: (f"{number}us", 1e3 * number)),
)


@given(st.lists(st.tuples(st.one_of(counted, timed), blanks, blanks, blanks), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_blanks_do_not_matter(parts: list[tuple[tuple[str, str, tuple[str, float]], str, str, str]]) -> None:
    text = ",".join(f"{a}{figure}{b}{sign}{c}{value}{a}" for (figure, sign, (value, _)), a, b, c in parts)
    found = parsed(text).requirements
    assert [(each.subject, each.operator, each.limit) for each in found] == [
        (figure, sign, limit) for (figure, sign, (_, limit)), *_ in parts
    ]


# -- what comes of requirements ----------------------------------------------------------------------------------------


def answered(requirement: Requirement, said: Answered) -> float:
    system = System({"frames": 1000, "states": 100}, lambda depths: said)
    return requirement.value(system.plan, system.simulate(system.plan))


def test_values() -> None:
    said = Answered(dropped={"frames": 3, "states": 4}, stalls={"states": 2}, held={"frames": 3}, missing=5, age_ns=7)
    assert answered(Requirement("", "drops", "=", 0), said) == 7
    assert answered(Requirement("", "drops", "=", 0, channel="states"), said) == 4
    assert answered(Requirement("", "stalls", "=", 0), said) == 2
    assert answered(Requirement("", "occupancy", "=", 0, channel="frames"), said) == 3
    assert answered(Requirement("", "missing", "=", 0, path=PATH), said) == 5
    assert answered(Requirement("", "missing", "=", 0, path=PATH, copies=(PATH,)), said) == 10
    assert answered(Requirement("", "p95", "<", 0, path=PATH), said) == 7
    assert answered(Requirement("", "max", "<", 0, channel="frames"), said) == MS
    assert answered(Requirement("", "memory", "<", 0), said) == 8192 + 4096
    assert answered(Requirement("", "memory", "<", 0, channel="states"), said) == 4096


def test_a_time_of_nothing_meets_no_requirement() -> None:
    for sign in ("<", "<=", ">", ">="):
        requirement = Requirement("", "p99", sign, 5.0, path=PATH)
        value = answered(requirement, Answered(arrived=0))
        assert math.isnan(value)
        assert requirement.excess(value) == math.inf
        system = System({"frames": 1}, lambda depths: Answered(arrived=0))
        assert not requirement.verdict(system.plan, system.simulate(system.plan)).met


@given(sign=st.sampled_from(sorted(COMPARISONS)), value=st.integers(0, 1 << 40), limit=st.integers(0, 1 << 40))
def test_excess_is_nothing_only_where_a_requirement_is_met(sign: str, value: int, limit: int) -> None:
    requirement = Requirement("", "drops", sign, float(limit))
    assert (requirement.excess(float(value)) == 0) == COMPARISONS[sign](value, limit)
    if requirement.wants_less and value > limit:
        assert requirement.excess(value + 1.0) >= requirement.excess(float(value))


def test_a_copy_is_held_to_the_same_limit() -> None:
    target = parsed("p99(front_camera->display)<80ms")
    both = replace(target.requirements[0], copies=("front_camera_2->display",))
    assert both.subject == "p99(front_camera->display)"
    assert target.channels_of(both) == ("frames", "detections", "picture")
    assert target.channels_of(one("drops(status)=0")) == ("status",)
    assert target.channels_of(one("drops=0")) == ()
