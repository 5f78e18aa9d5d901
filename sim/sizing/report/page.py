"""What both pages share: the shell, Plotly's script, the look of a run's report, and a policy without a network."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from machines.errors import EnvironmentLacks
from sim.report import svg
from sim.report.html import environment_of
from sim.sizing.report.figure import Figure
from sim.sizing.report.theme import style, themes

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = Path(__file__).with_name("template")


def render(template: str, figures: Iterable[Figure], **content: Any) -> str:
    """Return a page.

    Parameters:
        template: its file in `template/`.
        figures: all pictures of the page; the template places them by name.
        content: what the template needs besides.

    Raises:
        EnvironmentLacks: Plotly is not installed.
    """
    plotly, script = _plotly(), _asset("charts.js")
    shown = {figure.name: figure for figure in figures}
    data = {"themes": themes(), "figures": {name: figure.spec() for name, figure in shown.items()}}
    return _environment().get_template(template).render(
        policy=_policy(plotly, script),
        style=Markup(style() + _asset("sizing.css")),
        plotly=Markup(plotly),
        script=Markup(script),
        data=Markup(embedded(data)),
        shown=shown,
        **content,
    )  # fmt: skip


def put(page: str, folder: Path) -> Path:
    """Write `report.html`, whole or not at all, and return its path.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def embedded(data: object) -> str:
    """Return JSON that may stand in a script element: nothing in it can end that element or start a comment."""
    shown = json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)
    return shown.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def gain(before: float, after: float) -> str:
    """Return a change of bytes with its sign: `−12 MiB`, `+4 KiB`, `±0`."""
    change = after - before
    return "±0" if not change else f"{'+' if change > 0 else '−'}{svg.size(abs(change))}"


def _finite(data: object) -> object:
    """Return data with null for numbers that JSON does not have, and other numbers with six digits at most."""
    if isinstance(data, dict):
        return {key: _finite(one) for key, one in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(one) for one in data]
    if isinstance(data, float):
        if not math.isfinite(data):
            return None
        return int(data) if data.is_integer() and abs(data) < 1 << 53 else float(f"{data:.6g}")
    return data


@cache
def _plotly() -> str:
    try:
        module = importlib.import_module("plotly.offline")
    except ImportError as error:
        raise EnvironmentLacks("plotly is not installed; pip install 'edgesim[sizing]' has it") from error
    script: str = module.get_plotlyjs()
    return script


@cache
def _asset(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = environment_of(TEMPLATE)
    environment.globals |= {"gain": gain}
    return environment


def _policy(*scripts: str) -> str:
    """Return a content security policy: no network, and no script but these, named by their SHA-256.

    Plotly writes style attributes of its own, so that styles cannot be named one by one.
    """
    hashes = " ".join(
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
