"""What is said when QEMU does not start, ends early, or cannot do lockstep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_machine import build

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.qemu import plugin
from machines.qemu.binary import QemuBinary
from machines.qemu.process import QemuProcess

SYMBOLS = [
    "qemu_clock_get_ns", "timer_init_full", "timer_mod_ns", "qemu_clock_deadline_ns_all", "all_cpu_threads_idle",
    "icount_get_raw", "qemu_get_cpu", "async_run_on_cpu", "bql_lock_impl", "bql_unlock",
]  # fmt: skip


def script(folder: Path, text: str) -> QemuBinary:
    """Return a shell script in the place of QEMU."""
    path = folder / "qemu"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return QemuBinary(path, (7, 2, 0), "fake")


def start(folder: Path, binary: QemuBinary, *arguments: str) -> QemuProcess:
    return QemuProcess("guest", binary, arguments, [], folder / "messages.log")


FAILURE = ParticipantFailed("guest", "QEMU ended")


def test_a_process_that_goes_on_leaves_the_failure_as_it_is(tmp_path: Path) -> None:
    process = start(tmp_path, script(tmp_path, "exec sleep 60"))
    assert process.explain(FAILURE) is FAILURE
    process.kill()
    process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_the_last_words_are_told(tmp_path: Path) -> None:
    process = start(tmp_path, script(tmp_path, "echo first; echo 'qemu: could not load it' >&2; exit 1"), "-x", "a b")
    explained = process.explain(FAILURE)
    assert isinstance(explained, ParticipantFailed)
    text = str(explained)
    assert text.startswith("guest: QEMU ended: qemu: could not load it")
    assert str(tmp_path / "messages.log") in text
    assert "\n" not in text
    pasted = next(path for path in tmp_path.iterdir() if "'a b'" in path.read_text())
    assert pasted.read_text().strip() == f"{tmp_path / 'qemu'} -x 'a b'"


def test_silence_is_told_as_its_exit_status(tmp_path: Path) -> None:
    assert "exit status 7, no message" in str(start(tmp_path, script(tmp_path, "exit 7")).explain(FAILURE))


def test_what_is_no_program_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentLacks, match="does not start"):
        start(tmp_path, QemuBinary(tmp_path / "nothing", (7, 2, 0), "none"))


@pytest.mark.parametrize("api", [1, 2])
def test_a_qemu_without_symbols_lacks_something(tmp_path: Path, api: int) -> None:
    """The real plugin in a program that exports nothing: every missing symbol is named, and the exit code is 3."""
    program = build(Path(__file__).with_name("symbols.c"), tmp_path / "qemu", "-rdynamic", "-ldl")
    loaded = f"{plugin.path(api)},socket=0,parent={os.getpid()}"
    process = start(tmp_path, QemuBinary(program, (7, 2, 0), "bare"), "-plugin", loaded)
    explained = process.explain(FAILURE)
    assert isinstance(explained, EnvironmentLacks)
    assert "guest: lockstep: this QEMU lacks the symbol qemu_clock_get_ns" in str(explained)
    said = (tmp_path / "messages.log").read_text()
    assert [line.rsplit(" ", 1)[1] for line in said.splitlines()] == SYMBOLS


def test_the_plugin_says_what_it_was_not_given(tmp_path: Path) -> None:
    program = build(Path(__file__).with_name("symbols.c"), tmp_path / "qemu", "-rdynamic", "-ldl")
    process = start(tmp_path, QemuBinary(program, (7, 2, 0), "bare"), "-plugin", str(plugin.path(1)))
    assert "socket=FD and parent=PID are needed" in str(process.explain(FAILURE))


def test_a_child_is_out_of_reach_of_the_terminal(tmp_path: Path) -> None:
    process = start(tmp_path, script(tmp_path, "exec sleep 60"))
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.kill()
