"""The display: bounded memory, even thinning, and files that open again as what was shown."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from machines.native.display import Display


def shown(display: Display, count: int, step: int = 1, period_ns: int = 100_000_000) -> Display:
    for index in range(count):
        picture = np.full((24, 32, 3), step * index % 256, np.uint8)
        display.show(picture, index * period_ns)
        picture[:] = 0  # the display must have kept a copy
    return display


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1000])
def test_memory_is_bounded_and_thinning_even(count: int) -> None:
    display = shown(Display("cockpit", limit=8), count)
    numbers = [number for number, _, _ in display._kept]
    assert display.shown == count
    assert len(numbers) <= 8
    assert numbers[0] == 0
    assert len(set(np.diff(numbers))) <= 1
    assert len(numbers) >= min(count, 4)


def test_stills_are_the_pictures_shown(tmp_path: Path) -> None:
    files = shown(Display("cockpit", stills=4, preview="none"), 10).write(tmp_path / "frames")
    assert [path.name for path in files] == [f"cockpit-0000{i}.png" for i in (0, 3, 6, 9)]
    assert [np.asarray(Image.open(path))[0, 0].tolist() for path in files] == [[i] * 3 for i in (0, 3, 6, 9)]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_preview_plays_at_the_speed_of_virtual_time(tmp_path: Path, kind: str) -> None:
    files = shown(Display("cockpit", stills=0, preview=kind), 6, step=40).write(tmp_path)
    assert [path.name for path in files] == [f"cockpit.{kind}"]
    with Image.open(files[0]) as preview:
        assert preview.n_frames == 6
        durations, greys = [], []
        for index in range(6):
            preview.seek(index)
            greys.append(int(np.asarray(preview.convert("RGB"))[0, 0, 0]))
            durations.append(preview.info["duration"])
    assert durations == [100] * 6
    assert all(abs(grey - 40 * index) <= 6 for index, grey in enumerate(greys))


def test_grey_pictures_are_written_too(tmp_path: Path) -> None:
    display = Display("mono")
    for index in range(3):
        display.show(np.full((10, 12), 80 * index, np.uint8), index * 50_000_000)
    files = display.write(tmp_path)
    assert [path.name for path in files] == ["mono-00000.png", "mono-00001.png", "mono-00002.png", "mono.gif"]


def test_nothing_shown_writes_nothing(tmp_path: Path) -> None:
    assert Display("cockpit").write(tmp_path) == []


def test_what_is_no_picture_is_refused() -> None:
    display = shown(Display("cockpit"), 1)
    with pytest.raises(ValueError, match="shows uint8"):
        display.show(np.zeros((4, 4, 4), np.uint8), 0)
    with pytest.raises(ValueError, match="size changed"):
        display.show(np.zeros((4, 4, 3), np.uint8), 0)
    with pytest.raises(ValueError, match="out of range"):
        Display("cockpit", limit=7)
