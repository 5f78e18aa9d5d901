"""The command `sim`, which also notes in a file at which monotonic time it saw the first tensor taken.

python -m benchmarks.noted FILE run scenarios/ivi_camera.yaml
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sim.host.trace import Trace


class _NotingTrace(Trace):
    """A trace that notes when its first receipt of a consumer comes in; from then on it is an ordinary one."""

    note: Path

    def add(self, t_ns: int, kind: str, *facts: object) -> None:
        if kind in ("taken", "returned"):
            self.note.write_text(repr(time.monotonic()))
            self.__class__ = Trace  # type: ignore[assignment]
        Trace.add(self, t_ns, kind, *facts)


def main() -> None:
    """Take the file's name off the command line and run `sim` with the rest."""
    from sim.cli import main as sim
    from sim.host import trace

    _NotingTrace.note = Path(sys.argv.pop(1))
    trace.Trace = _NotingTrace  # type: ignore[misc]
    sim()


if __name__ == "__main__":
    main()
