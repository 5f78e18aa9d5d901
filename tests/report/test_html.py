"""report.html: self-contained, complete, and dead to whatever a guest wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.report.html import count_of, page, seen, value
from sim.report.record import ExpectationRecord, RunRecord
from sim.report.result import result
from sim.report.timeline import timeline

from .microcontrollers import sample_with_microcontrollers
from .sample import HOSTILE, sample
from .schedule import sample_with_schedule

LOADS = {"src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction", "background"}


class Outline(HTMLParser):
    """Collects what a browser would act on, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    def kinds(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def meta(self, name: str) -> str:
        return next(attrs["content"] or "" for tag, attrs in self.tags if attrs.get("http-equiv") == name)


def rendered(record: RunRecord) -> str:
    return page(record, result(record), dict.fromkeys(record.partitions, "logs/x.log"))


@pytest.fixture(scope="module")
def honest() -> str:
    return rendered(sample())


def hostile_record() -> RunRecord:
    record = sample(frames=30, pictures=2, hostile=True)
    record.scenario = record.digest = record.scenario_file = record.reason = HOSTILE
    record.notes, record.environment, record.metrics = [HOSTILE], {HOSTILE: HOSTILE}, {HOSTILE: {HOSTILE: HOSTILE}}
    record.metrics["m"] = {"confusion": [[1, 2], [3, 4]], "labels": [HOSTILE, HOSTILE]}
    record.channels[HOSTILE] = record.channels.pop("preview")
    record.channels[HOSTILE].dtype = record.channels[HOSTILE].source = HOSTILE
    record.devices[HOSTILE] = record.devices.pop("front_camera")
    record.devices[HOSTILE].kind = record.devices[HOSTILE].description = HOSTILE
    record.wall_phases[HOSTILE] = 1.0
    record.expectations.append(ExpectationRecord(HOSTILE, False, HOSTILE, HOSTILE, HOSTILE))
    for picture in record.pictures:
        picture.device = picture.caption = HOSTILE
        for box in picture.boxes:
            box.label = HOSTILE
    for partition in record.partitions.values():
        partition.machine = partition.backend = HOSTILE
        for span in partition.spans:
            span.service = HOSTILE
    return record


def test_nothing_is_loaded_from_anywhere(honest: str) -> None:
    outline = Outline(honest)
    for tag, attrs in outline.tags:
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
        assert "style" not in attrs, "the policy forbids style attributes"
        for name in LOADS & attrs.keys():
            assert (attrs[name] or "").startswith(("data:image/", "#", "logs/")), (tag, name)
    assert not re.search(r"@import|url\((?!#)", honest)
    assert outline.kinds().isdisjoint({"iframe", "object", "embed", "link", "base", "form"})


def test_the_policy_allows_exactly_what_the_page_carries(honest: str) -> None:
    policy, outline = Outline(honest).meta("Content-Security-Policy"), Outline(honest)
    code = outline.scripts[-1]
    hashed = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}'" in policy
    style = re.search(r"<style>(.*?)</style>", honest, re.DOTALL)
    assert style is not None
    hashed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{hashed}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy


def test_a_guest_cannot_add_an_element(honest: str) -> None:
    record = hostile_record()
    text = rendered(record)
    outline = Outline(text)
    assert outline.kinds() <= Outline(honest).kinds() | {"strong"}, "of the reason, which the honest run has none of"
    displays = len({picture.device for picture in record.pictures if not picture.boxes})
    assert len(outline.scripts) == 2 + len(re.findall(r'class="controls"', text)) <= 2 + displays
    assert outline.scripts[-1] == Outline(honest).scripts[-1]
    for tag, attrs in outline.tags:
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
        assert "evil.test" not in (attrs.get("src") or "") + (attrs.get("href") or "")
    assert "alert('x')" in outline.text, "shown as the text that it is"
    assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text


def test_the_page_says_what_the_record_says(honest: str) -> None:
    record, text = sample(), Outline(honest).text
    for word in [*record.partitions, *record.channels, *record.devices, record.digest, "expectations failed", "4 of 5"]:
        assert word in text
    for expectation in record.expectations:
        assert expectation.text in text and expectation.reason in text
    assert "busy scene" in text and "7.2.22" in text and "warm" in text
    assert honest.count("<figure") == 6 + 1


def test_the_timeline_gets_its_data(honest: str) -> None:
    found = re.search(r'id="timeline-data">(.*?)</script>', honest, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == json.loads(json.dumps(timeline(sample())))


def test_it_stays_small(honest: str) -> None:
    assert len(honest.encode()) < 3_000_000


def test_lanes_follow_the_flow_of_data() -> None:
    names = [lane["name"] for lane in timeline(sample(pictures=0))["lanes"]]
    assert names == ["frames", "detector", "detections", "preview", "head_unit", "picture"]


def test_a_long_run_shows_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.report.timeline.MOST_ITEMS", 100)
    record = sample(pictures=0)
    shown = timeline(record)
    items = sum(len(lane.get("spans") or lane["messages"]) for lane in shown["lanes"])
    assert 100 <= items <= 104 and shown["shown"] < shown["end"] == record.virtual_time_ns


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_a_run_that_never_began_has_a_page(outcome: str) -> None:
    record = RunRecord("empty", outcome=outcome, reason="perception: kernel panic")  # type: ignore[arg-type]
    text = Outline(rendered(record)).text
    assert "kernel panic" in text and outcome in text


def test_numbers_as_people_read_them() -> None:
    assert seen(ExpectationRecord("channels.a.latency_us.p99 <= 40ms", True, 12500.0)) == "12.5\u00a0ms"
    assert seen(ExpectationRecord("metrics.a >= 1", True, 12500)) == "12\u202f500"
    assert seen(ExpectationRecord("partitions.a.cpu_share == 50% +- 1%", True, 0.4987)) == "49.87\u00a0%"
    assert (value(True), value(None), value(0.78126)) == ("yes", "–", "0.781")
    assert (count_of([1], "line"), count_of([], "line")) == ("1\u00a0line", "0\u00a0lines")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize(
    "record",
    [
        sample(frames=60, pictures=2),
        hostile_record(),
        sample_with_microcontrollers(frames=60),
        sample_with_schedule(),
        sample_with_schedule(hostile=True),
    ],
    ids=["honest", "hostile", "microcontrollers", "schedule", "hostile schedule"],
)
def test_a_browser_runs_the_page_without_complaint(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(rendered(record), encoding="utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", f"file://{tmp_path}/report.html",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    assert '<div class="tools">' in done.stdout, "the script ran to its end and showed its buttons"
