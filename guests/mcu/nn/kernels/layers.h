/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels and their parameters. Offsets are in bytes from the start of the arena; tensors are stored row by row,
 * pictures as height, width, channels (NHWC) with a batch of 1. The converter has checked all parameters: no access
 * leaves the arena, and no sum of products leaves 32 bits.
 */
#ifndef NN_LAYERS_H
#define NN_LAYERS_H

#include <stdint.h>

#include "fixed_point.h"

/* A matrix whose rows are output channels, with what makes int8 of their sums. */
struct nn_matrix {
    const int8_t *weights; /* [rows][depth] */
    const int32_t *bias;   /* [rows], less the input's zero point times the sum of the row's weights */
    const struct nn_scale *scales;
    uint32_t scale_step; /* 1: one scale for each row; 0: one for all */
    uint32_t round_once; /* nn_requantize_once instead of nn_requantize */
    uint32_t rows;
    uint32_t depth;
    int32_t zero_point; /* of the output */
    int32_t minimum;
    int32_t maximum;
};

/* A window that moves over a picture. */
struct nn_window {
    int32_t input_height, input_width, channels;
    int32_t output_height, output_width;
    int32_t height, width;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t top, left; /* padding */
};

struct nn_conv2d {
    uint32_t input, output;
    uint32_t patches; /* scratch: 2 x depth bytes, unused if the window is 1 x 1 */
    int32_t input_zero_point;
    struct nn_window window;
    struct nn_matrix matrix;
};

struct nn_depthwise {
    uint32_t input, output;
    uint32_t taps; /* scratch: 4 bytes for each weight of a channel, then `channels` bytes */
    int32_t input_zero_point;
    struct nn_window window;
    struct nn_matrix matrix; /* weights are [depth][rows]: filter height x width, output channels */
    uint32_t multiplier;     /* output channels of each input channel */
};

struct nn_fully_connected {
    uint32_t input, output;
    uint32_t batches;
    struct nn_matrix matrix;
};

struct nn_addend {
    const int8_t *constant; /* or NULL, and it stands in the arena */
    uint32_t offset;
    uint32_t strides[4]; /* in elements; 0 where it is repeated */
    int32_t zero_point;
    struct nn_scale scale;
};

struct nn_add {
    uint32_t output;
    uint32_t lengths[4];
    struct nn_addend a, b;
    struct nn_scale scale;
    int32_t zero_point;
    int32_t minimum;
    int32_t maximum;
};

struct nn_pool {
    uint32_t input, output;
    struct nn_window window;
    int32_t minimum;
    int32_t maximum;
};

struct nn_mean {
    uint32_t input, output;
    uint32_t kept[3], kept_strides[3]; /* in elements */
    uint32_t reduced[3], reduced_strides[3];
    int32_t offset; /* the input's zero point times the elements of one mean */
    int32_t zero_point;
    struct nn_scale scale;
};

struct nn_pad {
    uint32_t input, output;
    uint32_t lengths[4]; /* of the input; the innermost in bytes */
    uint32_t before[4];
    uint32_t after[4];
    int32_t value;
};

struct nn_softmax {
    uint32_t input, output;
    uint32_t rows, depth;
    const int32_t *exponentials; /* e^(-i * scale * beta) as Q0.31 */
    uint32_t exponential_count;  /* further ones count as 0 */
};

struct nn_lookup {
    uint32_t input, output;
    uint32_t count;
    const int8_t *table; /* 256 results, by the bits of the element */
};

struct nn_convert {
    uint32_t input, output;
    uint32_t count;
    float scale;
    int32_t zero_point;
};

void nn_conv2d(const void *parameters, uint8_t *arena);
void nn_depthwise_conv2d(const void *parameters, uint8_t *arena);
void nn_fully_connected(const void *parameters, uint8_t *arena);
void nn_add(const void *parameters, uint8_t *arena);
void nn_max_pool(const void *parameters, uint8_t *arena);
void nn_average_pool(const void *parameters, uint8_t *arena);
void nn_mean(const void *parameters, uint8_t *arena);
void nn_pad(const void *parameters, uint8_t *arena);
void nn_softmax(const void *parameters, uint8_t *arena);
void nn_lookup(const void *parameters, uint8_t *arena);
void nn_quantize(const void *parameters, uint8_t *arena);
void nn_dequantize(const void *parameters, uint8_t *arena);

/* y = matrix * x for one column, or for two if x1 is not NULL: every weight that is loaded serves twice. */
void nn_multiply(const struct nn_matrix *matrix, const int8_t *x0, const int8_t *x1, int8_t *y0, int8_t *y1);

#endif
