"""Sweeps made by hand: figures by a formula, so that tests know what decides."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa

from sim.sizing.sweep.result import SweepResult, SweptAxis


def front_of(objectives: np.ndarray) -> np.ndarray:
    """Return which rows of float64[points, objectives] no other row is as good as everywhere and better somewhere."""
    kept = np.ones(len(objectives), bool)
    for index, row in enumerate(objectives):
        kept[index] = not ((objectives <= row).all(1) & (objectives < row).any(1)).any()
    return kept


def figures(cameras: np.ndarray, depth: np.ndarray, fps: np.ndarray, speed: np.ndarray) -> dict[str, np.ndarray]:
    """Return figures: memory of cameras and depth, drops where the load passes what depth can bear, age of both."""
    load = cameras * fps * speed / 150
    dropped = np.maximum(0, np.floor(300 * (load - 0.7) - 25 * np.log2(depth))).astype(np.int64)
    age = (8e6 + 14e6 * np.minimum(load, 2.5) * (1 + depth / 8) + 1e9 / fps / 4).astype(np.int64)
    return {"memory_bytes": (cameras * depth * (1 << 20)).astype(np.int64), "dropped": dropped, "age_p99_ns": age}


def sweep(cameras: int = 4, speeds: int = 3, unheard: bool = True) -> SweepResult:
    """Return a grid of cameras x 4 depths x 3 rates x speeds x 2 policies; `unheard`: one point has no age."""
    axes = (
        SweptAxis("cameras", "", tuple(range(1, cameras + 1)), load=True),
        SweptAxis("depth", "", (2, 4, 8, 16)),
        SweptAxis("fps", "Hz", (15, 30, 60), load=True),
        SweptAxis("service_time", "", tuple(round(0.8 + 0.1 * index, 1) for index in range(speeds)), load=True),
        SweptAxis("overflow", "", ("drop_oldest", "block")),
    )
    rows = list(itertools.product(*(axis.values for axis in axes)))
    columns = {axis.name: [row[index] for row in rows] for index, axis in enumerate(axes)}
    return result(axes, columns, figures(*(np.array(columns[name], float) for name in
                                           ("cameras", "depth", "fps", "service_time"))), unheard, False)  # fmt: skip


def sample(points: int = 200) -> SweepResult:
    """Return points at any values of three ranges and with any of four depths."""
    random = np.random.default_rng(3)
    axes = (
        SweptAxis("service_time", "", (), 0.5, 2.0, load=True), SweptAxis("depth", "", (2, 4, 8, 16)),
        SweptAxis("quantum", "ns", (), 1e5, 5e6),
    )  # fmt: skip
    columns = {"service_time": random.uniform(0.5, 2, points), "depth": random.choice([2, 4, 8, 16], points),
               "quantum": random.uniform(1e5, 5e6, points)}  # fmt: skip
    three, thirty = np.full(points, 3.0), np.full(points, 30.0)
    found = figures(three, columns["depth"].astype(float), thirty, columns["service_time"])
    return result(axes, {name: one.tolist() for name, one in columns.items()}, found, False, True)


def result(axes: tuple[SweptAxis, ...], columns: dict[str, list], found: dict[str, np.ndarray], unheard: bool,
           sampled: bool) -> SweepResult:  # fmt: skip
    objectives = np.stack([found[name].astype(float) for name in ("memory_bytes", "age_p99_ns", "dropped")], 1)
    load = [tuple(columns[axis.name][index] for axis in axes if axis.load) for index in range(len(objectives))]
    of_load = np.zeros(len(objectives), bool)
    for one in set(load):
        points = np.array([index for index, other in enumerate(load) if other == one])
        of_load[points] = front_of(objectives[points])
    of_all = np.flatnonzero(of_load)  # what is not on the front of its load is not on that of all
    front = np.zeros(len(objectives), bool)
    front[of_all] = front_of(objectives[of_all])
    ages: list[int | None] = found["age_p99_ns"].tolist()
    if unheard:
        ages[-1] = None
    table = pa.table({
        "point": list(range(len(objectives))), **columns,
        "memory_bytes": found["memory_bytes"], "dropped": found["dropped"],
        "age_p99_ns": pa.array(ages, pa.int64()), "pareto": front, "pareto_of_load": of_load,
    })  # fmt: skip
    files = {"parquet": "sweep.parquet", "csv": "sweep.csv"}
    return SweepResult("ivi_camera", "scenarios/ivi_camera.yaml", "measured in runs/ivi_camera-3", axes, sampled,
                       table, (), (), (), 10_000_000_000, 12, 31.4, files)  # fmt: skip
