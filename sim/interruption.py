"""Ctrl-C and SIGTERM: they end a command once, wherever they meet it."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)

_AGAIN_S = 0.1
"""Wall seconds after which the exception is raised again if nobody handles it."""


class Interruption:
    """Ends the command of this process by KeyboardInterrupt when a signal asks for it.

    Further signals are ignored: they must not disturb the cleaning up, which takes less than a second. But an exception
    may get lost: Python drops one that is raised in a finaliser or in a callback of a weak reference, and the import
    system has many of these. So it is raised again while no exception is on its way.

    Attributes:
        asked: whether a signal has come. What the command raises from then on is its doing, as a compiler or a parser
            that is interrupted tells of it in words of its own.
    """

    def __init__(self) -> None:
        self.asked = False
        self._is_running = False

    def watch(self) -> None:
        """Take over the signals. Until a command begins they end the process in the system's way."""
        for number in _ENDING:
            signal.signal(number, self._end)

    def begin(self) -> None:
        """Take note that a command begins, which has things to clean up."""
        self._is_running = True

    def over(self) -> None:
        """Take note that it has ended and cleaned up."""
        self._is_running = False
        if self.asked:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self._is_running:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        for each in _ENDING:
            signal.signal(each, signal.SIG_IGN)
        self.asked = True
        sys.unraisablehook = lambda report: None  # what half-made objects say while they go is of no use to anybody
        warnings.simplefilter("ignore")
        signal.signal(signal.SIGALRM, self._again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
        raise KeyboardInterrupt

    def _again(self, number: int, frame: FrameType | None) -> None:
        if self._is_running and sys.exc_info()[1] is None:
            raise KeyboardInterrupt
