/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's cycle counter. Under QEMU's icount with shift 0 it counts virtual nanoseconds. */
#include "vshm.h"

uint64_t vshm_counter(void)
{
#if defined(__x86_64__) || defined(__i386__)
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
#elif defined(__riscv) && __riscv_xlen == 64
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks) : : "memory");
    return ticks;
#elif defined(__riscv)
    uint32_t high, low, again;
    do
        __asm__ volatile("rdtimeh %0; rdtime %1; rdtimeh %2" : "=r"(high), "=r"(low), "=r"(again) : : "memory");
    while (high != again);
    return (uint64_t)high << 32 | low;
#else
    return 0; /* Cortex-M has no 64-bit counter of its own: the firmware brings its clock */
#endif
}
