"""What runs leave behind: kept where a person finds it when a test fails, removed when all is well.

A run writes into a folder of pytest's temporary ones, of which every worker of pytest-xdist has its own, and is moved
when its test has failed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from pathlib import Path

from sim.testing.run import SimRun

_LONGEST = 80
"""Characters of a folder's name."""


class Artefacts:
    """Keeps and removes the folders of runs.

    Parameters:
        out: where they are kept.
        keep_all: keep those of tests that pass, too.
    """

    def __init__(self, out: Path, keep_all: bool) -> None:
        self._out = out
        self._keep_all = keep_all
        self._began = time.time()
        self._kept: set[Path] = set()

    def keep(self, run: SimRun, test: str) -> None:
        """Move the folder of a run to where it is kept, once; what an earlier session kept for the test goes.

        Parameters:
            run: its `folder` changes.
            test: node id of the test that it is kept for.
        """
        if run.folder in self._kept:
            return
        self._out.mkdir(parents=True, exist_ok=True)
        place = self._place(folder_name(test))
        shutil.move(run.folder, place)
        run.folder = place
        self._kept.add(place)

    def close(self, run: SimRun, test: str) -> None:
        """Remove the folder of a run that is done with, unless it is kept."""
        if self._keep_all:
            self.keep(run, test)
        elif run.folder not in self._kept:
            shutil.rmtree(run.folder, ignore_errors=True)

    def _place(self, name: str) -> Path:
        """Return a folder that is not there: the first one that no test of this session has taken."""
        number = 1
        while True:
            place = self._out / (f"{name}-{number}" if number > 1 else name)
            if place.exists() and place.stat().st_mtime < self._began:
                shutil.rmtree(place, ignore_errors=True)
            if not place.exists():
                return place
            number += 1


def folder_name(test: str) -> str:
    """Return a node id as the name of a folder: safe, not too long, and still that of one test only."""
    file, _, rest = test.partition("::")
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "-", f"{Path(file).name}-{rest}").strip("-.")
    mark = hashlib.sha256(test.encode()).hexdigest()[:6]
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 7]}-{mark}"
