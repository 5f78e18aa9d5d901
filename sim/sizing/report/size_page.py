"""The page of `sim size`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.sizing.answer import Answer
from sim.sizing.report import bandwidth, depths, headroom, memory_map, over_time
from sim.sizing.report.comparison import compared_in_words, comparisons
from sim.sizing.report.figure import Figure
from sim.sizing.report.page import put, render
from sim.sizing.report.size_words import amount, capitalized, headline, holds
from sim.sizing.sensitivity import Sensitivity
from sim.sizing.sensitivity.headroom import Headroom
from sim.sizing.sensitivity.headroom_words import amount as step
from sim.sizing.sensitivity.headroom_words import breaks_first, direction


def write_size(answer: Answer, folder: Path) -> Path:
    """Write `report.html`: one self-contained page, and return its path.

    Parameters:
        answer: what it tells.
        folder: made if missing; a report that is there is replaced.

    Raises:
        EnvironmentLacks: Plotly is not installed.
        OSError: it cannot be written.
    """
    return put(size_page(answer), folder)


def size_page(answer: Answer) -> str:
    """Return the page as text.

    Raises:
        EnvironmentLacks: Plotly is not installed.
    """
    occupancies, curves = over_time.occupancies(answer), depths.curves(answer)
    drawn = [
        memory_map.to_one_scale(answer.account, answer.account_now),
        memory_map.to_own_scale(answer.account),
        memory_map.machine(answer.account),
        bandwidth.traffic(answer.account),
        *occupancies,
        *curves,
        headroom.headroom(answer.headrooms),
    ]
    figures: list[Figure] = [figure for figure in drawn if figure is not None]
    return render(
        "size.html.j2",
        figures,
        answer=answer,
        met=holds(answer.verdicts),
        headline=headline(answer),
        amount=amount,
        occupancies=occupancies,
        curves=curves,
        regions={name: memory_map.table_columns(region) for name, region in answer.account.regions.items()},
        region_totals=_totals(answer),
        parts={name: meaning for name, (_, meaning) in memory_map.PARTS.items()},
        boards={name: one for name, one in answer.account.partitions.items() if one.carve_out or one.ram_available},
        guests={name: one for name, one in answer.account.partitions.items() if one.own},
        rings=_rings(answer),
        breaks_first=capitalized(breaks_first(answer.headrooms)),
        headrooms=[_headroom(each) for each in answer.headrooms],
        changes=[_change(answer, one) for one in answer.sensitivities],
        comparisons=comparisons(answer.compared),
        in_words=compared_in_words(answer.compared),
    )


def _totals(answer: Answer) -> dict[str, int]:
    columns = [memory_map.table_columns(region) for region in answer.account.regions.values()]
    return {key: sum(column[key] for column in columns) for key in (columns[0] if columns else ())}


def _rings(answer: Answer) -> list[dict[str, Any]]:
    """Return a row for each ring: what the model found with the proposed depth, and its bounds."""
    rows = []
    for name, ring in answer.proposed.rings.items():
        bound = answer.bounds.rings.get(name)
        now = answer.now.rings.get(name)
        region = answer.account.regions.get(name)
        rows.append({
            "name": name, "ring": ring, "now": now, "depth": region.depth if region else None,
            "backlog": bound.backlog if bound else None, "delay_ns": bound.delay_ns if bound else None,
            "why": bound.why if bound else "",
        })  # fmt: skip
    return rows


def _headroom(one: Headroom) -> dict[str, Any]:
    """Return a row of how far one direction goes."""
    fails = None if one.fails is None else step(one, one.fails)
    return {"one": one, "direction": direction(one), "holds": step(one, one.holds), "fails": fails}


def _change(answer: Answer, one: Sensitivity) -> dict[str, Any]:
    """Return a row of what a change costs: depths that differ from the proposed ones in words."""
    proposed = {proposal.channel: proposal.depth for proposal in answer.proposals}
    differing = [f"{name} {depth}" for name, depth in one.depths.items() if depth != proposed.get(name)]
    by_text = {verdict.text: verdict for verdict in one.verdicts}
    verdicts = [by_text.get(verdict.text) for verdict in answer.verdicts]
    return {"one": one, "verdicts": verdicts, "differing": differing, "met": holds(one.verdicts)}
