"""timing.json: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.sizing import timing
from sim.sizing.errors import MOST_LETTERS, SizingError
from sim.sizing.timing import FILE, Arrivals, NodeTiming, ServiceTiming, Timing, read

names = st.text(st.characters(codec="utf-8"), max_size=12)
times = st.integers(0, 10**14)


@st.composite
def services(draw: st.DrawFn) -> ServiceTiming:
    outputs = tuple(draw(st.lists(names, max_size=3, unique=True)))
    hold = tuple(draw(st.lists(times, max_size=5)))
    offset = st.one_of(st.just(-1), times)
    offsets = tuple(tuple(draw(offset) for _ in outputs) for _ in hold)
    wake = tuple(draw(times) for _ in hold) if draw(st.booleans()) else ()
    rest = tuple(draw(times) for _ in hold) if draw(st.booleans()) else ()
    inputs = draw(st.integers(1, 3))
    fetch = tuple(tuple(draw(times) for _ in range(inputs)) for _ in hold) if draw(st.booleans()) else ()
    return ServiceTiming(
        outputs, hold, offsets, wake, fetch, draw(times), rest, draw(st.sampled_from(("measured", "declared"))),
        draw(times), draw(times),
    )  # fmt: skip


timings = st.builds(
    Timing,
    scenario=names,
    services=st.dictionaries(names, services(), max_size=3),
    nodes=st.dictionaries(names, st.builds(NodeTiming, times, times), max_size=3),
    opened_ns=st.dictionaries(names, times, max_size=3),
    arrivals=st.dictionaries(names, st.builds(Arrivals, times, times, times, times, times), max_size=3),
    notes=st.lists(names, max_size=2).map(tuple),
)
SMALL = Timing(
    "small",
    {"a.b": ServiceTiming(("out",), (5, 6), ((4,), (-1,)), (1, 3), ((8, 9), (7, 6)), 2, counted=2)},
    {"a": NodeTiming(8, 9)},
    {"in": 7},
    {"in": Arrivals(3, 1, 2, 3, 4), "out": Arrivals(0)},
    ("a note",),
)


@given(timings)
def test_what_is_written_is_read_again(written: Timing) -> None:
    again = Timing.from_json(written.to_json())
    assert again == written
    assert list(again.services) == list(written.services), "the order of outputs and services is kept"


def test_it_is_written_into_a_folder_whole(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert read(tmp_path) == SMALL


def changed(*keys: Any, to: Any) -> str:
    """Return the text of SMALL with one value changed."""
    data = json.loads(SMALL.to_json())
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "not written by `sim run`"),
        ("{}", "not written by `sim run`"),
        (changed("edgesim_timing", to=2), "version 2, this simulator reads 1"),
        (changed("edgesim_timing", to=True), "version True"),
        (changed("scenario", to=3), "scenario is not a text"),
        (changed("more", to=3), "it is not a mapping with"),
        (changed("services", to=[]), "services is not a mapping"),
        (changed("services", "a.b", "hold_ns", to=3), "services.a.b.hold_ns is not a list"),
        (changed("services", "a.b", "hold_ns", 1, to=-1), "hold_ns[1] is not a whole number from 0"),
        (changed("services", "a.b", "hold_ns", 1, to=10**14 + 1), "hold_ns[1] is not a whole number"),
        (changed("services", "a.b", "hold_ns", 1, to=1.5), "hold_ns[1] is not a whole number"),
        (changed("services", "a.b", "wake_ns", 1, to=True), "wake_ns[1] is not a whole number"),
        (changed("services", "a.b", "wake_ns", to=[1]), "wake_ns is not of 2 calls"),
        (changed("services", "a.b", "rest_ns", to=[1]), "rest_ns is not of 2 calls"),
        (changed("services", "a.b", "fetch_ns", to=[[1, 2]]), "fetch_ns is not of 2 calls"),
        (changed("services", "a.b", "fetch_ns", 1, to=[1]), "fetch_ns is not of 2 calls with as many numbers each"),
        (changed("services", "a.b", "fetch_ns", 0, 1, to=-1), "fetch_ns[0][1] is not a whole number"),
        (changed("nodes", "a", "bell_ns", to=-1), "nodes.a.bell_ns is not a whole number"),
        (changed("services", "a.b", "offsets_ns", "out", to=[1]), "offsets_ns.out is not of 2 calls"),
        (changed("services", "a.b", "offsets_ns", "out", 0, to=-2), "out[0] is not a whole number from -1"),
        (changed("services", "a.b", "source", to="guessed"), "source is not measured or declared"),
        (changed("opened_ns", "in", to=None), "opened_ns.in is not a whole number"),
        (changed("arrivals", "in", "interval_ns", to=[1]), "not least, p50, p99 and greatest"),
        (changed("notes", to="x"), "notes is not a list"),
        (changed("notes", 0, to=1), "a note is not a text"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SizingError) as refused:
        read(tmp_path)
    assert problem in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path / FILE}: ")
    assert "\n" not in str(refused.value)


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(SizingError, match=r"has no timing\.json; name the folder of a `sim run`"):
        read(tmp_path)
    with pytest.raises(SizingError, match="is no folder"):
        read(tmp_path / "missing")
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SizingError, match="no text"):
        read(tmp_path)
    (tmp_path / FILE).write_text(" " * (timing._MOST_BYTES + 1))
    with pytest.raises(SizingError, match="larger than 64 MiB"):
        read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SizingError, match="is no folder"):
        read(tmp_path / "file")


def test_a_file_that_never_ends_or_says_nothing_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(SizingError, match="is no plain file"):
        read(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to("/dev/zero")
    with pytest.raises(SizingError, match="is no plain file"):
        read(tmp_path)


def test_more_calls_than_a_run_keeps_are_refused() -> None:
    many = changed("services", "a.b", "hold_ns", to=[1] * (timing.MOST_CALLS + 1))
    with pytest.raises(SizingError, match="hold_ns is not of at most 10000 calls"):
        Timing.from_json(many)


def test_names_in_a_file_do_not_reach_a_terminal_as_they_are() -> None:
    hostile = changed("services", to={"\x1b[2J\n" + "x" * 5000: []})
    with pytest.raises(SizingError) as refused:
        Timing.from_json(hostile)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) <= MOST_LETTERS
