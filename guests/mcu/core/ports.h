/* SPDX-License-Identifier: Apache-2.0 */
/* The service's ports and the rings behind them. */
#ifndef PORTS_H
#define PORTS_H

#include "service.h"

/* Connect each channel of the control page to its port; what does not go together is a fault. */
void ports_connect(void);

/* What an output's tensors inherit: the input that is being worked on, or NULL. */
extern const struct tensor *ports_origin;

/* Set up sessions, take tensors. True: on_tensors() may be called, or was waited for in vain no longer. */
bool inputs_collect(void);

/* Give back what on_tensors() has read. */
void inputs_release(void);

/* The earliest time at which an input has a tensor that lies in the future now, or 0. */
uint64_t inputs_due_ns(void);

/* Set up sessions. */
void outputs_poll(void);

/* Symbols of the linker script. */
extern struct input *const inputs_start[], *const inputs_end[];
extern struct output *const outputs_start[], *const outputs_end[];

#endif
