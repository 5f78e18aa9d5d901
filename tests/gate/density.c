#include "service.h"

INPUT(edges, uint8, 120, 160)
OUTPUT(density, float32, 1)

void on_tensors(void)
{
    const struct tensor *tensor = input_newest(&edges);
    const uint8_t *pixels = tensor->data;
    uint32_t bright = 0;
    for (uint32_t i = 0; i < tensor->bytes; i++)
        bright += pixels[i] > 127;
    const float share = (float)bright / (float)tensor->bytes;
    output_send(&density, &share);
}
