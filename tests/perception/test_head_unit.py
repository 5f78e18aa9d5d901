"""The head unit: tracks keep their identity, votes settle the digit, and the picture shows what it should."""

import numpy as np
import pytest

from guests.service import TensorType, signature
from guests.services.head_unit import (
    ALARM,
    BELIEVED,
    FONT,
    MOTIONS,
    PATIENCE,
    REASONS,
    SILENCE_NS,
    VIEW,
    HeadUnit,
    Tracker,
    enlarge,
)


def detections(*rows: tuple[float, ...]) -> np.ndarray:
    tensor = np.zeros((16, 6), np.float32)
    for index, row in enumerate(rows):
        tensor[index] = row
    return tensor


def test_a_moving_plate_keeps_its_number() -> None:
    tracker = Tracker()
    for step in range(20):
        x = 100 + 6 * step
        tracks = tracker.update(detections((x, 50, x + 60, 120, 4, 0.9)))
    assert [track.number for track in tracks] == [1]
    assert tracks[0].hits == 20
    assert abs(tracks[0].box[0] - x) < 6


def test_two_plates_are_not_mixed_up_when_the_order_of_detections_changes() -> None:
    tracker = Tracker()
    left, right = (100, 50, 160, 120, 4, 0.9), (300, 50, 360, 120, 7, 0.9)
    for step in range(6):
        tracks = tracker.update(detections(*((left, right) if step % 2 else (right, left))))
    assert {track.digit: track.hits for track in tracks} == {4: 6, 7: 6}
    assert sorted(track.number for track in tracks) == [1, 2]


def test_a_track_needs_several_detections_to_be_believed_and_numbered() -> None:
    tracker = Tracker()
    plate = detections((100, 50, 160, 120, 4, 0.9))
    for step in range(1, BELIEVED + 1):
        (track,) = tracker.update(plate)
        assert track.believed == (step >= BELIEVED)
        assert track.number == (1 if step >= BELIEVED else 0)


def test_a_gap_is_bridged_and_a_long_one_ends_the_track() -> None:
    tracker = Tracker()
    plate, nothing = detections((100, 50, 160, 120, 4, 0.9)), detections()
    for _ in range(BELIEVED):
        tracker.update(plate)
    for _ in range(PATIENCE):
        assert len(tracker.update(nothing)) == 1
    assert tracker.update(plate)[0].number == 1
    for _ in range(PATIENCE + 1):
        tracks = tracker.update(nothing)
    assert tracks == []
    for _ in range(BELIEVED):
        tracks = tracker.update(plate)
    assert tracks[0].number == 2


def test_the_digit_with_most_votes_wins() -> None:
    tracker = Tracker()
    for digit, score in ((7, 0.6), (1, 0.9), (7, 0.7)):
        (track,) = tracker.update(detections((100, 50, 160, 120, digit, score)))
    assert track.digit == 7


def test_the_picture_shows_view_boxes_and_list() -> None:
    unit = HeadUnit()
    preview = np.full((120, 160, 3), 90, np.uint8)
    plate = detections((100, 60, 160, 140, 4, 0.9))
    before = unit(detections(), preview).picture.copy()
    for _ in range(BELIEVED):
        picture = unit(plate, preview).picture
    assert picture.shape == (240, 400, 3)
    assert picture.dtype == np.uint8
    assert (before[:, :VIEW] == 90).all()
    colour = unit._tracker.tracks[0].colour
    frame = picture[30:70, 50:80]  # half of the camera's pixels
    assert (frame[0] == colour).all()
    assert (frame[:, 0] == colour).all()
    assert (frame[5:-5, 5:-5] == 90).all()
    assert not np.array_equal(picture[28:70, VIEW:], before[28:70, VIEW:])


def test_the_box_of_a_lost_plate_goes_but_its_line_stays() -> None:
    unit, preview = HeadUnit(), np.full((120, 160, 3), 90, np.uint8)
    for _ in range(BELIEVED):
        unit(detections((100, 60, 160, 140, 4, 0.9)), preview)
    assert (unit(detections(), preview).picture[:, :VIEW] == 90).all()
    assert unit._tracker.tracks[0].number == 1
    assert [track.number for track in unit._listed] == [1]


def test_the_counter_counts_pictures() -> None:
    unit, preview = HeadUnit(), np.zeros((120, 160, 3), np.uint8)
    first = unit(detections(), preview).picture.copy()
    second = unit(detections(), preview).picture
    rows = np.flatnonzero((first != second).any(axis=(1, 2)))
    assert len(rows)
    assert rows.min() >= 220


@pytest.mark.parametrize("box", [(-50, -50, 30, 30), (600, 440, 700, 520), (0, 0, 640, 480), (100, 100, 101, 101)])
def test_boxes_over_the_edge_are_drawn_as_far_as_they_go(box: tuple[int, ...]) -> None:
    unit, preview = HeadUnit(), np.zeros((120, 160, 3), np.uint8)
    for _ in range(BELIEVED + 1):
        picture = unit(detections((*box, 3, 0.8)), preview).picture
    assert (picture[:, VIEW + 1 : VIEW + 7] == picture[0, VIEW + 1]).all()  # nothing runs into the strip


def test_the_same_input_gives_the_same_pictures() -> None:
    draw = np.random.default_rng(5)
    previews = draw.integers(0, 256, (20, 120, 160, 3), dtype=np.uint8)
    inputs = [
        (detections((x, 50, x + 70, 140, x % 10, 0.8), (400, x, 480, x + 90, 2, 0.7)), preview)
        for x, preview in zip(range(100, 160, 3), previews, strict=True)
    ]
    one, other = HeadUnit(), HeadUnit()
    for pair in inputs:
        assert np.array_equal(one(*pair).picture, other(*pair).picture)


PLATE = detections((100, 60, 160, 140, 4, 0.9))
PREVIEW = np.full((120, 160, 3), 90, np.uint8)


def status(mode: int, reasons: int = 0) -> np.ndarray:
    return np.array([mode, reasons, 0, 0, 0, 0, 0, 0], np.uint8)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The clock that the head unit reads, in ns."""
    now = [5 * 10**9]
    monkeypatch.setattr("guests.services.head_unit.time.monotonic_ns", lambda: now[0])
    return now


def driven() -> HeadUnit:
    """A head unit that follows one plate."""
    unit = HeadUnit()
    for _ in range(BELIEVED):
        unit(PLATE, PREVIEW)
    return unit


def alarmed(picture: np.ndarray) -> bool:
    return bool((picture[0, :VIEW] == ALARM).all())


def boxed(picture: np.ndarray) -> bool:
    return bool((picture[40:, :VIEW] != 90).any())


def test_its_optional_inputs_are_those_of_the_microcontrollers() -> None:
    found = signature(HeadUnit)
    assert found.required == ("detections", "preview")
    assert {name: found.inputs[name] for name in found.optional} == {
        "safety": TensorType("uint8", (8,)),
        "cabin": TensorType("int8", (1, 4)),
    }


@pytest.mark.usefixtures("clock")
def test_a_normal_status_changes_nothing() -> None:
    with_monitor, without = driven(), driven()
    assert np.array_equal(with_monitor(PLATE, PREVIEW, status(0)).picture, without(PLATE, PREVIEW).picture)


@pytest.mark.usefixtures("clock")
def test_in_degraded_mode_a_banner_takes_the_place_of_boxes() -> None:
    unit = driven()
    normal = unit(PLATE, PREVIEW, status(0)).picture.copy()
    degraded = unit(PLATE, PREVIEW, status(1, 3)).picture.copy()
    assert (alarmed(normal), boxed(normal)) == (False, True)
    assert (alarmed(degraded), boxed(degraded)) == (True, False)
    assert not np.array_equal(normal[32:212, VIEW:], degraded[32:212, VIEW:]), "plates in the list count as lost"
    assert np.array_equal(unit(PLATE, PREVIEW).picture[:220], degraded[:220]), (
        "it stays until the monitor takes it back"
    )
    assert np.array_equal(unit(PLATE, PREVIEW, status(0)).picture[:220], normal[:220])


@pytest.mark.usefixtures("clock")
def test_the_banner_gives_the_reasons() -> None:
    unit = driven()
    banners = [unit(PLATE, PREVIEW, status(1, bits)).picture[:20, :VIEW].copy() for bits in range(8)]
    assert len({banner.tobytes() for banner in banners}) == 8
    assert np.array_equal(unit(PLATE, PREVIEW, status(1, 0xF8)).picture[:20, :VIEW], banners[0]), "others are unknown"


def test_a_monitor_that_falls_silent_is_an_alarm(clock: list[int]) -> None:
    unit = driven()
    clock[0] += 10 * SILENCE_NS
    assert not alarmed(unit(PLATE, PREVIEW).picture), "one that was never heard is none"
    assert not alarmed(unit(PLATE, PREVIEW, status(0)).picture)
    clock[0] += SILENCE_NS
    assert not alarmed(unit(PLATE, PREVIEW).picture)
    clock[0] += 1
    assert alarmed(unit(PLATE, PREVIEW).picture)
    assert not alarmed(unit(PLATE, PREVIEW, status(0)).picture)


def test_the_motion_in_the_cabin_is_shown_until_the_next() -> None:
    unit, plain = driven(), driven()
    corner = np.s_[220:, :VIEW]
    assert np.array_equal(unit(PLATE, PREVIEW).picture[corner], plain(PLATE, PREVIEW).picture[corner])
    shown = set()
    for motion in range(len(MOTIONS)):
        scores = np.full((1, 4), -128, np.int8)
        scores[0, motion] = 127
        first = unit(PLATE, PREVIEW, None, scores).picture[corner].copy()
        assert np.array_equal(unit(PLATE, PREVIEW).picture[corner], first)
        shown.add(first.tobytes())
    assert len(shown) == len(MOTIONS)


def test_there_is_a_letter_for_all_that_is_written() -> None:
    assert set("".join(("DEGRADED CABIN NO MONITOR SIGNS FRM #0123456789", *REASONS, *MOTIONS))) <= set(FONT)
    assert len(set(FONT.values())) == len(FONT) - 1, "only 0 and O look alike"
    assert all(len(rows) == 7 and max(rows) < 32 for rows in FONT.values())


@pytest.mark.parametrize(
    "bad",
    [
        (100, 50, 160, 120, 77, 0.9),
        (100, 50, 160, 120, -1, 0.9),
        (np.nan, 0, 9, 9, 1, 0.9),
        (np.inf, 0, 9, 9, 1, 0.9),
        (0, 0, 9, 9, np.nan, 0.9),
        (0, 0, 9, 9, 1, np.inf),
    ],
)
def test_what_no_detector_should_send_is_passed_over(bad: tuple[float, ...]) -> None:
    unit, sound = HeadUnit(), HeadUnit()
    for _ in range(BELIEVED + 1):
        both, one = detections((100, 60, 160, 140, 4, 0.9), bad), PLATE
        assert np.array_equal(unit(both, PREVIEW).picture, sound(one, PREVIEW).picture)


def test_enlarging_keeps_pixels_and_puts_means_between() -> None:
    small = np.array([[[0, 10, 20], [100, 110, 120]], [[200, 210, 220], [40, 50, 60]]], np.uint8)
    out = np.zeros((4, 4, 3), np.uint8)
    enlarge(small, out)
    assert np.array_equal(out[0::2, 0::2], small)
    assert out[0, 1].tolist() == [50, 60, 70]
    assert out[1, 0].tolist() == [100, 110, 120]
    assert np.array_equal(out[3], out[2])
