"""The page of sim sweep: what its pictures say is what the table has."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.sizing.report import effects, heat, sweep_words
from sim.sizing.report.front import ALL, CLOUD, GRID, front, thinned
from sim.sizing.report.sweep_page import sweep_page, write_sweep
from sim.sizing.report.sweep_view import Axis, View, front_of, view, worded
from sim.sizing.report.theme import themes
from sim.sizing.sweep.result import SweepResult

from . import sweeps
from .answers import HOSTILE
from .pages import Page, resolved, whole


@pytest.fixture(scope="module")
def grid() -> SweepResult:
    return sweeps.sweep()


@pytest.fixture(scope="module")
def seen(grid: SweepResult) -> View:
    return view(grid)


@pytest.fixture(scope="module")
def found(grid: SweepResult) -> Page:
    return Page(sweep_page(grid))


def test_the_page_is_whole_and_fetches_nothing(found: Page) -> None:
    assert not found.open and found.loads() == [] and len(found.scripts) == 3
    assert [text for tag, text in found.headings if tag == "h2"] == [
        "Least memory by load", "Pareto front", "Heat maps", "What each axis does", "Points as lines",
        "Points on the front", "The question",
    ]  # fmt: skip
    places = [attrs["data-figure"] for _, attrs in found.tags if "data-figure" in attrs]
    assert sorted(places) == sorted(found.figures)


def test_every_picture_and_every_variant_is_one_that_plotly_draws(found: Page) -> None:
    for name, figure in found.figures.items():
        for spec in [figure, *figure.get("variants", {}).values()]:
            drawn = resolved({"data": spec["data"], "layout": spec["layout"]}, themes()["dark"])
            assert not re.search(r"\"\$[a-z]", json.dumps(drawn)), name
            go.Figure(drawn)


def test_what_can_be_chosen_has_a_picture(found: Page, seen: View) -> None:
    options = [choice.options for choice in heat.choices(seen)]
    for name in ("heat-dropped", "heat-age-p99-ns", "heat-memory-bytes"):
        assert set(found.figures[name]["variants"]) == {f"{one}|{other}" for one in options[0] for other in options[1]}
    (choice,) = front(seen).choices
    assert set(found.figures["front"]["variants"]) == set(choice.options) and choice.first in choice.options
    assert found.figures["front"]["data"] == found.figures["front"]["variants"][choice.first]["data"]
    chosen = [attrs for tag, attrs in found.tags if tag == "option" and "selected" in attrs]
    assert len(chosen) == 1


def test_a_load_is_borne_by_the_cheapest_point_that_drops_nothing(grid: SweepResult, found: Page) -> None:
    rows = found.table("loads")
    assert len(rows) == 4 * 3 * 3
    cameras, fps, slow = (grid.column(name) for name in ("cameras", "fps", "service_time"))
    dropped, memory = grid.column("dropped"), grid.column("memory_bytes")
    for row in rows:
        load = (cameras == float(row["cameras"])) & (fps == float(row["fps"].split()[0]))
        load &= np.isclose(slow, float(row["service_time"]))
        assert whole(row["least dropped"]) == dropped[load].min()
        least = memory[load & (dropped == dropped[load].min())].min()
        assert row["memory"] == f"{least / (1 << 20):.0f}\N{NO-BREAK SPACE}MiB"
    broken = sum(row["least dropped"] != "0" for row in rows)
    assert 0 < broken < len(rows), "the sweep has loads of both kinds"
    assert f"{len(rows) - broken} of {len(rows)} loads" in found.text


def test_the_front_of_a_load_is_drawn_large_and_no_point_is_lost(grid: SweepResult, found: Page) -> None:
    marks = [trace for trace in found.figures["front"]["variants"][ALL]["data"] if trace["mode"] == "markers"]
    known = np.isfinite(grid.column("age_p99_ns"))
    assert sum(len(trace["x"]) for trace in marks) == known.sum()
    large = [trace for trace in marks if trace["marker"]["size"] > 10]
    assert sum(len(trace["x"]) for trace in large) == (grid.pareto & known).sum()
    name = "cameras 4, fps 60\N{NO-BREAK SPACE}Hz, service_time 1"
    one = [trace for trace in found.figures["front"]["variants"][name]["data"] if trace["mode"] == "markers"]
    load = (grid.column("cameras") == 4) & (grid.column("fps") == 60) & (grid.column("service_time") == 1)
    assert sum(len(trace["x"]) for trace in one) == (load & known).sum()
    assert (
        sum(len(trace["x"]) for trace in one if trace["marker"]["size"] > 10)
        == (grid.pareto_of_load & load & known).sum()
    )


def test_cells_of_a_heat_map_are_summed_over_all_other_axes(grid: SweepResult, seen: View) -> None:
    cameras, depth = seen.axes[0], seen.axes[1]
    dropped = grid.column("dropped")
    for name, expected in (("best point", np.min), ("worst point", np.max)):
        table = heat.cells(cameras, depth, dropped, heat.SUMMED[name])
        for column, number in enumerate((1, 2, 3, 4)):
            for row, deep in enumerate((2, 4, 8, 16)):
                points = (grid.column("cameras") == number) & (grid.column("depth") == deep)
                assert table[row, column] == expected(dropped[points])
    median = heat.cells(cameras, depth, dropped, heat.SUMMED["median of the points"])
    points = dropped[(grid.column("cameras") == 4) & (grid.column("depth") == 2)]
    assert median[0, 3] == np.sort(points)[(len(points) - 1) // 2], "nearest rank: one of the values"


def test_what_is_unknown_is_no_cell() -> None:
    axis = Axis("a", False, True, ("1", "2"), np.array([0, 0, 1]), ("1", "1", "2"))
    other = Axis("b", False, True, ("x", "y"), np.array([0, 1, 1]), ("x", "y", "y"))
    table = heat.cells(axis, other, np.array([3.0, np.nan, 5.0]), heat.SUMMED["best point"])
    assert np.array_equal(table, [[3.0, np.nan], [np.nan, 5.0]], equal_nan=True)


def test_influence_is_the_share_of_the_variance_explained() -> None:
    codes = np.repeat([0, 1, 2], 4)
    axis = Axis("a", False, True, ("1", "2", "3"), codes, ("",) * 12)
    assert effects.influence(axis, codes * 7.0) == pytest.approx(1)
    assert effects.influence(axis, np.tile([1.0, 2.0, 3.0, 4.0], 3)) == pytest.approx(0)
    assert effects.influence(axis, np.full(12, 5.0)) == 0
    assert effects.influence(axis, np.full(12, np.nan)) == 0
    other = np.tile([-1.0, 1.0], 6)
    # Var(a) = 2/3 and Var(b) = 1 are independent, so that their sum is explained by a to 2/5.
    assert effects.influence(axis, codes + other) == pytest.approx(0.4)


def test_memory_is_decided_by_cameras_and_depth_alone(seen: View) -> None:
    shares = effects.influences(seen)
    for name in ("fps", "service_time", "overflow"):
        assert shares[name]["memory_bytes"] == pytest.approx(0, abs=1e-12)
    assert shares["depth"]["memory_bytes"] > shares["cameras"]["memory_bytes"] > 0.1
    assert shares["overflow"]["dropped"] == pytest.approx(0, abs=1e-12)


def test_the_table_has_the_front(grid: SweepResult, found: Page) -> None:
    rows = found.table("table")
    assert len(rows) == min(sweep_words.ROWS, grid.pareto_of_load.sum())
    dropped = [whole(row["dropped"]) for row in rows]
    assert dropped == sorted(dropped)


def test_ranges_of_a_sample_are_loads(seen: View) -> None:
    drawn = view(sweeps.sample(400))
    service = drawn.axes[0]
    assert not service.exact and len(service.names) == 8 and drawn.weighed_by_load
    for points in drawn.by_load().values():
        kept = sweeps.front_of(np.stack([one.values[points] for one in drawn.measures], 1))
        assert np.array_equal(drawn.front_of_load[points], kept)
    assert not view(sweeps.sample(40)).weighed_by_load, "next to no load has several points"
    assert seen.weighed_by_load


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=40))
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, ...]]) -> None:
    objectives = np.array(points, float)
    assert np.array_equal(front_of(objectives), sweeps.front_of(objectives))


def test_where_many_points_share_a_mark_the_least_bad_is_drawn() -> None:
    random = np.random.default_rng(1)
    x, y, worse = (
        random.uniform(size=20_000),
        random.uniform(size=20_000),
        random.integers(0, 1000, 20_000).astype(float),
    )
    kept = thinned(x, y, worse)
    assert len(kept) <= GRID * GRID
    least: dict[tuple[int, int], float] = {}
    cells = [tuple(np.minimum(GRID - 1, (v - v.min()) / np.ptp(v) * GRID).astype(int).tolist()) for v in (x, y)]
    for cell, value in zip(zip(*cells, strict=True), worse.tolist(), strict=True):
        least[cell] = min(value, least.get(cell, np.inf))
    assert sorted(worse[kept]) == sorted(least.values())
    assert len(thinned(x[:CLOUD], y[:CLOUD], worse[:CLOUD])) == CLOUD


def test_ten_thousand_points_stay_small(tmp_path: Path) -> None:
    result = sweeps.sweep(12, 35)
    assert result.points > 10_000
    path = write_sweep(result, tmp_path)
    assert path.stat().st_size < 8_000_000
    figures = Page(path.read_text("utf-8")).figures
    for name in ("front", "parallel"):
        assert sum(len(trace["x"]) for trace in figures[name]["data"]) < 5000


def test_sweeps_of_one_axis_of_none_and_without_a_clean_point() -> None:
    grid = sweeps.sweep()
    one = replace(grid, axes=grid.axes[1:2], table=grid.table.slice(0, 72))
    page = Page(sweep_page(one))
    assert "Heat maps" not in [text for _, text in page.headings] and "course-0" in page.figures
    single = Page(sweep_page(replace(grid, table=grid.table.slice(0, 1))))
    assert list(single.figures) == ["front"] and not single.open
    dropped = grid.column("dropped")
    worst = np.flatnonzero(dropped > 0)
    bad = Page(sweep_page(replace(grid, axes=grid.axes[1:2], table=grid.table.take(worst.tolist()))))
    assert "Every one of the" in bad.text and not bad.open


def test_points_without_any_age_make_a_page() -> None:
    import pyarrow as pa

    grid = sweeps.sweep()
    index = grid.table.column_names.index("age_p99_ns")
    table = grid.table.set_column(index, "age_p99_ns", pa.nulls(grid.points, pa.int64()))
    page = Page(sweep_page(replace(grid, table=table)))
    assert not page.open and page.table("loads")[0]["p99"] == "–"


def test_hostile_words_stay_words() -> None:
    grid = sweeps.sweep()
    table = grid.table.rename_columns([HOSTILE if name == "overflow" else name for name in grid.table.column_names])
    axes = (*grid.axes[:4], replace(grid.axes[4], name=HOSTILE, values=(HOSTILE, "block")))
    text = sweep_page(replace(grid, axes=axes, table=table, scenario=HOSTILE, timing=HOSTILE, scenario_file=HOSTILE))
    page = Page(text)
    assert "img" not in {tag for tag, _ in page.tags} and len(page.scripts) == 3
    assert "<b>$x" not in json.dumps([figure["data"] for figure in page.figures.values()])


def test_values_have_their_units() -> None:
    space = "\N{NO-BREAK SPACE}"
    assert worded(1_500_000, "ns") == f"1.5{space}ms"
    assert worded(4096, "bytes") == f"4{space}KiB"
    assert worded(30, "Hz") == f"30{space}Hz"
    assert worded(0.125, "") == "0.125"
    assert worded("block", "") == "block"
