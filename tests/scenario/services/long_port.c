/* SPDX-License-Identifier: Apache-2.0 */
/* A port whose name is too long. */
#include "service.h"

INPUT(picture_of_the_front_camera, uint8, 120, 160)

void on_tensors(void)
{
}
