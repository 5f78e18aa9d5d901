"""The points of a sweep: all combinations of the axes' values, or a Latin hypercube among them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sim.sizing.errors import SizingError
from sim.sizing.sweep.axes import Axis, Value

Point = tuple[Value, ...]
"""A value for each axis."""

MAX_POINTS = 1_000_000
"""Most points of a sweep: their table still fits into memory."""

_DECIMALS = 6
"""To which values of a range that is not cut into steps are rounded, so that they can be written down and read."""


def grid(axes: Sequence[Axis]) -> list[Point]:
    """Return all combinations; the last axis changes fastest.

    Raises:
        SizingError: there are too many.
    """
    count = math.prod(len(axis.values) for axis in axes)
    if count > MAX_POINTS:
        raise SizingError(f"the grid has {count:,} points, at most {MAX_POINTS:,} can be; add --sample 10000, say")
    return list(itertools.product(*(axis.values for axis in axes)))


def sample(axes: Sequence[Axis], count: int, seed: int) -> list[Point]:
    """Return a Latin hypercube: in each axis, each of `count` equal parts of its range has one point.

    Of an axis with values, a part is the value of that rank; of one without, any number in it. Drawn by
    scipy.stats.qmc.LatinHypercube (McKay, Beckman & Conover 1979), so that a seed gives the same points everywhere.

    Parameters:
        axes: at least one.
        count: number of points.
        seed: of the draw.

    Raises:
        EnvironmentLacks: SciPy is not installed.
        SizingError: `count` is out of range.
    """
    if not 1 <= count <= MAX_POINTS:
        raise SizingError(f"--sample {count}: is out of range; from 1 to {MAX_POINTS:,}")
    columns = [_column(axis, places) for axis, places in zip(axes, _hypercube(len(axes), count, seed).T, strict=True)]
    return list(zip(*columns, strict=True))


def _hypercube(dimensions: int, count: int, seed: int) -> Any:
    """Return float64[count, dimensions] from 0 up to 1."""
    import numpy as np

    from machines.errors import EnvironmentLacks

    try:
        from scipy.stats import qmc
    except ModuleNotFoundError:
        raise EnvironmentLacks("--sample needs SciPy, which is not installed: pip install 'edgesim[sizing]'") from None
    return qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(count)


def _column(axis: Axis, places: Any) -> list[Value]:
    if axis.ends is None:
        count = len(axis.values)
        return [axis.values[min(int(place * count), count - 1)] for place in places]
    least, greatest = map(float, axis.ends)
    assert axis.form.between is not None, "axes without values have it"
    numbers = (Fraction(str(round(least + place * (greatest - least), _DECIMALS))) for place in map(float, places))
    return [axis.form.between(number) for number in numbers]
