/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's own clock. Under QEMU's icount it shows virtual nanoseconds, never more than have passed. */
#include "vshm.h"

#if defined(__aarch64__)
/* The generic timer counts at a rate of its own (Arm ARM, D11.2), 62.5 MHz in QEMU: 16 ns a tick. */
static uint64_t to_ns(uint64_t ticks, uint64_t ticks_per_second)
{
    const uint64_t ns_per_second = 1000000000u;
    uint64_t rest = ticks % ticks_per_second;

    return ticks / ticks_per_second * ns_per_second + rest * ns_per_second / ticks_per_second;
}
#endif

uint64_t vshm_counter(void)
{
#if defined(__x86_64__) || defined(__i386__)
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
    uint64_t ticks, rate;
    __asm__ volatile("isb; mrs %0, cntvct_el0; mrs %1, cntfrq_el0" : "=r"(ticks), "=r"(rate) : : "memory");
    return to_ns(ticks, rate);
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
