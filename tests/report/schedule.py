"""A seeded record of three guests that share two cores under ARINC 653, with faults, a restart and a path.

``control`` has half of core 0 and ``planning`` a quarter of it; ``logging`` has half of core 1. A kill strikes
planning, which is started again from its snapshot; a storm of doorbells strikes logging, which only notices it.
"""

from __future__ import annotations

from random import Random

from sim.report.record import (
    ChannelRecord,
    DeviceRecord,
    DoorbellRecord,
    ExpectationRecord,
    FaultRecord,
    MessageRecord,
    PartitionRecord,
    PathRecord,
    RunRecord,
    ScheduleRecord,
    SliceRecord,
    StateRecord,
    WindowRecord,
)

from .sample import HOSTILE, MS

FRAME_NS = 20 * MS
END_NS = 2000 * MS
KILLED_NS, NOTICED_NS, READY_NS = 800 * MS, 840 * MS, 1015 * MS

WINDOWS = [
    WindowRecord("control", 0, 0, 10 * MS),
    WindowRecord("planning", 0, 12 * MS, 5 * MS),
    WindowRecord("logging", 1, 5 * MS, 10 * MS),
]


def sample_with_schedule(seed: int = 7, *, hostile: bool = False) -> RunRecord:
    """Return the record of a run of 2 s in major frames of 20 ms.

    Parameters:
        seed: of everything in it.
        hostile: names, reasons and details attack the reader.
    """
    channel, path = _data(Random(seed))
    record = RunRecord(
        scenario="partition_schedule", scenario_file="scenarios/partition_schedule.yaml", seed=seed, quantum_ns=MS,
        duration_ns=END_NS, virtual_time_ns=END_NS, wall_s=6.25, wall_phases={"guests": 0.5, "run": 5.75},
        digest="2b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfe", channels={"orders": channel},
        partitions=_partitions(), devices={"sensor": DeviceRecord("recording", "axes.npz, 100 Hz", 200)},
        schedule=ScheduleRecord("arinc653", 2, FRAME_NS, 20_000, list(WINDOWS)),
        faults=_faults(), paths={"sensor_to_control": path},
    )  # fmt: skip
    record.doorbells = [DoorbellRecord(one.produced_ns, "sensor", "control", 1, "orders") for one in channel.messages]
    record.expectations = _expectations()
    if hostile:
        record.partitions[HOSTILE] = record.partitions.pop("planning")
        record.partitions[HOSTILE].states[1].reason = HOSTILE
        record.faults[HOSTILE] = record.faults.pop("power_cut")
        record.faults[HOSTILE].detail = record.faults[HOSTILE].target = HOSTILE
        record.paths[HOSTILE] = record.paths.pop("sensor_to_control")
        record.schedule = ScheduleRecord(HOSTILE, 2, FRAME_NS, 0, [WindowRecord(HOSTILE, 0, 0, 10 * MS)])
        record.expectations[0].evidence = record.expectations[0].reason = HOSTILE
    return record


def _partitions() -> dict[str, PartitionRecord]:
    partitions = {
        name: PartitionRecord(
            "linux-x86_64", "qemu", 128 << 20, 1000.0, boot="warm", restore_s=0.17, cores=(core,),
            configured_share=share, states=[StateRecord(0, "ready")], digest=f"{index:064x}",
        )
        for index, (name, core, share) in enumerate([("control", 0, 0.5), ("planning", 0, 0.25), ("logging", 1, 0.5)])
    }  # fmt: skip
    for window in WINDOWS:
        partition = partitions[window.partition]
        for frame_ns in range(0, END_NS, FRAME_NS):
            start_ns = frame_ns + window.offset_ns
            if window.partition != "planning" or not KILLED_NS <= start_ns < NOTICED_NS:
                partition.slices.append(SliceRecord(start_ns, start_ns + window.length_ns, window.core))
        partition.busy_ns = sum(one.stop_ns - one.start_ns for one in partition.slices)
    planning = partitions["planning"]
    planning.restarts = 1
    planning.states += [
        StateRecord(NOTICED_NS, "failed", "its agent has not answered for 40 ms (watchdog)"),
        StateRecord(NOTICED_NS, "restarting"),
        StateRecord(READY_NS, "ready"),
    ]
    return partitions


def _faults() -> dict[str, FaultRecord]:
    return {
        "power_cut": FaultRecord(
            "kill", "planning", KILLED_NS, KILLED_NS, NOTICED_NS, READY_NS, "recovered", "its process was killed"
        ),
        "storm": FaultRecord("doorbell_storm", "logging", 1200 * MS, 1200 * MS, 1201 * MS, None, "degraded"),
        "late": FaultRecord("hang", "control", 3000 * MS),
    }


def _data(random: Random) -> tuple[ChannelRecord, PathRecord]:
    """Return what a sensor sends every 10 ms: the sample waits for the window of its consumer; one never arrives."""
    channel = ChannelRecord("sensor.sample", "control.loop.sample", "float32", (3,), 4, "drop_oldest", 4096)
    path = PathRecord("sensor", "control", ("orders",), deadline_ns=12 * MS)
    for number in range(END_NS // (10 * MS)):
        sent_ns = number * 10 * MS
        wait_ns = 0 if sent_ns % FRAME_NS < 10 * MS else FRAME_NS - sent_ns % FRAME_NS
        taken_ns = sent_ns + wait_ns + 40_000 + random.randrange(3 * MS)
        message = MessageRecord(number, sent_ns, taken_ns, taken_ns + MS, sent_ns, number, 12, f"{number:032x}")
        if number == 50:
            message.taken_ns, message.returned_ns, message.dropped = None, sent_ns + 40 * MS, True
            path.missing.append((number, sent_ns))
        elif taken_ns < END_NS:
            path.arrivals.append((taken_ns, taken_ns - sent_ns, number))
        channel.messages.append(message)
    channel.sessions = 1
    return channel, path


def _expectations() -> list[ExpectationRecord]:
    return [
        ExpectationRecord(
            "paths.sensor_to_control.missing == 0", False, 1, "paths.sensor_to_control.missing is 1, expected == 0",
            "every sample steers", "paths.sensor_to_control.missing", 500 * MS, 1234,
            "sample 50 of sensor, taken at 0.500000 s, never arrived; 1 in all",
        ),
        ExpectationRecord("partitions.control.cpu_share == 50% +- 1%", True, 0.5),
        ExpectationRecord("faults.power_cut.outcome == recovered", True, "recovered"),
    ]  # fmt: skip
