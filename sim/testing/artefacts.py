"""What runs leave behind: kept where a person finds it when a test fails, removed when all is well.

A run writes into a folder of pytest's temporary ones, of which every worker of pytest-xdist has its own, and is moved
when its test has failed.
"""

from __future__ import annotations

import hashlib
import itertools
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
        began: `time.time()` when the session began, which all of its workers have to agree on; now if None.
    """

    def __init__(self, out: Path, keep_all: bool, began: float | None = None) -> None:
        self.began = time.time() if began is None else began
        self._out = out
        self._keep_all = keep_all
        self._kept: set[Path] = set()

    def keep(self, run: SimRun, test: str) -> None:
        """Move the folder of a run to where it is kept, once; what an earlier session kept for the test goes.

        Parameters:
            run: its `folder` changes.
            test: node id of the test that it is kept for.
        """
        run.folder = self.keep_folder(run.folder, test)

    def keep_folder(self, folder: Path, test: str) -> Path:
        """Move a folder to where it is kept, unless it is there already; return where that is."""
        if folder in self._kept:
            return folder
        self._out.mkdir(parents=True, exist_ok=True)
        place = self._place(folder_name(test))
        for each in folder.iterdir():
            shutil.move(each, place)
        folder.rmdir()
        self._kept.add(place)
        return place

    def close(self, run: SimRun, test: str) -> None:
        """Remove the folder of a run that is done with, unless it is kept."""
        if self._keep_all:
            self.keep(run, test)
        elif run.folder not in self._kept:
            shutil.rmtree(run.folder, ignore_errors=True)

    def _place(self, name: str) -> Path:
        """Make a folder: the first one that no test of this session, in whatever worker, has taken."""
        for number in itertools.count(1):
            place = self._out / (f"{name}-{number}" if number > 1 else name)
            if place.exists() and place.stat().st_mtime < self.began:
                shutil.rmtree(place, ignore_errors=True)
            try:
                place.mkdir()
            except FileExistsError:
                continue
            return place
        raise AssertionError("unreachable")


def folder_name(test: str) -> str:
    """Return a node id as the name of a folder: safe, not too long, and still that of one test only."""
    file, _, rest = test.partition("::")
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "-", f"{Path(file).name}-{rest}").strip("-.")
    mark = hashlib.sha256(test.encode()).hexdigest()[:6]
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 7]}-{mark}"
