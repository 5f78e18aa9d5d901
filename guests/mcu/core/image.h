/* SPDX-License-Identifier: Apache-2.0 */
/* Variables as C expects them: initial values copied from the image, the others 0. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdint.h>

/* Symbols of the linker script. */
extern uint32_t data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_image[];

static inline void image_unpack(void)
{
    const volatile uint32_t *from = data_image; /* volatile: or the loops become calls */
    for (volatile uint32_t *to = data_start; to < data_end;)
        *to++ = *from++;
    for (volatile uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
}

#endif
