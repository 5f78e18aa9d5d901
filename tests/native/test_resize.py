"""Integer resizing: shapes, exact cases, and agreement with the real-valued filters it stands for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from machines.native.resize import cover, resize, sample


@given(
    picture=arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4))),
    height=st.integers(1, 30),
    width=st.integers(1, 30),
)
def test_values_stay_within_those_of_the_picture(picture: np.ndarray, height: int, width: int) -> None:
    for result in (resize(picture, height, width), sample(picture, height, width)):
        assert result.shape == (height, width, picture.shape[2])
        assert result.dtype == np.uint8
        assert result.min() >= picture.min()
        assert result.max() <= picture.max()


@given(picture=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_same_size_changes_nothing(picture: np.ndarray) -> None:
    assert np.array_equal(resize(picture, *picture.shape), picture)


def test_shrinking_averages_exact_spans() -> None:
    assert resize(np.array([[0, 10, 20, 30]], np.uint8), 1, 2).tolist() == [[5, 25]]
    assert resize(np.array([[0, 30, 60]], np.uint8), 1, 2).tolist() == [[10, 50]]  # spans of 1.5 pixels


def test_growing_interpolates_between_centres() -> None:
    assert resize(np.array([[0, 100]], np.uint8), 1, 4).tolist() == [[0, 25, 75, 100]]


@pytest.mark.parametrize(("height", "width"), [(37, 53), (61, 20), (9, 100)])
def test_agrees_with_real_valued_box_filter_and_interpolation(height: int, width: int) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (60, 60), dtype=np.uint8)
    expected = _weights(60, height) @ picture.astype(float) @ _weights(60, width).T
    assert abs(resize(picture, height, width) - expected).max() <= 2.5


def test_cover_cuts_the_middle() -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    assert cover(wide, 10, 10).tolist() == [[200] * 10] * 10
    assert cover(wide.T, 5, 5).tolist() == [[200] * 5] * 5


def _weights(length: int, size: int) -> np.ndarray:
    """Matrix of the box filter (shrinking) or of linear interpolation (growing) along one axis."""
    matrix = np.zeros((size, length))
    for row in range(size):
        if size <= length:
            low, high = row * length / size, (row + 1) * length / size
            for k in range(length):
                matrix[row, k] = max(0.0, min(high, k + 1) - max(low, k)) / (high - low)
        else:
            position = min(max((row + 0.5) * length / size - 0.5, 0), length - 1)
            k = min(int(position), length - 2)
            matrix[row, k], matrix[row, k + 1] = 1 - (position - k), position - k
    return matrix
