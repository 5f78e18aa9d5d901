/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Int8 inference on a microcontroller: what a converted model is and how it is run.
 *
 * The converter (guests/mcu/nn) turns a .tflite file into one C file that defines `model` and `model_arena`. All
 * memory is in the arena; nothing is allocated. The results equal LiteRT's reference kernels byte for byte.
 */
#ifndef NN_H
#define NN_H

#include <stdint.h>

#define NN_MAX_RANK 6
#define NN_ARENA_ALIGNMENT 16

/* An input or output of the model. */
struct nn_tensor {
    uint32_t offset; /* of the first element in the arena, in bytes */
    uint32_t bytes;
    uint32_t dtype; /* enum vshm_dtype of virtio_shm/core/vshm.h */
    uint32_t rank;
    uint32_t dimensions[NN_MAX_RANK]; /* unused ones are 0 */
    float scale;                      /* real value = scale * (stored value - zero_point) */
    int32_t zero_point;
};

/* One step of the call list: a kernel of layers.h and its parameters. */
struct nn_layer {
    void (*kernel)(const void *parameters, uint8_t *arena);
    const void *parameters;
};

struct nn_model {
    const struct nn_tensor *inputs;
    const struct nn_tensor *outputs;
    const struct nn_layer *layers;
    uint32_t input_count;
    uint32_t output_count;
    uint32_t layer_count;
    uint32_t arena_bytes;
};

/* Defined by the generated file. */
extern const struct nn_model model;
extern uint8_t model_arena[];

/* Run all layers. The inputs stand in the arena; afterwards the outputs do, and the inputs may be overwritten. */
void nn_invoke(const struct nn_model *m, uint8_t *arena);

/* Store float values as int8 elements, as the QUANTIZE operator does: nearest, halves away from zero, clamped. */
void nn_quantize_values(const float *values, uint32_t count, float scale, int32_t zero_point, int8_t *elements);

#ifdef NN_PROFILE
/* Called after each layer. */
void nn_layer_done(unsigned index);
#endif

#endif
