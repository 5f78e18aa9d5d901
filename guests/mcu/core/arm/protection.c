/* SPDX-License-Identifier: Apache-2.0 */
/* The memory protection unit: Armv7-M ARM, B3.5; Armv8-M ARM, D1.2 (MPU_RBAR, MPU_RLAR). */
#include "protection.h"

#include "board.h"
#include "stack.h"

/* Symbols of the linker script: where code begins, and as an address how many bytes it may have, a power of two. */
extern const char code_start[], code_bytes[];

#define MPU_TYPE REGISTER32(0xe000ed90)
#define MPU_CTRL REGISTER32(0xe000ed94)
#define MPU_RNR REGISTER32(0xe000ed98)
#define MPU_RBAR REGISTER32(0xe000ed9c)
#define MPU_TYPE_REGIONS 0xff00u
#define MPU_CTRL_ENABLE_WITH_DEFAULT_MAP 5u

#if __ARM_ARCH == 7

#define MPU_RASR REGISTER32(0xe000eda0)
#define MPU_RASR_ENABLE 1u
#define MPU_RASR_SIZE(bytes) ((uint32_t)(__builtin_ctz(bytes) - 1) << 1)
#define MPU_RASR_NORMAL (2u << 16) /* memory, write-through */
#define MPU_RASR_READ_ONLY (6u << 24)
#define MPU_RASR_NO_ACCESS (1u << 28) /* nor execution */

static void protect_code(uint32_t start, uint32_t bytes)
{
    MPU_RBAR = start;
    MPU_RASR = MPU_RASR_READ_ONLY | MPU_RASR_NORMAL | MPU_RASR_SIZE(bytes) | MPU_RASR_ENABLE;
}

static void protect_guard(void)
{
    MPU_RBAR = (uint32_t)(uintptr_t)stack_guard;
    MPU_RASR = MPU_RASR_NO_ACCESS | MPU_RASR_SIZE(STACK_GUARD_BYTES) | MPU_RASR_ENABLE;
}

#else

#define MPU_RLAR REGISTER32(0xe000eda0)
#define MPU_MAIR0 REGISTER32(0xe000edc0)
#define MPU_RBAR_READ_ONLY (2u << 1)
#define MPU_RLAR_ENABLE 1u
#define NORMAL_NOT_CACHED 0x44u

static void protect_code(uint32_t start, uint32_t bytes)
{
    MPU_MAIR0 = NORMAL_NOT_CACHED;
    MPU_RBAR = start | MPU_RBAR_READ_ONLY;
    MPU_RLAR = ((start + bytes - 1) & ~31u) | MPU_RLAR_ENABLE;
}

static void protect_guard(void) {} /* there is a stack limit register instead: reset() */

#endif

void protect_memory(void)
{
    if (!(MPU_TYPE & MPU_TYPE_REGIONS))
        return;
    MPU_RNR = 0;
    protect_code((uint32_t)(uintptr_t)code_start, (uint32_t)(uintptr_t)code_bytes);
    MPU_RNR = 1;
    protect_guard();
    MPU_CTRL = MPU_CTRL_ENABLE_WITH_DEFAULT_MAP;
    __asm__ volatile("dsb\n isb" ::: "memory");
}
