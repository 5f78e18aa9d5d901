"""What is said when QEMU does not start, ends early, or cannot do lockstep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_machine import build

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.limits import Limits
from machines.qemu import plugin
from machines.qemu.binary import QemuBinary
from machines.qemu.process import QemuProcess

SYMBOLS = [
    "qemu_clock_get_ns", "timer_init_full", "timer_mod_ns", "timer_del", "qemu_clock_deadline_ns_all",
    "icount_get_raw", "qemu_shutdown_requested_get", "qemu_get_cpu", "async_run_on_cpu", "bql_lock_impl", "bql_unlock",
    "current_cpu", "qemu_get_cpu", "cpu_stop_current", "qemu_wait_io_event_common", "cpu_resume",
    "process_queued_cpu_work", "all_cpu_threads_idle", "runstate_is_running", "icount_start_warp_timer",
    "qemu_clock_run_timers", "cpu_thread_is_idle",
    "qemu_get_cpu", "all_cpu_threads_idle", "runstate_is_running", "qemu_shutdown_requested_get",
    "icount_start_warp_timer", "qemu_clock_run_timers", "async_run_on_cpu", "bql_lock_impl", "bql_unlock",
    "qemu_add_vm_change_state_handler",
]  # fmt: skip
WAIT_SYMBOLS = [
    "qemu_get_cpu", "icount_update", "qemu_plugin_tb_n_insns", "qemu_plugin_tb_get_insn", "qemu_plugin_insn_size",
    "qemu_plugin_insn_haddr", "qemu_plugin_register_vcpu_insn_exec_cb",
]  # fmt: skip

_COUNTING = {
    1: ["qemu_plugin_register_vcpu_insn_exec_inline"],
    2: [
        "qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu", "qemu_plugin_scoreboard_new",
        "qemu_plugin_scoreboard_find",
    ],
}  # fmt: skip
MCU_SYMBOLS = {
    api: [
        "cpu_physical_memory_map", "qemu_ram_addr_from_host", "object_resolve_path_type", "qdev_get_gpio_in",
        "qemu_set_irq", "qemu_plugin_tb_n_insns", "qemu_plugin_tb_get_insn", *names,
    ]
    for api, names in _COUNTING.items()
}  # fmt: skip


def script(folder: Path, text: str) -> QemuBinary:
    """Return a shell script in the place of QEMU."""
    path = folder / "qemu"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return QemuBinary(path, (7, 2, 0), "fake")


def start(folder: Path, binary: QemuBinary, *arguments: str) -> QemuProcess:
    return QemuProcess("guest", binary, arguments, [], folder / "messages.log", Limits(1 << 30, 1 << 20, 64))


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


def test_an_end_without_an_error_is_the_guests_own_doing(tmp_path: Path) -> None:
    explained = str(start(tmp_path, script(tmp_path, "exit 0")).explain(FAILURE))
    assert explained.startswith("guest: QEMU ended: the guest has powered off or reset its machine")


def test_a_fatal_error_is_told_and_not_the_registers_behind_it(tmp_path: Path) -> None:
    said = "echo 'qemu: fatal: Lockup: can not escalate'; echo R00=00000000; echo 'XPSR=60000003 -ZC-'; kill -ABRT $$"
    explained = str(start(tmp_path, script(tmp_path, said)).explain(FAILURE))
    assert explained.startswith("guest: QEMU ended: qemu: fatal: Lockup: can not escalate (see ")


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
    assert [line.rsplit(" ", 1)[1] for line in said.splitlines()] == [*SYMBOLS, *WAIT_SYMBOLS]


@pytest.mark.parametrize("api", [1, 2])
def test_a_microcontroller_needs_more_symbols(tmp_path: Path, api: int) -> None:
    program = build(Path(__file__).with_name("symbols.c"), tmp_path / "qemu", "-rdynamic", "-ldl")
    loaded = f"{plugin.path(api)},socket=0,parent={os.getpid()},window=0,counter=0"
    process = start(tmp_path, QemuBinary(program, (7, 2, 0), "bare"), "-plugin", loaded)
    assert isinstance(process.explain(FAILURE), EnvironmentLacks)
    lines = (tmp_path / "messages.log").read_text().splitlines()
    lacking = [line.rsplit(" ", 1)[1] for line in lines]
    assert lacking == [*SYMBOLS, *MCU_SYMBOLS[api], *WAIT_SYMBOLS]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("windows=1", "an argument is none of"),
        ("window=0,map=1:2", "map=OFFSET:BYTES:FD is needed"),
        ("window=0,doorbell=armv7m", "doorbell=TYPE:INPUT:KIND is needed"),
    ],
)
def test_the_plugin_refuses_what_it_does_not_understand(tmp_path: Path, given: str, words: str) -> None:
    program = build(Path(__file__).with_name("symbols.c"), tmp_path / "qemu", "-rdynamic", "-ldl")
    loaded = f"{plugin.path(1)},socket=0,parent={os.getpid()},{given}"
    assert words in str(start(tmp_path, QemuBinary(program, (7, 2, 0), "bare"), "-plugin", loaded).explain(FAILURE))


def test_the_plugin_says_what_it_was_not_given(tmp_path: Path) -> None:
    program = build(Path(__file__).with_name("symbols.c"), tmp_path / "qemu", "-rdynamic", "-ldl")
    process = start(tmp_path, QemuBinary(program, (7, 2, 0), "bare"), "-plugin", str(plugin.path(1)))
    assert "socket=FD and parent=PID are needed" in str(process.explain(FAILURE))


def test_a_child_is_out_of_reach_of_the_terminal(tmp_path: Path) -> None:
    process = start(tmp_path, script(tmp_path, "exec sleep 60"))
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.kill()
