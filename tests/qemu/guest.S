/* The smallest guest: rings the host's doorbells through its ivshmem device. Multiboot 0.6.96, section 3.1. */
    .set MAGIC, 0x1badb002
    .set BAR0, 0x80007810       /* PCI 00:0f.0, register 0x10, as an address for port 0xcf8 */
    .set HOST, 1 << 16          /* peer 1 in ivshmem's doorbell register */
    .set DOORBELL, 12

    .section .text
    .align 4
    .long MAGIC, 0, -MAGIC
    .globl _start
_start:
    movl $BAR0, %eax
    movw $0xcf8, %dx
    outl %eax, %dx
    movw $0xcfc, %dx
    inl %dx, %eax
    andl $~15, %eax
    movl %eax, %edi
    movl $HOST + 0, DOORBELL(%edi)
#ifdef HALT
    cli
1:  hlt
    jmp 1b
#elif defined(RESET)
    movw $0xcf9, %dx            /* the chipset's reset register: full reset */
    movb $6, %al
    outb %al, %dx
1:  jmp 1b
#elif defined(WAKE)
#include "wake.S"
#else
1:  movl $10000, %ecx
2:  loop 2b
    movl $HOST + 1, DOORBELL(%edi)
    jmp 1b
#endif
