"""Process 1 of a Linux guest: gets everything ready that takes long, says so, and serves the host.

The machine is snapshotted at the ready point, so whatever is done before it is done once.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_RNDADDENTROPY = 0x40085203
"""`_IOW('R', 0x03, int[2])` of include/uapi/linux/random.h."""

PAYLOAD_FOLDER = Path("/run/payload")


def seed_random_numbers() -> None:
    """Give the kernel a fixed seed: a simulated machine has no entropy of its own and would spin a second for some."""
    seed = bytes(range(32))
    device = os.open("/dev/random", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, _RNDADDENTROPY, struct.pack("ii", 8 * len(seed), len(seed)) + seed)
    os.close(device)


def main() -> None:
    """Warm up, announce the ready point, and serve."""
    seed_random_numbers()
    from ai_edge_litert.interpreter import Interpreter  # noqa: F401 - imported here so that services find it loaded

    from guests.linux.agent.agent import Agent, settle_memory
    from guests.linux.agent.control import VECTOR
    from guests.linux.agent.devices import Doorbell, open_channel

    doorbell = Doorbell()
    agent = Agent(doorbell, open_channel, PAYLOAD_FOLDER)
    settle_memory()
    doorbell.ring(VECTOR)
    agent.run()


if __name__ == "__main__":
    main()
