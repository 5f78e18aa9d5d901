"""The services of the surround view: views show what cameras see, objects are told once, marks are on them."""

from __future__ import annotations

import numpy as np
import pytest

from guests.service import TensorType, signature
from guests.services import surround_isp as isp
from guests.services.surround_fusion import APART, CAPACITY, WIDE, Fusion
from guests.services.surround_head_unit import COLOUR, draw
from machines.native.camera import nv12


def _frame(width: int, height: int, grey: int) -> np.ndarray:
    return nv12(np.full((height, width, 3), grey, np.uint8))


def test_the_isp_takes_twelve_cameras_at_either_size() -> None:
    for service, shape in ((isp.full, (1620, 1920)), (isp.small, (180, 160))):
        found = signature(service)
        assert list(found.required) == [f"camera_{number}" for number in range(12)]
        assert {tensor.shape for tensor in found.inputs.values()} == {shape}
        assert list(found.outputs) == [*(f"view_{number}" for number in range(12)), "mosaic"]
        assert found.outputs["view_11"] == TensorType("int8", (1, 120, 160, 1))


@pytest.mark.parametrize("size", [(160, 120), (1920, 1080)])
def test_a_view_is_the_camera_s_brightness_as_the_network_takes_it(size: tuple[int, int]) -> None:
    greys = [20 * number for number in range(12)]
    outputs = isp.process(*(_frame(*size, grey) for grey in greys))
    for number, grey in enumerate(greys):
        view = outputs[number]
        assert view.shape == (1, 120, 160, 1) and view.dtype == np.int8
        assert np.abs(view.astype(int) + 128 - grey).max() <= 1
        top, left = number // 4 * 60, number % 4 * 80
        tile = outputs.mosaic[top : top + 60, left : left + 80]
        assert np.abs(tile.astype(int) - grey).max() <= 1


def test_a_full_picture_is_decimated_evenly() -> None:
    colour = np.zeros((1080, 1920, 3), np.uint8)
    colour[9 * 50, 12 * 70] = 255
    frames = [_frame(1920, 1080, 0)] * 12
    frames[3] = nv12(colour)
    outputs = isp.process(*frames)
    assert np.argwhere(outputs.view_3[0, :, :, 0] > 0).tolist() == [[50, 70]]


def _grid(*cells: tuple[int, int, int]) -> np.ndarray:
    grid = np.full((1, 15, 20, 1), -100, np.int8)
    for row, column, value in cells:
        grid[0, row, column, 0] = value
    return grid


def _fused(fusion: Fusion, **grids: np.ndarray) -> np.ndarray:
    """Send a set of twelve grids; all but the last get no answer."""
    for camera in range(11):
        assert fusion(grids.get(f"camera_{camera}", _grid())) is None
    told = fusion(grids.get("camera_11", _grid()))
    assert told is not None and told.shape == (CAPACITY, 4) and told.dtype == np.float32
    return told


def test_nothing_is_told_of_empty_pictures() -> None:
    assert not _fused(Fusion()).any()


def test_an_object_has_a_bearing_a_height_and_its_camera() -> None:
    told = _fused(Fusion(), camera_2=_grid((7, 15, 60)))
    bearing, height, probability, camera = told[0].tolist()
    assert bearing == pytest.approx(2 * APART + (15.5 / 20 - 0.5) * WIDE)
    assert height == pytest.approx(0.5) and camera == 2
    assert probability == pytest.approx(1 / (1 + np.exp(-(60 - 8) * 0.0788483545)), abs=1e-5)
    assert not told[1:].any()


def test_neighbouring_cells_are_one_object() -> None:
    told = _fused(Fusion(), camera_5=_grid((7, 9, 40), (7, 10, 60), (8, 10, 50)))
    assert (told[:, 2] > 0).sum() == 1


def test_what_two_cameras_see_is_one_object_also_behind_north() -> None:
    """The right edge of camera 11 and the left edge of camera 0 look in nearly the same direction."""
    told = _fused(Fusion(), camera_0=_grid((4, 1, 50)), camera_11=_grid((4, 18, 60)))
    assert (told[:, 2] > 0).sum() == 1 and told[0, 3] == 11
    told = _fused(Fusion(same=0.0), camera_0=_grid((4, 1, 50)), camera_11=_grid((4, 18, 60)))
    assert (told[:, 2] > 0).sum() == 2


def test_the_most_probable_come_first_and_the_rest_is_left_out() -> None:
    crowd = {f"camera_{number}": _grid(*((3, column, 40 + number) for column in (3, 9, 16))) for number in range(12)}
    told = _fused(Fusion(same=1.0), **crowd)
    assert (told[:, 2] > 0).all() and (np.diff(told[:, 2]) <= 0).all()


@pytest.mark.parametrize("settings", [{"threshold": 0.0}, {"threshold": 1.0}, {"same": -1.0}, {"same": 30.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Fusion(**settings)


def test_a_mark_is_where_the_object_is() -> None:
    objects = np.zeros((CAPACITY, 4), np.float32)
    objects[0] = (5 * APART, 0.5, 0.9, 5)  # the middle of the second tile in the second row
    picture = draw(objects, np.full((180, 320), 7, np.uint8))
    marked = np.argwhere((picture == COLOUR).all(axis=2))
    assert marked.mean(axis=0).tolist() == [90, 120]
    assert (picture[0, 0] == 7).all()


def test_nonsense_is_not_drawn() -> None:
    objects = np.zeros((CAPACITY, 4), np.float32)
    objects[:4] = [(0, 0, np.nan, 0), (0, 0, 2.0, 0), (0, 0, 0.5, 12), (0, 0, 0.5, -1)]
    assert (draw(objects, np.zeros((180, 320), np.uint8)) == 0).all()
    objects[0] = (np.nan, np.inf, 0.5, 0)
    draw(objects, np.zeros((180, 320), np.uint8))
