/* SPDX-License-Identifier: Apache-2.0 */
/* Forced into every file of the core for the interleaving test: see interleave.c. */
void meanwhile(void);
#define VSHM_MEANWHILE() meanwhile()
