"""What a backend of microcontrollers offers: one emulated core that runs for a while and then stands still."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol


class Standing(NamedTuple):
    """Where a core stands still.

    Attributes:
        instructions: executed since power-on, as the firmware's own counter shows them.
        idle: it waits for an interrupt and none is pending, as far as the backend can tell.
        deadline_ns: when its own hardware timers wake it next, in ns from now; None: never, or the backend cannot tell.
    """

    instructions: int
    idle: bool
    deadline_ns: int | None


class Machine(Protocol):
    """One emulated microcontroller. Its time is relative: it only knows for how long it runs.

    Attributes:
        console: file with what the firmware wrote to its UART.
        free_sleep: running an idle core costs nothing, so it is never skipped and its own timers work.
        counter_in_memory: the backend keeps `counter` in the control page.
    """

    console: Path
    free_sleep: bool
    counter_in_memory: bool

    def launch(self) -> None:
        """Power on and stand still before the first instruction.

        Raises:
            EnvironmentLacks: the backend is not installed or cannot do what is needed.
            ParticipantFailed: it does not start.
        """

    def run(self, duration_ns: int) -> None:
        """Begin to run for this long; returns at once. Never called twice without `settle`."""

    def settle(self) -> Standing:
        """Wait until it stands still; everything that the firmware wrote to the window is in its regions.

        Raises:
            ParticipantFailed: it ended or hangs.
        """

    def interrupt(self) -> None:
        """Pend the doorbell interrupt while it stands still; nothing where the board polls."""

    def close(self) -> None:
        """Power off and release everything; may be called in any state, and twice."""
