"""Starts the tiny machine by both launchers and prints, as JSON, what is the same; run inside the daemon's rights."""

from __future__ import annotations

import contextlib
import json
import sys
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "qemu")]

from tiny_machine import REGION_BYTES, image  # noqa: E402

from machines.libvirt.connection import Connection  # noqa: E402
from machines.libvirt.launcher import LibvirtLauncher  # noqa: E402
from machines.memory import SharedRegion  # noqa: E402
from machines.qemu import binary, plugin  # noqa: E402
from machines.qemu.command import GuestMachine  # noqa: E402
from machines.qemu.launcher import DIRECT, Launcher  # noqa: E402
from machines.qemu.snapshot import Snapshot  # noqa: E402
from machines.qemu.vm import Installation, VirtualMachine  # noqa: E402

MS = 1_000_000
CPU = "Haswell-noTSX,-rdrand,-erms,-pcid,-x2apic,-tsc-deadline,-invpcid"


def made(launcher: Launcher, folder: Path) -> VirtualMachine:
    """Return a machine that was not launched yet."""
    qemu = binary.find()
    installed = Installation(qemu, plugin.path(qemu.plugin_api), image(folder), launcher)
    region = SharedRegion("tiny", REGION_BYTES)
    return VirtualMachine("tiny", GuestMachine(CPU, 32 << 20, 0, (region.size,)), installed, [region], folder)


def history(machine: VirtualMachine, snapshot: Snapshot | None) -> list[object]:
    """Return where a machine stood and what it rang in 50 ms, in which its firmware ends and the guest begins."""
    machine.launch(snapshot)
    machine.go()
    seen: list[object] = []
    for _ in range(50):
        machine.grant(machine.held.now_ns + MS)
        machine.settle()
        seen.append((machine.held, machine.collect()))
    return seen


def devices(machine: VirtualMachine) -> str:
    """Return QEMU's tree of devices with all their properties."""
    machine.launch(None)
    assert machine._process is not None
    machine._process.started()
    machine._monitor.connect()
    return str(machine._monitor.execute("human-monitor-command", command_line="info qtree"))


def main(folder: Path) -> None:
    with contextlib.closing(LibvirtLauncher(Connection(None), "tiny")) as libvirt:
        launchers: dict[str, Launcher] = {"direct": DIRECT, "libvirt": libvirt}
        trees, cold, warm = {}, {}, {}
        for name, launcher in launchers.items():
            with contextlib.closing(made(launcher, folder)) as machine:
                trees[name] = devices(machine)
            with contextlib.closing(made(launcher, folder)) as machine:
                cold[name] = history(machine, None)
                machine.save(folder / f"{name}.state")
        for saved, loaded in product(launchers, launchers):
            with contextlib.closing(made(launchers[loaded], folder)) as machine:
                warm[saved, loaded] = history(machine, Snapshot(folder / f"{saved}.state", 1.0))
    first = next(iter(warm.values()))
    print(json.dumps({
        "devices": trees["direct"] == trees["libvirt"] and "ivshmem" in trees["direct"],
        "cold": cold["direct"] == cold["libvirt"],
        "warm": [f"{saved} to {loaded}" for (saved, loaded), seen in warm.items() if seen != first],
        "boundaries": len(first),
    }))  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
