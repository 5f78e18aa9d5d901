"""Duty cycles: what comes out over many quanta is the share to the nanosecond."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from machines.participant import Slice
from sim.host.duty import Duty

SHARES = st.fractions(0, 1, max_denominator=1000)


@given(SHARES, st.lists(st.integers(0, 10**7), min_size=1, max_size=50))
def test_the_share_is_exact_within_one_nanosecond_at_any_time(share: Fraction, lengths: list[int]) -> None:
    duty, given_ns, executed_ns, now_ns = Duty(share), 0, 0, 0
    for length in lengths:
        whole = Slice(now_ns, now_ns + length)
        part = duty.cut(whole)
        assert whole.start_ns == part.start_ns <= part.stop_ns <= whole.stop_ns
        given_ns, executed_ns = given_ns + length, executed_ns + part.stop_ns - part.start_ns
        assert 0 <= given_ns * share - executed_ns < 1
        now_ns += length


def test_a_share_of_nothing_is_nothing() -> None:
    assert Duty(Fraction(0)).cut(Slice(5, 1005)) == (5, 5)
