"""The control page in C equals the one in Python: what one writes the other one reads."""

from __future__ import annotations

import ctypes
import struct
import subprocess

import pytest

from guests.mcu.build import ROOT
from machines.mcu.control import COUNTER_OFFSET, MAX_CHANNELS, ChannelEntry, ControlPage, Life
from machines.memory import SharedRegion

READER = """
#include "control.h"
#define READ(name, expression) unsigned long long name(const struct control_page *p) { return (expression); }
READ(magic, p->magic == CONTROL_MAGIC) READ(version, p->version == CONTROL_VERSION)
READ(base_ns, p->base_ns) READ(base_count, p->base_count) READ(limit_ns, p->limit_ns)
READ(ns_numerator, p->ns_numerator) READ(ns_denominator, p->ns_denominator)
READ(counts_in_memory, p->flags & CONTROL_F_COUNTER) READ(channel_count, p->channel_count)
READ(seed, p->seed) READ(quantum_ns, p->quantum_ns)
READ(rung_31, p->in_count[31]) READ(counter, p->counter)
READ(role, p->channels[2].role) READ(offset, p->channels[2].offset)
READ(region_bytes, p->channels[2].region_bytes) READ(depth, p->channels[2].depth)
READ(payload_bytes, p->channels[2].payload_bytes) READ(overflow, p->channels[2].overflow)
READ(vector, p->channels[2].vector) READ(port, p->channels[2].port[14] << 8 | p->channels[2].port[15])

void write_all(struct control_page *p)
{
    p->ready_magic = CONTROL_READY_MAGIC; p->ready_version = CONTROL_VERSION; p->state = STATE_FAULT; p->idle = 1;
    p->wake_ns = 0x1122334455667788; p->heartbeat = 1; p->fault_kind = FAULT_CHANNEL; p->fault_pc = 2; p->fault_lr = 3;
    p->fault_address = 4; p->fault_status = 5; p->stack_bytes = 6; p->stack_high_water = 7; p->arena_bytes = 8;
    p->arena_high_water = 9; p->inference_count = 33; p->slept_count = 10;
    for (int i = 0; i < 32; i++) p->out_count[i] = 100 + i;
    p->inferences[32 % CONTROL_LOG_ENTRIES] = (struct control_inference){11, 12, 13, 14, CONTROL_WHOLE_INFERENCE, 0};
}
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("control")
    (folder / "reader.c").write_text(READER)
    library = folder / "reader.so"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{ROOT / 'include'}"]
    subprocess.run(["gcc", *flags, "-o", library, folder / "reader.c"], check=True)
    return ctypes.CDLL(str(library))


def test_the_firmware_reads_what_the_host_writes(firmware: ctypes.CDLL) -> None:
    region = SharedRegion("control", 4096)
    page = ControlPage(region)
    entries = [ChannelEntry(f"p{n}", False, 4096 * n, 1, 2, 3, 0) for n in range(2)]
    entries.append(ChannelEntry("fifteen_letters", True, 0x9000, 0x1234, 16, 0x400, 2))
    page.introduce(entries, (16, 5), True, 99, 1_000_000)
    page.set_time(1 << 40, 1 << 41, 1 << 42)
    page.ring(31)
    struct.pack_into("<Q", region.view, COUNTER_OFFSET, 1 << 43)
    expected = {
        "magic": 1, "version": 1, "base_ns": 1 << 40, "base_count": 1 << 41, "limit_ns": 1 << 42,
        "ns_numerator": 16, "ns_denominator": 5, "counts_in_memory": 1, "channel_count": 3, "seed": 99,
        "quantum_ns": 1_000_000, "rung_31": 1, "counter": 1 << 43, "role": 1, "offset": 0x9000, "region_bytes": 0x1234,
        "depth": 16, "payload_bytes": 0x400, "overflow": 2, "vector": 2, "port": ord("s") << 8,
    }  # fmt: skip
    start = ctypes.addressof(ctypes.c_char.from_buffer(region.map))
    for name, value in expected.items():
        read = getattr(firmware, name)
        read.restype, read.argtypes = ctypes.c_ulonglong, [ctypes.c_void_p]
        assert read(start) == value, name


def test_the_host_reads_what_the_firmware_writes(firmware: ctypes.CDLL) -> None:
    region = SharedRegion("control", 4096)
    firmware.write_all(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(region.map))))
    page = ControlPage(region)
    status = page.status()
    assert status.ready and status.version == 1 and status.life == Life.FAULT and status.idle
    assert status.wake_ns == 0x1122334455667788 and status.fault_kind == 7
    words = (
        status.heartbeat, status.fault_pc, status.fault_lr, status.fault_address, status.fault_status,
        status.stack_bytes, status.stack_high_water, status.arena_bytes, status.arena_high_water,
    )  # fmt: skip
    assert words == (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert status.inference_count == 33
    assert page.out_counts() == tuple(range(100, 100 + MAX_CHANNELS))
    [entry] = page.log(32, 33)
    assert (entry.start_ns, entry.end_ns, entry.instructions, entry.origin_sequence) == (11, 12, 13, 14)
    assert entry.layer == 0xFFFFFFFF
