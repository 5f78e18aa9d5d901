"""Whose doing each event of a trace is: a digest for every partition, which others cannot change."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sim.host.channel import Channel

_OF_SOURCE = frozenset({"tensor", "revoked"})
_OF_TARGET = frozenset({"taken", "returned"})
_NAMED = frozenset({"instructions", "failed", "state"})


def partition_digests(lines: Iterable[str], channels: Mapping[str, Channel]) -> dict[str, str]:
    """Return for every participant the hexadecimal SHA-256 of the events that are its own doing.

    Parameters:
        lines: of the trace.
        channels: by name, those on the far side of a link among them.
    """
    digests: dict[str, Any] = defaultdict(hashlib.sha256)
    for line in lines:
        _, kind, *facts = line.split()
        if kind in _NAMED:
            digests[facts[0]].update(line.encode())
        elif kind == "doorbell":
            digests[facts[1]].update(line.encode())
        elif kind in _OF_SOURCE:
            digests[channels[facts[0]].source.participant].update(line.encode())
        elif kind in _OF_TARGET:
            digests[channels[facts[0]].target.participant].update(line.encode())
    return {name: digest.hexdigest() for name, digest in digests.items()}
