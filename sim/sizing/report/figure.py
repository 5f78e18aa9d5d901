"""A picture as plain data: what Plotly draws in the reader's browser, without the colours of a theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import escape

from sim.report.svg import clean

Trace = dict[str, Any]
Layout = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several contents of a picture, chosen by the reader.

    Attributes:
        data, layout: as in `Figure`; what `layout` has goes before the figure's own.
    """

    data: Sequence[Trace]
    layout: Layout = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """A list to choose from.

    Attributes:
        label: what is chosen.
        options: names.
        first: the one that is shown at first.
    """

    label: str
    options: tuple[str, ...]
    first: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture.

    Attributes:
        name: its id on the page: letters, digits and hyphens.
        title: above it.
        label: what it shows, for those who cannot see it.
        data: Plotly's traces.
        layout: Plotly's layout; colours, fonts and margins of the page are put beneath it.
        height: CSS pixels.
        note: below the title.
        choices: that select one of `variants`.
        variants: by the options chosen, joined with `|`.
    """

    name: str
    title: str
    label: str
    data: Sequence[Trace]
    layout: Layout
    height: int
    note: str = ""
    choices: tuple[Choice, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=dict)

    def spec(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        spec: dict[str, Any] = {"data": list(self.data), "layout": self.layout, "height": self.height}
        if self.variants:
            spec["variants"] = {
                key: {"data": list(one.data), "layout": one.layout} for key, one in self.variants.items()
            }
        return spec


def text(anything: object) -> str:
    """Return a text that Plotly shows as it is: it would take `<b>` for markup and `$` for a formula."""
    return str(escape(clean(anything))).replace("$", "&#36;")


def short(anything: object, most: int = 24) -> str:
    """Return `text`, cut in its middle where it is too long for an axis."""
    shown = clean(anything)
    if len(shown) > most:
        shown = f"{shown[: most // 2]}…{shown[-(most - most // 2 - 1) :]}"
    return text(shown)
