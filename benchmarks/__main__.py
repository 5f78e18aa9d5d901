"""All benchmarks, one after the other, and one table that sums them up.

    python -m benchmarks [--rounds 3]

What the simulator costs stands beside its target, the ring beside its rivals; see docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmarks import idle, ivi, kernels, lockstep, realtime, sizing
from benchmarks.command import ROOT, BenchmarkFailed
from benchmarks.figure import Figure, table
from benchmarks.harness import Tell, show

RING = "ring, polling"
"""The contender in `benchmarks.ring` that is held against the others: like iceoryx2's it looks again and again."""

_LOADS = {"message": "64 B messages/s", "frame": "1.2 MB frames/s"}


def ring(rounds: int, tell: Tell) -> list[Figure]:
    """Measure the ring and its rivals in processes of their own; each rate stands beside a rival's of the same run."""
    line = [sys.executable, "-m", "benchmarks.ring", "--json", "--rounds", str(rounds)]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise BenchmarkFailed(f"benchmarks.ring: exit code {done.returncode}")
    report = json.loads(done.stdout)
    found = []
    for load, unit in _LOADS.items():
        rates: dict[str, float] = report["per_second"][load]
        rivals = {name: rate for name, rate in rates.items() if not name.startswith("ring")}
        for name, rate in rivals.items():
            found.append(Figure(f"ring between two processes, {unit}", [rates[RING]], "/s", name, rate, at_least=True))
    return found


_ALL = {
    "ring": ring,
    "kernels": kernels.figures,
    "lockstep": lockstep.figures,
    "idle": idle.figures,
    "ivi": ivi.figures,
    "realtime": realtime.figures,
    "sizing": sizing.figures,
}


def main() -> None:
    """Run every benchmark and print its table, then the figures of all that have a target or a rival."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured [3]")
    rounds = parser.parse_args().rounds
    judged: list[Figure] = []
    for name, measure in _ALL.items():
        print(f"\n== {name} ==", flush=True)
        judged += [figure for figure in show(measure, rounds) if figure.bound is not None]
    print(f"\n== summary ==\n{table(judged)}")


if __name__ == "__main__":
    main()
