/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service is written against: docs/firmware.md explains it. A service is one C file with lines such as
 *
 *     INPUT(detections, float32, 16, 6)
 *     OUTPUT(status, uint8, 8)
 *     SETTING(deadline_ms, 100)
 *
 * each at the start of a line, and on_tensors(), and if it likes on_start() and on_timer().
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vshm.h"

/* One port as it stands in the section .mcu_ports; the host reads it from the ELF file. */
struct mcu_port {
    char name[16];
    uint32_t direction; /* enum mcu_direction */
    uint32_t dtype;     /* enum vshm_dtype */
    uint32_t rank;
    uint32_t dimensions[VSHM_MAX_RANK];
    uint32_t is_optional; /* an input that on_tensors() does not wait for */
    uint32_t reserved[2];
};
_Static_assert(sizeof(struct mcu_port) == 64, "the host reads 64 bytes each");

enum mcu_direction { MCU_INPUT = 1, MCU_OUTPUT };

/* A tensor that an input holds: everything but the payload is a checked copy, the payload is the ring's own memory. */
struct tensor {
    const void *data;
    uint32_t bytes;
    int32_t zero_point;
    double scale;
    uint64_t sequence;
    uint64_t produced_ns;
    uint64_t origin_sequence;
    uint64_t origin_ns;
};

struct input;
struct output;

/* The newest tensor of an input, or NULL if it has none; valid until the function that was called returns. */
const struct tensor *input_newest(struct input *port);

/*
 * Where an output's tensor is to be written, or NULL: nothing is connected, or the tensor is dropped and counted, as its
 * channel is full and does not block (docs/ring.md). On a channel that blocks it waits for a slot. With one channel this
 * is the slot itself; with several it is memory of the firmware, which output_commit copies. Calling it again before
 * output_commit gives the same memory; after NULL it asks for another tensor.
 */
void *output_reserve(struct output *port);

/* Send what output_reserve gave; the origin is that of the first input. False: nothing was reserved. */
bool output_commit(struct output *port);

/* Send a copy of `data`, which has the size of the port's tensor. False: dropped, or nothing is connected. */
bool output_send(struct output *port, const void *data);

/* What scale and zero point the tensors of an output carry from now on; 1 and 0 if never called. */
void output_quantization(struct output *port, double scale, int32_t zero_point);

/* Is there a channel at this port? */
bool output_connected(const struct output *port);

/* Virtual time in ns. */
uint64_t now_ns(void);

/* Instructions executed since power-on, modulo 2^32. */
uint32_t instruction_count(void);

/* Call on_timer() once at this virtual time or soon after it; 0: never. The last call counts. */
void set_timer_ns(uint64_t at_ns);

/* One line on the console. Knows %s %c %d %i %u %x %lld %llu %llx %%, a width and 0 before it. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Measure one inference: begin, then any number of layers (each from the last mark to now), then end. */
void inference_begin(void);
void inference_layer(uint32_t number);
void inference_end(uint64_t origin_sequence);

/* Tell the host how large the arena of the model is and how much of it was ever used, in bytes. */
void arena_report(uint32_t bytes, uint32_t high_water);

/* Give up: the host records a fault of this partition with the code. */
_Noreturn void panic(uint32_t code);

/* The service's own part. */
void on_start(void);   /* optional: once, when the channels are known */
void on_tensors(void); /* each time that every INPUT has a tensor; all are given back when it returns */
void on_timer(void);   /* optional: see set_timer_ns */

/* Each dtype's name in scenarios. */
#define MCU_DTYPE_bool VSHM_BOOL
#define MCU_DTYPE__Bool VSHM_BOOL /* <stdbool.h> makes it of bool */
#define MCU_DTYPE_uint8 VSHM_UINT8
#define MCU_DTYPE_int8 VSHM_INT8
#define MCU_DTYPE_uint16 VSHM_UINT16
#define MCU_DTYPE_int16 VSHM_INT16
#define MCU_DTYPE_uint32 VSHM_UINT32
#define MCU_DTYPE_int32 VSHM_INT32
#define MCU_DTYPE_uint64 VSHM_UINT64
#define MCU_DTYPE_int64 VSHM_INT64
#define MCU_DTYPE_float16 VSHM_FLOAT16
#define MCU_DTYPE_float32 VSHM_FLOAT32
#define MCU_DTYPE_float64 VSHM_FLOAT64

/* What the core keeps of a port; services only pass pointers to it. */
struct input {
    const struct mcu_port *port;
    struct vshm_device *device; /* NULL: not connected */
    unsigned char *region;
    uint32_t vector;
    bool is_optional;
    bool is_held;
    struct vshm_frame frame; /* while is_held */
    struct tensor tensor;
};

/* One channel of an output. */
struct output_channel {
    struct output_channel *next;
    struct vshm_driver *driver;
    unsigned char *slot; /* payload of the reserved slot, or NULL */
    unsigned char *region;
    uint32_t vector;
    uint32_t overflow;
    bool is_refused; /* dropped the tensor that other channels have a slot for */
    struct vshm_layout layout;
};

struct output {
    const struct mcu_port *port;
    struct output_channel *channels; /* NULL: not connected */
    unsigned char *copy;             /* with several channels: what the service writes */
    struct vshm_tensor tensor;
};

#define MCU_PORT(name_, direction_, optional_, dtype_, ...)                                                              \
    _Static_assert(sizeof #name_ <= 16, "the name of port " #name_ " has more than 15 characters");           \
    __attribute__((section(".mcu_ports"), used, no_reorder, aligned(4))) static const struct mcu_port name_##_port = {    \
        .name = #name_,                                                                                       \
        .direction = direction_,                                                                              \
        .dtype = MCU_DTYPE_##dtype_,                                                                          \
        .rank = sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                                   \
        .dimensions = {__VA_ARGS__},                                                                          \
        .is_optional = optional_,                                                                             \
    };

#define MCU_INPUT_(name_, optional_, ...)                                                                     \
    MCU_PORT(name_, MCU_INPUT, optional_, __VA_ARGS__)                                                         \
    static struct input name_ = {.port = &name_##_port, .is_optional = optional_};                            \
    __attribute__((section(".mcu_inputs"), used, no_reorder)) static struct input *const name_##_input = &name_;

#define MCU_OUTPUT_(name_, ...)                                                                               \
    MCU_PORT(name_, MCU_OUTPUT, 0, __VA_ARGS__)                                                               \
    static struct output name_ = {.port = &name_##_port};                                                     \
    __attribute__((section(".mcu_outputs"), used, no_reorder)) static struct output *const name_##_output = &name_;

/* INPUT(name, dtype, dimensions...) or, for a service with a model, INPUT(name, MODEL_INPUT). */
#define INPUT(name_, ...) MCU_INPUT_(name_, false, __VA_ARGS__)
/* An input that on_tensors() does not wait for, and that may have no channel; it keeps its newest tensor. */
#define OPTIONAL_INPUT(name_, ...) MCU_INPUT_(name_, true, __VA_ARGS__)
#define OUTPUT(name_, ...) MCU_OUTPUT_(name_, __VA_ARGS__)
/* A whole number that the scenario may set; the builder defines SETTING_name as that or as the default. */
#define SETTING(name_, default_) enum { name_ = SETTING_##name_ };

#ifdef SERVICE_MODEL_HEADER
#include SERVICE_MODEL_HEADER /* MODEL_INPUT, MODEL_OUTPUT, MODEL_ROW */
#endif

#endif
