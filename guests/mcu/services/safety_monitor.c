/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a detector of sign plates and demands a degraded mode when its output cannot be relied on.
 *
 * Input: rows (x0, y0, x1, y1 in pixels, class, score 0..1), best first, then zeros: guests/services/detector.py.
 * Output, sent for each input, at once when the mode changes, and every `report_ms` at least:
 *     [0] mode: 0 normal, 1 degraded
 *     [1] why, or why last: bit 0 late, bit 1 implausible, bit 2 jumping
 *     [2] boxes of the newest detections, [3] their smallest overlap with the frame before in percent, 255 for none
 *     [4..7] number of the newest picture that was detected in, little endian
 *
 * Late: no detections for `deadline_ms`. Implausible: a row that no sound detector writes. Jumping: a plate is found
 * of the same class and about the same size as in the frame before, but at another place. Nothing is taken on trust:
 * all comparisons are written so that a NaN fails them.
 */
#include <string.h>

#include "service.h"

INPUT(detections, float32, 16, 6)
OUTPUT(status, uint8, 8)
SETTING(deadline_ms, 100)
SETTING(report_ms, 50)
SETTING(recover_frames, 3)
SETTING(min_overlap_percent, 30)
SETTING(width, 640)
SETTING(height, 480)
SETTING(margin, 64)
SETTING(min_side, 8)
SETTING(classes, 10)

_Static_assert(deadline_ms > 0 && report_ms > 0, "deadline_ms and report_ms are at least 1");
_Static_assert(width > 0 && height > 0 && margin >= 0 && classes > 0, "the picture has a size, and there are classes");

#define ROWS 16
#define NS_PER_MS UINT64_C(1000000)
#define NO_OVERLAP 255
#define LATE 1u
#define IMPLAUSIBLE 2u
#define JUMPING 4u
/* A plate seen from one frame to the next keeps its size but for this factor (measured: 0.75 and more at 30 fps). */
#define SAME_SIZE 0.7f

struct box {
    float x0, y0, x1, y1, class, score;
};

struct frame {
    uint32_t count;
    struct box boxes[ROWS];
};

static struct frame frames[2]; /* of the newest detections, and of those before */
static uint32_t newest;
static uint32_t picture;
static uint32_t good_frames;
static uint64_t heard_ns, reported_ns;
static uint8_t mode, reasons, smallest_overlap = NO_OVERLAP;

static bool is_within(float value, float low, float high) { return value >= low && value <= high; }

static bool is_plausible(const struct box *box)
{
    return is_within(box->x0, -(float)margin, (float)(width + margin)) &&
           is_within(box->x1, -(float)margin, (float)(width + margin)) &&
           is_within(box->y0, -(float)margin, (float)(height + margin)) &&
           is_within(box->y1, -(float)margin, (float)(height + margin)) &&
           is_within(box->x1 - box->x0, (float)min_side, (float)width) &&
           is_within(box->y1 - box->y0, (float)min_side, (float)height) &&
           is_within(box->class, 0.0f, (float)(classes - 1)) && box->class == (float)(int32_t)box->class &&
           is_within(box->score, 0.0f, 1.0f);
}

static bool is_empty(const struct box *box)
{
    return box->x0 == 0.0f && box->y0 == 0.0f && box->x1 == 0.0f && box->y1 == 0.0f && box->class == 0.0f &&
           box->score == 0.0f;
}

/* Copy the rows up to the first one of zeros. False: one of them, or one after it, is no row of a sound detector. */
static bool read_frame(const void *rows, struct frame *frame)
{
    struct box copy[ROWS];
    memcpy(copy, rows, sizeof copy);
    frame->count = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        if (is_empty(&copy[row]))
            continue;
        if (row != frame->count || !is_plausible(&copy[row]))
            return false;
        frame->boxes[frame->count++] = copy[row];
    }
    return true;
}

static float area(const struct box *box) { return (box->x1 - box->x0) * (box->y1 - box->y0); }

/* Intersection over union of two plausible boxes. */
static float overlap(const struct box *one, const struct box *other)
{
    const float left = one->x0 > other->x0 ? one->x0 : other->x0, right = one->x1 < other->x1 ? one->x1 : other->x1;
    const float top = one->y0 > other->y0 ? one->y0 : other->y0, bottom = one->y1 < other->y1 ? one->y1 : other->y1;
    if (right <= left || bottom <= top)
        return 0.0f;
    const float shared = (right - left) * (bottom - top);
    return shared / (area(one) + area(other) - shared);
}

static float best_overlap(const struct box *box, const struct frame *frame)
{
    float best = 0.0f;
    for (uint32_t i = 0; i < frame->count; i++) {
        const float found = overlap(box, &frame->boxes[i]);
        if (found > best)
            best = found;
    }
    return best;
}

static bool is_followed(const struct box *box, const struct frame *frame)
{
    return best_overlap(box, frame) * 100.0f >= (float)min_overlap_percent;
}

/* Could this be that box, had it stayed where it was? */
static bool is_alike(const struct box *one, const struct box *other)
{
    const float a = area(one), b = area(other);
    return one->class == other->class && a >= SAME_SIZE * b && b >= SAME_SIZE * a;
}

/* Does a box that nothing follows stand again where nothing was before? */
static bool jumps(const struct frame *before, const struct frame *now)
{
    for (uint32_t i = 0; i < before->count; i++) {
        if (is_followed(&before->boxes[i], now))
            continue;
        for (uint32_t j = 0; j < now->count; j++)
            if (is_alike(&before->boxes[i], &now->boxes[j]) && !is_followed(&now->boxes[j], before))
                return true;
    }
    return false;
}

/* Of the boxes that were there before, in percent. */
static uint8_t least_overlap(const struct frame *before, const struct frame *now)
{
    float least = 2.0f;
    for (uint32_t i = 0; i < now->count; i++) {
        const float found = best_overlap(&now->boxes[i], before);
        if (found > 0.0f && found < least)
            least = found;
    }
    return least > 1.0f ? NO_OVERLAP : (uint8_t)(least * 100.0f);
}

static void report(void)
{
    const uint8_t bytes[8] = {mode, reasons, (uint8_t)frames[newest].count, smallest_overlap, (uint8_t)picture,
                              (uint8_t)(picture >> 8), (uint8_t)(picture >> 16), (uint8_t)(picture >> 24)};
    output_send(&status, bytes);
    reported_ns = now_ns();
}

static void set_timer(void)
{
    const uint64_t report_due = reported_ns + report_ms * NS_PER_MS, late = heard_ns + deadline_ms * NS_PER_MS;
    set_timer_ns(late > reported_ns && late < report_due ? late : report_due);
}

/* What is wrong counts at once; what is right counts after `recover_frames` of it. */
static void judge(uint8_t found)
{
    if (found) {
        if (!mode)
            log_line("degraded at %llu us: reasons %u", (unsigned long long)now_ns() / 1000, (unsigned)found);
        good_frames = 0;
        reasons = mode ? reasons | found : found;
        mode = 1;
    } else if (mode && ++good_frames >= (uint32_t)recover_frames) {
        log_line("normal at %llu us", (unsigned long long)now_ns() / 1000);
        mode = 0;
        reasons = 0;
    }
}

void on_start(void)
{
    heard_ns = now_ns();
    set_timer();
}

void on_tensors(void)
{
    const struct tensor *tensor = input_newest(&detections);
    const struct frame *before = &frames[newest];
    struct frame *now = &frames[newest ^= 1];
    uint8_t found = 0;
    heard_ns = now_ns();
    picture = (uint32_t)tensor->origin_sequence;
    smallest_overlap = NO_OVERLAP;
    if (!read_frame(tensor->data, now)) {
        now->count = 0; /* the next frame has nothing to be compared with */
        found = IMPLAUSIBLE;
    } else {
        smallest_overlap = least_overlap(before, now);
        if (jumps(before, now))
            found = JUMPING;
    }
    judge(found);
    report();
    set_timer();
}

void on_timer(void)
{
    if (now_ns() - heard_ns >= deadline_ms * NS_PER_MS)
        judge(LATE);
    report();
    set_timer();
}
