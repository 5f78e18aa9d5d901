/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instructions the inner loops use: Helium (M55), the DSP extension (M4, M7, M33), or plain C.
 * NN_PORTABLE forces plain C, for backends that lack an instruction and for comparison.
 */
#ifndef NN_TARGET_H
#define NN_TARGET_H

#if defined(NN_PORTABLE)
#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define NN_MVE 1
#elif defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define NN_DSP 1
#endif

#define NN_INLINE static inline __attribute__((always_inline))

#endif
