"""The plugin in a QEMU that somebody else starts: it connects, and ends when the simulator lets go of it."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

import pytest

from machines.errors import EnvironmentLacks
from machines.qemu import binary, plugin

try:
    QEMU: binary.QemuBinary | None = binary.find()
except EnvironmentLacks:
    QEMU = None

pytestmark = pytest.mark.skipif(QEMU is None, reason="QEMU is not installed")

GRANT = 1


def start(where: str) -> subprocess.Popen[str]:
    """Start a QEMU with a firmware only, through a shell, so that it is no child of ours."""
    assert QEMU is not None
    line = [
        str(QEMU.path), *(("-L", str(QEMU.data)) if QEMU.data else ()), "-nodefaults", "-display", "none",
        "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
        "-plugin", f"{plugin.path(QEMU.plugin_api)},socket={where},parent=0",
    ]  # fmt: skip
    return subprocess.Popen(["sh", "-c", '"$@"; exit $?', "sh", *line], stderr=subprocess.PIPE, text=True)


def test_the_plugin_connects_to_a_path_and_ends_with_the_connection(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "wire"))
        listening.listen(1)
        listening.settimeout(30)
        qemu = start(str(tmp_path / "wire"))
        ours, _ = listening.accept()
    with ours:
        ours.settimeout(30)
        assert struct.unpack("=QQQQ", ours.recv(64))[0] == 0
        ours.send(struct.pack("=QQQQ", GRANT, 1_000_000, 0, 0))
        now_ns, _, instructions, _ = struct.unpack("=QQQQ", ours.recv(64))
        assert (now_ns, instructions) == (1_000_000, 0)
    assert qemu.wait(30) == 1
    assert qemu.stderr is not None
    qemu.stderr.close()


@pytest.mark.parametrize(
    ("where", "why"),
    [("/nowhere/wire", "No such file or directory"), ("/" + "x" * 200, "too long"), ("3x", "neither a descriptor nor")],
)
def test_a_wire_that_is_none_is_told(where: str, why: str) -> None:
    qemu = start(where)
    _, words = qemu.communicate(timeout=30)
    assert qemu.returncode != 0
    assert f"lockstep: socket={where}: " in words
    assert why in words
