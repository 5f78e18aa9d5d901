"""The probe of KVM: its guest is right, and a guest that does not end is seen and killed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path

import pytest

from machines.errors import EnvironmentLacks
from machines.qemu import kvm
from machines.qemu.binary import QemuBinary, find

pytestmark = pytest.mark.guest


def fake(tmp_path: Path, script: str) -> QemuBinary:
    """Return a program that stands in for QEMU."""
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return QemuBinary(program, (7, 2, 0), "QEMU emulator version 7.2.0")


def test_the_guest_comes_to_its_end_where_guests_run_at_all(tmp_path: Path) -> None:
    with contextlib.closing(kvm.Probe(find(), "tcg", tmp_path)) as probe:
        assert probe.verdict(60) == kvm.Verdict(True, "a tiny guest ran to its end")


def test_a_damaged_guest_does_not_count_as_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "firmware", lambda: b"\xf4" * 0x10000)  # halts at once and for ever
    with contextlib.closing(kvm.Probe(find(), "tcg", tmp_path)) as probe:
        verdict = probe.verdict(1.0)
    assert not verdict.works and "no tiny guest came to its end in 1 s" in verdict.reason


def test_a_guest_that_spins_is_killed_at_the_deadline(tmp_path: Path) -> None:
    binary = fake(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    began = time.monotonic()
    with contextlib.closing(kvm.Probe(binary, "kvm", tmp_path)) as probe:
        verdict = probe.verdict(0.5)
    assert not verdict.works and time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_qemu_says_is_the_reason(tmp_path: Path) -> None:
    binary = fake(tmp_path, "echo 'failed to initialize kvm: No such device' >&2; exit 1")
    with contextlib.closing(kvm.Probe(binary, "kvm", tmp_path)) as probe:
        assert probe.verdict(30) == kvm.Verdict(False, "failed to initialize kvm: No such device")


def test_another_exit_status_is_not_taken_for_the_guests_own(tmp_path: Path) -> None:
    with contextlib.closing(kvm.Probe(fake(tmp_path, "exit 0"), "kvm", tmp_path)) as probe:
        assert probe.verdict(30) == kvm.Verdict(False, "QEMU ended with status 0")


def test_no_program_is_an_error_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without setpriv, which would start and then fail
    gone = dataclasses.replace(find(), path=tmp_path / "gone")
    with pytest.raises(EnvironmentLacks, match="gone does not start"):
        kvm.Probe(gone, "kvm", tmp_path)


def test_without_a_device_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "DEVICE", tmp_path / "kvm")
    with kvm.probing(fake(tmp_path, f"touch {tmp_path}/started")) as verdict:
        assert verdict().reason == f"no {tmp_path}/kvm"
    assert not (tmp_path / "started").exists()
    with kvm.probing(None) as verdict:
        assert not verdict().works
