/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time from counted instructions. */
#ifndef CLOCK_H
#define CLOCK_H

#include "service.h"

/* elapsed * numerator / denominator without a 64-bit division, which small compilers lack. */
uint64_t clock_scale(uint32_t elapsed, uint32_t numerator, uint32_t denominator);

#endif
