"""The page of `sim sweep`."""

from __future__ import annotations

from pathlib import Path

from sim.sizing.report import effects, front, heat, parallel, sweep_words
from sim.sizing.report.page import put, render
from sim.sizing.report.sweep_view import view, worded
from sim.sizing.sweep.result import SweepResult, SweptAxis


def write_sweep(result: SweepResult, folder: Path) -> Path:
    """Write `report.html`: one self-contained page, and return its path.

    Parameters:
        result: what it tells; with one point at least.
        folder: made if missing; a report that is there is replaced.

    Raises:
        EnvironmentLacks: Plotly is not installed.
        OSError: it cannot be written.
    """
    return put(sweep_page(result), folder)


def sweep_page(result: SweepResult) -> str:
    """Return the page as text.

    Raises:
        EnvironmentLacks: Plotly is not installed.
    """
    seen = view(result)
    maps, courses = heat.maps(seen), effects.courses(seen)
    figures = [front.front(seen), *maps, *courses]
    if seen.axes:
        figures += [effects.decided(seen), parallel.lines(seen)]
    return render(
        "sweep.html.j2",
        figures,
        result=result,
        seen=seen,
        headline=sweep_words.headline(seen),
        decisive=sweep_words.decisive(seen),
        maps=maps,
        choices=heat.choices(seen) if maps else (),
        courses=courses,
        shares=effects.influences(seen),
        loads=sweep_words.by_load(seen)[: sweep_words.ROWS],
        all_loads=len(seen.by_load()) if seen.weighed_by_load else 0,
        front=sweep_words.front_rows(seen),
        on_front=int(seen.best.sum()),
        clean=int((seen.dropped.values == 0).sum()),
        range_of=range_of,
    )


def range_of(axis: SweptAxis) -> str:
    """Return what an axis was swept over, in words."""
    if axis.values:
        return ", ".join(worded(value, axis.unit) for value in axis.values)
    low, high = axis.least, axis.greatest
    return "–" if low is None or high is None else f"{worded(low, axis.unit)} to {worded(high, axis.unit)}"
