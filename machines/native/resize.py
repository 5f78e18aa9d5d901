"""Resizing in integer arithmetic: the same bytes on every processor, which a digest of pictures needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def resize(picture: Picture, height: int, width: int) -> Picture:
    """Resize by the box filter along axes that shrink and linear interpolation along axes that grow.

    Parameters:
        picture: uint8[rows, columns] or uint8[rows, columns, channels]
        height: rows wanted, at least 1
        width: columns wanted, at least 1

    Returns:
        uint8[height, width] or uint8[height, width, channels]
    """
    rows, columns = picture.shape[:2]
    if height < rows or width < columns:
        picture = _averaged(picture, min(height, rows), 0)
        picture = _averaged(picture, min(width, columns), 1)
    return _interpolated(_interpolated(picture, height, 0), width, 1)


def cover(picture: Picture, height: int, width: int) -> Picture:
    """Cut the largest centred part with the aspect of the wanted size and resize that.

    Parameters:
        picture: uint8[rows, columns] or uint8[rows, columns, channels]
        height: rows wanted, at least 1
        width: columns wanted, at least 1

    Returns:
        uint8[height, width] or uint8[height, width, channels]
    """
    rows, columns = picture.shape[:2]
    cut_rows = max(1, min(rows, columns * height // width))
    cut_columns = max(1, min(columns, rows * width // height))
    top, left = (rows - cut_rows) // 2, (columns - cut_columns) // 2
    return resize(picture[top : top + cut_rows, left : left + cut_columns], height, width)


def sample(picture: Picture, height: int, width: int) -> Picture:
    """Resize by linear interpolation between the two nearest neighbours on each axis, whether it grows or shrinks.

    Fast; shrinking to less than half skips pixels.

    Parameters:
        picture: uint8[rows, columns] or uint8[rows, columns, channels]
        height: rows wanted, at least 1
        width: columns wanted, at least 1

    Returns:
        uint8[height, width] or uint8[height, width, channels]
    """
    return _interpolated(_interpolated(picture, height, 0), width, 1)


def _interpolated(picture: Picture, size: int, axis: int) -> Picture:
    """Sample between pixel centres; positions are 24.8 fixed point, so that products of bytes fit in uint16."""
    length = picture.shape[axis]
    if size == length:
        return picture
    position = np.clip(((2 * np.arange(size) + 1) * length * 256 // size - 256) // 2, 0, (length - 1) * 256)
    lower = position >> 8
    weight = _spread((position & 255).astype(np.uint16), picture, axis)
    flat = (size, -1) if axis == 0 else (picture.shape[0], -1)
    near = np.take(picture, lower, axis=axis, mode="clip").reshape(flat)
    far = np.take(picture, lower + 1, axis=axis, mode="clip").reshape(flat)
    blended = near * (256 - weight)
    blended += far * weight
    blended += np.uint16(128)
    blended >>= 8
    result: Picture = blended.astype(np.uint8).reshape(*picture.shape[:axis], size, *picture.shape[axis + 1 :])
    return result


def _averaged(picture: Picture, size: int, axis: int) -> Picture:
    """Average over the exact span of every output pixel, by differences of the running sum."""
    length = picture.shape[axis]
    if size == length:
        return picture
    moved = np.moveaxis(picture, axis, 0).reshape(length, -1)
    if length % size == 0:
        span = length // size
        mean = (moved.reshape(size, span, -1).sum(axis=1, dtype=np.uint32) + span // 2) // span
    else:
        mean = _means(moved, size)
    shape = (size, *np.delete(picture.shape, axis))
    return np.ascontiguousarray(np.moveaxis(mean.astype(np.uint8).reshape(shape), 0, axis))


def _means(rows: Picture, size: int) -> NDArray[np.int64]:
    """Average rows in groups whose edges (24.8 fixed point) fall between rows."""
    length = rows.shape[0]
    running = np.zeros((length + 2, rows.shape[1]), np.int64)
    np.cumsum(rows, axis=0, dtype=np.int64, out=running[1:-1])
    running[-1] = running[-2]
    edges = np.arange(size + 1) * length * 256 // size
    whole, part = edges >> 8, (edges & 255)[:, None]
    at_edge = running[whole] * 256 + part * (running[whole + 1] - running[whole])
    span = np.diff(edges)[:, None]
    return np.asarray((np.diff(at_edge, axis=0) + span // 2) // span)


def _spread(weight: NDArray[np.uint16], picture: Picture, axis: int) -> NDArray[np.uint16]:
    """Shape one weight a row or column so that it multiplies the picture flattened to two axes."""
    if axis == 0:
        return weight[:, None]
    channels = picture.shape[2] if picture.ndim == 3 else 1
    return np.repeat(weight, channels)[None, :]
