"""An answer as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sim.report.svg import clean
from sim.sizing.account.table import account_lines
from sim.sizing.answer import Answer, Compared, Proposal
from sim.sizing.answer.verification import error_words, is_wrong
from sim.sizing.sensitivity import Sensitivity
from sim.sizing.sensitivity.headroom import Headroom
from sim.sizing.sensitivity.headroom_words import amount, breaks_first, direction, reason
from sim.sizing.target.requirement import in_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NAMED = 3
"""Depths that one cell names."""

WIDTH = 118
"""Columns of a text that does not go to a terminal."""


def show(answer: Answer, console: Console) -> None:
    """Print an answer.

    Parameters:
        answer: all of it.
        console: where to.
    """
    from rich.text import Text

    def say(*lines: str) -> None:
        for line in lines:
            console.print(Text(clean(line)), soft_wrap=True)

    console.print(_verdicts(answer))
    console.print(_proposals(answer.proposals))
    say(f"binding: {answer.binding}", "", *account_lines(answer.account), _gain(answer), "")
    if answer.headrooms:
        console.print(_headrooms(answer.headrooms))
        say(breaks_first(answer.headrooms), "")
    if answer.sensitivities:
        console.print(_sensitivities(answer))
    if answer.compared:
        figures = ("occupancy_max", "latency.p99", "delivered", "dropped")
        console.print(_compared("Predicted / emulated", "channels", figures, answer.compared))
        console.print(_compared("", "paths", ("age.p99", "age.max", "delivered"), answer.compared))
    say(*(f"note: {note}" for note in answer.notes))


def _gain(answer: Answer) -> str:
    now, then = answer.account_now.shared_bytes, answer.account.shared_bytes
    less = (
        "as now" if now == then else f"{in_words(abs(now - then), 'bytes')} {'less' if then < now else 'more'} than now"
    )
    return f"rings with the proposed depths: {then:,} bytes, {less}"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        title=title or None,
        title_justify="left",
        title_style="bold",
    )
    rows = list(rows)
    for number, head in enumerate(heads):
        is_figure = number and all(row[number][:1] in "0123456789+-" for row in rows)
        table.add_column(Text(head), justify="right" if is_figure else "left", overflow="fold", no_wrap=not number)
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


def _verdicts(answer: Answer) -> Table:
    rows = [
        (
            "met" if then.met else "MISSED",
            then.text,
            in_words(then.value, then.unit),
            in_words(now.value, now.unit) + ("" if now.met else ", missed"),
        )
        for then, now in zip(answer.verdicts, answer.verdicts_now, strict=True)
    ]
    return _table("Target", ("", "requirement", "with the proposed depths", "with the present ones"), rows)


def _proposals(proposals: Sequence[Proposal]) -> Table:
    rows = [
        (
            each.channel,
            str(each.depth_now),
            str(each.depth),
            f"{each.margin:+d}" if each.margin else "0",
            f"{each.bytes:,}",
            str(each.occupancy_max),
            "none" if each.bound is None else str(each.bound),
            each.why,
        )
        for each in proposals
    ]
    heads = ("channel", "depth now", "proposed", "margin", "bytes", "held at most", "bound", "not smaller as")
    return _table("Depths", heads, rows)


def _headrooms(headrooms: Sequence[Headroom]) -> Table:
    rows = [
        (
            direction(each),
            amount(each, each.holds),
            "not tried" if each.fails is None else amount(each, each.fails),
            _more(each.extra_bytes),
            reason(each) or "nothing",
        )
        for each in headrooms
    ]
    heads = ("direction", "holds up to", "fails at", "which takes", "what breaks")
    return _table("What breaks first", heads, rows)


def _sensitivities(answer: Answer) -> Table:
    proposed = {each.channel: each.depth for each in answer.proposals}
    rows = [(each.change, each.breaks or "all holds", _cost(each, proposed)) for each in answer.sensitivities]
    return _table("One change at a time", ("change", "with the proposed depths", "sized anew"), rows)


def _cost(one: Sensitivity, proposed: Mapping[str, int]) -> str:
    """Return the depths that a change needs and their memory."""
    if one.extra_bytes is None:
        return "no depth meets the target"
    changed = [f"{name} {depth}" for name, depth in one.depths.items() if proposed.get(name) != depth]
    named = [*changed[:NAMED], *(["..."] if len(changed) > NAMED else [])]
    return "; ".join(filter(None, (", ".join(named), _more(one.extra_bytes))))


def _more(extra_bytes: int) -> str:
    """Return what depths cost over the proposal."""
    if not extra_bytes:
        return "no more memory"
    return f"{in_words(abs(extra_bytes), 'bytes')} {'more' if extra_bytes > 0 else 'less'}"


def _compared(title: str, of: str, figures: Sequence[str], compared: Sequence[Compared]) -> Table:
    """Return a row for each ring or path with its figures as `predicted / emulated`."""
    rows: dict[str, dict[str, Compared]] = {}
    for one in compared:
        kind, _, rest = one.figure.partition(".")
        figure = next((each for each in figures if kind == of and rest.endswith(f".{each}")), None)
        if figure is not None:
            rows.setdefault(rest.removesuffix(f".{figure}"), {})[figure] = one
    heads = (of.removesuffix("s").replace("channel", "ring"), *(_HEADS[figure] for figure in figures))
    return _table(
        title,
        heads,
        [(name, *(_both(row[each]) if each in row else "" for each in figures)) for name, row in rows.items()],
    )


_HEADS = {
    "occupancy_max": "held at most", "latency.p99": "p99 of latency", "delivered": "delivered", "dropped": "dropped",
    "age.p99": "p99 of age", "age.max": "oldest",
}  # fmt: skip


def _both(one: Compared) -> str:
    unit = "ns" if one.figure.endswith((".p99", ".max")) else ""
    both = f"{in_words(one.predicted, unit)} / {in_words(one.emulated, unit)}"
    if not unit and not is_wrong(one):
        return both
    return f"{both}, {'off by ' if is_wrong(one) else ''}{error_words(one)}"
