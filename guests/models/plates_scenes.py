"""Training pictures: sign plates on photographs, drawn as the camera draws them but from the training material only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from guests.models import plates_data
from guests.services.detector import CELL, NO_DIGIT, cut, shrink
from machines.native import material, sprites
from machines.native.resize import Picture, cover

ROWS, COLUMNS = 480, 640
GRID = (ROWS // CELL, COLUMNS // CELL)

#: A cell is taught to see a plate when its centre lies in the inner part of the plate, this share of its size wide.
INNER = 0.55


Box = tuple[int, int, int, int]


class Pictures(NamedTuple):
    """Whole pictures and what the finding network should say about them, cell by cell.

    Parameters:
        pictures: uint8[n, 120, 160]
        seen: uint8[n, 15, 20], 0 background, 1 plate, 2 not to be judged (a plate's outer part)
        sides: float32[n, 15, 20, 4], cells from the centre to the left, upper, right and lower side where seen is 1
    """

    pictures: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    sides: NDArray[np.float32]


class Patches(NamedTuple):
    """Cut-out patches and what the reading network should say about them.

    Parameters:
        patches: uint8[n, 28, 28]
        labels: uint8[n], digit or `NO_DIGIT`
    """

    patches: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class SceneMaker:
    """Makes training pictures; the same seed makes the same ones.

    Parameters:
        seed: of everything random
        worlds: views of each photograph, at different scale, light and mirroring
    """

    def __init__(self, seed: int, worlds: int = 8) -> None:
        self._random = np.random.default_rng(seed)
        self._digits, self._labels = plates_data.digits(test=False)
        self._order = self._random.permutation(len(self._labels))
        self._next = 0
        photos = [plates_data.photo(name) for name in material.TRAIN_PHOTOS]
        self._worlds = [self._view(photo) for photo in photos for _ in range(worlds)]

    def make(self, count: int, plates: int) -> tuple[Pictures, Patches]:
        """Make pictures, and patches of their plates and of places without one.

        Parameters:
            count: how many pictures
            plates: how many different plates are put on them, each several times at different places and sizes
        """
        pool = [self._plate() for _ in range(plates)]
        whole = Pictures(
            np.zeros((count, ROWS // 4, COLUMNS // 4), np.uint8),
            np.zeros((count, *GRID), np.uint8),
            np.zeros((count, *GRID, 4), np.float32),
        )
        patches: list[Picture] = []
        labels: list[int] = []
        for index in range(count):
            picture, boxes = self._scene(pool)
            whole.pictures[index] = self._camera(shrink(picture))
            for box, label in boxes:
                teach(whole, index, box)
                patches.append(self._camera(cut(picture, self._shaken(box))))
                labels.append(label)
            patches += [self._camera(cut(picture, np.array(box))) for box in self._empty(boxes)]
            labels += [NO_DIGIT] * (len(patches) - len(labels))
        return whole, Patches(np.stack(patches), np.array(labels, np.uint8))

    def _shaken(self, box: Box) -> NDArray[np.float64]:
        """Move each side of a box a little, as the finding network's errors do."""
        width, height = box[2] - box[0], box[3] - box[1]
        return np.array(box) + self._random.normal(0, 0.03, 4) * (width, height, width, height)

    def _empty(self, boxes: list[tuple[Box, int]]) -> list[Box]:
        """Return up to one random box that has next to nothing of a plate in it."""
        height = int(self._random.uniform(60, 220))
        width = int(height * self._random.uniform(0.7, 1.0))
        x, y = (
            int(self._random.integers(-20, COLUMNS - width + 20)),
            int(self._random.integers(-20, ROWS - height + 20)),
        )
        box = (x, y, x + width, y + height)
        return [box] if all(_apart(box, other, -12) for other, _ in boxes) else []

    def _view(self, photo: Picture) -> Picture:
        """Cut a random part with the picture's aspect out of a photograph; a quarter more than the picture in size."""
        rows = int(photo.shape[0] * self._random.uniform(0.45, 1.0))
        columns = min(photo.shape[1], rows * 4 // 3)
        top = self._random.integers(0, photo.shape[0] - rows + 1)
        left = self._random.integers(0, photo.shape[1] - columns + 1)
        view = cover(photo[top : top + rows, left : left + columns], ROWS * 5 // 4, COLUMNS * 5 // 4)
        view = view[:: self._random.choice([-1, 1]), :: self._random.choice([-1, 1]), self._random.permutation(3)]
        gamma, gain = self._random.uniform(0.6, 1.7), self._random.uniform(0.6, 1.1)
        table = np.clip(255 * gain * (np.arange(256) / 255) ** gamma, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(table[view])

    def _plate(self) -> tuple[sprites.Sprite, int]:
        """Draw a plate with the next digit."""
        chosen = self._order[self._next % len(self._order)]
        self._next += 1
        return sprites.make_sprite(self._bent(self._digits[chosen]), self._look()), int(self._labels[chosen])

    def _bent(self, digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn, shear, stretch, warp and thicken a digit a little."""
        draw = self._random
        turn, shear = np.radians(draw.uniform(-14, 14)), draw.uniform(-0.22, 0.22)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.diag(draw.uniform(0.82, 1.2, 2)) @ np.array([[1, 0], [shear, 1]])
        middle = np.full(2, 13.5)
        places = np.indices(digit.shape).reshape(2, -1) - middle[:, None]
        warp = [ndimage.gaussian_filter(draw.normal(0, 9, digit.shape), 4).ravel() for _ in range(2)]
        bent = ndimage.map_coordinates(
            digit.astype(np.float32), matrix @ places + middle[:, None] + warp, order=1
        ).reshape(digit.shape)
        if draw.random() < 0.3:
            bent = ndimage.gaussian_filter(bent, 0.5) * draw.uniform(0.9, 1.6)
        result: Picture = np.clip(bent, 0, 255).astype(np.uint8)
        return result

    def _look(self) -> sprites.PlateLook:
        """Choose a plate's appearance, more various than the camera's."""
        draw = self._random
        return sprites.PlateLook(
            aspect=int(draw.integers(186, 260)),
            face=self._colour(sprites.FACES, 190, 256),
            border=self._colour(sprites.INKS, 0, 120),
            ink=self._colour(sprites.INKS, 0, 120),
            digit_height=int(draw.integers(128, 172)),
            slant=int(draw.integers(-20, 21)),
            light=int(draw.integers(150, 257)),
        )

    def _colour(self, known: tuple[sprites.Colour, ...], low: int, high: int) -> sprites.Colour:
        """Choose one of the camera's colours, or sometimes any between two limits."""
        if self._random.random() < 0.75:
            return known[self._random.integers(len(known))]
        red, green, blue = self._random.integers(low, high, 3).tolist()
        return red, green, blue

    def _scene(self, pool: list[tuple[sprites.Sprite, int]]) -> tuple[Picture, list[tuple[Box, int]]]:
        """Put none to six plates on a photograph, nowhere overlapping."""
        draw = self._random
        world = self._worlds[draw.integers(len(self._worlds))]
        top, left = draw.integers(0, world.shape[0] - ROWS + 1), draw.integers(0, world.shape[1] - COLUMNS + 1)
        picture = world[top : top + ROWS, left : left + COLUMNS].copy()
        boxes: list[tuple[Box, int]] = []
        for _ in range(draw.choice(7, p=[0.05, 0.1, 0.15, 0.25, 0.25, 0.15, 0.05])):
            sprite, label = pool[draw.integers(len(pool))]
            image = sprite.at(int(np.exp(draw.uniform(np.log(64), np.log(212)))))
            height, width = image.shape[:2]
            x, y = int(draw.integers(0, COLUMNS - width + 1)), int(draw.integers(0, ROWS - height + 1))
            box = (x, y, x + width, y + height)
            if all(_apart(box, other) for other, _ in boxes):
                sprites.put(image, picture, x, y)
                boxes.append((box, label))
        return picture, boxes

    def _camera(self, picture: Picture) -> Picture:
        """Vary exposure, sharpness and noise as different cameras would."""
        draw = self._random
        seen = picture.astype(np.float32)
        if draw.random() < 0.25:
            seen = ndimage.gaussian_filter(seen, draw.uniform(0.3, 0.8))
        seen = (seen - 128) * draw.uniform(0.7, 1.15) + 128 + draw.uniform(-25, 20)
        if draw.random() < 0.5:
            seen += draw.normal(0, draw.uniform(1, 6), seen.shape)
        varied: Picture = np.clip(seen + 0.5, 0, 255).astype(np.uint8)
        return varied


def teach(whole: Pictures, index: int, box: Box) -> None:
    """Write what the cells around one plate should say, in place.

    Parameters:
        whole: what is being made
        index: of the picture
        box: (x0, y0, x1, y1) in pixels of the camera's picture
    """
    x0, y0, x1, y1 = box
    y = (np.arange(GRID[0]) + 0.5)[:, None] * CELL
    x = (np.arange(GRID[1]) + 0.5)[None, :] * CELL
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    inner = (abs(x - middle_x) < INNER / 2 * (x1 - x0)) & (abs(y - middle_y) < INNER / 2 * (y1 - y0))
    inner[min(int(middle_y // CELL), GRID[0] - 1), min(int(middle_x // CELL), GRID[1] - 1)] = True
    around = (x > x0 - 4) & (x < x1 + 4) & (y > y0 - 4) & (y < y1 + 4)
    seen = whole.seen[index]
    seen[around & ~inner & (seen == 0)] = 2
    seen[inner] = 1
    sides = np.stack(np.broadcast_arrays(x - x0, y - y0, x1 - x, y1 - y), axis=-1) / CELL
    whole.sides[index][inner] = sides[inner]


def _apart(one: Box, other: Box, margin: int = 6) -> bool:
    return (
        one[2] + margin < other[0] or other[2] + margin < one[0]
        or one[3] + margin < other[1] or other[3] + margin < one[1]
    )  # fmt: skip
