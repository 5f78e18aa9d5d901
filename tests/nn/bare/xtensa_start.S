/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an Xtensa core (call0); leaves by SIMCALL (Xtensa ISA, simulator call 1 is exit). */
    .section .start, "ax"
    .globl _start, leave
_start:
    j 1f
    .align 4
    .literal_position
1:  movi a0, begin
    jx a0

    .text
    .align 4
    .literal_position
begin:
    movi a1, stack_top
    movi a2, bss_start
    movi a3, bss_end
    movi a4, 0
1:  bgeu a2, a3, 2f
    s32i a4, a2, 0
    addi a2, a2, 4
    j 1b
2:  call0 main
    movi a2, 4
    .align 4
leave:
    mov a3, a2
    movi a2, 1
    simcall
3:  j 3b
