"""A user's own firmware: one that is right runs, anything else is one line before something is started."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from machines import boards
from machines.boards import McuBoard
from machines.mcu.firmware import FirmwareError, load

from .microcontrollers import FIRMWARE, channel, failures, one_line, write
from .simulator import ROOT, run

INCLUDES = ["-I", ROOT / "guests" / "mcu" / "include", "-I", ROOT / "virtio_shm" / "core"]
RING = [path for path in sorted((ROOT / "virtio_shm" / "core").glob("*.c")) if path.name != "tap.c"]


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An own firmware for the ESP32-C3, compiled as docs/firmware.md says."""
    target = tmp_path_factory.mktemp("own") / "own.elf"
    flags = ["-march=rv32imc_zicsr", "-mabi=ilp32", "-mcmodel=medany", "-O2", "-ffreestanding", "-nostdlib"]
    line = ["riscv64-unknown-elf-gcc", *flags, "-T", FIRMWARE / "own.ld", "-o", target, FIRMWARE / "own.c", *INCLUDES]
    subprocess.run([*map(str, line), *map(str, RING)], check=True)
    return target


def scenario(folder: Path, firmware: Path, machine: str = "esp32c3") -> Path:
    """Write a scenario with an own firmware."""
    channels = {"there": channel("samples", "own.firmware.tensor"), "back": channel("own.firmware.result", "sink")}
    sensor = {"kind": "recording", "source": "samples.npy", "rate": "200Hz"}
    nodes = {"own": {"machine": machine, "backend": "qemu", "firmware": str(firmware)}}
    return write(folder, nodes, channels, {"samples": sensor, "sink": {"kind": "sink"}})


def test_an_own_firmware_takes_part(elf: Path, tmp_path: Path) -> None:
    done = run(tmp_path / "out", scenario(tmp_path, elf), "50ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    channels = done.figures["channels"]
    assert channels["back"]["delivered"] >= 9
    assert done.figures["partitions"]["own"]["cpu_share"] > 0.99, "it never sleeps"
    assert done.figures["microcontrollers"]["own"]["stack_high_water"] == 0, "it does not say"


def moved(elf: bytes, address: int) -> bytes:
    """Return an ELF file whose loaded segments are elsewhere."""
    changed = bytearray(elf)
    (headers,) = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    for at in range(headers, headers + count * size, size):
        if struct.unpack_from("<I", elf, at) == (1,):  # PT_LOAD
            struct.pack_into("<II", changed, at + 8, address, address)
    return bytes(changed)


def without_ports(elf: bytes) -> bytes:
    """Return an ELF file whose section of ports has another name."""
    return elf.replace(b".mcu_ports\0", b".mcu_sport\0")


BROKEN = {
    "empty": (lambda elf: b"", "is no sound ELF file"),
    "text": (lambda elf: b"int main(void) { return 0; }\n" * 20, "is no sound ELF file"),
    "header_only": (lambda elf: elf[:52], "is no sound ELF file|nothing to load"),
    "half": (lambda elf: elf[: len(elf) // 2], "is no sound ELF file"),
    "no_ports": (without_ports, "has no section .mcu_ports"),
    "elsewhere": (lambda elf: moved(elf, 0x10000000), "0x10000000 are outside of the memory of esp32c3"),
    "around_the_end": (lambda elf: moved(elf, 0xFFFFFFF0), "outside of the memory of esp32c3"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_elf_is_one_line(elf: Path, tmp_path: Path, name: str) -> None:
    change, words = BROKEN[name]
    broken = tmp_path / "broken.elf"
    broken.write_bytes(change(elf.read_bytes()))
    done = run(tmp_path / "out", scenario(tmp_path, broken), "50ms")
    line = one_line(done, 2)
    assert any(each in line for each in words.split("|")), line
    assert "scenario.yaml:" in line and "broken.elf" in line
    assert not (tmp_path / "out").exists()


def test_an_elf_for_another_core_is_one_line(elf: Path, tmp_path: Path) -> None:
    for machine, core in (("mps2-an386", "Cortex-M4F"), ("esp32s3", "Xtensa LX7")):
        line = one_line(run(tmp_path / "out", scenario(tmp_path, elf, machine), "50ms"), 2)
        assert f"is for RISC-V, {machine} has a {core}" in line
    line = one_line(run(tmp_path / "out", scenario(tmp_path, Path(sys.executable).resolve()), "50ms"), 2)
    assert "esp32c3 has a RV32IMC" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_elf_is_refused_or_loads(elf: Path, tmp_path: Path, seed: int) -> None:
    """Headers and sections hold any bytes: what comes of it is a firmware or one line."""
    board = boards.load("esp32c3")
    assert isinstance(board, McuBoard)
    chance, sound = random.Random(seed), elf.read_bytes()
    (sections,) = struct.unpack_from("<I", sound, 32)
    places = [*range(16, 200), *range(sections, len(sound))]
    damaged = tmp_path / "damaged.elf"
    for _ in range(60):
        changed = bytearray(sound)
        for _ in range(chance.choice((1, 1, 2, 20))):
            changed[chance.choice(places)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        damaged.write_bytes(changed)
        try:
            load(damaged, board, "qemu")
        except FirmwareError as error:
            assert "\n" not in str(error)
