"""Metrics of recordings in a scenario: what it may say, what is known to be true, and what a guest may claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from host.participants import MS, record

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.native.recording import RecordingDevice
from sim.host.channel import Channel, End, Published
from sim.host.devices import make_device
from sim.host.watch import Watch, attach
from sim.scenario import ScenarioErrors, load
from sim.scenario.model import Scenario
from virtio_shm import Layout, TensorSpec

SERVICE = """
from guests.service import Tensor

def one(sample: Tensor["float32", 6]) -> Tensor["float32", 1, 4]: ...
def two(sample: Tensor["float32", 6]) -> Tensor["int8", 4]: ...
def three(sample: Tensor["float32", 6]) -> Tensor["int8", 4]: ...
def pair(sample: Tensor["float32", 6]) -> Tensor["int8", 2, 2]: ...
def flags(sample: Tensor["float32", 6]) -> Tensor["bool", 4]: ...
"""

SCENARIO = """
name: motion
time: {duration: 1s}
partitions:
  cabin:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      one: {run: service.py:one}
      two: {run: service.py:two}
      three: {run: service.py:three}
      pair: {run: service.py:pair}
      flags: {run: service.py:flags}
devices:
  imu: {kind: recording, source: motion.npz, array: samples, rate: 50Hz, start: 2, loop: true}
  sink_one: {kind: sink}
  sink_two: {kind: sink}
  sink_three: {kind: sink}
  sink_pair: {kind: sink}
  sink_flags: {kind: sink}
channels:
  to_one: {from: imu, to: cabin.one, tensor: "float32[6]"}
  to_two: {from: imu, to: cabin.two, tensor: "float32[6]"}
  to_three: {from: imu, to: cabin.three, tensor: "float32[6]"}
  to_pair: {from: imu, to: cabin.pair, tensor: "float32[6]"}
  to_flags: {from: imu, to: cabin.flags, tensor: "float32[6]"}
  one: {from: cabin.one, to: sink_one, tensor: "float32[1,4]"}
  two: {from: cabin.two, to: sink_two, tensor: "int8[4]"}
  three: {from: cabin.three, to: sink_three, tensor: "int8[4]"}
  pair: {from: cabin.pair, to: sink_pair, tensor: "int8[2,2]"}
  flags: {from: cabin.flags, to: sink_flags, tensor: "bool[4]"}
metrics:
  motion: {kind: classification, channel: one, truth: imu}
  same: {kind: equal, channels: [two, three]}
expectations:
  - metrics.motion.accuracy >= 90%
  - metrics.same.equal == 1
  - metrics.same.missing == 0
"""
ROWS = 10
LABELS = np.arange(ROWS, dtype=np.int32) % 4


@dataclass
class Files:
    """A folder with a scenario, its services and its recording."""

    folder: Path

    def write(self, change: Callable[[str], str] = str, **arrays: np.ndarray) -> Path:
        (self.folder / "service.py").write_text(SERVICE)
        samples = np.arange(6 * ROWS, dtype=np.float32).reshape(ROWS, 6)
        np.savez(self.folder / "motion.npz", **{"samples": samples, "labels": LABELS, **arrays})
        path = self.folder / "motion.yaml"
        path.write_text(change(SCENARIO))
        return path

    def told(self, old: str, new: str, **arrays: np.ndarray) -> list[str]:
        """Return what is said of the scenario with a change."""
        assert old in SCENARIO
        try:
            load(self.write(lambda text: text.replace(old, new), **arrays))
        except ScenarioErrors as errors:
            return [problem.message for problem in errors.problems]
        return []


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


# -- what a scenario may say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("source: motion.npz", "source: motion.npy", "no file 'motion.npy'; did you mean 'motion.npz'?"),
        ("source: motion.npz", "source: .", ". is a folder; a recording is one .npz or .npy file"),
        ("source: motion.npz", "source: service.py", "service.py is no array; save it with numpy.save or numpy.savez"),
        ("array: samples", "array: sample", "no array 'sample' in motion.npz; did you mean 'samples'?"),
        ("start: 2", "start: 10", "there is no row 10; motion.npz has 10, counted from 0"),
        ("start: 2", "start: -1", "start: -1 is out of range; at least 0"),
        ("loop: true", "count: 9", "9 is more than the 8 rows from row 2; loop: true, or less"),
        ("loop: true", "count: 8", None),
        ("loop: true", "count: 100, loop: true", None),
        ("array: samples, ", "", None),
        (
            'to_one: {from: imu, to: cabin.one, tensor: "float32[6]"}',
            'to_one: {from: imu, to: cabin.one, tensor: "float32[1,6]"}',
            "the channel carries float32[1,6], but a row of motion.npz is float32[6] and one.sample takes float32[6]; "
            "make them equal",
        ),
    ],
)
def test_recordings(files: Files, old: str, new: str, expected: str | None) -> None:
    told = files.told(old, new)
    assert len(told) == (expected is not None)
    assert expected is None or expected in told[0]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.zeros((0, 6), np.float32), "motion.npz holds float32[0,6], which is empty; record something"),
        (np.zeros(10, np.float32), "motion.npz holds float32[10]; an array has rows and in each 1 to 6 dimensions"),
        (np.zeros((1,) * 8, np.float32), "in each 1 to 6 dimensions"),
        (np.zeros((10, 6), "c8"), "motion.npz holds <c8[10,6], which no ring carries; one of bool, uint8"),
        (np.zeros((10, 6), np.float64), "a row of motion.npz is float64[6]"),
    ],
    ids=["empty", "flat", "deep", "complex", "wide"],
)
def test_arrays(files: Files, samples: np.ndarray, expected: str) -> None:
    told = files.told("start: 2, ", "", samples=samples)
    assert all(expected in message for message in told)
    assert len(told) == (5 if "a row" in expected else 1)  # once for each channel, or at the device only


def test_of_several_arrays_one_is_named(files: Files) -> None:
    told = files.told("array: samples, ", "", windows=np.zeros((2, 5, 6)))
    assert told == ["motion.npz has 2 arrays, samples, windows; name one with array:"]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("channel: ones, truth: imu", "unknown channel 'ones'; did you mean 'one'?"),
        ("channel: pair, truth: imu", "channel 'pair' carries int8[2,2]; scores are numbers, [classes] or [1,classes]"),
        ("channel: flags, truth: imu", "channel 'flags' carries bool[4]; scores are numbers, [classes] or [1,classes]"),
        ("channel: one, truth: sink_one", "'sink_one' is no recording; only imu is known"),
        ("channel: one, truth: imo", "'imo' is no recording; did you mean 'imu'?"),
        (
            "channel: one, truth: imu, labels: label",
            "motion.npz has no array 'label' with the class of each row; did you",
        ),
        (
            "channel: one, truth: imu, labels: shares",
            "'shares' in motion.npz is float64[10]; one whole number for each",
        ),
        (
            "channel: one, truth: imu, labels: few",
            "'few' in motion.npz is int64[9]; one whole number for each of 10 rows",
        ),
        ("channel: one, truth: imu, names: [a, b]", "2 names for the 4 classes of channel 'one'; one for each"),
        ("channel: two, truth: imu, names: [a, b, c, d]", None),
        ("channel: two, truth: imu, labels: labels", None),
    ],
)
def test_classifications(files: Files, new: str, expected: str | None) -> None:
    more = {"shares": np.zeros(ROWS), "few": np.zeros(ROWS - 1, np.int64)}
    told = files.told("channel: one, truth: imu", new, **more)
    assert len(told) == (expected is not None), told
    assert expected is None or expected in told[0]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("[two]", "channels"),
        ("[two, tree]", "unknown channel 'tree'; did you mean 'three'?"),
        ("[two, two]", "'two' stands there twice; different channels are compared"),
        (
            "[two, three, pair]",
            "channel 'pair' carries int8[2,2] and 'two' int8[4], which are never equal; compare channels of one dtype",
        ),
        ("[three, two]", None),
    ],
)
def test_comparisons(files: Files, new: str, expected: str | None) -> None:
    told = files.told("[two, three]", new)
    assert len(told) == (expected is not None), told
    assert expected is None or expected in told[0]


def test_figures_that_there_are_not(files: Files) -> None:
    told = files.told("metrics.same.equal == 1", "metrics.same.equals == 1")
    assert told == ["unknown 'equals' in 'metrics.same'; did you mean 'equal'?"]


# -- what a guest may claim --------------------------------------------------------------------------------------------


class Watched:
    """The watches of the scenario, on channels that the test publishes on."""

    def __init__(self, path: Path) -> None:
        scenario: Scenario = load(path)
        recording = make_device("imu", scenario.devices["imu"], 1)
        assert isinstance(recording, RecordingDevice)
        self.recording = recording
        self.channels = {name: self._channel(scenario, name) for name in ("one", "two", "three")}
        system = SimpleNamespace(devices={"imu": recording}, channels=self.channels)
        self.watches: dict[str, Watch] = attach(scenario, system)  # type: ignore[arg-type]

    @staticmethod
    def _channel(scenario: Scenario, name: str) -> Channel:
        tensor = scenario.channels[name].tensor
        layout = Layout.for_tensor(TensorSpec(tensor.dtype, tensor.shape), 4)
        region = SharedRegion(name, layout.mapping_bytes)
        region.close()
        return Channel(name, region, layout, End("cabin", 1), End(f"sink_{name}", 1), record())

    def publish(self, channel: str, sample: int, tensor: np.ndarray) -> None:
        for observer in self.channels[channel].observers:
            observer(Published(0, 1 * MS, sample, 1 * MS, tensor))


@pytest.fixture
def watched(files: Files, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A recording of which 30 samples were sent, from row 2 on and again from the start."""
    monkeypatch.setattr(RecordingDevice, "samples", property(lambda self: 30))
    return Watched(files.write(classes=np.array(["standing", "running", "walking", "badminton"])))


def scores(label: int) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[None, label]


def test_the_truth_is_the_label_of_the_row_of_the_sample(watched: Watched) -> None:
    for sample in range(30):
        watched.publish("one", sample, scores(LABELS[(2 + sample) % ROWS]))
    result = watched.watches["motion"].result()
    assert (result["count"], result["accuracy"]) == (30, 1.0)
    assert result["labels"] == ["standing", "running", "walking", "badminton"]
    watched.publish("one", 0, scores(0))  # of row 2, which is of class 2
    assert watched.watches["motion"].result()["confusion"][2][0] == 1
    assert watched.watches["motion"].pictures() == []
    worst = watched.watches["motion"].worst()
    assert worst is not None and worst.text == "worst: sample 0 of imu: walking taken for standing"


@pytest.mark.parametrize("sample", [30, 2**31, 2**64 - 1])
def test_a_sample_that_was_not_sent_is_the_guests_claim(watched: Watched, sample: int) -> None:
    with pytest.raises(
        ParticipantFailed, match=f"cabin: sent on channel one: scores of sample {sample}, which was not"
    ):
        watched.publish("one", sample, scores(0))
    assert watched.watches["motion"].result()["count"] == 0


@pytest.mark.parametrize("tensor", [np.zeros(5), np.zeros((4, 1)), np.full((1, 4), np.nan)])
def test_what_are_no_scores_is_the_guests_fault(watched: Watched, tensor: np.ndarray) -> None:
    with pytest.raises(ParticipantFailed, match=r"cabin: sent on channel one: .*score"):
        watched.publish("one", 0, tensor)


def test_channels_are_compared(watched: Watched) -> None:
    for value in range(3):
        watched.publish("two", value, np.full(4, value, np.int8))
        watched.publish("three", value, np.full(4, min(value, 1), np.int8))
    result = watched.watches["same"].result()
    assert (result["equal"], result["tensors"], result["differing"]) == (0, 3, 1)
    assert result["first_difference"] == "tensor 2 of three is not that of two"


def test_without_names_classes_are_numbers(files: Files) -> None:
    for more in ({}, {"classes": np.arange(4)}, {"classes": np.array(["a", "b"])}):
        assert Watched(files.write(**more)).watches["motion"].result()["labels"] == ["0", "1", "2", "3"]


def test_names_of_the_scenario_come_first(files: Files) -> None:
    named = files.write(lambda text: text.replace("truth: imu}", "truth: imu, names: [a, b, c, d]}"))
    assert Watched(named).watches["motion"].result()["labels"] == ["a", "b", "c", "d"]


def test_a_label_that_is_no_class_is_told_before_the_run(files: Files) -> None:
    path = files.write(labels=np.where(np.arange(ROWS) == 7, 4, LABELS))
    with pytest.raises(
        ParticipantFailed, match=r"imu: 'labels' of row 7 is 4, not one of the classes 0\.\.3 of channel one"
    ):
        Watched(path)


def test_a_recording_that_went_away_is_told_in_a_line(files: Files) -> None:
    path = files.write()
    scenario = load(path)
    (files.folder / "motion.npz").unlink()
    with pytest.raises(ParticipantFailed) as caught:
        make_device("imu", scenario.devices["imu"], 1)
    assert str(caught.value).startswith("imu: ") and "\n" not in str(caught.value)
