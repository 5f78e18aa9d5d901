/* Two AArch64 processors without an operating system on QEMU's machine "virt"; each counts in a word of its own. */
    .set COUNTS, 0x40200000     /* in RAM: a word of 64 bits per processor */
    .set GICD, 0x08000000       /* Arm GICv2: distributor and CPU interface, IHI 0048 */
    .set GICC, 0x08010000
    .set CPU_ON, 0xc4000003     /* PSCI 1.1, section 5.1.4 */
    .set TIMER, 27              /* the interrupt of the virtual timer */

    .text
    .globl _start
_start:
    ldr x0, =CPU_ON
    mov x1, #1
    adr x2, both
    mov x3, #0
    hvc #0
both:
    mrs x19, mpidr_el1
    and x19, x19, #0xff
    ldr x20, =COUNTS
    add x20, x20, x19, lsl #3
#ifdef WAKE                     /* each sleeps, and its timer wakes it: the second one half a period later */
    ldr x21, =GICD
    ldr x22, =GICC
    mov w0, #1
    str w0, [x21]               /* GICD_CTLR */
    mov w1, #(1 << TIMER)
    str w1, [x21, #0x100]       /* GICD_ISENABLER0, one per processor */
    mov w1, #0xff
    str w1, [x22, #4]           /* GICC_PMR */
    str w0, [x22]               /* GICC_CTLR */
    mrs x23, cntfrq_el0
    mov x0, #50
    udiv x23, x23, x0           /* 20 ms */
    mrs x24, cntvct_el0
    lsr x1, x23, #1
    madd x24, x1, x19, x24
1:  add x24, x24, x23
    msr cntv_cval_el0, x24
    mov x0, #1
    msr cntv_ctl_el0, x0
2:  wfi                         /* with interrupts masked: one that is pending wakes it all the same */
    ldr w1, [x22, #0xc]         /* GICC_IAR */
    cmp w1, #TIMER
    b.ne 2b
    msr cntv_ctl_el0, xzr
    str w1, [x22, #0x10]        /* GICC_EOIR */
    ldr x0, [x20]
    add x0, x0, #1
    str x0, [x20]
    b 1b
#else
    mov x0, #0
1:  add x0, x0, #1
    str x0, [x20]
#ifdef HALT                     /* both sleep for ever, having counted to one */
2:  wfi
    b 2b
#elif defined(ALONE)            /* the second one does */
    cbz x19, 1b
2:  wfi
    b 2b
#else
    b 1b
#endif
#endif
