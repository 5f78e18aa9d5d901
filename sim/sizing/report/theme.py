"""Colours of the pictures: those of a run's report, light and dark, under the names that report.css gives them.

A picture names a colour, `$hue-0`, or one that is partly seen through, `$hue-0/0.3`; the page's script puts in the
value of the reader's theme, and that of the light one on paper.
"""

from __future__ import annotations

import re
from functools import cache

from sim.report.html import TEMPLATE as REPORT

SEQUENTIAL = "Cividis"
"""For a range of values: equally light steps that any colour vision tells apart (Nuñez, Anderton & Renslow,
*Optimizing colormaps with consideration for color vision deficiency*, PLOS ONE 13(7), 2018)."""


@cache
def style() -> str:
    """Return the style sheet of a run's report."""
    return (REPORT / "report.css").read_text(encoding="utf-8")


@cache
def themes() -> dict[str, dict[str, str]]:
    """Return the colours of the `light` and the `dark` theme, `#rrggbb` by name.

    Raises:
        ValueError: the style sheet does not begin with the two lists of colours.
    """
    lists = [block for block in re.findall(r":root \{([^}]*)\}", style()) if "--hue-0" in block]
    if len(lists) != 2:
        raise ValueError(f"report.css has {len(lists)} lists of colours; a light and a dark one are needed")
    light, dark = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in lists)
    return {"light": light, "dark": light | dark}
