"""What two Linux guests exchange by the wall clock, beside the same scenarios in virtual time.

    python -m benchmarks.realtime [--rounds 3]

A round trip is from the publication of a message to the moment at which its answer is taken, both by the clock of the
guest that sent it: two doorbells, two interrupts, two turns of an agent. In virtual time it is a matter of the quantum,
whatever the host does meanwhile; throughputs there are per second of wall time, as the host's work is what limits them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Literal

from benchmarks.figure import Figure
from benchmarks.harness import Tell, main
from sim import scenario as language
from sim.commands.execution import start
from sim.host.run import Run
from sim.report.progress import Progress

Mode = Literal["realtime", "virtual"]

SCENARIOS = Path(__file__).parent / "scenarios"
LOADS = {"messages": "64 B messages", "frames": "1.2 MB frames"}
RIVAL = "virtual time, quantum 1 ms"


@dataclass(frozen=True)
class RoundTrips:
    """Round trips of one run, in microseconds."""

    median_us: float
    p99_us: float


def run(name: str, mode: Mode, **overrides: str) -> Run:
    """Run one of the scenarios beside this file to its end."""
    scenario = language.load(SCENARIOS / f"{name}.yaml", {"time.mode": mode, **overrides})
    with tempfile.TemporaryDirectory(prefix="edgesim-bench-") as folder:
        (Path(folder) / "logs").mkdir()
        with Progress(scenario.time.duration_ns, json=False, stream=StringIO()) as progress:
            done = start(scenario, Path(folder), cold=False, began=time.monotonic(), progress=progress)
    if done.record.outcome != "completed" or done.record.unwell:
        raise RuntimeError(f"{name} in {mode} time: {done.record.reason or done.record.unwell}")
    return done


def round_trips(mode: Mode) -> RoundTrips:
    """Return how long messages took there and back."""
    channels = run("round_trip", mode).record.channels
    left = {each.origin_sequence: each.produced_ns for each in channels["ping"].messages}
    back = {each.origin_sequence: each.taken_ns for each in channels["pong"].messages if each.taken_ns is not None}
    taken = sorted((back[number] - left[number]) / 1e3 for number in left.keys() & back.keys())
    return RoundTrips(statistics.median(taken), statistics.quantiles(taken, n=100)[98])


def rate(name: str, mode: Mode) -> float:
    """Return how many tensors of channel `middle` the second guest gave back in a wall second of the run."""
    done = run(name, mode).record
    return done.channels["middle"].consumer.popped / done.wall_phases["run"]


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Measure all in turn, after one short run of each that makes sure of snapshots."""
    trips: dict[Mode, list[RoundTrips]] = {"realtime": [], "virtual": []}
    rates: dict[tuple[str, Mode], list[float]] = {(name, mode): [] for name in LOADS for mode in trips}
    for name in ("round_trip", *LOADS):
        for mode in trips:
            tell(f"warming up: {name}, {mode}")
            run(name, mode, **{"time.duration": "1ms"})
    for number in range(rounds):
        for mode, taken in trips.items():
            tell(f"round {number + 1} of {rounds}: {mode}")
            taken.append(round_trips(mode))
            for name in LOADS:
                rates[name, mode].append(rate(name, mode))
    held = trips["virtual"]
    table = [
        Figure(
            "round trip of a message, two guests, real time: median",
            [each.median_us for each in trips["realtime"]], "us", RIVAL, statistics.median(e.median_us for e in held),
        ),
        Figure(
            "round trip of a message, two guests, real time: p99",
            [each.p99_us for each in trips["realtime"]], "us", RIVAL, statistics.median(e.p99_us for e in held),
        ),
    ]  # fmt: skip
    for name, what in LOADS.items():
        rival = statistics.median(rates[name, "virtual"])
        title = f"{what} from guest to guest, real time"
        table.append(Figure(title, rates[name, "realtime"], "/s", f"{RIVAL}, per wall second", rival, at_least=True))
    return table


if __name__ == "__main__":
    main(__doc__, figures, rounds=3)
