"""Charts and the topology drawing: what they show is what was measured."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from sim.report import charts, svg
from sim.report.record import ChannelRecord, DeviceRecord, MessageRecord, PartitionRecord, RunRecord
from sim.report.topology import flow_order, heat, topology

from .microcontrollers import sample_with_microcontrollers
from .sample import HOSTILE, sample


def parsed(drawing: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)


levels = st.dictionaries(st.integers(0, 10_000), st.integers(0, 9), max_size=40)


@given(levels, st.integers(1, 10_000), st.integers(1, 60))
def test_thinning_keeps_the_peak_and_the_mean(levels: dict[int, int], end_ns: int, columns: int) -> None:
    steps = [(t_ns, levels[t_ns]) for t_ns in sorted(levels)]
    inside = [(t_ns, level) for t_ns, level in steps if t_ns < end_ns]
    most, mean = charts.thin(steps, end_ns, columns)
    channel = ChannelRecord("a", "b", "uint8", (1,), 4, "block", 0, occupancy=steps or [(0, 0)])
    assert max(most) == max((level for _, level in inside), default=0)
    assert sum(mean) / columns == pytest.approx(channel.occupancy_mean(end_ns), abs=1e-6)
    assert all(average <= peak + 1e-9 for average, peak in zip(mean, most, strict=True))


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200))
def test_a_histogram_shows_every_value_once(values: list[int]) -> None:
    titles = [title.text or "" for title in parsed(charts.histogram(values)).iter("title")]
    assert sum(int(re.sub(r"\D", "", title.partition(" between")[0])) for title in titles) == len(values)


def test_a_histogram_of_nothing_says_so() -> None:
    assert "nothing was taken" in charts.histogram([])


def test_the_confusion_matrix_has_a_cell_for_every_pair() -> None:
    drawing = parsed(charts.confusion([[8, 2], [0, 5]], ["a"]))
    cells = [cell for cell in drawing.iter("rect") if "cell" in cell.get("class", "")]
    assert [cell.get("class") for cell in cells] == ["cell right", "cell wrong", "cell wrong", "cell right"]
    titles = [title.text for title in drawing.iter("title")]
    assert titles[1] == "2 of 10 × a predicted as 1"
    assert charts.confusion([], []) and charts.confusion([[0]], [])


def test_long_names_of_classes_do_not_run_into_each_other() -> None:
    names = ["standing", "walking", "running", "a" * 40]
    texts = list(parsed(charts.confusion([[1, 2, 3, 4]] * 4, names)).iter("text"))
    columns = [text for text in texts if text.get("class") == "tick-m"]
    assert [text.text for text in columns] == [*names[:3], "a" * 13 + "…"]
    places = [float(text.get("x", "")) for text in columns]
    assert places[1] - places[0] == places[2] - places[1] >= 7 * 14
    rows = [text for text in texts if text.get("class") == "tick-y"]
    assert all(float(text.get("x", "")) - 7 * 14 >= 18 for text in rows), "beside the word truth"


def test_ages_are_told_per_channel() -> None:
    drawing = charts.ages(sample(pictures=0))
    assert drawing is not None
    assert [text.text for text in parsed(drawing).iter("text") if text.get("class") == "row-name"] == [
        "frames", "preview", "detections", "picture",
    ]  # fmt: skip
    assert charts.ages(RunRecord("none")) is None


@pytest.mark.parametrize("points", [[(0, 1.0), (5, 1.0)], [(3, 0.5), (3, 0.7)], [(0, 0.0), (10, 1.0), (20, 0.5)]])
def test_a_line_can_be_flat_or_steep(points: list[tuple[int, float]]) -> None:
    assert parsed(charts.line(points, "x")).find("path") is not None


@pytest.mark.parametrize(
    ("share", "step"), [(0, 0), (0.24, 0), (0.25, 1), (0.5, 2), (0.75, 3), (0.99, 3), (1, 4), (2, 4)]
)
def test_only_a_full_ring_has_the_hottest_colour(share: float, step: int) -> None:
    assert heat(share) == step


def boxes(drawing: Markup) -> dict[str, tuple[float, float, float, float]]:
    found = {}
    for group in parsed(drawing).iter("g"):
        rect, title = group.find("rect"), group.find("title")
        assert rect is not None and title is not None and title.text
        x, y, width, height = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        found[title.text.splitlines()[0]] = (x, y, x + width, y + height)
    return found


def channel(source: str, target: str) -> ChannelRecord:
    return ChannelRecord(source, target, "int8", (4,), 4, "block", 4096, [MessageRecord(0, 1, 2, 3)])


def tangled() -> RunRecord:
    """Return a system with a cycle, a loop in a partition, a way around a layer, and an end that is nowhere."""
    ends = [
        ("camera", "a.one.x"), ("a.one.y", "b.two.x"), ("b.two.y", "a.one.back"), ("a.one.z", "a.other.x"),
        ("camera", "screen"), ("b.two.z", "screen"), ("nowhere", "b.two.n"),
    ]  # fmt: skip
    record = RunRecord("tangled", virtual_time_ns=1000)
    record.devices = {"camera": DeviceRecord("camera"), "screen": DeviceRecord("display")}
    record.partitions = {
        name: PartitionRecord("m", "q", 1, 1.0, [service]) for name, service in (("b", "two"), ("a", "one"))
    }
    record.channels = {f"c{index}": channel(*pair) for index, pair in enumerate(ends)}
    return record


@pytest.mark.parametrize(
    "record",
    [sample(pictures=0, frames=10), tangled(), RunRecord("empty"), sample_with_microcontrollers()],
    ids=["pipeline", "tangled", "empty", "microcontrollers"],
)
def test_boxes_do_not_touch_and_every_channel_is_an_arrow(record: RunRecord) -> None:
    drawing = topology(record)
    width, height = (float(parsed(drawing).get(key, "")) for key in ("width", "height"))
    placed = list(boxes(drawing).values())
    for index, (x0, y0, x1, y1) in enumerate(placed):
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        for left, top, right, bottom in placed[:index]:
            assert x1 < left or right < x0 or y1 < top or bottom < y0
    arrows = [path for path in parsed(drawing).iter("path") if "arrow" in (path.get("class") or "")]
    assert len(arrows) == len(record.channels)
    named = {text.text for text in parsed(drawing).iter("text") if text.get("class") == "channel-name"}
    assert named == record.channels.keys()


def test_data_flows_from_left_to_right() -> None:
    record = sample(pictures=0, frames=10)
    placed = boxes(topology(record))
    for one in record.channels.values():
        assert placed[one.source.split(".")[0]][2] < placed[one.target.split(".")[0]][0]
    assert flow_order(record) == ["front_camera", "perception", "cockpit", "head_unit_display"]


def test_markup_in_a_name_stays_text() -> None:
    drawing = svg.tag("text", HOSTILE, fill=HOSTILE)
    element = ElementTree.fromstring(drawing)
    assert element.text == svg.clean(HOSTILE) and not list(element)
    assert element.attrib == {"fill": svg.clean(HOSTILE)}


@pytest.mark.parametrize(
    ("t_ns", "shown"),
    [(None, "–"), (0, "0 s"), (999, "999 ns"), (61_408, "61.4 µs"), (1_080_000, "1.08 ms"), (12_500_000_000, "12.5 s")],
)
def test_times_have_the_unit_that_suits_them(t_ns: int | None, shown: str) -> None:
    assert svg.duration(t_ns).replace("\u00a0", " ") == shown


def test_sizes_and_counts() -> None:
    assert [svg.size(number) for number in (384, 20_480, 3_702_784)] == ["384\u00a0B", "20\u00a0KiB", "3.53\u00a0MiB"]
    assert svg.count(4_310_221_870) == "4\u202f310\u202f221\u202f870"


def test_arrows_that_lead_back_stay_within_the_drawing() -> None:
    record = RunRecord("loop", virtual_time_ns=10**9)
    record.partitions = {name: PartitionRecord("linux-x86_64", "qemu", 1 << 28, 500.0) for name in ("here", "there")}
    for name, ends in {"ping": ("here.a.x", "there.b.y"), "pong": ("there.b.x", "here.a.y")}.items():
        record.channels[name] = ChannelRecord(*ends, "uint8", (1,), 4, "block", 0)
    drawing = parsed(topology(record))
    width = float(drawing.get("width", ""))
    (back,) = [
        path.get("d", "") for path in drawing.iter("path") if "H" in path.get("d", "") and path.findtext("title")
    ]
    begin, end = float(back[1:].split()[0]), float(back.split()[-2])
    assert begin + 0.75 * 70 <= width and end - 0.75 * 70 >= 0, "a Bezier curve swings out by 3/4 of its control points"
