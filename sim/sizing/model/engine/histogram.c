/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many times in memory that does not grow with them: bins of 1/256 of an octave, after HdrHistogram (Tene, 2012).
 * Values below 512 have a bin each.
 */
#include "world.h"

#include <stdlib.h>

#define SUB_BITS 8
#define MOST_BITS 48 /* 78 hours */

size_t histogram_bins(void) { return (size_t)(MOST_BITS - SUB_BITS + 1) << SUB_BITS; }

static int shift_of(int64_t value)
{
    const int bits = 64 - __builtin_clzll((unsigned long long)value | 1);
    return bits > SUB_BITS + 1 ? bits - (SUB_BITS + 1) : 0;
}

static size_t bin_of(int64_t value)
{
    const int shift = shift_of(value);
    const size_t bin = ((size_t)shift << SUB_BITS) + (size_t)(value >> shift);
    return bin < histogram_bins() ? bin : histogram_bins() - 1;
}

/* The greatest value of a bin. */
static int64_t greatest(size_t bin)
{
    if (bin < 2u << SUB_BITS)
        return (int64_t)bin;
    const int shift = (int)(bin >> SUB_BITS) - 1;
    const int64_t top = (int64_t)(bin - ((size_t)shift << SUB_BITS));
    return ((top + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    if (value < 0)
        value = 0;
    if (!histogram->count || value < histogram->min_ns)
        histogram->min_ns = value;
    if (!histogram->count || value > histogram->max_ns)
        histogram->max_ns = value;
    histogram->count++;
    histogram->bins[bin_of(value)]++;
}

void histogram_sum_up(const struct histogram *histogram, struct sz_times *times)
{
    static const int64_t per_mille[] = {500, 950, 990, 999};
    int64_t *const found[] = {&times->p50_ns, &times->p95_ns, &times->p99_ns, &times->p99_9_ns};
    *times = (struct sz_times){.count = histogram->count, .min_ns = histogram->min_ns, .max_ns = histogram->max_ns};
    if (!histogram->count)
        return;
    size_t bin = bin_of(histogram->min_ns);
    int64_t below = (int64_t)histogram->bins[bin];
    for (int i = 0; i < 4; i++) {
        const int64_t rank = (per_mille[i] * histogram->count + 999) / 1000;
        while (below < rank)
            below += (int64_t)histogram->bins[++bin];
        const int64_t value = greatest(bin);
        *found[i] = value < histogram->max_ns ? value : histogram->max_ns;
    }
}

int sz_summarise(const int64_t *values, int64_t count, struct sz_times *times)
{
    struct histogram histogram = {.bins = calloc(histogram_bins(), sizeof *histogram.bins)};
    if (!histogram.bins)
        return -1;
    for (int64_t i = 0; i < count; i++)
        histogram_add(&histogram, values[i]);
    histogram_sum_up(&histogram, times);
    free(histogram.bins);
    return 0;
}
