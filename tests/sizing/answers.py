"""Answers made by hand: a camera system whose figures are plausible, and whose memory is laid out as rings are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.sizing.account import Account, PartitionAccount, Region, Traffic
from sim.sizing.answer import Answer, Compared, DepthCurve, Proposal
from sim.sizing.bounds import Bounds, RingBound
from sim.sizing.model.outcome import NodeOutcome, Outcome, PathOutcome, RingOutcome, Series, Times
from sim.sizing.sensitivity import Sensitivity
from sim.sizing.sensitivity.headroom import Headroom
from sim.sizing.target.verdict import Verdict
from virtio_shm import Layout

HOSTILE = '</script><img src=x onerror="alert(1)"><b>$x$'
VIRTUAL_NS = 10_000_000_000
RINGS = {
    "frames": (640 * 480 * 3, 8, 2), "detections": (16 * 6 * 4, 8, 2), "checked": (16 * 6 * 4, 4, 4),
    "status": (8, 4, 2), "samples@imu": (24, 8, 4), "samples": (24, 8, 4), "preview": (120 * 160 * 3, 4, 2),
    "picture": (240 * 400 * 3, 4, 4),
}  # fmt: skip
"""Payload in bytes, present and proposed depth."""


def region(ring: str, depth: int, payload: int) -> Region:
    """Return a region's parts, taken from its layout."""
    layout = Layout(depth, payload)
    parts = {"header": 1024, "descriptors": 16 * depth, "available": 6 + 2 * depth, "used": 6 + 8 * depth}
    parts |= {"receipts": 32 * depth, "frame_headers": 128 * depth, "payloads": payload * depth}
    padding, size = layout.region_bytes - sum(parts.values()), layout.mapping_bytes
    return Region(ring, depth, payload, **parts, padding=padding, region=layout.region_bytes,
                  rounding=size - layout.region_bytes, mapping=size)  # fmt: skip


def times(p50_ns: int, count: int = 300) -> Times:
    return Times(count, p50_ns // 2, p50_ns, 2 * p50_ns, 3 * p50_ns, 4 * p50_ns, 4 * p50_ns)


def levels(seed: int, most: int, steps: int) -> np.ndarray:
    """Return a walk between 0 and `most` that reaches both."""
    random = np.random.default_rng(seed)
    walk = np.abs(np.cumsum(random.integers(-1, 2, steps))) % (most + 1)
    walk[steps // 2] = most
    return walk.astype(np.int32)


def rings_of(cameras: int) -> dict[str, tuple[int, int, int]]:
    if cameras == 1:
        return RINGS
    frames = {f"frames_{number}": (1920 * 1080 * 3 // 2, 8, 2 + 2 * (number % 2)) for number in range(cameras)}
    return frames | {name: one for name, one in RINGS.items() if name != "frames"}


def outcome(rings: dict[str, tuple[int, int, int]], which: int, dropped: int = 0, steps: int = 400) -> Outcome:
    """Return an outcome; `which` is 1 for the present depths, 2 for the proposed ones."""
    found, series = {}, {}
    for index, (name, (_, *depths)) in enumerate(rings.items()):
        depth = depths[which - 1]
        most = min(depth, 1 + index % 3)
        walk = levels(index, most, steps)
        level_ns = np.bincount(walk, minlength=depth + 1).astype(np.int64) * (VIRTUAL_NS // steps)
        lost = dropped if index == 0 else 0
        found[name] = RingOutcome(300, 300 - lost, lost, 0, 0, most, level_ns, times(900_000), times(12_000_000))
        series[name] = Series(VIRTUAL_NS // steps, walk)
    paths = {"front_camera->display": PathOutcome(299, 1, 0, times(14_000_000)),
             "imu->head_unit": PathOutcome(90, 0, 2, times(52_000_000))}  # fmt: skip
    nodes = {"perception": NodeOutcome(4_100_000_000, {"detector": 300}),
             "cockpit": NodeOutcome(2_500_000_000, {"head_unit": 300}),
             "cabin@link": NodeOutcome(9_000_000, {})}  # fmt: skip
    return Outcome(found, paths, nodes, 5400, VIRTUAL_NS, series)


def account(rings: dict[str, tuple[int, int, int]], which: int) -> Account:
    regions = {name: region(name, depths[which - 1], payload) for name, (payload, *depths) in rings.items()}
    traffic = {name: Traffic(30.0, 30.0 * (one.payload_bytes + 128), 30.0 * (one.payload_bytes + 128), 1)
               for name, one in regions.items()}  # fmt: skip
    shared = sum(one.mapping for one in regions.values())
    partitions = {
        "perception": PartitionAccount(256 << 20, shared), "cockpit": PartitionAccount(256 << 20, 1 << 20),
        "safety": PartitionAccount(0, 8192, 12288, 65536, 0, 4 << 20),
        "cabin": PartitionAccount(0, 8192, 12288, 32768, 9000, 320 << 10),
    }  # fmt: skip
    return Account(regions, traffic, partitions, 512 << 20, shared, 1536 << 20, 12_800_000_000)


def proposals(rings: dict[str, tuple[int, int, int]]) -> tuple[Proposal, ...]:
    by_channel: dict[str, list[tuple[int, int, int]]] = {}
    for name, one in rings.items():
        by_channel.setdefault(name.partition("@")[0], []).append(one)
    return tuple(
        Proposal(name, ends[0][1], ends[0][2], sum(Layout(end[1], end[0]).mapping_bytes for end in ends),
                 sum(Layout(end[2], end[0]).mapping_bytes for end in ends), min(ends[0][2], 1 + index % 3),
                 None if index == 2 else 3 + index, "least depth" if ends[0][2] == 2 else "depth 2: drops 12")
        for index, (name, ends) in enumerate(by_channel.items())
    )  # fmt: skip


def verdicts(dropped: int = 0, p99_ns: float = 42_000_000) -> tuple[Verdict, ...]:
    return (
        Verdict("drops=0", dropped, 0, "", dropped == 0),
        Verdict("p99(front_camera->display)<100ms", p99_ns, 100e6, "ns", p99_ns < 100e6),
        Verdict("memory<64MB", 6_000_000, 64_000_000, "bytes", True),
    )


def curve(channel: str, dropped: Sequence[int] = (41, 0, 0, 0)) -> DepthCurve:
    depths = [2 << index for index in range(len(dropped))]
    return DepthCurve(channel, depths, dropped, [38_000_000 + 3_000_000 * index for index in range(len(dropped))],
                      "p99 of the age of front_camera->display")  # fmt: skip


def headrooms(cameras: int = 1) -> tuple[Headroom, ...]:
    """Return how far three directions go: one that somebody's time ends, one that a figure does, one without an end."""
    busy, idle = "perception.detector would be busy 101 % of the time", "cockpit.head_unit is busy 61 % of the time"
    return (
        Headroom("cameras", "cameras", cameras, cameras + 1, cameras + 2, "drops is 17, all on frames", busy, 1.01,
                 {"frames": 4}, 2 << 20),
        Headroom("cockpit.head_unit", "times", 1, 3.225, 3.386, "p99(front_camera->display) is 103 ms", idle, 0.61,
                 {"frames": 2}, 0),
        Headroom("imu", "Hz", 10, 153.7, None, "", "", 0.0, {"frames": 2}, 0),
    )  # fmt: skip


def answer(cameras: int = 1, met: bool = True) -> Answer:
    """Return an answer about so many cameras; `met`: the target can be met."""
    rings = rings_of(cameras)
    changes = (
        Sensitivity("one more camera", verdicts(p99_ns=61e6), "", {"frames": 4}, 2 << 20),
        Sensitivity("services 10 % slower", verdicts(17), "drops=0: 17 dropped on frames", {"frames": 8}, 6 << 20),
        Sensitivity("half a window", verdicts(210, 140e6), "p99(front_camera->display)<100ms: 140 ms", {}, None),
    )
    compared = (
        Compared("channels.frames.occupancy_max", 2, 2), Compared("channels.picture.occupancy_max", 3, 2),
        Compared("paths.front_camera->display.age.p99", 42_000_000, 41_300_000),
        Compared("paths.imu->head_unit.age.p99", 150_000_000, 131_000_000),
    )  # fmt: skip
    return Answer(
        scenario="ivi_camera", scenario_file="scenarios/ivi_camera.yaml",
        target="drops=0,p99(front_camera->display)<100ms,memory<64MB", timing="measured in runs/ivi_camera-3",
        now=outcome(rings, 1), proposed=outcome(rings, 2, 0 if met else 5),
        verdicts_now=verdicts(), verdicts=verdicts(0 if met else 5), proposals=proposals(rings),
        account_now=account(rings, 1), account=account(rings, 2),
        bounds=Bounds({name: RingBound(None if index == 2 else 3 + index, 4_000_000, "no rate" if index == 2 else "")
                       for index, name in enumerate(rings)},
                      {"front_camera->display": 96_000_000, "imu->head_unit": None}),
        binding="drops=0 on checked: with depth 2 it drops 12", sensitivities=changes,
        curves=tuple(curve(one.channel) for one in proposals(rings)), compared=compared, emulation="runs/ivi_camera-4",
        notes=("The sensor of imu has 100 samples only.",), wall_s=1.93, figures={"events_per_s": 2.1e6},
        headrooms=headrooms(cameras),
    )  # fmt: skip


def hostile() -> Answer:
    """Return an answer in which every free text tries to break out of the page."""
    plain = answer()
    return replace(plain, scenario=HOSTILE, scenario_file=HOSTILE, target=HOSTILE, timing=HOSTILE, binding=HOSTILE,
                   emulation=HOSTILE, notes=(HOSTILE,),
                   curves=(replace(plain.curves[0], channel=HOSTILE, label=HOSTILE),),
                   proposals=(replace(plain.proposals[0], channel=HOSTILE, why=HOSTILE),),
                   sensitivities=(replace(plain.sensitivities[0], change=HOSTILE, breaks=HOSTILE),),
                   headrooms=(replace(plain.headrooms[1], subject=HOSTILE, breaks=HOSTILE, bottleneck=HOSTILE),),
                   compared=(Compared(HOSTILE, 1, 2),), verdicts=(Verdict(HOSTILE, 1, 2, "", True),))  # fmt: skip
