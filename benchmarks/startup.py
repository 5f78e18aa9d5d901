"""How long it takes until guests run: cold (booted), warm (from their snapshots), and the making of the guest image.

    python -m benchmarks.startup [--rounds 3] [--image]

With --image also the guest image is made from nothing, in a cache of its own, once: it takes half a minute and asks the
package mirrors. A cold start replaces the snapshots of the idle scenario by equal ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.command import ROOT, Run, phases, sim_run
from benchmarks.figure import Figure
from benchmarks.harness import Tell, main

_NOTHING = ("--set", "expectations=[]", "--duration", "1ms")
"""The idle scenario ends as soon as it has begun."""


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Measure cold and warm starts in turn."""
    tell("warming up")
    sim_run("idle", "--duration", "1ms", warm_up=True)
    cold: list[Run] = []
    warm: list[Run] = []
    for number in range(rounds):
        for taken, name, options in ((cold, "cold", ("--cold",)), (warm, "warm", ())):
            tell(f"round {number + 1} of {rounds}: {name}")
            taken.append(sim_run("idle", *_NOTHING, *options))
    return [_whole("cold start, two guests: wall", cold), _whole("warm start, two guests: wall", warm), *phases(warm)]


def _whole(name: str, runs: list[Run]) -> Figure:
    return Figure(name, [run.wall_s for run in runs], "s", cpu_s=[run.cpu_s for run in runs])


def make_image(tell: Tell) -> Figure:
    """Measure the making of the guest image, the ring and the plugin in an empty cache."""
    tell("making the guest image")
    with tempfile.TemporaryDirectory(prefix="edgesim-bench-") as cache:
        began = time.monotonic()
        line = [sys.executable, "-c", "from sim.cli import main; main()", "images", "build"]
        subprocess.run(line, check=True, cwd=ROOT, stdout=sys.stderr, env=os.environ | {"XDG_CACHE_HOME": cache})
        return Figure("guest image, ring and plugin from nothing", [time.monotonic() - began], "s")


if __name__ == "__main__":
    with_image = "--image" in sys.argv
    if with_image:
        sys.argv.remove("--image")
    main(__doc__, lambda rounds, tell: [*figures(rounds, tell), *([make_image(tell)] if with_image else [])], rounds=3)
