"""The documents as data: their blocks, the paths and the links in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "scenarios/README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_NAMED = re.compile(r"^`([\w/.-]+)`\n\n```\w+\n(.*?)^```$", re.M | re.S)


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language, in order."""
    return [body for kind, body in _BLOCK.findall(document.read_text()) if kind == language]


def named_blocks(document: Path) -> dict[str, str]:
    """Return the blocks that stand under a line with nothing but the name of a file, by that name."""
    return dict(_NAMED.findall(document.read_text()))


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return _BLOCK.sub("", document.read_text())
