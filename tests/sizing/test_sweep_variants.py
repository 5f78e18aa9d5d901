"""Knobs, what they turn, and the rows that come of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from sim.sizing.cameras import Variant, vary, with_cameras
from sim.sizing.errors import SizingError
from sim.sizing.model import simulate
from sim.sizing.model.outcome import Times
from sim.sizing.plan import Plan, Sensor
from sim.sizing.sweep.asking import Asked, ask
from sim.sizing.sweep.knobs import KNOBS
from sim.sizing.sweep.rows import Columns
from sim.sizing.sweep.variants import Variants

from .sweep_plans import SECOND_NS, asked, loaded, surround


def turned(*grids: str) -> Plan:
    """Return the plan of the only point of a sweep."""
    question = asked(*grids)
    (point,) = question.points
    return Variants(question.question).variant(point).plan


def depths(plan: Plan) -> dict[str, int]:
    return {name: ring.depth for name, ring in plan.rings.items()}


def intervals(plan: Plan) -> dict[str, Fraction]:
    return {each.name: each.interval_ns for each in plan.devices if isinstance(each, Sensor)}


def test_a_depth_is_of_all_channels_but_those_that_are_named() -> None:
    found = depths(turned("channels.frames.depth=32", "depth=2"))
    assert found.pop("frames") == 32 and set(found.values()) == {2}


def test_a_channel_over_a_link_has_one_depth() -> None:
    found = depths(turned("channels.motion.depth=16"))
    assert found["motion"] == found["motion@cabin"] == 16 and found["frames"] == 4


def test_overflow() -> None:
    plan = turned("overflow=block", "channels.picture.overflow=drop_newest")
    assert plan.rings["picture"].overflow == "drop_newest" and plan.rings["frames"].overflow == "block"


def test_rates_are_of_cameras_or_of_a_device() -> None:
    found = intervals(turned("fps=60", "devices.imu.rate=5"))
    assert found == {"front_camera": Fraction(SECOND_NS, 60), "imu": Fraction(SECOND_NS, 5)}
    assert intervals(turned("fps=60", "devices.front_camera.rate=20"))["front_camera"] == Fraction(SECOND_NS, 20)


def test_copies_are_like_their_originals() -> None:
    plan = turned("cameras=3", "fps=10", "channels.frames.depth=8", "service_time=2")
    assert len(intervals(plan)) == 4 and intervals(plan)["front_camera_3"] == Fraction(SECOND_NS, 10)
    assert depths(plan)["frames_3"] == 8
    detectors = [each for node in plan.nodes if node.name == "perception" for each in node.services]
    assert [each.calls.hold_ns.tolist() for each in detectors] == [[16_000_000]] * 3


def test_speed_scales_what_a_partition_executes() -> None:
    _, plan, _ = loaded()
    node = next(each for each in turned("partitions.perception.speed=500 MIPS").nodes if each.name == "perception")
    before = next(each for each in plan.nodes if each.name == "perception")
    assert node.services[0].calls.hold_ns.tolist() == [16_000_000]
    assert node.services[0].gap_ns == 2 * before.services[0].gap_ns and node.wake_ns == 2 * before.wake_ns


def test_knobs_and_the_scenario_itself_agree() -> None:
    """What a knob makes is what loading the scenario with the same value makes."""
    _, _, load = loaded()
    for grid in ("channels.frames.depth=16", "channels.frames.overflow=block", "devices.front_camera.rate=24"):
        key, _, value = grid.partition("=")
        by_file = load({key: f"{value}fps" if key.endswith("rate") else value})
        by_knob = turned(grid)
        assert by_knob.rings == by_file.rings and by_knob.devices == by_file.devices


def test_other_keys_load_the_scenario() -> None:
    question = asked("quantum=1ms,2ms", "channels.frames.tensor=uint8[480,640,3]")
    plans = [Variants(question.question).variant(point).plan for point in question.points]
    assert [plan.quantum_ns for plan in plans] == [1_000_000, 2_000_000]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("dpth=2", "no axis 'dpth'; did you mean 'depth'?"),
        ("foo.bar=3", "--grid foo.bar: unknown key 'foo'"),
        ("channels.frame.depth=2", "no key 'frame' here; did you mean 'frames'?"),
        ("depth=32768", "a region has less than 4 GiB"),
        ("quantum=3", "3 has no unit"),
        ("seed=1..2000", "would be loaded 2,000 times"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_simulated(grid: str, message: str) -> None:
    with pytest.raises(SizingError) as caught:
        asked(grid)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_jitter_must_be_shorter_than_a_period() -> None:
    scenario, plan, load = loaded()
    late = replace(plan, devices=tuple(
        replace(each, jitter_ns=20_000_000) if isinstance(each, Sensor) and each.camera else each
        for each in plan.devices
    ))  # fmt: skip
    with pytest.raises(SizingError, match=r"--grid fps=60: .*jitter of front_camera"):
        ask(scenario, late, load, ["fps=30,60"])


def test_every_knob_is_turned_somewhere() -> None:
    turns = asked(
        "fps=30", "devices.imu.rate=9", "cameras=2", "depth=4", "channels.frames.depth=8", "overflow=block",
        "channels.frames.overflow=block", "service_time=1", "partitions.cockpit.speed=900",
    ).question  # fmt: skip
    assert len(turns.before) + len(turns.after) + 1 == len(KNOBS)
    assert turns.cameras == 2 and turns.reloaded == ()


def row_of(plan: Plan, n: int) -> dict[str, object]:
    variant = vary(plan, n)
    columns = Columns.of([plan])
    return dict(zip(columns.types, columns.row(variant, simulate(variant.plan)), strict=True))


def test_a_row_tells_the_worst_of_copies_and_the_sum_of_what_is_counted() -> None:
    base = surround()
    row = row_of(base, 4)
    plan = with_cameras(base, 4)
    outcome = simulate(plan)
    held = [outcome.rings[name].occupancy_max for name in ("frames_2", "frames_3", "frames_4")]
    assert row["rings.frames_2.occupancy_max"] == max(held)
    assert row["memory_bytes"] == plan.memory_bytes and row["events"] == outcome.events
    copies = [outcome.paths[f"camera_{n}->display"] for n in (2, 3, 4)]
    assert row["paths.camera_2->display.delivered"] == sum(path.delivered for path in copies)
    assert row["dropped"] == outcome.dropped
    assert row["nodes.fuse.utilisation"] == outcome.nodes["fuse"].busy_ns / SECOND_NS
    assert row["dropped_share"] == outcome.dropped / sum(ring.offered for ring in outcome.rings.values())


def test_a_row_has_no_figures_of_what_is_not_there() -> None:
    row = row_of(surround(), 1)
    assert row["rings.frames_2.dropped"] is None and row["paths.camera_2->display.age_p99_ns"] is None
    assert row["rings.frames_1.dropped"] == 0 and row["nodes.right.utilisation"] is None


def test_a_path_on_which_nothing_arrives_has_no_age() -> None:
    base = surround()
    outcome = simulate(base)
    silent = replace(outcome.paths["camera_2->display"], age=Times(0, 0, 0, 0, 0, 0, 0))
    heard = replace(outcome, paths={**outcome.paths, "camera_2->display": silent})
    columns = Columns.of([base])
    row = dict(zip(columns.types, columns.row(Variant(base, {}, {}), heard), strict=True))
    assert row["age_p99_ns"] is None and row["paths.camera_2->display.age_max_ns"] is None
    assert row["paths.camera_1->display.age_p99_ns"] is not None


def test_loads_are_told_from_choices() -> None:
    found: Asked = asked("cameras=1..2", "depth=2,4", "seed=1,2", "quantum=1ms,2ms")
    assert found.loads == (True, False, True, False)
    assert [axis.values for axis in found.swept] == [(1, 2), (2, 4), (1, 2), ("1ms", "2ms")]
