"""How often a tensor's payload is copied on its way through a ring.

A ring moves nothing by itself: its producer fills a slot and its consumer looks at it there (docs/ring.md). What counts
here is what the two ends do besides, each for a reason that lies in their own code.
"""

from __future__ import annotations

from sim.sizing.plan import Accelerator, Link, Plan, Sensor, Sink

_OF_A_PROGRAM = (1, 0)
"""A guest's service returns an array of its own, which is copied into a slot of each channel of the port
(`guests.linux.agent.channels.Output.send`), and reads its inputs where they are (`Consumer.take`). A microcontroller's
does the same with `output_send`, and with `output_reserve` where a port has several channels; one channel can be
written in place, which saves this copy and cannot be told from outside (guests/mcu/core/outputs.c)."""

_OF_A_DEVICE = {
    Sensor: (0, 0),  # writes each sample into the slot (`SensorDevice.fill`), once for every ring, as DMA does
    Sink: (0, 0),  # looks at the slot: what a display or a log keeps is for the reader of the report
    Accelerator: (0, 0),  # a bus master: fetches its input from the slot and puts its result into one
    Link: (1, 1),  # stores what it takes until it has crossed, then copies it into the ring there (`LinkDevice`)
}
"""Copies into a ring that it sends into, and out of one that it takes from."""


def copies_in(plan: Plan, node: str) -> int:
    """Return how often a producer copies a payload until it is in the slot; 0: it is made there.

    Parameters:
        plan: in which the node's kind is found; what is no device in it is a guest or a microcontroller.
        node: at the sending end of a ring.
    """
    return _copies(plan, node)[0]


def copies_out(plan: Plan, node: str) -> int:
    """Return how often a consumer copies a payload before it can use it; 0: it is used where it is.

    Parameters:
        plan: as of `copies_in`.
        node: at the taking end of a ring.
    """
    return _copies(plan, node)[1]


def _copies(plan: Plan, node: str) -> tuple[int, int]:
    kinds = (type(device) for device in plan.devices if device.name == node)
    return _OF_A_DEVICE[kind] if (kind := next(kinds, None)) else _OF_A_PROGRAM
