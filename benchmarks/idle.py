"""Two Linux guests that do nothing for one virtual minute.

python -m benchmarks.idle [--rounds 5]
"""

from __future__ import annotations

from benchmarks.command import sim_run
from benchmarks.figure import Figure
from benchmarks.harness import Tell, main

WALL_S = 3.0
"""Target on two cores without KVM."""


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Measure, after one run that makes sure of snapshots."""
    tell("warming up")
    sim_run("idle", "--duration", "1ms", warm_up=True)
    runs = []
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        runs.append(sim_run("idle"))
    wall, cpu = [run.wall_s for run in runs], [run.cpu_s for run in runs]
    ratio = [run.result["virtual_time_s"] / run.wall_s for run in runs]
    return [
        Figure("idle, two guests, 60 s virtual: wall", wall, "s", "target", WALL_S, cpu_s=cpu),
        Figure("idle: virtual over wall time", ratio, "x"),
    ]


if __name__ == "__main__":
    main(__doc__, figures, rounds=5)
