"""The sizing model: events per second beside plain SimPy, cost and memory over simulated time, and a large sweep.

python -m benchmarks.sizing [--rounds 3]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.command import ROOT, BenchmarkFailed
from benchmarks.figure import Figure
from benchmarks.harness import Tell, main
from benchmarks.simpy_pipeline import Pipeline
from sim.sizing.model import simulate
from sim.sizing.plan import Calls, Node, Plan, Ring, Sensor, Service, Sink
from sim.sizing.plan import Path as DataPath

INTERVAL_NS = Fraction(10**9, 30)
HOLDS_NS = [8_400_000, 2_000_000]
DEPTH = 4
EVENTS_PER_SAMPLE = 9
"""Published, taken and given back, on three rings."""

SWEEP_S, POINTS = 60.0, 10_000
"""Target on two cores."""

MOST_GROWTH = 1.5
"""How much more an event of the longest simulation may cost than one of the shortest: a cost that is not linear in the
events (as of a heap, or of a list that grows) would be a multiple of it over three orders of magnitude."""

GRID = (
    "cameras=1..5",
    "depth=2,4,8,16",
    "fps=15,20,25,30,60",
    "service_time=0.80,0.84,0.88,0.92,0.96,1.00,1.04,1.08,1.12,1.16",
    "channels.frames.depth=2,4,8,16,32",
    "partitions.perception.speed=500 MIPS,1000 MIPS",
)


def plan(duration_ns: int) -> Plan:
    """Return a camera, two services on nodes of their own and a display."""

    def service(name: str, source: str, target: str, hold_ns: int) -> Node:
        calls = Calls(np.array([hold_ns], np.int64), np.array([[hold_ns]], np.int64))
        return Node(name, (Service(name, (source,), (), (target,), calls),))

    ends = {"frames": ("camera", "detector"), "found": ("detector", "head"), "picture": ("head", "display")}
    rings = {name: Ring(name, name, *both, 1 << 20, DEPTH, "block") for name, both in ends.items()}
    nodes = service("detector", "frames", "found", HOLDS_NS[0]), service("head", "found", "picture", HOLDS_NS[1])
    devices = Sensor("camera", INTERVAL_NS, ("frames",)), Sink("display", ("picture",))
    paths = {"path": DataPath("path", "camera", tuple(rings))}
    return Plan("pipeline", 1_000_000, duration_ns, rings, nodes, devices, paths)


def _duration_ns(events: int) -> int:
    """Return the virtual time in which about so many events happen, in whole quanta."""
    return -(-int(events * INTERVAL_NS / EVENTS_PER_SAMPLE) // 1_000_000) * 1_000_000


def _model_s(events: int) -> tuple[float, int]:
    began = time.perf_counter()
    found = simulate(plan(_duration_ns(events)))
    return time.perf_counter() - began, found.events


def _simpy_s(events: int) -> tuple[float, int]:
    began = time.perf_counter()
    done = Pipeline(float(INTERVAL_NS), HOLDS_NS, DEPTH).run(_duration_ns(events))
    return time.perf_counter() - began, done


def _peak_bytes(events: int) -> int:
    """Return the peak memory of a process that simulates so much and nothing else."""
    code = f"from benchmarks.sizing import *; from benchmarks.sizing import _model_s, peak; _model_s({events}); peak()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def peak() -> None:
    """Print the peak memory of this process in bytes."""
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _rates(rounds: int, tell: Tell) -> list[Figure]:
    model: list[float] = []
    rival: list[float] = []
    for number in range(rounds):
        tell(f"model and SimPy, round {number + 1} of {rounds}")
        for measure, rates in ((_model_s, model), (_simpy_s, rival)):
            seconds, events = measure(300_000)
            rates.append(events / seconds)
    bound = float(np.median(rival))
    return [
        Figure("model: events per second", model, "/s", "SimPy", bound, at_least=True),
        Figure("SimPy: events per second", rival, "/s"),
    ]


def _growth(rounds: int, tell: Tell) -> list[Figure]:
    sizes = [10**4, 10**5, 10**6, 10**7]
    per_event: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(rounds):
        tell(f"10^4 to 10^7 events, round {number + 1} of {rounds}")
        for size in sizes:
            seconds, events = _model_s(size)
            per_event[size].append(1e9 * seconds / events)
    first = float(np.median(per_event[sizes[0]])) * MOST_GROWTH
    found = [Figure(f"model, {size:.0e} events: time of one", per_event[size], "ns") for size in sizes[:-1]]
    found.append(Figure("model, 1e+07 events: time of one", per_event[sizes[-1]], "ns", "1.5 x that of 1e+04", first))
    tell("memory")
    small, large = _peak_bytes(10**4), _peak_bytes(10**7)
    found.append(
        Figure("model, 1e+07 events: peak memory", [large / 1e6], "MB", "1.02 x that of 1e+04", 1.02 * small / 1e6)
    )
    return found


def _sweep(rounds: int, tell: Tell) -> list[Figure]:
    """A sweep as a user asks for it, all of the process included."""
    with tempfile.TemporaryDirectory() as folder:
        tell("a run of ivi_camera, for its execution times")
        run = Path(folder) / "run"
        _sim("run", "scenarios/ivi_camera.yaml", "--out", str(run))
        seconds = []
        for number in range(rounds):
            tell(f"sweep, round {number + 1} of {rounds}")
            axes = [word for axis in GRID for word in ("--grid", axis)]
            began = time.perf_counter()
            out = str(Path(folder) / f"sweep-{number}")
            _sim("sweep", "scenarios/ivi_camera.yaml", "--from", str(run), *axes, "--out", out)
            seconds.append(time.perf_counter() - began)
    return [Figure(f"sweep of ivi_camera, {_points():,} points of 10 s: wall", seconds, "s", "target", SWEEP_S)]


def _points() -> int:
    points = 1
    for axis in GRID:
        values = axis.partition("=")[2]
        low, dots, high = values.partition("..")
        points *= int(high) - int(low) + 1 if dots else len(values.split(","))
    return points


def _sim(*words: str) -> None:
    program = str(Path(sys.executable).with_name("sim"))
    done = subprocess.run([program, *words], cwd=ROOT, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BenchmarkFailed(f"sim {' '.join(words)}: exit code {done.returncode}")


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Measure all of it."""
    return [*_rates(rounds, tell), *_growth(rounds, tell), *_sweep(rounds, tell)]


if __name__ == "__main__":
    main(__doc__, figures, rounds=3)
