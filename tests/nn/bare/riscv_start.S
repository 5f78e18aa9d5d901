/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a RISC-V core; leaves by semihosting (RISC-V Semihosting 1.0, SYS_EXIT_EXTENDED). */
    .section .start, "ax"
    .globl _start, leave
_start:
    la sp, stack_top
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  la t0, fault
    csrw mtvec, t0
    call main
    .balign 4
fault:
    li a0, 4
leave:
    addi sp, sp, -16
    li t0, 0x20026
    sw t0, 0(sp)
    sw a0, 4(sp)
    li a0, 0x20
    mv a1, sp
    .option push
    .option norvc
    .balign 16
    slli zero, zero, 0x1f
    ebreak
    srai zero, zero, 7
    .option pop
3:  j 3b
