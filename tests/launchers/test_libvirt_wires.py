"""What a QEMU opens that cannot inherit it: sockets and memory by paths that are no files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from machines.errors import ParticipantFailed
from machines.libvirt.custody import Custody
from machines.libvirt.listener import Listener
from machines.memory import SharedRegion

CONNECTS = """
import socket, sys
peer = socket.socket(socket.AF_UNIX, int(sys.argv[2]))
peer.connect(sys.argv[1])
peer.send(b"hello")
assert peer.recv(9) == b"welcome"
"""


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def listener(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = Listener("guest", request.param)
    yield made
    made.close()


def test_another_process_connects_to_what_has_no_name(listener: Listener, tmp_path: Path) -> None:
    assert not list(tmp_path.iterdir()), "a file is left"
    path = f"/proc/{os.getpid()}/fd/{listener.fd}"
    ours = listener.ours
    line = [sys.executable, "-c", CONNECTS, path, str(int(ours.type))]
    peer = subprocess.Popen(line)
    assert not listener.connected
    listener.handed_over()
    assert listener.connected and listener.ours is ours
    assert listener.peer == peer.pid
    assert ours.recv(9) == b"hello"
    ours.send(b"welcome")
    assert peer.wait(10) == 0


def test_who_waits_in_vain_is_told(listener: Listener) -> None:
    listener.abandon()
    began = time.monotonic()
    with pytest.raises(ParticipantFailed, match="guest: QEMU did not start"):
        listener.handed_over()
    assert time.monotonic() - began < 1
    late = socket.socket(socket.AF_UNIX, listener.ours.type)
    with late, pytest.raises(ConnectionRefusedError):
        late.connect(f"/proc/self/fd/{listener.fd}")


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_closing_leaves_no_descriptor() -> None:
    before = descriptors()
    made = Listener("guest", socket.SOCK_STREAM)
    made.abandon()
    made.close()
    made.close()
    assert descriptors() == before


def test_memory_is_held_where_a_process_without_capabilities_may_open_it() -> None:
    region = SharedRegion("held", 4096)
    region.view[:5] = b"hello"
    custody = Custody([region.fd])
    path = f"/proc/{custody.pid}/fd/{region.fd}"
    plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []
    done = subprocess.run([*plain, "head", "-c", "5", path], capture_output=True, check=False)
    assert done.stdout == b"hello", done.stderr
    holder = custody.pid
    custody.close()
    custody.close()
    region.close()
    assert holder == os.getpid() or not Path(f"/proc/{holder}").exists()
