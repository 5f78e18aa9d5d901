"""A guest for tests: QEMU running freely under icount, the host's ends of its devices in this process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from guests.linux.image import Image
from machines.memory import SharedRegion
from machines.qemu.ivshmem import DoorbellServer
from virtio_shm import Consumer, Layout, Producer, TensorSpec

QEMU = shutil.which("qemu-system-x86_64")
CPU_MODEL = "Haswell-noTSX,-rdrand,-erms,-pcid,-x2apic,-tsc-deadline,-invpcid"
MEMORY_MB = 256
CONTROL_BYTES = 16 << 20
TO_GUEST = Layout(depth=8, payload_bytes=1 << 20)
TO_HOST = Layout(depth=64, payload_bytes=8 << 10)
TO_HOST_OFFSET = 12 << 20


def command_line(image: Image, region_fds: Sequence[tuple[int, int]], doorbell_fd: int, console: Path) -> list[str]:
    """Return QEMU's command line for a guest; `region_fds` holds descriptor and size of each channel region."""
    assert QEMU is not None
    size = image.root.stat().st_size
    root = f"memory-backend-file,id=root,mem-path={image.root},size={size},share=on,readonly=on,align=2M"
    doorbell = f"ivshmem-doorbell,chardev=doorbell,vectors={1 + len(region_fds)},master=on,addr=0f.0"
    line = [
        QEMU, "-nodefaults", "-display", "none", "-no-reboot", "-M", "q35", "-cpu", CPU_MODEL, "-accel", "tcg",
        "-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1",
        "-m", f"{MEMORY_MB},slots=2,maxmem=1G", "-device", "intel-iommu,intremap=on",
        "-object", root, "-device", "virtio-pmem-pci,memdev=root,addr=02.0",
        "-chardev", f"socket,id=doorbell,fd={doorbell_fd}", "-device", doorbell,
        "-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", image.manifest["arguments"],
        "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
    ]  # fmt: skip
    for index, (fd, size) in enumerate(region_fds):
        backend = f"memory-backend-file,id=region{index},mem-path=/proc/self/fd/{fd},size={size},share=on"
        address = f"addr={0x10 + index // 8:02x}.{index % 8},multifunction=on"
        line += ["-object", backend, "-device", f"ivshmem-plain,memdev=region{index},master=on,{address}"]
    return line


class Guest:
    """One running guest.

    Parameters:
        image: what it boots from.
        region_bytes: sizes of its channel regions.
        folder: for the console.
        extra: further arguments of QEMU.
    """

    def __init__(self, image: Image, region_bytes: Sequence[int], folder: Path, extra: Sequence[str] = ()) -> None:
        self.control = SharedRegion("control", CONTROL_BYTES)
        self.regions = [SharedRegion(f"channel{index}", size) for index, size in enumerate(region_bytes)]
        self.doorbells = DoorbellServer(self.control.fd, 1 + len(self.regions))
        self.console = folder / "console.log"
        self._monitor, theirs = socket.socketpair()
        self._answers = self._monitor.makefile("r")
        fds = [(region.fd, region.size) for region in self.regions]
        line = command_line(image, fds, self.doorbells.device_fd, self.console)
        line += ["-chardev", f"socket,id=monitor,fd={theirs.fileno()}", "-mon", "chardev=monitor,mode=control", *extra]
        inherited = [theirs.fileno(), self.doorbells.device_fd, *(fd for fd, _ in fds)]
        self.process = subprocess.Popen(line, pass_fds=inherited, stdin=subprocess.DEVNULL)
        theirs.close()
        self.doorbells.handed_over()
        self._answers.readline()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command and return its result."""
        self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self._answers.readline())
            if "error" in answer:
                raise AssertionError(f"QMP {command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def wait_for(self, vector: int, seconds: float = 60) -> None:
        """Wait until the guest rings a vector; fails with the end of the console."""
        deadline = time.monotonic() + seconds
        while vector not in self.doorbells.collect():
            if time.monotonic() > deadline or self.process.poll() is not None:
                console = self.console.read_text(errors="replace") if self.console.exists() else ""
                raise AssertionError(f"vector {vector} was not rung; console: {console[-3000:]}")
            time.sleep(0.002)

    def save(self, state: Path) -> None:
        """Stop the guest and write its state to a file."""
        self.execute("stop")
        self.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.execute("migrate", uri=f"exec:cat > {state}")
        while (status := self.execute("query-migrate").get("status")) != "completed":
            assert status not in ("failed", "cancelled"), status
            time.sleep(0.005)

    def resume(self) -> None:
        """Let a guest that was started from a saved state go on."""
        while self.execute("query-status")["status"] == "inmigrate":
            time.sleep(0.002)
        self.execute("cont")

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        self._monitor.close()
        self.doorbells.close()
        for region in [self.control, *self.regions]:
            region.close()


@contextlib.contextmanager
def guest(image: Image, region_bytes: Sequence[int], folder: Path, *extra: str) -> Iterator[Guest]:
    """Start a guest and kill it in the end."""
    running = Guest(image, region_bytes, folder, extra)
    try:
        yield running
    finally:
        running.close()


class HostControl:
    """The host's end of the control region, over any memory and any way to ring and to wait.

    Parameters:
        memory: the control region.
        ring: rings vector 0 of the guest.
        wait: waits until the guest rang vector 0.
    """

    def __init__(self, memory: Any, ring: Any, wait: Any) -> None:
        self._orders = Producer(memory[: TO_GUEST.region_bytes], TO_GUEST, overflow="block", clock=lambda: 0)
        inward = memory[TO_HOST_OFFSET : TO_HOST_OFFSET + TO_HOST.region_bytes]
        self._messages = Consumer(inward, TO_HOST, clock=lambda: 2**62)
        self._ring = ring
        self._wait = wait

    def connect(self) -> None:
        """Set up both rings."""
        while not (self._orders.poll_ready() & self._messages.poll_ready()):
            if self._orders.announce() | self._messages.announce():
                self._ring()
            self._wait()
        if self._orders.announce() | self._messages.announce():
            self._ring()

    def post(self, content: bytes) -> None:
        """Send raw bytes."""
        while (slot := self._orders.reserve(TensorSpec("uint8", (len(content),)))) is None:
            self._wait()
        slot[:] = np.frombuffer(content, np.uint8)
        if self._orders.commit():
            self._ring()

    def post_payload(self, archive: bytes) -> None:
        """Send a payload."""
        chunks = [archive[at : at + TO_GUEST.payload_bytes] for at in range(0, len(archive), TO_GUEST.payload_bytes)]
        self.post(json.dumps({"type": "payload", "bytes": len(archive), "chunks": len(chunks)}).encode())
        for chunk in chunks:
            self.post(chunk)

    def receive(self) -> dict[str, Any]:
        """Return the guest's next message, waiting for it."""
        while (frame := self._messages.take()) is None:
            if self._messages.due_ns is None:  # else: published after our clock was read, and due at once
                self._wait()
        message: dict[str, Any] = json.loads(frame.array.tobytes())
        if self._messages.give_back(frame):
            self._ring()
        return message

    def has_message(self) -> bool:
        """Tell whether the guest sent anything more, and throw it away."""
        return self._messages.take() is not None

    def expect(self, kind: str) -> dict[str, Any]:
        """Return the next message, which must be of this kind."""
        message = self.receive()
        assert message["type"] == kind, message
        return message


def wait_for_event(event: int, seconds: float = 10) -> None:
    """Wait for an eventfd and empty it."""
    ready, _, _ = select.select([event], [], [], seconds)
    assert ready, "nobody rang"
    os.eventfd_read(event)
