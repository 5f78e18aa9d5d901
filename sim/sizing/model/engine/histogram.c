/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many times in memory that does not grow with them: bins of 1/256 of an octave, after HdrHistogram (Tene, 2012).
 * Values below 512 have a bin each. The bins of an octave are made when it is first needed: most times of a ring lie
 * within a few octaves.
 */
#include "world.h"

#include <stdlib.h>

#define SUB_BITS 8
#define SUB_BINS (1 << SUB_BITS)

static int shift_of(int64_t value)
{
    const int bits = 64 - __builtin_clzll((unsigned long long)value | 1);
    return bits > SUB_BITS + 1 ? bits - (SUB_BITS + 1) : 0;
}

static size_t bin_of(int64_t value)
{
    const size_t last = (size_t)HISTOGRAM_ROWS * SUB_BINS - 1;
    const int shift = shift_of(value);
    const size_t bin = ((size_t)shift << SUB_BITS) + (size_t)(value >> shift);
    return bin < last ? bin : last;
}

/* The greatest value of a bin. */
static int64_t greatest(size_t bin)
{
    if (bin < 2 * SUB_BINS)
        return (int64_t)bin;
    const int shift = (int)(bin >> SUB_BITS) - 1;
    const int64_t top = (int64_t)(bin - ((size_t)shift << SUB_BITS));
    return ((top + 1) << shift) - 1;
}

static int64_t count_in(const struct histogram *histogram, size_t bin)
{
    const uint64_t *const row = histogram->rows[bin >> SUB_BITS];
    return row ? (int64_t)row[bin % SUB_BINS] : 0;
}

void histogram_add(struct world *world, struct histogram *histogram, int64_t value)
{
    if (value < 0)
        value = 0;
    const size_t bin = bin_of(value);
    uint64_t **const row = &histogram->rows[bin >> SUB_BITS];
    if (!*row)
        *row = world_allocate(world, SUB_BINS, sizeof **row);
    if (!*row)
        return;
    if (!histogram->count || value < histogram->min_ns)
        histogram->min_ns = value;
    if (!histogram->count || value > histogram->max_ns)
        histogram->max_ns = value;
    histogram->count++;
    (*row)[bin % SUB_BINS]++;
}

void histogram_sum_up(const struct histogram *histogram, struct sz_times *times)
{
    static const int64_t per_mille[] = {500, 950, 990, 999};
    int64_t *const found[] = {&times->p50_ns, &times->p95_ns, &times->p99_ns, &times->p99_9_ns};
    *times = (struct sz_times){.count = histogram->count, .min_ns = histogram->min_ns, .max_ns = histogram->max_ns};
    if (!histogram->count)
        return;
    size_t bin = bin_of(histogram->min_ns);
    int64_t below = count_in(histogram, bin);
    for (int i = 0; i < 4; i++) {
        const int64_t rank = (per_mille[i] * histogram->count + 999) / 1000;
        while (below < rank)
            below += count_in(histogram, ++bin);
        const int64_t value = greatest(bin);
        *found[i] = value < histogram->max_ns ? value : histogram->max_ns;
    }
}

int sz_summarise(const int64_t *values, int64_t count, struct sz_times *times)
{
    struct world *const world = calloc(1, sizeof *world); /* of nothing but memory */
    struct histogram histogram = {.count = 0};
    if (!world)
        return -1;
    for (int64_t i = 0; i < count; i++)
        histogram_add(world, &histogram, values[i]);
    histogram_sum_up(&histogram, times);
    const bool failed = world->is_out_of_memory;
    world_free(world);
    return failed ? -1 : 0;
}
