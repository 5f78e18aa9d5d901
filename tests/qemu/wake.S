/* It sleeps; its timer and the host's doorbell 0 wake it, and it answers each by ringing one of its own. */
    .set APIC, 0xfee00000       /* Intel SDM, volume 3A, chapter 11: local APIC */
    .set SPURIOUS, 0x0f0
    .set END_OF_INTERRUPT, 0x0b0
    .set TIMER_ENTRY, 0x320
    .set TIMER_COUNT, 0x380
    .set TIMER_DIVIDE, 0x3e0
    .set IDT, 0x180000
    .set STACK, 0x200000
    .set PERIOD, 19999999       /* QEMU's APIC counts nanoseconds, and to zero: 20 ms */

    .macro config register      /* select a register of 00:0f.0 */
    movl $0x80007800 + \register, %eax
    movw $0xcf8, %dx
    outl %eax, %dx
    movw $0xcfc, %dx
    .endm

    cli
    movl $STACK, %esp
    movb $0xff, %al             /* mask what the firmware left of the PIC */
    outb %al, $0x21
    outb %al, $0xa1
    movl $IDT + 0x40 * 8, %ebx
    movl $on_timer, %eax
    call gate
    movl $IDT + 0x41 * 8, %ebx
    movl $on_doorbell, %eax
    call gate
    lidt idt
    config 0x14                 /* BAR 1: the MSI-X table. PCI 3.0, section 6.8.2 */
    inl %dx, %eax
    andl $~15, %eax
    movl %eax, %ebx
    movl $APIC, (%ebx)
    movl $0, 4(%ebx)
    movl $0x41, 8(%ebx)
    movl $0, 12(%ebx)
    config 0x04
    inl %dx, %eax
    orl $6, %eax                /* memory, bus master */
    outl %eax, %dx
    config 0x34
    inl %dx, %eax
    andl $0xff, %eax            /* the first capability, which is the one for MSI-X */
    addl $0x80007800, %eax
    movw $0xcf8, %dx
    outl %eax, %dx
    movw $0xcfc, %dx
    inl %dx, %eax
    orl $0x80000000, %eax
    outl %eax, %dx
    movl $APIC, %esi
    movl $0x1ff, SPURIOUS(%esi)
    movl $0x0b, TIMER_DIVIDE(%esi)
    movl $0x20040, TIMER_ENTRY(%esi) /* periodic, vector 0x40 */
    movl $PERIOD, TIMER_COUNT(%esi)
    sti
1:  hlt
    jmp 1b

gate:
    movw %ax, (%ebx)
    movw %cs, 2(%ebx)
    movw $0x8e00, 4(%ebx)       /* interrupt gate of 32 bits */
    shrl $16, %eax
    movw %ax, 6(%ebx)
    ret

on_timer:
    movl $HOST + 1, DOORBELL(%edi)
    movl $0, END_OF_INTERRUPT(%esi)
    iret

on_doorbell:
    movl $HOST + 0, DOORBELL(%edi)
    movl $0, END_OF_INTERRUPT(%esi)
    iret

idt:
    .word 256 * 8 - 1
    .long IDT
