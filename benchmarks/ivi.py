"""A warm run of the IVI camera scenario, 10 virtual seconds.

python -m benchmarks.ivi [--rounds 3]
"""

from __future__ import annotations

from benchmarks.command import Run, phases, sim_run
from benchmarks.figure import Figure
from benchmarks.harness import Tell, main

WALL_S, FIRST_TENSOR_S, PEAK_BYTES = 25.0, 1.0, 1.5e9
"""Targets on two cores without KVM."""


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Measure, after one run that makes sure of snapshots and another that is watched for its memory."""
    tell("warming up")
    sim_run("ivi_camera", "--duration", "1ms", warm_up=True)
    tell("memory")
    watched = sim_run("ivi_camera", memory=True)
    runs: list[Run] = []
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        runs.append(sim_run("ivi_camera"))
    if len({run.result["digest"] for run in (watched, *runs)}) != 1:
        raise RuntimeError("runs of the same scenario differ in their digest")
    cpu = [run.cpu_s for run in runs]
    first = [run.first_tensor_s for run in runs if run.first_tensor_s is not None]
    return [
        Figure("ivi_camera, 10 s virtual: wall", [run.wall_s for run in runs], "s", "target", WALL_S, cpu_s=cpu),
        Figure("ivi_camera: start to first tensor taken", first, "s", "target", FIRST_TENSOR_S),
        Figure("ivi_camera: peak memory", [watched.peak_bytes / 1e6], "MB", "target", PEAK_BYTES / 1e6),
        Figure("ivi_camera: virtual over wall time", [run.result["virtual_time_s"] / run.wall_s for run in runs], "x"),
        *phases(runs),
    ]


if __name__ == "__main__":
    main(__doc__, figures, rounds=3)
