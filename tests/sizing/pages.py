"""Pages as a program sees them: elements, tables, scripts, and the pictures' data."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

LOADS = {"src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction", "background"}
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Collects elements, headings, tables by the section that they stand in, and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.section = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = dict(attrs).get("id") or ""
        elif tag == "script":
            self.scripts.append("")
        elif tag == "style":
            self.styles.append("")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
        elif tag == "table":
            self.tables.setdefault(self.section, []).append([])
        elif tag == "tr":
            self.tables[self.section][-1].append([])
        elif tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[-1] += data
        elif "style" in self.open:
            self.styles[-1] += data
        else:
            self.text += data
            if {"h1", "h2", "h3"} & set(self.open):
                tag, text = self.headings[-1]
                self.headings[-1] = (tag, text + data)
            if {"td", "th"} & set(self.open):
                self.tables[self.section][-1][-1][-1] += data

    def table(self, section: str, number: int = 0) -> list[dict[str, str]]:
        """Return rows of a table by the words in its head."""
        head, *rows = self.tables[section][number]
        names = [name.strip() for name in head]
        return [dict(zip(names, (cell.strip() for cell in row), strict=True)) for row in rows]

    @property
    def figures(self) -> dict[str, Any]:
        """The pictures' data by name."""
        found: dict[str, Any] = json.loads(self.scripts[0])["figures"]
        return found

    @property
    def policy(self) -> str:
        """The content security policy."""
        return next(attrs["content"] or "" for tag, attrs in self.tags if attrs.get("http-equiv"))

    def loads(self) -> list[str]:
        """Return everything that a browser would fetch from elsewhere."""
        named = [value or "" for _, attrs in self.tags for name, value in attrs.items() if name in LOADS]
        styled = re.findall(r"(?:url\(|@import)[^;)]*", "".join(self.styles))
        return [value for value in named if not value.startswith("#")] + styled


def whole(text: str) -> int:
    """Return a whole number as tables write it."""
    return int(re.sub(r"\s", "", text).replace("−", "-"))


def resolved(part: Any, colours: dict[str, str]) -> Any:
    """Return a picture with the colours of a theme, as the page's script puts them in."""
    if isinstance(part, dict):
        return {key: resolved(one, colours) for key, one in part.items()}
    if isinstance(part, list):
        return [resolved(one, colours) for one in part]
    found = re.fullmatch(r"\$([a-z]+(?:-[a-z0-9]+)?)(?:/[\d.]+)?", part) if isinstance(part, str) else None
    return colours[found[1]] if found else part
