"""The head unit: tracks keep their identity, votes settle the digit, and the picture shows what it should."""

import numpy as np
import pytest

from guests.services.head_unit import BELIEVED, PATIENCE, VIEW, HeadUnit, Tracker, enlarge


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


def test_enlarging_keeps_pixels_and_puts_means_between() -> None:
    small = np.array([[[0, 10, 20], [100, 110, 120]], [[200, 210, 220], [40, 50, 60]]], np.uint8)
    out = np.zeros((4, 4, 3), np.uint8)
    enlarge(small, out)
    assert np.array_equal(out[0::2, 0::2], small)
    assert out[0, 1].tolist() == [50, 60, 70]
    assert out[1, 0].tolist() == [100, 110, 120]
    assert np.array_equal(out[3], out[2])
