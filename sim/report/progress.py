"""What a person sees while a scenario runs: a live display on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from sim.report.svg import clean, digits

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

REFRESH_S, LINE_S = 0.1, 5.0
"""Least wall time between two refreshes of the display, and between two plain lines."""
CHANNELS = 12
"""Most of them that are told one by one."""


class Progress:
    """Shows phases, the state of each partition, virtual against wall time and tensors per channel.

    Use it as a context manager, so that the terminal is given back whatever happens. Calls are cheap: `advance` may be
    called at every boundary.

    Parameters:
        duration_ns: virtual time that the run is to take.
        json: standard output belongs to the result; show everything on standard error.
        stream: where to show it instead.
    """

    def __init__(self, duration_ns: int, *, json: bool = False, stream: TextIO | None = None) -> None:
        self.duration_ns = duration_ns
        self.stream = stream or (sys.stderr if json else sys.stdout)
        self.partitions: dict[str, str] = {}
        self.counts: Mapping[str, int] = {}
        self.now_ns, self.wall_s, self.doing = 0, 0.0, ""
        self._began = self._shown = time.monotonic()
        self._tenth, self._over = 0, False
        self._live: Live | None = self._open() if self._terminal() else None

    def phase(self, text: str) -> None:
        """Say what happens from now on, such as ``restoring guests``."""
        self.doing = text
        self._say(text)

    def partition(self, name: str, state: str) -> None:
        """Say what a partition came to, such as ``ready, warm start in 0.17 s``."""
        self.partitions[name] = state
        self._say(f"{name}: {state}")

    def advance(self, now_ns: int, wall_s: float, counts: Mapping[str, int]) -> None:
        """Say how far the run is; shown at most every `REFRESH_S`, as a line at every tenth or every `LINE_S`.

        Parameters:
            now_ns: virtual time reached.
            wall_s: seconds since the guests were told to start.
            counts: tensors per channel so far.
        """
        self.now_ns, self.wall_s, self.counts = now_ns, wall_s, counts
        now = time.monotonic()
        if self._live:
            if now - self._shown >= REFRESH_S:
                self._refresh(now)
            return
        tenth = 10 * now_ns // self.duration_ns if self.duration_ns else 0
        if tenth > self._tenth or now - self._shown >= LINE_S:
            self._shown, self._tenth = now, tenth
            self._line(self._figures())

    def done(self) -> None:
        """Show the final state and give the terminal back; further calls do nothing."""
        if self._live:
            live, self._live = self._live, None
            live.update(self._display(), refresh=True)
            live.stop()
        elif self.now_ns and not self._over:
            self._line(self._figures())
        self._over = True

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Call `done`."""
        self.done()

    def _terminal(self) -> bool:
        return self.stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")

    def _open(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        live = Live(console=Console(file=self.stream), auto_refresh=False, transient=False)
        live.start()
        return live

    def _say(self, text: str) -> None:
        if self._live:
            self._refresh(time.monotonic())
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        self.stream.write(f"[{time.monotonic() - self._began:7.2f} s] {clean(text)}\n")
        self.stream.flush()

    def _refresh(self, now: float) -> None:
        self._shown = now
        if self._live:
            self._live.update(self._display(), refresh=True)

    def _pace(self) -> str:
        virtual_s = self.now_ns / 1e9
        pace = f"virtual {virtual_s:.2f} s of {self.duration_ns / 1e9:g} s, wall {self.wall_s:.2f} s"
        return f"{pace} ({digits(virtual_s / self.wall_s)} x real time)" if self.wall_s > 0 and virtual_s else pace

    def _tensors(self) -> list[str]:
        """Return how many tensors each channel had so far, or all of them together where there are many."""
        if len(self.counts) > CHANNELS:
            return [f"{sum(self.counts.values())} tensors in {len(self.counts)} channels"]
        return [f"{clean(name)} {count}" for name, count in self.counts.items()]

    def _figures(self) -> str:
        return ", ".join([self._pace(), *self._tensors()])

    def _display(self) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Text.assemble((f"{clean(self.doing)} ", "bold"), (f"{time.monotonic() - self._began:.1f} s", "dim"))
        grid = Table.grid(padding=(0, 2))
        for name, state in self.partitions.items():
            grid.add_row(Text(f"  {clean(name)}", style="cyan"), Text(clean(state)))
        bar = ProgressBar(total=max(self.duration_ns, 1), completed=self.now_ns, width=48)
        counts = Text("   ".join(self._tensors()), style="dim")
        return Group(head, grid, bar, Text(self._pace()), counts) if self.now_ns else Group(head, grid)
