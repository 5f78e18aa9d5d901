"""Texts that expectations look into: consoles, and what agents logged. Guests write them, so reading has a bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from sim.report.record import LogLine, RunRecord
from sim.report.svg import fit
from sim.scenario.expression import Expression

MOST_BYTES = 64 << 20
"""Of a console, from its beginning, that are read: a guest can write without bound."""

LINE_BYTES = 1 << 16
"""Longest line; what is longer counts as several."""

_SHOWN = 160


class Line(NamedTuple):
    """A line of a text.

    Attributes:
        number: counted from 1.
        text: without its end.
        t_ns: when it was written; None where that is not known.
    """

    number: int
    text: str
    t_ns: int | None = None


Text: TypeAlias = "Callable[[], Iterator[Line | None]]"
"""Reads a text from its beginning; None at the end tells that there is more of it than is read."""


class Found(NamedTuple):
    """What a search came to.

    Attributes:
        line: the first that has what is looked for, its text made fit to show; None if there is none.
        last: the last line that was read; None of an empty text.
        whole: whether the text was read whole.
    """

    line: Line | None
    last: Line | None
    whole: bool = True


def texts(record: RunRecord) -> dict[str, Text]:
    """Return the texts of a run by the dotted path at which an expectation finds them."""
    found: dict[str, Text] = {}
    for name, partition in record.partitions.items():
        found[f"partitions.{name}.console"] = partial(_console, partition.console)
        found[f"partitions.{name}.log"] = partial(_log, partition.log)
    return found


def find(text: Text, expression: Expression) -> Found:
    """Return the first line that has what an expectation looks for.

    Parameters:
        text: to read.
        expression: with one of the operators that look into text.
    """
    wanted = str(expression.value)
    pattern = re.compile(wanted if expression.operator == "matches" else re.escape(wanted))
    last: Line | None = None
    for line in text():
        if line is None:
            return Found(None, last, whole=False)
        if pattern.search(line.text):
            return Found(_shown(line), line)
        last = line
    return Found(None, last and _shown(last))


def _shown(line: Line) -> Line:
    return line._replace(text=fit(line.text.strip(), _SHOWN))


def _console(path: Path | None) -> Iterator[Line | None]:
    if path is None or not path.is_file():
        return
    with path.open("rb") as stream:
        number = 0
        while raw := stream.readline(LINE_BYTES):
            number += 1
            if stream.tell() > MOST_BYTES:
                yield None
                return
            yield Line(number, raw.decode("utf-8", "replace").rstrip("\r\n"))


def _log(lines: list[LogLine]) -> Iterator[Line | None]:
    for number, line in enumerate(lines, 1):
        yield Line(number, f"{line.service}: {line.text}", line.t_ns)
