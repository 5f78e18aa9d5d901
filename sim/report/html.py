"""report.html: one self-contained page about a run, safe to open whatever the guests wrote.

Every text goes through Jinja's or `svg.tag`'s escaping. The page's policy allows no network at all and no script or
style but the two that it carries, named by their SHA-256: markup that a guest smuggled in would be dead even if it got
through.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sim.report import charts, gantt, health, pictures, svg
from sim.report.record import ExpectationRecord, PictureRecord, RunRecord
from sim.report.result import Result, plain
from sim.report.summary import where
from sim.report.timeline import timeline
from sim.report.topology import heat, hues, topology

if TYPE_CHECKING:
    from jinja2 import Environment, Template

TEMPLATE = Path(__file__).with_name("template")
FRAMES, SCREENS = 6, 60
"""Pictures of each camera and of each display that the page carries."""
PICTURE_BYTES = 2_300_000
"""Of data URIs on the page; the display's pictures are thinned to stay below."""
LOG_LINES = 80
STATES = 40
"""Changes of state of each partition that the page tells one by one."""


def page(
    record: RunRecord,
    figures: Result,
    logs: Mapping[str, str] | None = None,
    consoles: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return report.html.

    Parameters:
        record: the run.
        figures: its result.json, from `sim.report.result.result`.
        logs: path of each partition's log file, relative to the page; without it the page links to none.
        consoles: lines of consoles to show, of partitions that have nothing else to log with.
    """
    style, script = _asset("report.css"), _asset("report.js")
    camera_views: list[list[PictureRecord]] = []
    display_views: list[list[PictureRecord]] = []
    for view in pictures.by_device(record.pictures).values():
        boxed = any(picture.boxes for picture in view)
        camera = boxed or (view[0].device in record.devices and record.devices[view[0].device].kind == "camera")
        (camera_views if camera else display_views).append(view)
    return _template().render(
        record=record,
        figures=figures,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=_json(timeline(record)),
        topology=topology(record),
        ages=charts.ages(record),
        gallery=_gallery(camera_views),
        screens=_screens(record, display_views),
        metrics=[_metric(name, metric) for name, metric in figures["metrics"].items()],
        logs=logs or {},
        consoles=consoles or {},
        log_lines=LOG_LINES,
        summary=_summary(record),
        charts=charts,
        svg=svg,
        heat=heat,
        gantt=gantt,
        hues=hues(record),
        health=health,
        eventful=health.eventful(record),
        most_states=STATES,
    )


@cache
def _template() -> Template:
    environment = environment_of(TEMPLATE)
    environment.filters |= {"seen": seen, "where": where, "numbered": numbered}
    return environment.get_template("report.html.j2")


def environment_of(folder: Path) -> Environment:
    """Return what makes a page of the templates in a folder: what is no `Markup` is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else svg.clean(value),
    )
    environment.filters |= {"duration": svg.duration, "size": svg.size, "digits": svg.digits, "count": svg.count}
    environment.filters |= {"value": value, "count_of": count_of, "percent": percent}
    return environment


def value(anything: Any) -> str:
    """Return a figure as a person reads it: numbers with three digits, the rest as it is."""
    if anything is None:
        return "–"
    if isinstance(anything, bool):
        return "yes" if anything else "no"
    if isinstance(anything, int):
        return svg.count(anything)
    return svg.digits(anything) if isinstance(anything, float) else str(anything)


def seen(expectation: ExpectationRecord) -> str:
    """Return the value an expectation saw: of ``..._us`` a time with its unit, beside a percentage a percentage."""
    actual = expectation.actual
    if isinstance(actual, (int, float)) and not isinstance(actual, bool):
        if re.search(r"_us\b", expectation.text):
            return svg.duration(actual * 1000)
        if expectation.text.endswith("%"):
            return percent(actual)
    return value(plain(actual))


def count_of(things: Sized, noun: str) -> str:
    """Return how many there are, in words: ``1 camera``, ``4 channels``."""
    return f"{svg.count(len(things))}\N{NO-BREAK SPACE}{noun}{'' if len(things) == 1 else 's'}"


def numbered(number: int, noun: str) -> str:
    """Return a number of things in words: ``1 core``, ``2 cores``."""
    return count_of(range(number), noun)


def percent(share: float | None) -> str:
    """Return a share as a percentage with two decimals, a dash for None: shares are compared with each other."""
    return "–" if share is None else f"{100 * share:.2f}\N{NO-BREAK SPACE}%"


@cache
def _asset(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    def hashed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; script-src {hashed(script)}; style-src {hashed(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(data: object) -> Markup:
    """Return JSON that may stand in a script element: nothing in it can end that element or start a comment."""
    text = json.dumps(data, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _summary(record: RunRecord) -> dict[str, int]:
    channels = record.channels.values()
    return {
        "held": sum(expectation.passed for expectation in record.expectations),
        "tensors": sum(len(channel.messages) for channel in channels),
        "dropped": sum(channel.dropped for channel in channels),
        "bytes": sum(message.bytes for channel in channels for message in channel.messages),
    }


def _gallery(views: Iterable[Sequence[PictureRecord]]) -> list[dict[str, Any]]:
    """Return camera frames with their boxes, ready to draw."""
    shown = []
    for view in views:
        for one in pictures.spread(view, FRAMES):
            image = pictures.load(one)
            boxes = pictures.visible(one.boxes, image.width, image.height)
            shown.append({
                "picture": one, "uri": pictures.data_uri(one), "width": image.width, "height": image.height,
                "boxes": [asdict(box) | {"caption": pictures.caption(box)} for box in boxes],
            })  # fmt: skip
    return shown


def _screens(record: RunRecord, views: Sequence[Sequence[PictureRecord]]) -> list[dict[str, Any]]:
    """Return what each display showed, as frames of a small player; a device's animation if it kept no pictures."""
    screens: list[dict[str, Any]] = []
    budget = PICTURE_BYTES // 2 // max(1, len(views))
    known = {picture.device for picture in record.pictures}
    for name, device in record.devices.items():
        if device.animation is not None and name not in known:
            screens.append({"device": name, "first": pictures.file_uri(device.animation, budget), "frames": None})
    for view in views:
        first = pictures.data_uri(view[0])
        kept = pictures.spread(view, max(1, min(SCREENS, budget // len(first))))
        frames = _json([[picture.t_ns, pictures.data_uri(picture)] for picture in kept])
        screens.append({"device": view[0].device, "first": first, "frames": frames, "count": len(kept)})
    return screens


def _metric(name: str, metric: Any) -> dict[str, Any]:
    """Split a metric into tiles (plain values), tables, a confusion matrix and a line over time."""
    if not isinstance(metric, Mapping):
        metric = {"value": metric}
    matrix, labels = metric.get("confusion"), [str(label) for label in metric.get("labels") or ()]
    lists = {key: one for key, one in metric.items() if isinstance(one, list) and one}
    history = [point for point in metric.get("history") or () if None not in point]
    return {
        "name": name,
        "labels": labels,
        "tables": {key: one for key, one in lists.items() if all(isinstance(row, Mapping) for row in one)},
        "tiles": {key: one for key, one in metric.items() if not isinstance(one, (list, dict))},
        "confusion": charts.confusion(matrix, labels) if isinstance(matrix, list) and matrix else None,
        "history": charts.line(history, f"{name} over time") if len(history) > 1 else None,
    }
