"""What executes guests in real time here: the processor itself where KVM truly runs guests, else translation."""

from __future__ import annotations

import json
import os
from pathlib import Path

from machines.cache import cache_dir
from machines.qemu import kvm
from machines.qemu.binary import QemuBinary
from machines.qemu.command import Execution

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def choose(binary: QemuBinary, architecture: str) -> tuple[Execution, str]:
    """Return what to use, and why; the answer is kept until this computer is started again.

    Parameters:
        binary: the QEMU of the guests.
        architecture: theirs.
    """
    if architecture != "x86_64" or os.uname().machine != architecture:  # what the probe's guest is written for
        return "tcg", f"KVM is not tried for {architecture} guests on {os.uname().machine}"
    kept = cache_dir() / "kvm.json"
    key = [_BOOT_ID.read_text().strip(), binary.identity, os.access(kvm.DEVICE, os.R_OK | os.W_OK)]
    try:
        known = json.loads(kept.read_text())
        if known["key"] == key:
            return _verdict(known["works"] is True, str(known["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with kvm.probing(binary) as verdict:
        found = verdict()
    fresh = kept.with_suffix(f".{os.getpid()}.partial")
    fresh.write_text(json.dumps({"key": key, "works": found.works, "reason": found.reason}))
    fresh.replace(kept)
    return _verdict(found.works, found.reason)


def _verdict(works: bool, reason: str) -> tuple[Execution, str]:
    return ("kvm", reason) if works else ("tcg", f"KVM: {reason}")
