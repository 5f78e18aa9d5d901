"""Pictures of a run: camera frames with boxes drawn on them, what displays showed, files and data URIs of both."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.report.record import BoxRecord, PictureRecord

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

TRUTH, RIGHT, WRONG = (255, 255, 255), (86, 180, 233), (230, 159, 0)
"""Okabe & Ito's colours, told apart with any colour vision; in report.css they have the same meaning."""
JPEG_QUALITY = 78


def load(picture: PictureRecord) -> Image:
    """Return a picture's pixels as an RGB image.

    Parameters:
        picture: with `pixels` uint8[height, width, 3] or uint8[height, width], or else a `path`.

    Raises:
        ValueError: it has neither, or its pixels have another shape.
        OSError: the file cannot be read.
    """
    from PIL import Image as module

    if picture.pixels is not None:
        if picture.pixels.ndim != 2 and picture.pixels.shape[2:] != (3,):
            raise ValueError(f"a picture of {picture.device} has shape {picture.pixels.shape}, not [height, width, 3]")
        image: Image = module.fromarray(picture.pixels).convert("RGB")
        return image
    if picture.path is None:
        raise ValueError(f"a picture of {picture.device} has neither pixels nor a file")
    with module.open(picture.path) as image:
        return image.convert("RGB")


def draw(picture: PictureRecord) -> Image:
    """Return a picture with its boxes: truth white, detections blue or, with the wrong class or no match, orange.

    Parameters:
        picture: as for `load`; it is left as it is.
    """
    from PIL import ImageDraw

    image = load(picture)
    if picture.boxes:
        image = image.copy()
        canvas = ImageDraw.Draw(image)
        for box in visible(picture.boxes, image.width, image.height):
            colour = TRUTH if box.kind == "truth" else RIGHT if box.correct else WRONG
            canvas.rectangle((box.x0, box.y0, box.x1, box.y1), outline=colour, width=2)
            if box.kind == "detection":
                _chip(canvas, box.x0, box.y0, caption(box), colour)
    return image


def visible(boxes: Sequence[BoxRecord], width: int, height: int) -> list[BoxRecord]:
    """Return the boxes as they can be drawn: corners in order and inside the picture, detections last, on top.

    A guest may have sent any bits as coordinates; boxes with one that is no number are left out.
    """
    shown = []
    for box in boxes:
        if all(map(math.isfinite, (box.x0, box.y0, box.x1, box.y1))):
            x0, x1 = sorted(min(max(x, 0.0), width - 1.0) for x in (box.x0, box.x1))
            y0, y1 = sorted(min(max(y, 0.0), height - 1.0) for y in (box.y0, box.y1))
            shown.append(replace(box, x0=x0, y0=y0, x1=x1, y1=y1))
    return sorted(shown, key=lambda box: box.kind == "detection")


def caption(box: BoxRecord) -> str:
    """Return what stands at a box: its label, and the IOU of a detection (its score when it matched nothing)."""
    if box.kind == "truth":
        return box.label
    if box.iou is not None:
        return f"{box.label} IOU {box.iou:.2f}"
    return f"{box.label} no match" if box.score is None else f"{box.label} no match {box.score:.2f}"


def png(picture: PictureRecord) -> bytes:
    """Return a picture with its boxes as PNG, encoded for speed."""
    stream = io.BytesIO()
    draw(picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def data_uri(picture: PictureRecord) -> str:
    """Return a picture without its boxes as a JPEG data URI for an HTML page."""
    stream = io.BytesIO()
    load(picture).save(stream, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def file_uri(path: Path, most: int) -> str:
    """Return a GIF, WebP or PNG file as a data URI; empty if it is none of these, missing, or longer than `most`."""
    kind = {".gif": "gif", ".webp": "webp", ".png": "png"}.get(path.suffix)
    if kind is None or not path.is_file() or path.stat().st_size * 4 > most * 3:
        return ""
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()


def by_device(some: Iterable[PictureRecord]) -> dict[str, list[PictureRecord]]:
    """Return the pictures of each device in order of time."""
    devices: dict[str, list[PictureRecord]] = {}
    for picture in some:
        devices.setdefault(picture.device, []).append(picture)
    return {name: sorted(view, key=lambda picture: picture.t_ns) for name, view in devices.items()}


def spread(pictures: Sequence[PictureRecord], most: int) -> list[PictureRecord]:
    """Return at most `most` pictures, evenly over the sequence, the first and the last among them."""
    if len(pictures) <= most:
        return list(pictures)
    if most < 2:
        return list(pictures[:most])
    return [pictures[index * (len(pictures) - 1) // (most - 1)] for index in range(most)]


def _chip(canvas: ImageDraw, x0: float, y0: float, text: str, colour: tuple[int, int, int]) -> None:
    text = text.encode("latin-1", "replace").decode("latin-1")
    left, top, right, bottom = canvas.textbbox((x0 + 3, max(y0 - 13, 1)), text)
    canvas.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=colour)
    canvas.text((x0 + 3, max(y0 - 13, 1)), text, fill=(0, 0, 0))
