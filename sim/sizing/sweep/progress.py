"""What a person sees while a sweep runs: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

REFRESH_S, LINE_S = 0.1, 5.0
"""Least wall time between two refreshes of the bar, and between two lines."""


class SweepProgress:
    """Shows how many points have been answered and how long the rest takes. Use it as a context manager.

    No thread refreshes the display, as processes are forked while it is there.

    Parameters:
        stream: where to show it [standard output].
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.done = self.total = 0
        self._began = self._shown = time.monotonic()
        self._before: int | None = None
        terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
        self._live: Live | None = self._open() if terminal else None

    def tell(self, done: int, total: int) -> None:
        """Say how many points have been answered, of how many; the first time, before any is answered anew."""
        now = time.monotonic()
        if self._before is None:
            self._before, self._began = done, now
            if done:
                self.stream.write(f"{done:,} of {total:,} points are there already\n")
                self.stream.flush()
        self.done, self.total = done, total
        if self._live:
            if now - self._shown >= REFRESH_S or done == total:
                self._shown = now
                self._live.update(self._display(), refresh=True)
        elif now - self._shown >= LINE_S and done < total:
            self._shown = now
            self.stream.write(f"[{now - self._began:7.2f} s] {self._figures()}\n")
            self.stream.flush()

    def __enter__(self) -> SweepProgress:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        if self._live:
            live, self._live = self._live, None
            live.stop()

    def _open(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        live = Live(console=Console(file=self.stream), auto_refresh=False, transient=True)
        live.start()
        return live

    def _figures(self) -> str:
        seconds = time.monotonic() - self._began
        made = self.done - (self._before or 0)
        if seconds <= 0 or made <= 0:
            return f"{self.done:,} of {self.total:,} points"
        rate = made / seconds
        return f"{self.done:,} of {self.total:,} points, {rate:,.0f}/s, {(self.total - self.done) / rate:.0f} s left"

    def _display(self) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        return Group(
            ProgressBar(total=max(self.total, 1), completed=self.done, width=48), Text(self._figures(), style="dim")
        )
