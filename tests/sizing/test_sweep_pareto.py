"""The front, held against its definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.sizing.sweep.pareto import front, front_by_group

SMALL = st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan"), float("inf")])


def by_definition(objectives: np.ndarray) -> list[bool]:
    values = np.where(np.isnan(objectives), np.inf, objectives)
    return [not any((other <= one).all() and (other < one).any() for other in values) for one in values]


@given(st.integers(0, 25).flatmap(lambda n: arrays(np.float64, (n, 3), elements=SMALL)))
def test_the_front_is_what_nothing_dominates(objectives: np.ndarray) -> None:
    assert front(objectives).tolist() == by_definition(objectives)


@given(
    st.integers(1, 25).flatmap(
        lambda n: st.tuples(arrays(np.float64, (n, 3), elements=SMALL), arrays(np.int64, n, elements=st.integers(0, 3)))
    )
)
def test_groups_have_fronts_of_their_own(both: tuple[np.ndarray, np.ndarray]) -> None:
    objectives, groups = both
    found = front_by_group(objectives, groups)
    for group in set(groups.tolist()):
        members = groups == group
        assert found[members].tolist() == by_definition(objectives[members])


def test_many_points_against_the_definition() -> None:
    objectives = np.random.default_rng(1).integers(0, 40, (2_000, 3)).astype(float)
    assert front(objectives).tolist() == by_definition(objectives)
