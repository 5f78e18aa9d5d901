"""The built-in source: same bytes everywhere, plates that move as plates do, and training material kept out."""

import hashlib
import itertools

import numpy as np
import pytest

from machines.native import material
from machines.native.plates import PlateSource
from machines.native.splitmix import SplitMix

SIZE = (640, 480)
PERIOD_NS = 33_333_333

#: SHA-256 over pictures 0, 75, 150 and 299 at 30 a second. A change here changes the digest of every run.
PINNED = {
    7: "1a9076bb6c4d1a9bf419e5095580d9aecf188b4db09b36275687dea493f4d65e",
    8: "170099db3907a2d9cb51fab0f957926228fd9bfdb829187fa9ebd91db57baebf",
}


def picture(source: PlateSource, index: int) -> np.ndarray:
    out = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    source.draw(index, index * PERIOD_NS, out)
    return out


@pytest.mark.parametrize("seed", PINNED)
def test_pictures_are_the_pinned_bytes(seed: int) -> None:
    source = PlateSource(*SIZE, seed)
    digest = hashlib.sha256(b"".join(picture(source, index).tobytes() for index in (0, 75, 150, 299)))
    assert digest.hexdigest() == PINNED[seed]


def test_order_of_asking_does_not_matter() -> None:
    forward, backward = PlateSource(*SIZE, 3), PlateSource(*SIZE, 3)
    indices = [0, 100, 200]
    ahead = [picture(forward, index) for index in indices]
    back = [picture(backward, index) for index in reversed(indices)]
    assert all(np.array_equal(a, b) for a, b in zip(ahead, reversed(back), strict=True))
    assert forward.truth(0, 0) == backward.truth(0, 0)


def test_a_view_that_is_not_contiguous_is_drawn_alike() -> None:
    source = PlateSource(*SIZE, 5)
    wide = np.zeros((SIZE[1], 2 * SIZE[0], 3), np.uint8)
    source.draw(0, 0, wide[:, ::2])
    assert np.array_equal(wide[:, ::2], picture(source, 0))


@pytest.mark.parametrize("seed", range(6))
def test_plates_stay_inside_apart_and_of_their_size(seed: int) -> None:
    source = PlateSource(*SIZE, seed)
    for index in range(0, 900, 3):
        boxes = source.truth(index, index * PERIOD_NS)
        assert 1 <= len(boxes) <= 4
        for box in boxes:
            assert 0 <= box.x0 < box.x1 <= SIZE[0]
            assert 0 <= box.y0 < box.y1 <= SIZE[1]
            assert 70 <= box.y1 - box.y0 <= 202
            assert 0.7 <= (box.x1 - box.x0) / (box.y1 - box.y0) <= 1.02
            assert 0 <= box.label <= 9
        for a, b in itertools.combinations(boxes, 2):
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0


def test_plates_move_and_grow_smoothly() -> None:
    source = PlateSource(*SIZE, 7)
    pairs = 0
    for index in range(300):
        before, after = (source.truth(i, i * PERIOD_NS) for i in (index, index + 1))
        for a in before:
            for b in after:
                if a.label == b.label and abs(a.x0 - b.x0) < 20 and abs(a.y0 - b.y0) < 20:
                    pairs += 1
                    assert 0 <= (b.y1 - b.y0) - (a.y1 - a.y0) <= 8
    assert pairs > 500


def test_the_box_is_where_the_plate_is() -> None:
    source = PlateSource(*SIZE, 8)
    with_plates = picture(source, 60)
    bare = np.zeros_like(with_plates)
    left, top = source._offset(60 * PERIOD_NS)
    bare[:] = source._world[top : top + SIZE[1], left : left + SIZE[0]]
    changed = (with_plates != bare).any(axis=2)
    for box in source.truth(60, 60 * PERIOD_NS):
        inside = changed[box.y0 : box.y1, box.x0 : box.x1]
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        assert rows[0] <= 1
        assert rows[-1] >= inside.shape[0] - 2
        assert columns[0] <= 1
        assert columns[-1] >= inside.shape[1] - 2
        changed[box.y0 : box.y1, box.x0 : box.x1] = False
    assert not changed.any()


def test_seeds_differ() -> None:
    digests = {hashlib.sha256(picture(PlateSource(*SIZE, seed), 0).tobytes()).hexdigest() for seed in range(8)}
    assert len(digests) == 8


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (200, 400)])
def test_other_sizes_scale_the_plates(size: tuple[int, int]) -> None:
    source = PlateSource(*size, 7)
    out = np.zeros((size[1], size[0], 3), np.uint8)
    for index in range(0, 300, 30):
        source.draw(index, index * PERIOD_NS, out)
        for box in source.truth(index, index * PERIOD_NS):
            assert 0 <= box.x0 < box.x1 <= size[0]
            assert 0 <= box.y0 < box.y1 <= size[1]


def test_pictures_too_small_for_plates_are_refused() -> None:
    with pytest.raises(ValueError, match="160x120 or more, not 100x100"):
        PlateSource(100, 100, 1)


def test_shipped_material_is_the_test_side() -> None:
    digits, labels = material.shipped_digits()
    assert digits.shape == (500, 28, 28)
    assert np.bincount(labels).tolist() == [50] * 10
    assert digits.max(axis=(1, 2)).min() > 100
    for name in material.TEST_PHOTOS:
        assert material.shipped_photo(name).ndim == 3
    assert not set(material.TEST_PHOTOS) & set(material.TRAIN_PHOTOS)
    assert all(path.stat().st_size < 1_000_000 for path in material.DATA.iterdir())


def test_split_mix_matches_the_reference() -> None:
    stream = SplitMix(1234567)  # values of the reference implementation, http://prng.di.unimi.it/splitmix64.c
    assert [stream.next() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert SplitMix(1, 2, 3).next() == SplitMix(1, 2, 3).next() != SplitMix(1, 3, 2).next()
    assert {SplitMix(9, k).between(3, 5) for k in range(50)} == {3, 4, 5}
