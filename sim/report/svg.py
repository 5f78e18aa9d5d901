"""Markup that cannot be broken by what stands in it, and numbers as people write them."""

from __future__ import annotations

from markupsafe import Markup, escape

_CONTROL = [*range(9), 11, 12, *range(14, 32), *range(127, 160)]
_BIDIRECTIONAL = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_NO_CHARACTER = [*range(0xD800, 0xE000), 0xFFFE, 0xFFFF]
_HARMLESS = dict.fromkeys([*_CONTROL, *_BIDIRECTIONAL, *_NO_CHARACTER], "\N{REPLACEMENT CHARACTER}")


def clean(text: object) -> str:
    """Return text with what a guest may have put in to deceive or to break a file made harmless.

    Control characters, bidirectional overrides, lone surrogates and non-characters (none of which XML 1.0 or a reader
    wants) become the replacement character; line feeds, carriage returns and tabs stay.
    """
    return str(text).translate(_HARMLESS)


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Return one element.

    Parameters:
        name: of the element.
        children: its content in order; everything that is not `Markup` is escaped.
        attributes: ``class_`` means ``class``, other underscores become hyphens; None leaves the attribute out, floats
            are written with two decimals.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None:
            shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
            parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(clean(shown))}"')
    content = "".join(child if isinstance(child, Markup) else escape(clean(child)) for child in children)
    return Markup("".join([*parts, ">", content, f"</{name}>"]))


def drawing(width: float, height: float, *children: object, label: str, class_: str = "") -> Markup:
    """Return an ``<svg>`` with a coordinate system of `width` x `height` and a text for those who cannot see it."""
    box = f"0 0 {width:g} {height:g}"
    return tag("svg", *children, viewBox=box, width=width, height=height, role="img", aria_label=label, class_=class_)


def duration(t_ns: float | None) -> str:
    """Return a time with the unit that suits it and three digits: ``61.4 µs``, ``1.08 ms``, ``12.5 s``."""
    if not t_ns:
        return "–" if t_ns is None else "0\N{NO-BREAK SPACE}s"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(t_ns) >= size:
            return f"{digits(t_ns / size)}\N{NO-BREAK SPACE}{unit}"
    return f"{digits(t_ns)}\N{NO-BREAK SPACE}ns"


def size(count: float) -> str:
    """Return a number of bytes in binary units: ``384 B``, ``3.53 MiB``."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{digits(count / factor)}\N{NO-BREAK SPACE}{unit}"
    return f"{count:.0f}\N{NO-BREAK SPACE}B"


def fit(text: object, most: int) -> str:
    """Return a text made harmless and cut to at most so many characters."""
    shown = clean(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def digits(value: float) -> str:
    """Return a number with about three significant digits and no exponent: ``0.781``, ``12.5``."""
    magnitude = abs(value)
    places = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2 if magnitude >= 1 else 3
    shown = f"{value:,.{places}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return shown.replace(",", "\N{NARROW NO-BREAK SPACE}")


def count(value: int | None) -> str:
    """Return a whole number with its thousands apart; a dash for None."""
    return "–" if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
