"""Boxes on pictures, and how many pictures are kept."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sim.report import pictures
from sim.report.record import BoxRecord, PictureRecord


def grey(*boxes: BoxRecord) -> PictureRecord:
    return PictureRecord(0, "camera", pixels=np.full((60, 80, 3), 90, np.uint8), boxes=list(boxes))


@pytest.mark.parametrize(
    ("kind", "correct", "colour"),
    [("truth", None, pictures.TRUTH), ("detection", True, pictures.RIGHT), ("detection", False, pictures.WRONG)],
)
def test_a_box_is_drawn_in_the_colour_of_its_kind(kind: str, correct: bool | None, colour: tuple[int, ...]) -> None:
    picture = grey(BoxRecord(10, 30, 40, 50, "3", kind, correct=correct))  # type: ignore[arg-type]
    drawn = pictures.draw(picture)
    assert all(drawn.getpixel(corner) == colour for corner in [(10, 50), (40, 50), (25, 50), (40, 40)])
    assert drawn.getpixel((25, 40)) == (90, 90, 90), "the inside stays as it was"
    assert picture.pixels is not None and (picture.pixels == 90).all(), "and so does the record"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_coordinates_that_are_no_numbers_are_left_out(bad: float) -> None:
    boxes = [BoxRecord(bad, 1, 2, 3, "1", "detection"), BoxRecord(1, 1, 2, bad, "1", "detection")]
    assert pictures.visible(boxes, 80, 60) == []
    assert pictures.draw(grey(*boxes)).getcolors() == [(80 * 60, (90, 90, 90))]


def test_boxes_are_brought_into_the_picture_and_detections_on_top() -> None:
    boxes = [BoxRecord(1e30, 50, -1e30, 10, "1", "detection"), BoxRecord(3, 4, 5, 6, "2", "truth")]
    shown = pictures.visible(boxes, 80, 60)
    assert [box.kind for box in shown] == ["truth", "detection"]
    assert (shown[1].x0, shown[1].y0, shown[1].x1, shown[1].y1) == (0, 10, 79, 50)
    pictures.draw(grey(*boxes))


def test_captions_say_what_was_found() -> None:
    assert pictures.caption(BoxRecord(0, 0, 1, 1, "7", "detection", 0.9, 0.812)) == "7 IOU 0.81"
    assert pictures.caption(BoxRecord(0, 0, 1, 1, "7", "detection", 0.9)) == "7 no match 0.90"
    assert pictures.caption(BoxRecord(0, 0, 1, 1, "7", "truth")) == "7"


def test_png_keeps_pixels_and_data_uri_is_a_jpeg() -> None:
    picture = grey()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pictures.png(picture)))), picture.pixels)
    head, _, body = pictures.data_uri(picture).partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(body))).size == (80, 60)


def test_pictures_come_from_memory_grey_or_from_a_file(tmp_path: Path) -> None:
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    assert pictures.load(PictureRecord(0, "d", pixels=pixels)).getpixel((1, 2)) == (11, 11, 11)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert pictures.load(PictureRecord(0, "d", path=tmp_path / "a.png")).getpixel((1, 2)) == (11, 11, 11)
    with pytest.raises(ValueError, match="neither pixels nor a file"):
        pictures.load(PictureRecord(0, "d"))
    with pytest.raises(ValueError, match=r"\(4, 5, 2\)"):
        pictures.load(PictureRecord(0, "d", pixels=np.zeros((4, 5, 2), np.uint8)))


def test_spread_keeps_first_and_last_and_order() -> None:
    many = [PictureRecord(t_ns, "d") for t_ns in range(100)]
    kept = pictures.spread(many, 6)
    assert [one.t_ns for one in kept] == [0, 19, 39, 59, 79, 99]
    assert pictures.spread(many[:4], 6) == many[:4]
    assert pictures.spread(many, 1) == many[:1]


def test_animations_are_embedded_when_they_are_small_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    (tmp_path / "a.svg").write_bytes(b"<svg onload=alert(1)>")
    assert pictures.file_uri(tmp_path / "a.gif", 100) == "data:image/gif;base64,R0lGODlh"
    assert pictures.file_uri(tmp_path / "a.gif", 7) == ""
    assert pictures.file_uri(tmp_path / "a.svg", 100) == pictures.file_uri(tmp_path / "b.gif", 100) == ""
