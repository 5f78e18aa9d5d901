"""A stream of integers from a seed that is the same on every machine, Python and numpy version."""

from __future__ import annotations

_MASK = (1 << 64) - 1


class SplitMix:
    """SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, figure 15).

    Parameters:
        seed: any integer; its low 64 bits are used.
        *path: further integers that name one of many independent streams of the same seed.
    """

    def __init__(self, seed: int, *path: int) -> None:
        self._state = seed & _MASK
        for step in path:
            self._state = (self.next() ^ step) & _MASK

    def next(self) -> int:
        """Return the next integer in [0, 2**64)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, limit: int) -> int:
        """Return an integer in [0, limit); the bias of the multiplication is below limit / 2**64."""
        return (self.next() * limit) >> 64

    def between(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)
