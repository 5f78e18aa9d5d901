"""Platform and script files, compared with golden files; ``UPDATE_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from paper_board import CONSTRUCTORS, Board
from renode_parts import CORTEX_M4, ESP32, ESP32C3

from machines import boards
from machines.boards import Console, Doorbell, McuBackend, McuBoard
from machines.renode import platform
from machines.renode.platform import PlatformError, Sharing

GOLDEN = Path(__file__).with_name("golden")
ENTRIES = {"cortex-m4": CORTEX_M4, "esp32": ESP32, "esp32c3": ESP32C3}
SHIPPED = {
    name: board.backends["renode"]
    for name in boards.names()
    if isinstance(board := boards.load(name), McuBoard) and "renode" in board.backends
}


def same(name: str, text: str) -> None:
    """Compare with a golden file."""
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("name", ENTRIES)
def test_descriptions(name: str) -> None:
    same(f"{name}.repl", platform.description(ENTRIES[name], None))
    same(f"{name}_shared.repl", platform.description(ENTRIES[name], Sharing(0x12345, Path("/dev/shm/private"))))


@pytest.mark.parametrize("name", ENTRIES)
def test_scripts(name: str) -> None:
    text = platform.script("safety-x1", ENTRIES[name], Path("/dev/shm/private"), "safety.console.log", 0x400D0010)
    same(f"{name}.resc", text)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_boards_are_boards_of_renode(name: str, tmp_path: Path) -> None:
    entry = SHIPPED[name]
    platform.check(entry, (1, 16, 0))
    board = Board(name, "1.16.1")
    board.load(platform.description(entry, Sharing(0x12345, tmp_path)))
    assert set(board.memories) == {"code", "data", "window"}
    spans = sorted((memory.address, memory.address + memory.size) for memory in board.memories.values())
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), "memories overlap"


def test_every_uart_has_a_model() -> None:
    assert {uart.model for uart in platform.UARTS.values()} <= set(CONSTRUCTORS)


def changed(entry: McuBackend, **parts: object) -> McuBackend:
    return entry.model_copy(update=parts)


@pytest.mark.parametrize(
    ("entry", "version", "words"),
    [
        (changed(ESP32, console=Console(uart="morse", address=0)), (1, 16, 1), "Renode has no UART 'morse'; it has cm"),
        (ESP32, (1, 15, 3), "esp32 with the UART esp32 needs Renode 1.16.0 or newer"),
        (changed(ESP32, doorbell=Doorbell(kind="plic", irq=1)), (1, 16, 1), "Renode cannot ring esp32 by plic"),
        (changed(ESP32, doorbell=Doorbell(kind="nvic")), (1, 16, 1), "Renode cannot ring esp32 by nvic"),
    ],
)
def test_what_renode_cannot_be(entry: McuBackend, version: tuple[int, int, int], words: str) -> None:
    with pytest.raises(PlatformError) as caught:
        platform.check(entry, version)
    assert str(caught.value).startswith(words)


def test_doorbells_are_bits_of_the_set_pending_registers() -> None:
    assert platform.doorbell(0) == (0xE000E200, 1)
    assert platform.doorbell(31) == (0xE000E200, 1 << 31)
    assert platform.doorbell(37) == (0xE000E204, 1 << 5)


def test_all_speeds_give_whole_instructions_per_quantum() -> None:
    """A run's instructions over 1.024 ms are exact at every speed that boards can have."""
    for shift in range(11):
        assert (1_024_000 * Fraction(1000, 1 << shift) / 1000).denominator == 1


@pytest.mark.parametrize(("used", "segment"), [(1, 0x10000), (0x10000, 0x10000), (0x10001, 0x20000)])
def test_the_first_segment_holds_all_that_the_host_maps(used: int, segment: int) -> None:
    assert platform.segment_bytes(used) == segment
