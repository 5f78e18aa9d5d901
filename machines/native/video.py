"""A camera source that plays a video file, through PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from machines.native.resize import Picture, cover
from machines.native.source import Truth


class VideoSource:
    """Plays a video in virtual time, again from the start after its end.

    At virtual time t it shows the last picture whose presentation time is not after t. Times that go forward decode
    forward; a step back starts the file again. What a lossy codec decodes to may differ between FFmpeg versions.

    Parameters:
        path: a file that FFmpeg can read
        width: columns wanted; pictures are cut to the aspect around their centre and resized
        height: rows wanted

    Raises:
        ModuleNotFoundError: PyAV is not installed; the message says how to get it.
        ValueError: FFmpeg finds no video in the file.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        try:
            import av
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"video {path} needs PyAV: install it with 'pip install edgesim[video]' or 'pip install av'", name="av"
            ) from error
        self._av: Any = av
        self._path, self._width, self._height = path, width, height
        self._shown: Picture | None = None
        self._begin_ns = self._end_ns = self._offset_ns = self._period_ns = 0
        self._open()

    def draw(self, index: int, t_ns: int, out: Picture) -> None:
        """Draw the picture of virtual time t_ns into out, uint8[height, width, 3]; the index does not matter."""
        if t_ns < self._begin_ns:
            self._offset_ns = 0
            self._open()
        while t_ns >= self._end_ns:
            if not self._advance():
                self._offset_ns = self._end_ns
                self._open()
        if self._shown is None:
            self._shown = cover(np.asarray(self._frame.to_ndarray(format="rgb24")), self._height, self._width)
        out[:] = self._shown

    def truth(self, index: int, t_ns: int) -> list[Truth]:
        """Return nothing: what is on the pictures is not known."""
        return []

    def _open(self) -> None:
        """Begin the file (again): decode the first two pictures, the one to show and the one that ends it.

        Raises:
            ValueError: there is no video in the file.
        """
        self._frames = self._decode()
        first = next(self._frames, None)
        if first is None:
            raise ValueError(f"{self._path} holds no video that FFmpeg can decode")
        self._origin_s = first.time or 0.0
        self._following: Any = first
        self._advance()

    def _advance(self) -> bool:
        """Show the following picture; False after the last, which is shown as long as its stream's rate says."""
        if self._following is None:
            return False
        self._frame, self._shown = self._following, None
        self._following = next(self._frames, None)
        self._begin_ns = self._offset_ns + self._since_start_ns(self._frame)
        if self._following is None:
            self._end_ns = self._begin_ns + self._period_ns
        else:
            self._end_ns = self._offset_ns + self._since_start_ns(self._following)
        return True

    def _since_start_ns(self, frame: Any) -> int:
        return round(((frame.time or 0.0) - self._origin_s) * 1e9)

    def _decode(self) -> Iterator[Any]:
        try:
            with self._av.open(str(self._path)) as container:
                if not container.streams.video:
                    return
                rate = container.streams.video[0].average_rate or 25
                self._period_ns = round(1_000_000_000 / rate)
                yield from container.decode(video=0)
        except self._av.FFmpegError as error:
            raise ValueError(f"{self._path} cannot be decoded: {error}") from error
