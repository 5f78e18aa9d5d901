"""A display: keeps some of the pictures that it is shown, and writes them at the end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Preview = Literal["gif", "webp", "none"]

#: Time that a picture of the preview stays at least, in milliseconds: browsers slow down what is shorter.
_LEAST_MS = 20


class Display:
    """Collects pictures in bounded memory: when there are too many, every second one is let go.

    Parameters:
        name: begins the names of the files
        limit: pictures kept at most, an even number from 2; the preview has these
        stills: pictures written as PNG at most, evenly spread over those kept
        preview: kind of the animated file, or "none"

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(self, name: str, limit: int = 100, stills: int = 10, preview: Preview = "gif") -> None:
        if limit < 2 or limit % 2 or stills < 0 or preview not in ("gif", "webp", "none"):
            raise ValueError(f"display {name}: limit {limit}, stills {stills} or preview {preview!r} is out of range")
        self.name = name
        self.shown = 0
        self._limit, self._stills, self._preview = limit, stills, preview
        self._every = 1
        self._kept: list[tuple[int, int, NDArray[np.uint8]]] = []

    def show(self, picture: NDArray[np.uint8], t_ns: int) -> None:
        """Take in the next picture; cheap: at most a copy.

        Parameters:
            picture: uint8[height, width, 3] RGB or uint8[height, width] grey, of one size throughout
            t_ns: virtual time at which it appears

        Raises:
            ValueError: it is no picture, or not of the same size as those before.
        """
        if picture.dtype != np.uint8 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
            raise ValueError(f"display {self.name} shows uint8[h, w, 3] or uint8[h, w], not {picture.shape}")
        if self._kept and picture.shape != self._kept[0][2].shape:
            raise ValueError(f"display {self.name}: size changed from {self._kept[0][2].shape} to {picture.shape}")
        if self.shown % self._every == 0:
            self._kept.append((self.shown, t_ns, picture.copy()))
        self.shown += 1
        if len(self._kept) == self._limit:
            self._kept = self._kept[::2]
            self._every *= 2

    def write(self, folder: Path) -> list[Path]:
        """Write what was kept.

        Parameters:
            folder: made if missing

        Returns:
            The files: ``NAME-INDEX.png`` for each still, where INDEX counts the pictures shown from 0, and
            ``NAME.gif`` or ``NAME.webp`` when at least two pictures were shown and a preview is wanted.

        Raises:
            OSError: a file cannot be written.
        """
        from PIL import Image

        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for index in self._spread():
            number, _, picture = self._kept[index]
            written.append(folder / f"{self.name}-{number:05d}.png")
            Image.fromarray(picture).save(written[-1], compress_level=3)
        if self._preview != "none" and len(self._kept) > 1:
            written.append(folder / f"{self.name}.{self._preview}")
            self._animate(written[-1])
        return written

    def pictures(self) -> list[tuple[int, int, NDArray[np.uint8]]]:
        """Return the pictures that were kept: number, counted from 0 over all shown, virtual time in ns, pixels."""
        return list(self._kept)

    def _spread(self) -> list[int]:
        count = min(self._stills, len(self._kept))
        return sorted({i * (len(self._kept) - 1) // max(1, count - 1) for i in range(count)})

    def _durations_ms(self) -> list[int]:
        """Time that each picture of the preview stays, so that it runs at the speed of virtual time."""
        times = [t_ns for _, t_ns, _ in self._kept]
        steps = [max(_LEAST_MS, (after - before) // 1_000_000) for before, after in pairwise(times)]
        return [*steps, steps[-1]]

    def _animate(self, path: Path) -> None:
        from PIL import Image

        pictures = [Image.fromarray(picture) for _, _, picture in self._kept]
        if path.suffix == ".gif":
            palette, plain = _common_palette([picture for _, _, picture in self._kept]), Image.Dither.NONE
            pictures = [picture.convert("RGB").quantize(palette=palette, dither=plain) for picture in pictures]
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=self._durations_ms(), loop=0, method=0,
            optimize=False, disposal=1,
        )  # fmt: skip


def _common_palette(pictures: list[NDArray[np.uint8]]) -> Image.Image:
    """Choose 256 colours for all pictures by a few of them, so that colours do not flicker."""
    from PIL import Image

    some = pictures[:: max(1, len(pictures) // 6)]
    sheet = np.concatenate([picture[::2, ::2] for picture in some])
    return Image.fromarray(sheet).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT)
