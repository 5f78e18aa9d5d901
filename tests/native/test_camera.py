"""Cameras: when pictures are taken, formats, and sources from files."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from machines.native.camera import Camera, luma, nv12
from machines.native.pictures import FolderSource
from machines.native.source import Truth


class Flat:
    """A source of one colour a picture, which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def draw(self, index: int, t_ns: int, out: np.ndarray) -> None:
        self.asked.append((index, t_ns))
        out[:] = (10 * index, 100, 200)

    def truth(self, index: int, t_ns: int) -> list[Truth]:
        return [Truth(1, 2, 3, 4, index)]


def test_pictures_are_due_at_exact_multiples_of_the_period() -> None:
    camera = Camera("front", Flat(), (4, 3), 30)
    assert [camera.next_ns(i) for i in (0, 1, 2, 3, 300)] == [0, 33_333_333, 66_666_666, 100_000_000, 10_000_000_000]


def test_fractional_rates_do_not_drift() -> None:
    camera = Camera("front", Flat(), (4, 3), 29.97)
    assert camera.rate == Fraction(2997, 100)
    assert camera.next_ns(2997) == 100_000_000_000


@given(seed=st.integers(0, 2**64), jitter=st.integers(0, 33_333_332), index=st.integers(0, 10**6))
def test_jitter_only_delays_by_less_than_a_period_and_keeps_order(seed: int, jitter: int, index: int) -> None:
    camera = Camera("front", Flat(), (4, 3), 30, jitter_ns=jitter, seed=seed)
    due = index * 1_000_000_000 // 30
    assert due <= camera.next_ns(index) <= due + jitter
    assert camera.next_ns(index) < camera.next_ns(index + 1)
    assert camera.next_ns(index) == Camera("rear", Flat(), (4, 3), 30, jitter_ns=jitter, seed=seed).next_ns(index)


def test_jitter_fills_its_range_and_depends_on_the_seed() -> None:
    delays = [
        [Camera("c", Flat(), (4, 3), 10, jitter_ns=1000, seed=seed).next_ns(i) - i * 100_000_000 for i in range(500)]
        for seed in (1, 2)
    ]
    assert delays[0] != delays[1]
    assert min(delays[0]) < 50
    assert max(delays[0]) > 950
    assert 450 < np.mean(delays[0]) < 550


def test_the_source_is_asked_for_the_time_of_capture() -> None:
    source = Flat()
    camera = Camera("front", source, (4, 3), 10, jitter_ns=5_000_000, seed=3)
    out = np.zeros((3, 4, 3), np.uint8)
    camera.render(2, out)
    assert source.asked == [(2, camera.next_ns(2))]
    assert out[0, 0].tolist() == [20, 100, 200]
    assert camera.truth(5) == [Truth(1, 2, 3, 4, 5)]


def test_gray_pictures_are_luma() -> None:
    camera = Camera("front", Flat(), (4, 3), 10, "gray8")
    out = np.zeros((3, 4), np.uint8)
    camera.render(1, out)
    assert camera.shape == (3, 4)
    assert (out == (77 * 10 + 150 * 100 + 29 * 200) // 256).all()


def test_luma_keeps_grey_and_does_not_overflow() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(luma(grey), grey[..., 0])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"size": (0, 3)}, "size 0x3 is empty"),
        ({"rate": 0}, "rate 0 is not positive"),
        ({"jitter_ns": 100_000_000}, "less than a period"),
        ({"jitter_ns": -1}, "less than a period"),
        ({"format": "bgr8"}, "'bgr8' is none of"),
    ],
)
def test_bad_parameters_are_named(arguments: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Camera(**{"name": "front", "source": Flat(), "size": (4, 3), "rate": 10} | arguments)


def test_out_of_another_shape_is_refused() -> None:
    camera = Camera("front", Flat(), (4, 3), 10)
    with pytest.raises(ValueError, match=r"draws uint8\[3, 4, 3\], not uint8\[4, 3, 3\]"):
        camera.render(0, np.zeros((4, 3, 3), np.uint8))


def test_unknown_source_says_what_there_is() -> None:
    with pytest.raises(FileNotFoundError, match="'nowhere' is neither 'plates' nor a folder"):
        Camera("front", "nowhere", (4, 3), 10)


def test_a_folder_is_shown_in_order_of_names_and_again(tmp_path: Path) -> None:
    for name, grey in (("b.png", 20), ("a.png", 10), ("c.PNG", 30)):
        Image.new("RGB", (8, 6), (grey, grey, grey)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    camera = Camera("front", str(tmp_path), (4, 3), 10)
    shown = []
    for index in range(5):
        out = np.zeros(camera.shape, np.uint8)
        camera.render(index, out)
        shown.append(int(out[0, 0, 0]))
    assert shown == [10, 20, 30, 10, 20]
    assert camera.truth(0) == []


def test_folder_pictures_are_cut_and_resized(tmp_path: Path) -> None:
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, 20:40] = 255
    Image.fromarray(picture).save(tmp_path / "one.png")
    out = np.zeros((10, 10, 3), np.uint8)
    FolderSource(tmp_path, 10, 10).draw(0, 0, out)
    assert (out == 255).all()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no picture"):
        Camera("front", str(tmp_path), (4, 3), 10)


def test_a_missing_pyav_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    video = tmp_path / "drive.mp4"
    video.write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match=r"pip install edgesim\[video\]"):
        Camera("front", str(video), (4, 3), 10)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten pictures at 10 a second, in lossless FFV1; picture i is grey 20 * i."""
    av = pytest.importorskip("av")
    path = tmp_path / "drive.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 12, "bgr0"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((12, 16, 3), 20 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def test_a_video_plays_in_virtual_time_and_again(video: Path) -> None:
    camera = Camera("front", str(video), (8, 6), 20)
    shown = []
    for index in [*range(0, 44, 3), 4, 0]:
        out = np.zeros(camera.shape, np.uint8)
        camera.render(index, out)
        shown.append(int(out[2, 3, 1]) // 20)
    assert shown == [i // 2 % 10 for i in range(0, 44, 3)] + [2, 0]


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("av")
    path = tmp_path / "drive.mp4"
    path.write_bytes(b"this is not a video" * 50)
    with pytest.raises(ValueError, match=r"drive.mp4 cannot be decoded"):
        Camera("front", str(path), (4, 3), 10)


@pytest.mark.parametrize(
    ("colour", "yuv"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (82, 90, 240)),
        ((0, 255, 0), (144, 54, 34)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_nv12_has_the_published_values_of_primaries(colour: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    picture = nv12(np.full((4, 6, 3), colour, np.uint8))
    assert picture.shape == (6, 6) and picture.dtype == np.uint8
    assert (picture[:4] == yuv[0]).all()
    assert (picture[4:, 0::2] == yuv[1]).all() and (picture[4:, 1::2] == yuv[2]).all()


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_nv12_is_within_a_step_of_the_standard(red: int, green: int, blue: int) -> None:
    """BT.601, limited range, in real numbers: Y' = 0.299 R + 0.587 G + 0.114 B, chroma from the differences."""
    picture = nv12(np.array([[[red, green, blue]] * 2] * 2, np.uint8)).astype(float)
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    expected = (
        16 + brightness * 219 / 255,
        128 + (blue - brightness) / 1.772 * 224 / 255,
        128 + (red - brightness) / 1.402 * 224 / 255,
    )
    assert abs(picture[0, 0] - expected[0]) < 1
    assert abs(picture[2, 0] - expected[1]) < 1.1 and abs(picture[2, 1] - expected[2]) < 1.1


def test_nv12_chroma_is_that_of_two_by_two_pixels() -> None:
    colour = np.zeros((2, 4, 3), np.uint8)
    colour[:, 2:] = (255, 255, 255)
    colour[0, 0] = (200, 0, 0)
    picture = nv12(colour)
    assert picture[0].tolist() == [68, 16, 235, 235]
    assert picture[2, 1] > 128 and picture[2, 3] == 128


def test_a_camera_draws_nv12() -> None:
    camera = Camera("front", Flat(), (6, 4), 10, "nv12")
    out = np.empty(camera.shape, np.uint8)
    camera.render(2, out)
    assert camera.shape == (6, 6)
    assert (out == nv12(np.full((4, 6, 3), (20, 100, 200), np.uint8))).all()


def test_nv12_needs_even_sizes() -> None:
    with pytest.raises(ValueError, match="even sizes, not 5x4"):
        Camera("front", Flat(), (5, 4), 10, "nv12")
