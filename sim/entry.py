"""Where the program `sim` begins."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line. Until it is loaded, Ctrl-C just ends the process: nothing has been started yet."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from sim.cli import main as command_line

    command_line()
