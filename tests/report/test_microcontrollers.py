"""What a report says of microcontrollers and links: figures, page, drawing and trace, with names that have an @."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic import TypeAdapter

from sim.report import charts
from sim.report.distribution import percentile
from sim.report.html import page
from sim.report.junit import junit
from sim.report.perfetto import INFERENCE, trace
from sim.report.record import LinkRecord, McuRecord, RunRecord, TrafficRecord
from sim.report.result import Result, repeatable, result
from sim.report.timeline import timeline
from sim.report.topology import GLYPHS, flow_order, topology
from sim.report.write import write

from .microcontrollers import INSTRUCTIONS, sample_with_microcontrollers
from .sample import HOSTILE, sample


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return sample_with_microcontrollers()


def mcu(record: RunRecord, name: str) -> McuRecord:
    found = record.partitions[name].mcu
    assert found is not None
    return found


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table behind a heading, as text."""
    after = text.partition(heading)[2]
    body = after.partition("<tbody>")[2].partition("</tbody>")[0]
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL):
        cells = [
            re.sub(r"<svg.*?</svg>", "", cell, flags=re.DOTALL) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)
        ]
        found.append([" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells])
    return found


# -- result.json ---------------------------------------------------------------------------------------------------


def test_figures_of_microcontrollers(record: RunRecord) -> None:
    figures = result(record)
    assert list(figures["microcontrollers"]) == ["safety", "cabin"], "and no Linux guest"
    cabin = figures["microcontrollers"]["cabin"]
    inferences = mcu(record, "cabin").inferences
    spread = cabin["inferences"]
    assert (spread["count"], spread["lost"]) == (len(inferences) + 2, 2)
    counted = [INSTRUCTIONS + 125 * index for index in range(len(inferences))]
    assert spread["instructions"] == {
        key: percentile(counted, p) for key, p in (("p50", 50), ("p99", 99), ("max", 100))
    }
    assert cabin["clock_scaled"] and (cabin["mips"], cabin["board_mips"]) == (62.5, 250.0)
    assert spread["duration_us"]["max"] == counted[-1] * 16 / 1000, "16 ns for an instruction at 62.5 MIPS"
    assert spread["computed_us"]["max"] == counted[-1] * 4 / 1000, "4 ns at the board's 250"
    assert not figures["microcontrollers"]["safety"]["clock_scaled"]
    assert figures["microcontrollers"]["safety"]["inferences"]["instructions"] == {
        "p50": None,
        "p99": None,
        "max": None,
    }
    assert figures["boot"]["cabin"] == {"kind": "power-on", "seconds": 0.142}


def test_figures_of_links_and_sinks(record: RunRecord) -> None:
    figures = result(record)
    count = len(record.channels["motion"].messages)
    assert count > 50
    assert figures["links"] == {
        "cabin": {
            "kind": "spi", "rate_hz": 40e6, "latency_us": 20.0, "mtu_bytes": 4096,
            "sent": {"tensors": count, "bytes": 4 * count, "packets": count, "worst_transit_us": 28.45,
                     "busy_share": 8_450 * count / record.virtual_time_ns},
            "received": {"tensors": 0, "bytes": 0, "packets": 0, "busy_share": 0.0, "worst_transit_us": 0.0},
        }
    }  # fmt: skip
    assert figures["devices"]["verdicts"]["digest"] == "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    assert figures["devices"]["cabin@link"] == {
        "kind": "link", "description": "spi at 40 MHz, 20 us, packets of 4096 bytes", "tensors": count, "digest": None,
        "busy_share": None,
    }  # fmt: skip
    assert set(figures["channels"]) >= {"motion@cabin", "motion"}


def test_the_schema_knows_them(record: RunRecord) -> None:
    figures = result(record)
    TypeAdapter(Result).validate_json(json.dumps(figures, allow_nan=False), strict=True)
    assert repeatable(figures) == repeatable(result(sample_with_microcontrollers()))


def test_a_link_of_a_run_that_never_began_was_never_busy() -> None:
    record = RunRecord("none", links={"cabin": LinkRecord("can", 5e5, 50_000, 8, TrafficRecord(1, 1, 2, 3, 4))})
    assert result(record)["links"]["cabin"]["sent"]["busy_share"] == 0.0


# -- report.html ---------------------------------------------------------------------------------------------------


def test_the_page_has_their_figures(record: RunRecord) -> None:
    text = page(record, result(record), {})
    safety, cabin = rows(text, "<h2>Microcontrollers</h2>")
    assert safety[:3] == ["safety", "Cortex-M4F qemu renode is not installed", "31.2 MIPS"]
    assert safety[5] == "stack 456 B of 8 KiB" and safety[6] == "20 KiB"
    assert cabin[:4] == ["cabin", "Xtensa LX7 labwired", "62.5 MIPS board 250 MIPS", "19.6 KiB of 4 MiB"]
    assert cabin[4:6] == ["12.8 KiB of 512 KiB", "arena 2 KiB of 3 KiB, stack 1.25 KiB of 8 KiB"]
    inferences = mcu(record, "cabin").inferences
    (made,) = rows(text, "<h3>Inferences</h3>")
    most = INSTRUCTIONS + 125 * (len(inferences) - 1)
    assert made[:2] == ["cabin", f"{len(inferences) + 2} 2 not seen"]
    assert made[3] == f"{most:,}".replace(",", " ")
    assert (made[5], made[7]) == (f"{most * 16 / 1e6:.2f} ms", f"{most * 4 / 1e3:.0f} µs")


def test_the_page_has_a_row_for_each_direction_of_a_link(record: RunRecord) -> None:
    sent, received = rows(page(record, result(record), {}), "<h3>Links</h3>")
    count = record.links["cabin"].sent.tensors
    assert sent[:2] == ["cabin", "spi 40 MHz, 20 µs, packets of 4 KiB"]
    assert sent[2:6] == ["sent", str(count), f"{4 * count} B", str(count)]
    assert sent[6] == "0.008 %" and sent[7] == "28.4 µs"
    assert received == ["received", "0", "0 B", "0", "0 %", "–"]


def test_a_page_without_microcontrollers_says_nothing_of_them() -> None:
    record = sample(frames=30, pictures=0)
    text = page(record, result(record), {})
    assert "icrocontroller" not in text and ">Links<" not in text and '<i class="swatch inference"' not in text


def test_memory_adds_up_to_the_bar() -> None:
    mcu = McuRecord("x", 1.0, "", "", 1, 10_000, 1, 1, 1, 4000, 1000, 2000, 500)
    drawing = ElementTree.fromstring(charts.memory(mcu))
    widths = {shape.get("class"): float(shape.get("width", "")) for shape in drawing.iter("rect")}
    assert widths == {"variables": 96, "arena": 12, "arena spare": 36, "stack": 24, "stack spare": 72}
    assert drawing.get("aria-label") == (
        "variables 3.91\u00a0KiB, arena in use 500\u00a0B, arena never touched 1.46\u00a0KiB, "
        "stack in use 1000\u00a0B, stack never touched 2.93\u00a0KiB"
    )


@pytest.mark.parametrize("claim", [0, 1, 0xFFFFFFFF])
@pytest.mark.parametrize("ram", [0, 100])
def test_what_firmware_claims_never_leaves_the_bar(claim: int, ram: int) -> None:
    mcu = McuRecord("x", 1.0, "", "", 1, ram, 1, 1, 1, claim, 0xFFFFFFFF, claim, 0xFFFFFFFF)
    shapes = list(ElementTree.fromstring(charts.memory(mcu)).iter("rect"))
    assert all(float(shape.get("width", "")) >= 0 for shape in shapes)
    assert sum(float(shape.get("width", "")) for shape in shapes) == pytest.approx(240 if ram else 0, abs=0.1)


@pytest.mark.parametrize(("part", "width"), [(-1, 0), (0.5, 32), (1.5, 64)])
def test_a_share_stays_in_its_bar(part: float, width: float) -> None:
    assert [shape.get("width") for shape in ElementTree.fromstring(charts.gauge(part))] == ["64", f"{width:g}"]


def test_hostile_firmware_is_shown_as_text() -> None:
    record = sample_with_microcontrollers(frames=30, hostile=True)
    honest = sample_with_microcontrollers(frames=30)
    text = page(record, result(record), {})
    plain = page(honest, result(honest), {})
    assert text.count("<script") == plain.count("<script")
    assert "<img src=http" not in text and unescape(text).count("alert('x')") > 4
    assert HOSTILE[-4] not in text, "the control characters are gone"


# -- drawing, timeline, trace, files -------------------------------------------------------------------------------


def test_a_link_stands_between_its_two_ends(record: RunRecord) -> None:
    order = flow_order(record)
    assert order.index("wrist") < order.index("cabin") < order.index("cabin@link") < order.index("cockpit")
    drawing = ElementTree.fromstring(topology(record))
    titles = {(title.text or "").splitlines()[0] for title in drawing.iter("title")}
    assert {"cabin@link", "safety", "cabin", "verdicts"} <= titles
    assert "motion@cabin: cabin.motion.scores → cabin@link" in titles
    assert "motion: cabin@link → cockpit.head_unit.motion" in titles
    glyphs = {path.get("d") for path in drawing.iter("path") if path.get("class") == "glyph"}
    assert glyphs == {GLYPHS[kind] for kind in ("camera", "display", "link", "recording", "sink")}


def test_inferences_lie_in_the_calls_of_their_service(record: RunRecord) -> None:
    lanes = timeline(record)["lanes"]
    (lane,) = [lane for lane in lanes if "inferences" in lane]
    assert (lane["group"], lane["name"]) == ("cabin", "motion")
    made = mcu(record, "cabin").inferences
    assert lane["inferences"] == [[one.start_ns, one.end_ns, one.instructions] for one in made]
    for (start, end, _), (from_ns, to_ns, _) in zip(lane["spans"], lane["inferences"], strict=True):
        assert start <= from_ns < to_ns <= end


def test_a_long_run_shows_the_inferences_of_its_beginning(monkeypatch: pytest.MonkeyPatch, record: RunRecord) -> None:
    monkeypatch.setattr("sim.report.timeline.MOST_ITEMS", 100)
    shown = timeline(record)
    (lane,) = [lane for lane in shown["lanes"] if "inferences" in lane]
    assert 0 < len(lane["inferences"]) < 20
    assert all(start <= shown["shown"] for start, _, _ in lane["inferences"])


def test_inferences_are_slices_on_a_thread_of_their_own(record: RunRecord) -> None:
    events = trace(record)["traceEvents"]
    processes = {event["args"]["name"]: event["pid"] for event in events if event["name"] == "process_name"}
    assert {"partition cabin", "device cabin@link"} <= processes.keys()
    threads = {
        (event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"
    }
    place = processes["partition cabin"], INFERENCE
    assert threads[place] == "inference" and list(threads.values()).count("inference") == 1
    slices = [event for event in events if event["ph"] == "X" and (event["pid"], event["tid"]) == place]
    made = mcu(record, "cabin").inferences
    assert [round(event["ts"] * 1000) for event in slices] == [one.start_ns for one in made]
    assert [round(event["dur"] * 1000) for event in slices] == [one.end_ns - one.start_ns for one in made]
    assert [event["args"] for event in slices] == [
        {"sample": one.sequence, "instructions": one.instructions} for one in made
    ]


def test_tensors_pass_the_link_in_the_trace(record: RunRecord) -> None:
    events = trace(record)["traceEvents"]
    link = next(event["pid"] for event in events if event.get("args", {}).get("name") == "device cabin@link")
    passed = [event["name"] for event in events if event["ph"] == "X" and event["pid"] == link]
    count = len(record.channels["motion"].messages)
    sink = next(event["pid"] for event in events if event.get("args", {}).get("name") == "device verdicts")
    assert "take verdict" in {event["name"] for event in events if event["ph"] == "X" and event["pid"] == sink}
    assert passed.count("take motion@cabin") == passed.count("publish motion") == count


def test_the_page_shows_the_console_of_a_microcontroller(tmp_path: Path) -> None:
    record = sample_with_microcontrollers(frames=30)
    for name in ("cabin", "cockpit"):
        console = record.partitions[name].console = tmp_path / name
        console.write_text("".join(f"{name} says {number} <b>\x1b[2J\n" for number in range(200)))
    write(record, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    assert text.count('<div class="console">') == 80, "the last lines"
    assert '<div class="console">cabin says 199 &lt;b&gt;\ufffd[2J</div>' in text
    assert "cockpit says" not in text, "a Linux guest has an agent for that"


def test_names_with_an_at_sign_are_fit_for_files_and_servers(record: RunRecord, tmp_path: Path) -> None:
    one = sample_with_microcontrollers(frames=30)
    one.partitions["cabin@far"] = one.partitions["cabin"]
    write(one, tmp_path)
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == [
        "cabin.log", "cabin_far.log", "cockpit.log", "perception.log", "safety.log",
    ]  # fmt: skip
    text = (tmp_path / "report.html").read_text()
    assert set(re.findall(r' id="([^"]*)"', text)) <= {
        "expectations", "system", "timeline", "channels", "partitions", "microcontrollers", "run", "logs", "chart",
        "timeline-data", "show-truth", "show-detection", "results", *(f"tip-{step}" for step in range(5)),
    }, "no id is made of a name"  # fmt: skip
    record.environment["firmware cabin"] = "5f" * 32
    names = {each.get("name") for each in ElementTree.fromstring(junit(record)).iter("property")}
    assert "firmware cabin" in names
