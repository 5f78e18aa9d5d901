"""The Pareto front: points that no other point is as good as everywhere and better than somewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def front(objectives: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points are not dominated. Equal points are all on the front, or none.

    Points are looked at in lexicographic order: whatever dominates a point comes before it, and what is dominated
    itself need not be compared with, as a point that dominates it dominates further (Kung, Luccio & Preparata 1975).
    So each point is compared with the front so far, which takes n times its length.

    Parameters:
        objectives: float64[points, dimensions], less is better; NaN is worse than any number.

    Returns:
        bool[points].
    """
    values = np.where(np.isnan(objectives), np.inf, objectives)
    distinct, where = np.unique(values, axis=0, return_inverse=True)
    kept = np.zeros(len(distinct), bool)
    found = np.empty_like(distinct)
    size = 0
    for number, point in enumerate(distinct):
        if not (found[:size] <= point).all(axis=1).any():
            kept[number] = True
            found[size] = point
            size += 1
    mask: NDArray[np.bool_] = kept[where.reshape(-1)]
    return mask


def front_by_group(objectives: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which points are not dominated by another one of their group.

    Parameters:
        objectives: as of `front`.
        groups: int64[points]; equal numbers are one group.
    """
    mask = np.zeros(len(objectives), bool)
    order = np.argsort(groups, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        mask[members] = front(objectives[members])
    return mask
