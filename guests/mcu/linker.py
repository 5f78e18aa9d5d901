"""The linker script of one board on one backend."""

from __future__ import annotations

from dataclasses import dataclass

from machines.boards import McuBackend, McuBoard

LARGEST_FRAME_BYTES = 1024
"""Most that one function may take of the stack: not more than the smallest guard, or an overflow could step over it."""

STACK_BYTES = 8192
"""Of every firmware; its use is measured (control page, stack_high_water)."""

_TEMPLATE = """\
ENTRY(reset)
MEMORY {{
  CODE (rx) : ORIGIN = {code.address:#x}, LENGTH = {code_bytes:#x}
  DATA (rw) : ORIGIN = {data.address:#x}, LENGTH = {data_bytes:#x}
}}
control = {window.address:#x};
window_bytes = {window.bytes:#x};
code_start = {code.address:#x};
code_bytes = {code.bytes:#x};
SECTIONS {{
  .text : {{
    KEEP(*(.vectors)) KEEP(*(.reset))
    *(.literal .literal.* .text .text.*)
    . = ALIGN(8);
    *(.rodata .rodata.*)
    . = ALIGN(4);
    inputs_start = .; KEEP(*(.mcu_inputs)) inputs_end = .;
    outputs_start = .; KEEP(*(.mcu_outputs)) outputs_end = .;
    . = ALIGN(8);
  }} > CODE
  .mcu_ports : {{ KEEP(*(.mcu_ports)) }} > CODE
  .stack (NOLOAD) : {{
    ASSERT({guard_bytes} == 0 || . % MAX({guard_bytes}, 1) == 0, "data memory begins at a multiple of the guard");
    stack_guard = .; . += {guard_bytes}; stack_bottom = .;
    . += {stack_bytes}; stack_top = .;
  }} > DATA
  .data : ALIGN(8) {{
    data_start = .;
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(8); data_end = .;
  }} > DATA AT > CODE
  data_image = LOADADDR(.data);
  .bss (NOLOAD) : ALIGN(8) {{
    bss_start = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(8); bss_end = .;
  }} > DATA
  heap_start = bss_end;
  heap_end = ORIGIN(DATA) + LENGTH(DATA);
  {extra}
  /DISCARD/ : {{ *(.comment) *(.ARM.exidx*) *(.ARM.attributes) *(.eh_frame*) *(.note*) *(.xtensa.info) *(.xt.*) }}
}}
"""


@dataclass(frozen=True)
class Memory:
    """What a firmware may fill.

    Attributes:
        code_bytes, data_bytes: the smaller one of what the board has and what the backend has.
    """

    code_bytes: int
    data_bytes: int

    @classmethod
    def of(cls, board: McuBoard, backend: McuBackend) -> Memory:
        """Return the memory of a board as a backend models it."""
        return cls(min(board.flash_bytes, backend.code.bytes), min(board.ram_bytes, backend.data.bytes))


def script(board: McuBoard, backend: McuBackend, guard_bytes: int, extra: str = "") -> str:
    """Return the linker script.

    The stack is the lowest part of data memory, so that an overflow meets `guard_bytes` that fault, or the end of
    memory, instead of variables.

    Parameters:
        guard_bytes: what the core protects below the stack; 0 if it cannot.
        extra: further sections, such as a reset vector elsewhere.
    """
    memory = Memory.of(board, backend)
    return _TEMPLATE.format(
        code=backend.code,
        code_bytes=memory.code_bytes,
        data=backend.data,
        data_bytes=memory.data_bytes,
        window=backend.window,
        guard_bytes=guard_bytes,
        stack_bytes=STACK_BYTES,
        extra=extra,
    )
