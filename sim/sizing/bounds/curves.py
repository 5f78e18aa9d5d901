"""Arrival curves as spans, and the operations of network calculus on them.

A staircase that grows by one tensor at a time is written by where its steps are: `span(n)` is the least time between
the first and the last of n tensors that follow each other. It is the pseudo-inverse of an arrival curve, and a service
curve is written likewise, by the longest time in which n tensors are served. Operations of min-plus algebra become
those of max-plus algebra, with integers only: J.-Y. Le Boudec and P. Thiran, Network Calculus, LNCS 2050, chapter 3;
J. Liebeherr, Duality of the Max-Plus and Min-Plus Network Calculus, Foundations and Trends in Networking 11(3-4), 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

NEVER_NS = 1 << 62
"""More than any time."""

Served = Callable[[int], int]
"""Longest time in ns from when there is work to when 1, 2, ... tensors have been served: a service curve's inverse."""

_MOST_STEPS = 1_000
"""Tensors in one busy period, from which on it is taken to have no end."""

_MOST_SPLIT = 64
"""Sequences up to this length are split everywhere in a convolution; longer ones get a bound that is less tight."""


_MOST_COUNTED = 1 << 17
"""Tensors in some time, from which on they are not counted: four times what any ring holds (VIRTIO 1.2, 2.7)."""


class Unbounded(ArithmeticError):
    """There is no bound; the message says why."""


class Curve:
    """An arrival curve: how close tensors can follow each other.

    Parameters:
        span: least time in ns from the first to the last of n = 1, 2, ... tensors; 0 for one.
        rate: most tensors per ns in the long run, infinite if they may come at any rate.
        most: tensors that ever come; None: no limit.
    """

    def __init__(self, span: Callable[[int], int], rate: float, most: int | None = None) -> None:
        self.rate = rate if most is None else 0.0
        self.most = most
        self._span = span
        self._spans: list[int] = []

    def span(self, tensors: int) -> int:
        """Return the least time in ns from the first to the last of so many tensors; `NEVER_NS`: so many never come."""
        if self.most is not None and tensors > self.most:
            return NEVER_NS
        spans = self._spans
        while len(spans) < tensors:
            spans.append(max(spans[-1] if spans else 0, self._span(len(spans) + 1)))
        return spans[tensors - 1]

    def count(self, length_ns: int) -> int:
        """Return how many tensors can come in a time of this length, both ends included.

        Raises:
            Unbounded: any number, or more than any ring could hold.
        """
        if self.rate == inf:
            raise Unbounded("tensors may come at any rate")
        low, high = 0, 1
        while self.span(high) <= length_ns:
            low, high = high, 2 * high
            if high > _MOST_COUNTED:
                raise Unbounded(f"more than {_MOST_COUNTED:,} tensors may be under way")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.span(middle) <= length_ns else (low, middle)
        return low


UNLIMITED = Curve(lambda tensors: 0, inf)
"""Tensors may come in any number at any time."""


def delayed(curve: Curve, jitter_ns: int) -> Curve:
    """Return the curve of tensors after a delay that varies by `jitter_ns`, in which none overtakes another.

    alpha'(t) = alpha(t + jitter): Le Boudec and Thiran, section 1.4.3 with a delay as the only thing known; K. Richter,
    Compositional scheduling analysis using standard event models, PhD thesis, Braunschweig 2005.
    """
    return Curve(lambda tensors: max(0, curve.span(tensors) - jitter_ns), curve.rate, curve.most)


def held_back(curve: Curve, tensors: int) -> Curve:
    """Return the curve of tensors of which up to so many can wait before they go on: alpha'(t) = alpha(t) + tensors."""
    return Curve(lambda count: curve.span(max(1, count - tensors)), curve.rate, curve.most)


def summed(curves: Sequence[Curve]) -> Curve:
    """Return the curve of several streams together: alpha'(t) is the sum of their alpha(t)."""
    if len(curves) == 1:
        return curves[0]
    limits = [curve.most for curve in curves if curve.most is not None]
    most = sum(limits) if len(limits) == len(curves) else None
    rate = sum(curve.rate for curve in curves)
    if rate == inf:
        return UNLIMITED
    ends = [curve for curve in curves if curve.most != 0]

    def span(tensors: int) -> int:
        """Merge steps: each tensor is the next step of the curve whose step comes first."""
        while len(merged) < tensors:
            following = [curve.span(taken[place] + 1) for place, curve in enumerate(ends)]
            first = min(range(len(ends)), key=following.__getitem__)
            taken[first] += 1
            merged.append(following[first])
        return merged[tensors - 1]

    merged: list[int] = []
    taken = [0] * len(ends)
    return Curve(span, rate, most)


def convolution(one: Curve, other: Curve) -> Curve:
    """Return the curve of a stream that keeps to both: the min-plus convolution of arrival curves.

    Of n tensors the first k keep to one curve and the rest, from the k-th on, to the other; so their span is at least
    max over k of one(k) + other(n + 1 - k). Le Boudec and Thiran, theorem 1.2.5 (the best curve that both imply) and
    section 1.5 (greedy shapers).
    """
    limits = [curve.most for curve in (one, other) if curve.most is not None]

    def span(tensors: int) -> int:
        if tensors > _MOST_SPLIT:
            return max(one.span(tensors), other.span(tensors))
        return max(one.span(first) + other.span(tensors + 1 - first) for first in range(1, tensors + 1))

    return Curve(span, min(one.rate, other.rate), min(limits, default=None))


def deconvolution(curve: Curve, served: Served, busy: int) -> Curve:
    """Return the curve of what leaves a server: the min-plus deconvolution alpha / beta.

    With k tensors served since the server became busy, n more can only leave within a time if n + k have come by then:
    min over k of curve(n + k) - served(k + 1). Le Boudec and Thiran, theorem 1.4.3.

    Parameters:
        curve: of what arrives.
        served: what the server guarantees.
        busy: most tensors in a busy period, see `busy_period`.
    """
    until_ns = [served(tensors) for tensors in range(1, max(1, busy) + 1)]

    def span(tensors: int) -> int:
        return max(0, min(curve.span(tensors + before) - served_ns for before, served_ns in enumerate(until_ns)))

    return Curve(span, curve.rate, curve.most)


def busy_period(curve: Curve, served: Served) -> int:
    """Return how many tensors can come before a server that is busy with them has served them all.

    Le Boudec and Thiran, section 1.3: a strict service curve meets the arrival curve there.

    Raises:
        Unbounded: it may be busy for ever.
    """
    if curve.rate == inf:
        raise Unbounded("tensors may come at any rate")
    for tensors in range(1, _MOST_STEPS):
        if curve.span(tensors + 1) >= served(tensors):
            return tensors
    raise Unbounded("it may be busy for ever")


def horizontal_deviation(curve: Curve, served: Served, busy: int) -> int:
    """Return the longest delay in ns, max over n of served(n) - curve(n): Le Boudec and Thiran, theorem 1.4.2.

    Parameters:
        curve: of what arrives.
        served: until when 1, 2, ... tensors have been served, or begun, or sent.
        busy: most tensors in a busy period.
    """
    tensors = busy if curve.most is None else min(busy, curve.most)
    return max((served(n) - curve.span(n) for n in range(1, tensors + 1)), default=0)


def vertical_deviation(curve: Curve, served: Served) -> int:
    """Return the most tensors in a server, those that leave at the moment included: theorem 1.4.1 of the same.

    Parameters:
        curve: of what arrives.
        served: until when 1, 2, ... tensors have left.

    Raises:
        Unbounded: it may never be empty.
    """
    most = left = 0
    for tensors in range(1, _MOST_STEPS):
        if curve.span(tensors) == NEVER_NS or (tensors > 1 and curve.span(tensors) > served(tensors - 1)):
            return most
        while served(left + 1) < curve.span(tensors):
            left += 1
        most = max(most, tensors - left)
    raise Unbounded("it may be busy for ever")
