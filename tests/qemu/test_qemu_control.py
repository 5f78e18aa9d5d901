"""What a guest says over its control region is hostile until it has been looked at."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import numpy as np
import pytest

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu import command, control
from virtio_shm import Producer, TensorSpec


class Wired:
    """A host's control link, and the ring that the agent would send with."""

    def __init__(self, region: SharedRegion) -> None:
        self.link = control.ControlLink("guest", region, lambda: 1)
        inward = region.view[control.TO_HOST_OFFSET : control.TO_HOST_OFFSET + control.TO_HOST.region_bytes]
        self.agent = Producer(inward, control.TO_HOST, overflow="block", clock=lambda: 0)
        for _ in range(4):
            self.agent.poll_ready()
            self.link.pump()

    def say(self, text: bytes) -> None:
        slot = self.agent.reserve(TensorSpec("uint8", (len(text),)))
        assert slot is not None
        slot[:] = np.frombuffer(text, np.uint8)
        self.agent.commit()


@pytest.fixture
def wired() -> Iterator[Wired]:
    with contextlib.closing(SharedRegion("control", command.CONTROL_BYTES)) as region:
        yield Wired(region)


def test_words_and_numbers_that_nobody_could_write_are_made_harmless(wired: Wired) -> None:
    wired.say(b'{"type": "log", "text": "a\\ud800b", "t_ns": 1' + b"0" * 400 + b"}")
    ((message,), _) = wired.link.receive()
    assert message == {"type": "log", "text": "a?b", "t_ns": 0}
    assert json.dumps(message, ensure_ascii=False).encode()


@pytest.mark.parametrize("text", [b"\xff", b"[]", b"{}", b'{"type": 1}', b"[" * 8000, b"1" * 5000])
def test_what_is_no_message_fails_the_guest(wired: Wired, text: bytes) -> None:
    wired.say(text)
    with pytest.raises(ParticipantFailed, match=r"guest: sent .* no control message"):
        wired.link.receive()
