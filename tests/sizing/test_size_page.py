"""The page of sim size: complete, true to the answer, self-contained, and dead to whatever a scenario says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

from sim.report import svg
from sim.sizing.answer import Answer, Compared
from sim.sizing.bounds import Bounds
from sim.sizing.report import headroom, memory_map, over_time, page
from sim.sizing.report.comparison import cell, compared_in_words
from sim.sizing.report.depths import curves, limit_ns
from sim.sizing.report.size_data import answer_json
from sim.sizing.report.size_page import size_page, write_size
from sim.sizing.report.size_words import amount, headline, settings
from sim.sizing.report.theme import themes

from .answers import HOSTILE, answer, hostile, proposals, rings_of
from .pages import Page, resolved, whole


@pytest.fixture(scope="module")
def one() -> tuple[Answer, Page]:
    made = answer()
    return made, Page(size_page(made))


def specs(found: Page) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, one)
        for name, figure in found.figures.items()
        for one in [figure, *figure.get("variants", {}).values()]
    ]  # fmt: skip


def test_the_page_is_whole_and_fetches_nothing(one: tuple[Answer, Page]) -> None:
    _, found = one
    assert not found.open
    assert found.loads() == []
    assert len(found.scripts) == 3 and found.scripts[1] == get_plotlyjs()
    assert [text for tag, text in found.headings if tag == "h2"] == [
        "Target", "Depths", "Memory", "Occupancy over time", "Drops and age over depth", "What breaks first",
        "One change at a time", "Predicted against emulated", "What the model found", "Bandwidth", "The question",
    ]  # fmt: skip
    places = [attrs["data-figure"] for tag, attrs in found.tags if "data-figure" in attrs]
    assert sorted(places) == sorted(found.figures), "every picture has its place, once"


def test_the_policy_allows_the_two_scripts_and_no_network(one: tuple[Answer, Page]) -> None:
    _, found = one
    for script in found.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in found.policy
    assert "default-src 'none'" in found.policy
    assert "http" not in found.policy and "connect-src" not in found.policy
    assert "unsafe-eval" not in found.policy and "script-src 'unsafe-inline'" not in found.policy


def test_tables_have_the_answer(one: tuple[Answer, Page]) -> None:
    made, found = one
    rows = found.table("depths")
    assert [row["channel"] for row in rows] == [*(each.channel for each in made.proposals), "all"]
    for row, each in zip(rows, made.proposals, strict=False):
        assert (whole(row["now"]), whole(row["proposed"]), whole(row["margin"])) == (
            each.depth_now,
            each.depth,
            each.margin,
        )
        assert (whole(row["bytes now"]), whole(row["bytes proposed"])) == (each.bytes_now, each.bytes)
        assert row["why not smaller"] == each.why
        assert row["bound"] == ("–" if each.bound is None else str(each.bound))
    assert whole(rows[-1]["bytes proposed"]) == sum(each.bytes for each in made.proposals)
    assert [row["part"] for row in found.table("target")] == [each.text for each in made.verdicts]
    paths = found.table("model")
    assert [row["path"] for row in paths] == list(made.proposed.paths)
    assert paths[0]["p99"] == svg.duration(made.proposed.paths["front_camera->display"].age.p99_ns)
    rings = found.table("model", 1)
    assert [whole(row["slots most"]) for row in rings] == [ring.occupancy_max for ring in made.proposed.rings.values()]
    assert [row["ring"] for row in found.table("bandwidth")] == list(made.account.traffic)


def test_changes_say_what_breaks_and_what_it_costs(one: tuple[Answer, Page]) -> None:
    _, found = one
    camera, slower, window = found.table("changes")
    assert (camera["breaks first"], camera["sized anew"], camera["costs"]) == (
        "nothing",
        "frames 4",
        "+2\N{NO-BREAK SPACE}MiB",
    )
    assert slower["breaks first"].startswith("drops=0") and slower["drops=0"] == "17 ✕"
    assert (window["sized anew"], window["costs"]) == ("no depth meets the target", "–")


def test_how_far_each_direction_goes(one: tuple[Answer, Page]) -> None:
    made, found = one
    cameras, head_unit, imu = found.table("headroom")
    assert (cameras["direction"], cameras["holds up to"], cameras["fails at"]) == ("cameras, now 1", "2", "3")
    assert (cameras["which takes"], cameras["what is missed"]) == ("+2\N{NO-BREAK SPACE}MiB", made.headrooms[0].breaks)
    assert (head_unit["holds up to"], head_unit["fails at"]) == ("3.23 times", "3.39 times")
    assert head_unit["busiest then"] == made.headrooms[1].bottleneck
    assert (imu["fails at"], imu["busiest then"], imu["what is missed"]) == ("not tried", "–", "nothing")
    assert "Breaks first: 3 cameras (2 hold): perception.detector would be busy 101 % of the time." in found.text
    bars, marks = found.figures["headroom"]["data"]
    assert bars["x"] == pytest.approx([2, 3.225, 15.37]) and marks["x"] == pytest.approx([3, 3.386])
    begin, end = found.figures["headroom"]["layout"]["xaxis"]["range"]
    assert begin == 0 and 10**end > 15.37, "from the present value to beyond the longest bar"


def test_a_direction_that_ends_at_once_has_room_for_its_mark() -> None:
    made = answer()
    row = replace(made.headrooms[1], holds=1.0, fails=1.05)
    figure = headroom.headroom([row])
    assert figure is not None and figure.data[0]["x"] == [1.0]
    assert 10 ** figure.layout["xaxis"]["range"][1] > 1.5
    assert headroom.headroom([]) is None


@pytest.mark.parametrize("cameras", [1, 12])
def test_the_memory_map_adds_up_to_the_byte(cameras: int) -> None:
    made = answer(cameras)
    for name, region in made.account.regions.items():
        assert sum(memory_map.parts(region).values()) == region.mapping, name
    found = Page(size_page(made))
    rows = found.table("memory")
    *regions, total = rows
    assert [whole(row["mapping"]) for row in regions] == [one.mapping for one in made.account.regions.values()]
    for row in rows:
        cells = [whole(text) for name, text in row.items() if name not in ("region", "depth", "mapping")]
        assert sum(cells) == whole(row["mapping"])
    assert whole(total["mapping"]) == made.account.shared_bytes
    bars = [trace for trace in found.figures["memory-map"]["data"] if trace["type"] == "bar"]
    assert [bar["name"] for bar in bars] == list(memory_map.PARTS)
    drawn = [sum(lengths) for lengths in zip(*(bar["x"] for bar in bars), strict=True)]
    unit = 1 << 20
    for length, region in zip(drawn, made.account.regions.values(), strict=True):
        assert length * unit == pytest.approx(region.mapping, rel=1e-5)
    shares = [trace["x"] for trace in found.figures["memory-shares"]["data"]]
    assert [sum(one) for one in zip(*shares, strict=True)] == pytest.approx([100.0] * len(drawn), abs=1e-3)


def test_the_machine_is_full_of_guests_rings_and_what_is_free(one: tuple[Answer, Page]) -> None:
    made, found = one
    bars = found.figures["machine"]["data"]
    assert sum(bar["x"][0] for bar in bars) * (1 << 30) == pytest.approx(made.account.host_bytes, rel=1e-4)
    assert found.figures["machine"]["layout"]["shapes"][0]["x0"] == 1.5


def test_occupancy_shows_the_most_in_each_column() -> None:
    made = answer()
    figure = next(each for each in over_time.occupancies(made) if each.title == "frames")
    now, proposed, shares = figure.data
    series = made.proposed.series["frames"]
    assert (now["name"], proposed["name"]) == ("depth 8", "depth 2")
    assert (
        sum(shares["x"]) == pytest.approx(100) and len(shares["x"]) == made.proposed.rings["frames"].occupancy_max + 1
    )
    steps = [round(x * 1e9 / (2 * series.step_ns)) for x in proposed["x"]]
    rebuilt: list[int] = []
    for begin, end, level in zip(steps, steps[1:], proposed["y"], strict=False):
        rebuilt += [level] * (end - begin)
    assert rebuilt == series.levels.reshape(-1, 2).max(1).tolist(), "400 steps in 200 columns"


def test_a_bound_far_above_is_named_and_does_not_flatten_the_picture() -> None:
    made = answer()
    bound = replace(made.bounds.rings["frames"], backlog=5000)
    figure = over_time.occupancies(replace(made, bounds=Bounds({"frames": bound}, {})))[0]
    assert any("bound 5000" in note["text"] for note in figure.layout["annotations"])
    assert figure.layout["yaxis"]["range"][1] < 20


def test_the_target_stands_in_the_curve_of_its_path(one: tuple[Answer, Page]) -> None:
    made, found = one
    assert limit_ns(made, "front_camera->display") == 100e6
    assert limit_ns(made, "p99 of the age of front_camera->display") == 100e6
    assert limit_ns(made, "imu->head_unit") is None
    near = replace(made, curves=(replace(made.curves[0], age_p99_ns=(1_000_000,) * 4),))
    (figure,) = curves(near)
    assert not figure.layout["shapes"] and "above" in figure.layout["annotations"][0]["text"]
    curve = found.figures["curve-0"]
    assert curve["layout"]["shapes"][0]["y0"] == 100
    assert curve["data"][0]["y"] == list(made.curves[0].dropped)
    assert curve["layout"]["xaxis"]["ticktext"][0] == "2<br><b>proposed</b>"


def test_every_picture_is_one_that_plotly_draws() -> None:
    found = Page(size_page(answer(12, met=False)))
    for name, spec in specs(found):
        for theme in themes().values():
            drawn = resolved({"data": spec["data"], "layout": spec["layout"]}, theme)
            assert "$" not in re.sub(r"&#36;", "", json.dumps(drawn)), name
            figure = go.Figure(drawn)
            assert len(figure.data) == len(spec["data"])


def test_hostile_words_stay_words() -> None:
    text = size_page(hostile())
    found = Page(text)
    assert not {"img", "b<"} & {tag for tag, _ in found.tags}
    assert len(found.scripts) == 3
    assert found.text.count(HOSTILE) >= 8
    embedded = found.scripts[0]
    assert "<" not in embedded and ">" not in embedded
    assert "<b>$x" not in json.dumps(found.figures), "Plotly would take it for markup"


def test_an_answer_with_next_to_nothing_makes_a_page() -> None:
    made = answer()
    bare = replace(made.proposed, paths={}, nodes={}, series={})
    account = replace(made.account, traffic={}, host_bytes=None, bandwidth_bytes_per_s=None, partitions={})
    made = replace(made, proposed=bare, now=bare, account=account, account_now=account, sensitivities=(), curves=(),
                   headrooms=(), compared=(), verdicts_now=(), bounds=Bounds({}, {}), binding="", notes=(),
                   emulation="", figures={})  # fmt: skip
    found = Page(size_page(made))
    assert not found.open
    titles = {text for tag, text in found.headings if tag == "h2"}
    assert not titles & {
        "Occupancy over time",
        "Predicted against emulated",
        "What breaks first",
        "One change at a time",
    }
    assert "No rates are known." in found.text


def test_a_target_that_cannot_be_met_is_said_first() -> None:
    made = answer(met=False)
    assert headline(made).startswith("No depth meets the target.")
    found = Page(size_page(made))
    assert "target does not hold" in found.headings[0][1]
    assert found.table("target")[0]["proposed"] == "5"


def test_settings_in_words() -> None:
    few = proposals(rings_of(1))
    assert settings(few[:1]) == "Set the depth of frames to 2 (now 8)."
    assert settings([few[2]]) == "Leave all depths as they are."
    assert settings([few[0], few[2]]).endswith("; leave the other one as it is.")
    many = settings(proposals(rings_of(12)))
    assert many == "Set the depths of 16 of 18 channels: 9 to 2 and 7 to 4."
    all_of_one = [replace(each, depth=2, depth_now=4) for each in proposals(rings_of(12))]
    assert settings(all_of_one) == "Set the depth of all 18 channels to 2."


@pytest.mark.parametrize(
    ("figure", "predicted", "emulated", "within"),
    [
        ("channels.frames.occupancy_max", 3, 2, True),
        ("channels.frames.occupancy_max", 4, 2, False),
        ("paths.a->b.age.p99", 104.9e6, 100e6, True),
        ("paths.a->b.age.p99", 105.1e6, 100e6, False),
        ("channels.frames.dropped", 1, 0, False),
        ("channels.frames.dropped", 0, 0, True),
    ],
)
def test_predictions_are_held_to_five_percent_or_one_slot(
    figure: str, predicted: float, emulated: float, within: bool
) -> None:
    assert cell(Compared(figure, predicted, emulated)).within is within


def test_predictions_stand_beside_what_was_emulated(one: tuple[Answer, Page]) -> None:
    made, found = one
    frames, picture = found.table("emulation")
    assert frames == {"ring": "frames", "held at most": "2 / 2"}
    assert picture["held at most"].startswith("3 / 2") and "✕" not in picture["held at most"]
    camera, imu = found.table("emulation", 1)
    assert camera["path"] == "front_camera->display" and "1.7" in camera["age p99"]
    assert "✕ 14.5" in imu["age p99"]
    assert compared_in_words(made.compared).startswith("3 of 4 figures")
    assert "imu->head_unit" in compared_in_words(made.compared)


def test_amounts_have_the_unit_of_their_verdict() -> None:
    space = "\N{NO-BREAK SPACE}"
    assert amount(42_000_000, "ns") == f"42{space}ms"
    assert amount(4096, "bytes") == f"4{space}KiB"
    assert amount(3, "") == "3"
    assert amount(float("inf"), "ns") == "–"


def test_the_file_is_written_whole_and_replaced(tmp_path: Path) -> None:
    path = write_size(answer(), tmp_path / "new" / "folder")
    first = path.read_text(encoding="utf-8")
    assert path.name == "report.html" and first.startswith("<!doctype html>")
    assert write_size(replace(answer(), scenario="other"), path.parent) == path
    assert path.read_text(encoding="utf-8") != first
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 6_000_000


def test_without_plotly_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    page._plotly.cache_clear()
    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(
        page.EnvironmentLacks, match=r"^plotly is not installed; pip install 'edgesim\[sizing\]' has it$"
    ):
        size_page(answer())
    page._plotly.cache_clear()


def test_size_json_is_plain_and_complete() -> None:
    made = replace(answer(), compared=(Compared("channels.frames.dropped", 3, 0),))
    data = answer_json(made)
    text = json.dumps(data, allow_nan=False)
    assert json.loads(text) == data
    assert data["met"] is True and data["scenario"] == "ivi_camera"
    assert data["account"]["shared_bytes"] == made.account.shared_bytes
    assert data["proposals"][0]["margin"] == 6
    assert data["compared"][0]["error"] is None
    assert [row["factor"] for row in data["headrooms"]] == [each.factor for each in made.headrooms]
    assert data["headrooms"][2]["fails"] is None and data["breaks_first"].startswith("breaks first: 3 cameras (2 hold)")
    assert "series" not in data["proposed"]
    ring = data["proposed"]["rings"]["frames"]
    assert len(ring["level_ns"]) == 3 and 0 < ring["occupancy_mean"] < 2
    assert ring["latency"]["p99_ns"] == made.proposed.rings["frames"].latency.p99_ns
    assert data["account"]["bandwidth_share"] == pytest.approx(made.account.bandwidth_share)
