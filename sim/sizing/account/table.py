"""A memory account as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report import svg
from sim.scenario.units import format_bandwidth
from sim.sizing.account import Account, Region

WIDTH = 110
"""Characters of the longest line."""

_GAP = "  "
_LEAST_NAME = 12

_PARTS = ("depth", "payload", "header", "tables", "frames", "payloads", "padding", "rounding", "mapped")
_TRAFFIC = ("tensors/s", "written", "read", "copies")
_PARTITIONS = ("own", "rings", "carve-out", "of", "arena", "of RAM")


def account_lines(account: Account) -> list[str]:
    """Return an account as lines of at most `WIDTH` characters.

    A row per ring whose parts (tables: descriptors, available, used and receipts; frames: frame headers) add up to
    what is mapped; then what each ring carries, what each partition has, the totals, and what is not enough.

    Parameters:
        account: what to show.
    """
    lines = []
    if account.regions:
        lines += ["Rings, in bytes", *_table(("ring", *_PARTS), _rings(account)), ""]
    if account.traffic:
        lines += ["Traffic", *_table(("ring", *_TRAFFIC), _traffic(account)), ""]
    if account.partitions:
        lines += ["Partitions, in bytes", *_table(("partition", *_PARTITIONS), _partitions(account)), ""]
    return [*lines, *_totals(account), *(f"too little: {shortage}" for shortage in account.shortages)]


def _rings(account: Account) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    sums = [0] * 7
    for name, region in account.regions.items():
        parts = _parts(region)
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
        rows.append((name, str(region.depth), f"{region.payload_bytes:,}", *(f"{part:,}" for part in parts)))
    return [*rows, ("all", "", "", *(f"{total:,}" for total in sums))]


def _parts(region: Region) -> tuple[int, ...]:
    """Return what a row shows of a region: all but the last add up to the last."""
    tables = region.descriptors + region.available + region.used + region.receipts
    return (
        region.header,
        tables,
        region.frame_headers,
        region.payloads,
        region.padding,
        region.rounding,
        region.mapping,
    )


def _traffic(account: Account) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        (
            name,
            f"{each.tensors_per_s:,.2f}",
            _per_second(each.written_bytes_per_s),
            _per_second(each.read_bytes_per_s),
            str(each.copies),
        )
        for name, each in account.traffic.items()
    ]
    written = sum(each.written_bytes_per_s for each in account.traffic.values())
    read = sum(each.read_bytes_per_s for each in account.traffic.values())
    return [*rows, ("all", "", _per_second(written), _per_second(read), "")]


def _partitions(account: Account) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for name, each in account.partitions.items():
        board = (each.carve_out, each.carve_out_available, each.arena, each.ram_available)
        is_guest = not each.carve_out_available
        own = f"{each.own:,}" if is_guest else "-"
        rows.append((name, own, f"{each.shared:,}", *("-" if is_guest else f"{figure:,}" for figure in board)))
    return rows


def _totals(account: Account) -> list[str]:
    guests, rings = account.guests_bytes, account.shared_bytes
    memory = f"memory: {_size(guests)} of guests and {_size(rings)} of rings, {_size(guests + rings)} together"
    if account.host_bytes is not None and account.memory_share is not None:
        memory += f": {account.memory_share:.1%} of {_size(account.host_bytes)}"
    lines = [memory]
    if account.traffic:
        bandwidth = f"bandwidth: {_per_second(account.bandwidth_used_bytes_per_s)} written and read"
        if account.bandwidth_bytes_per_s is not None and account.bandwidth_share is not None:
            share = f"{account.bandwidth_share:.2%}" if account.bandwidth_share >= 1e-4 else "under 0.01%"
            bandwidth += f": {share} of {format_bandwidth(account.bandwidth_bytes_per_s)}"
        lines.append(bandwidth)
    return lines


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows in columns as wide as they must be: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    most = max(WIDTH - sum(widths[1:]) - len(_GAP) * (len(widths) - 1), _LEAST_NAME)
    widths[0] = min(widths[0], most)
    lines = []
    for name, *figures in (head, *rows):
        cells = [svg.fit(name, widths[0]).ljust(widths[0])]
        cells += [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        lines.append(_GAP.join(cells).rstrip())
    return lines


def _size(count: int) -> str:
    return svg.size(count).replace("\N{NO-BREAK SPACE}", " ")


def _per_second(rate: float) -> str:
    """Return bytes per second in a decimal unit, as bandwidths of memories are told."""
    for unit, factor in (("GB/s", 1e9), ("MB/s", 1e6), ("kB/s", 1e3)):
        if rate >= factor:
            return f"{rate / factor:,.2f} {unit}"
    return f"{rate:.2f} B/s"
