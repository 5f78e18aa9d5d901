"""A comparison of two runs as a person reads it: a sentence, or the place where they part and what changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple

from sim.baseline.comparison import REALTIME, Comparison
from sim.baseline.contents import Other
from sim.baseline.event import Event, milliseconds, shown
from sim.baseline.figures import TOLERANCE, Moved
from sim.baseline.traces import First
from sim.report.svg import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FIGURES = 12
"""Figures that moved which are shown; what is left is counted."""
WIDTH = 118
"""Columns of a text that does not go to a terminal."""
_DIGEST = 16
_HASH = re.compile("[0-9a-f]{32,}")
_NAMED = 3
_TIMES = 9
"""A figure that is larger by so much is said to be so many times as large."""


class Sides(NamedTuple):
    """What the two runs are called."""

    a: str = "A"
    b: str = "B"


def headline(comparison: Comparison, sides: Sides) -> str:
    """Return the outcome in one line: that they are the same, the first event that differs, or what moved."""
    if comparison.obstacle:
        apart = f"events are not compared, as {comparison.obstacle}"
        if comparison.contents.first is not None:
            return f"{_other(comparison.contents.first, comparison, sides)}; {apart}"
        if comparison.figures:
            return f"{_count(len(comparison.figures), 'figure')} moved: {_few(comparison.figures)}; {apart}"
        if not comparison.same:
            return f"other settings: {', '.join(comparison.settings)}; {apart}"
        contents = "" if comparison.obstacle == REALTIME else "tensors hold the same, and "
        return f"{contents}the figures agree within {TOLERANCE:.0%}; {apart}"
    assert comparison.trace is not None, "without an obstacle, events are compared"
    first = comparison.trace.first
    if first is None:
        return f"all {_count(comparison.trace.events[0], 'event')} are the same, digest {comparison.a.digest}"
    asked = "; ".join(
        f"{name} {_value(a)} in {sides.a}, {_value(b)} in {sides.b}" for name, (a, b) in comparison.settings.items()
    )
    told = f"event {first.number:,} differs, {_parting(first, comparison, sides)}"
    return f"{told}; their settings differ: {asked}" if asked else told


def show(comparison: Comparison, sides: Sides, console: Console) -> None:
    """Print where two runs part, with the events around, and tables of what changed.

    Parameters:
        comparison: what to tell.
        sides: what the runs are called.
        console: where to.
    """
    from rich.text import Text

    for line in (headline(comparison, sides), *_around(comparison, sides)):
        console.print(Text(clean(line)), soft_wrap=True)
    for table in _tables(comparison, sides):
        console.print(table)


def text(comparison: Comparison, sides: Sides) -> str:
    """Return what `show` prints, without colours."""
    from rich.console import Console

    stream = StringIO()
    show(comparison, sides, Console(file=stream, width=WIDTH, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _parting(first: First, comparison: Comparison, sides: Sides) -> str:
    """Say at which time and in what two traces part."""
    if not first.a or not first.b:
        longer, ended = (sides.b, sides.a) if first.b else (sides.a, sides.b)
        event, sources = (first.b[0], comparison.b.sources) if first.b else (first.a[0], comparison.a.sources)
        return f"at {milliseconds(event.t_ns)}: {ended} has ended, {longer} goes on with {event.say(sources)}"
    a, b = first.a[0], first.b[0]
    at = milliseconds(min(a.t_ns, b.t_ns))
    if a.identity == b.identity:
        facts = "; ".join(
            f"{_field(name)} {x} in {sides.a}, {y} in {sides.b}" for name, (x, y) in a.differing(b).items()
        )
        return f"at {at}: {_subject(a)}: {facts}"
    return f"at {at}: in {sides.a}, {a.say(comparison.a.sources)}; in {sides.b}, {b.say(comparison.b.sources)}"


def _other(other: Other, comparison: Comparison, sides: Sides) -> str:
    """Say which tensor holds something else, and what."""
    count, both = comparison.contents.channels[other.channel]
    hashes = f"hash {shown('hash', other.a.facts[-1])} in {sides.a}, {shown('hash', other.b.facts[-1])} in {sides.b}"
    what = f"tensor {other.b.facts[1]} of channel {other.channel}, of sample {other.sample}, holds something else"
    return f"{what}: {hashes}; so do {count:,} of {_count(both, 'tensor')} of {other.channel}"


def _subject(event: Event) -> str:
    """Return what an event is about, without its facts."""
    facts = event.fields
    if "sequence" in facts:
        return f"{event.kind} {facts['sequence']} of channel {facts['channel']}".replace(
            "taken ", "taking of tensor ", 1
        )
    return " ".join(event.identity)


def _field(name: str) -> str:
    return {"produced_ns": "published at", "taken_ns": "taken at", "returned_ns": "given back at"}.get(
        name, name.removesuffix("_ns").replace("_", " ")
    )


def _around(comparison: Comparison, sides: Sides) -> Iterator[str]:
    """Yield the events around the first one that differs, each with its time."""
    first = comparison.trace.first if comparison.trace else None
    width = max(len(sides.a), len(sides.b), len("both"))
    other = comparison.contents.first
    if other is not None:
        yield _line(sides.a, width, other.a, comparison.a.sources)
        yield _line(sides.b, width, other.b, comparison.b.sources)
    if first is None:
        return
    for event in first.before:
        yield _line("both", width, event, comparison.a.sources)
    for side, events, sources in (
        (sides.a, first.a, comparison.a.sources),
        (sides.b, first.b, comparison.b.sources),
    ):
        for event in events:
            yield _line(side, width, event, sources)
        if not events:
            yield f"  {side:<{width}}  has ended"


def _line(side: str, width: int, event: Event, sources: Mapping[str, str]) -> str:
    return f"  {side:<{width}}  {milliseconds(event.t_ns):>14}  {event.say(sources)}"


def _tables(comparison: Comparison, sides: Sides) -> Iterator[Table]:
    """Yield a table for each thing that changed: settings and environment, events, tensors, figures."""
    other = {**comparison.settings, **comparison.environment}
    if other:
        yield _table(("settings and environment", *sides), ((name, *map(_value, pair)) for name, pair in other.items()))
    if comparison.trace and comparison.trace.first:
        changed = {kind: pair for kind, pair in comparison.trace.kinds.items() if pair[0] != pair[1]}
        if changed:
            rows = ((kind, f"{a:,}", f"{b:,}", f"{b - a:+,}") for kind, (a, b) in changed.items())
            yield _table(("number of events", *sides, "change"), rows)
        heads = ("tensors of channel", "other content", "published later or earlier", "taken later or earlier")
        rows_of_channels = (
            (
                name, f"{each.other_content:,}", f"{each.other_published:,}", f"{each.other_taken:,}",
                milliseconds(each.worst_ns), f"{each.only_a:,}", f"{each.only_b:,}",
            )
            for name, each in comparison.trace.channels.items()
        )  # fmt: skip
        if comparison.trace.channels:
            yield _table((*heads, "by at most", f"only in {sides.a}", f"only in {sides.b}"), rows_of_channels)
    if comparison.contents.channels:
        counts = ((name, f"{a:,}", f"{b:,}") for name, (a, b) in comparison.contents.channels.items())
        yield _table(("tensors of channel", "other content", "compared"), counts)
    if comparison.figures:
        figures = [(one.name, _value(one.a), _value(one.b), _share(one)) for one in comparison.figures]
        left = len(figures) - FIGURES
        more = [(f"and {left:,} more", "", "", "")] if left > 0 else []
        yield _table(("figures that moved", *sides, "change"), [*figures[:FIGURES], *more])


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for number, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if number else "left", overflow="fold", no_wrap=not number)
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


def _few(figures: list[Moved]) -> str:
    """Return the first few figures in a sentence."""
    named = [f"{one.name} {_value(one.a)} -> {_value(one.b)} {_share(one)}".rstrip() for one in figures[:_NAMED]]
    return ", ".join(named) + (", ..." if len(figures) > _NAMED else "")


def _share(one: Moved) -> str:
    if one.share is None:
        return ""
    return f"({one.share:+.1%})" if abs(one.share) < _TIMES else f"(x {one.share + 1:,.0f})"


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "-" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, (list, dict)):
        return _count(len(value), "entry", "entries")
    shown = clean(str(value))
    return shown[:_DIGEST] if _HASH.fullmatch(shown) else shown[:48]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
