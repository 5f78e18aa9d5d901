"""Tells the host what this guest's counter shows, so that in real time all clocks agree. Host: machines/qemu/realtime.

The host writes the number of a question into one word of the control region, and we answer in two others; nobody rings,
because that would take longer than what is to be measured.
"""

from __future__ import annotations

from collections.abc import Callable

OFFSET = 11 << 20
"""Between the two rings of the control region."""

ASKED, ANSWERED, SHOWN = 0, 8, 9
"""Places of 64-bit words; the host writes the first one, this guest the others."""

LAST = (1 << 64) - 1
"""Number of the last question."""


def answer(control: memoryview, counter: Callable[[], int]) -> None:
    """Answer every question until the last one has come.

    Parameters:
        control: the control region.
        counter: shows the CPU's counter.
    """
    words = control[OFFSET : OFFSET + 128].cast("Q")
    answered = 0
    while answered != LAST:
        asked = words[ASKED]
        if asked != answered:
            words[SHOWN] = counter()
            words[ANSWERED] = answered = asked
