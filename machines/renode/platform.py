"""The platform and script files that make Renode a board, as text: pure functions.

Time is instructions: the core runs at one instruction per microsecond of Renode's time, whatever the board's speed, so
that the whole microseconds of External Control's RunFor count instructions exactly. Renode's time therefore is not the
run's time. Firmware takes the run's time from the control page; peripherals of Renode that count time see one
microsecond per instruction, and those that count cycles are given 1 MHz, which makes a cycle an instruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from machines.boards import McuBackend, Span

INSTRUCTIONS_PER_US = 1
CYCLES_HZ = 1_000_000
"""Rate of everything that counts cycles: one per instruction."""
COUNTER_PAGE = 0xE0001000
"""Where the cycle counter of the Armv7-M DWT is (Arm DDI 0403, C1.8); Renode's model of it is put there on every core,
because it is the only one that is brought up to date to the instruction whenever it is read."""
NVIC_PAGE = 0xE000E000
NVIC_SET_PENDING = 0xE000E200
"""ISPR0, one bit per interrupt (Arm DDI 0403, B3.4.5)."""
PAGE_BYTES = 0x400
"""Renode takes memory in whole guest pages only."""
SEGMENT_BYTES = 0x10000
"""Smallest segment that Renode itself would choose for a memory."""
QUANTUM_S = 1
"""Between Renode's own synchronisation points: long, as nothing but us needs one."""


class PlatformError(ValueError):
    """Renode cannot be this board; the message is one line."""


@dataclass(frozen=True)
class Uart:
    """How a UART is called in platform files.

    Attributes:
        model: Renode's class.
        attributes: what its constructor needs.
        oldest: first version of Renode that has it.
    """

    model: str
    attributes: Mapping[str, str]
    oldest: tuple[int, int, int] = (1, 15, 1)


UARTS: Mapping[str, Uart] = {
    "cmsdk": Uart("UART.CMSDK_APB_UART", {}),
    "esp32": Uart("UART.ESP32_UART", {}, oldest=(1, 16, 0)),
    "nrf52840": Uart("UART.NRF52840_UART", {}),
    "stm32f7": Uart("UART.STM32F7_USART", {"frequency": "16000000"}),
    "trivial": Uart("UART.TrivialUart", {}),
}
"""By the name in board profiles."""


@dataclass(frozen=True)
class Sharing:
    """How the window is shared with the host.

    Attributes:
        used_bytes: what the host maps, from the start of the window.
        folder: where Renode makes the file.
    """

    used_bytes: int
    folder: Path


def segment_bytes(used_bytes: int) -> int:
    """Return the size of the first segment, which holds all that the host maps."""
    return _whole(used_bytes, SEGMENT_BYTES)


def is_cortex_m(entry: McuBackend) -> bool:
    """Tell whether a board's core is a Cortex-M."""
    return entry.machine.startswith("cortex-m")


def check(entry: McuBackend, version: tuple[int, int, int]) -> None:
    """See that this version of Renode can be this board.

    Raises:
        PlatformError: it cannot.
    """
    uart = UARTS.get(entry.console.uart)
    if uart is None:
        raise PlatformError(f"Renode has no UART '{entry.console.uart}'; it has {', '.join(UARTS)}")
    if version < uart.oldest:
        needed = ".".join(map(str, uart.oldest))
        raise PlatformError(f"{entry.machine} with the UART {entry.console.uart} needs Renode {needed} or newer")
    if entry.doorbell.kind != "poll" and not (entry.doorbell.kind == "nvic" and is_cortex_m(entry)):
        raise PlatformError(
            f"Renode cannot ring {entry.machine} by {entry.doorbell.kind}; what it can is nvic and poll"
        )


def description(entry: McuBackend, sharing: Sharing | None) -> str:
    """Return the platform description (.repl).

    Parameters:
        entry: the board's entry for Renode.
        sharing: None: the window is memory like any other.
    """
    window = {"size": _hex(_whole(entry.window.bytes, PAGE_BYTES))}
    if sharing is not None:
        window["segmentSize"] = _hex(segment_bytes(sharing.used_bytes))
        window["sharedMemoryFileRoot"] = f'"{sharing.folder}"'
    uart = UARTS[entry.console.uart]
    devices = [
        *_core(entry),
        _device("counter", "Miscellaneous.DWT", COUNTER_PAGE, {"frequency": str(CYCLES_HZ)}),
        _memory("code", entry.code),
        _memory("data", entry.data),
        _device("window", "Memory.MappedMemory", entry.window.address, window),
        _device("console", uart.model, entry.console.address, uart.attributes),
    ]
    return "\n".join(devices)


def script(name: str, entry: McuBackend, folder: Path, console: str, elf_entry: int) -> str:
    """Return the script (.resc) that makes the machine and stops before its first instruction.

    Parameters:
        name: of the machine.
        entry: the board's entry for Renode.
        folder: holds ``board.repl``, ``firmware.elf`` and ``logs``, a link to the folder of the console's file.
        console: name of that file, which must not exist: Renode would rename it.
        elf_entry: where the firmware starts.
    """
    if is_cortex_m(entry):
        start = f"sysbus.cpu VectorTableOffset {_hex(entry.code.address)}"
    else:
        start = f"sysbus.cpu PC {_hex(elf_entry)}"
    lines = [
        "emulation SetSeed 0",
        "emulation SetGlobalSerialExecution true",
        f'emulation SetGlobalQuantum "{QUANTUM_S}"',
        "emulation SetGlobalAdvanceImmediately true",
        f'mach create "{name}"',
        f"machine LoadPlatformDescription @{folder}/board.repl",
        f"sysbus.console CreateFileBackend @{folder}/logs/{console} true",
        f"sysbus LoadELF @{folder}/firmware.elf",
        start,
        f"sysbus WriteDoubleWord {_hex(COUNTER_PAGE)} 0x1",
    ]
    return "\n".join(lines) + "\n"


def doorbell(irq: int) -> tuple[int, int]:
    """Return the address and the word that pend an interrupt of a Cortex-M."""
    return NVIC_SET_PENDING + 4 * (irq // 32), 1 << irq % 32


def _core(entry: McuBackend) -> list[str]:
    speed = {"PerformanceInMips": str(INSTRUCTIONS_PER_US)}
    kind = {"cpuType": f'"{entry.machine}"'}
    if is_cortex_m(entry):
        nvic = _device("nvic", "IRQControllers.NVIC", NVIC_PAGE, {"systickFrequency": str(CYCLES_HZ)}, "-> cpu@0")
        return [nvic, _device("cpu", "CPU.CortexM", None, {**kind, "nvic": "nvic", **speed})]
    if entry.machine.startswith("rv32"):
        return [_device("cpu", "CPU.RiscV32", None, {**kind, "timeProvider": "empty", **speed})]
    return [_device("cpu", "CPU.Xtensa", None, {**kind, "frequency": str(CYCLES_HZ), **speed})]


def _memory(name: str, span: Span) -> str:
    return _device(name, "Memory.MappedMemory", span.address, {"size": _hex(_whole(span.bytes, PAGE_BYTES))})


def _device(name: str, kind: str, address: int | None, attributes: Mapping[str, str], wire: str = "") -> str:
    place = "sysbus" if address is None else f"sysbus {_hex(address)}"
    inner = [f"{key}: {value}" for key, value in attributes.items()] + ([wire] if wire else [])
    return "\n".join([f"{name}: {kind} @ {place}", *(f"    {line}" for line in inner)]) + "\n"


def _whole(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _hex(number: int) -> str:
    return f"0x{number:X}"
