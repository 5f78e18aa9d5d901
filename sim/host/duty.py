"""Shares of a processor that are reached by executing a part of every quantum only."""

from __future__ import annotations

from fractions import Fraction

from machines.participant import Slice


class Duty:
    """Cuts the slices of one partition down to a share of them; what rounding takes from one the next one gets.

    Parameters:
        share: of its processor, from 0 to 1.
    """

    def __init__(self, share: Fraction) -> None:
        self.share = share
        self._left = Fraction(0)

    def cut(self, whole: Slice) -> Slice:
        """Return the part of a slice, from its start on, in which the partition executes."""
        exact = (whole.stop_ns - whole.start_ns) * self.share + self._left
        length_ns = int(exact)
        self._left = exact - length_ns
        return Slice(whole.start_ns, whole.start_ns + length_ns)
