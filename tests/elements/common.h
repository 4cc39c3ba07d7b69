/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element tests share: pictures in every format, the core as oracle on the same pixels,
 * and a check of every field of a meta against it.
 *
 * Environment (set by meson): FRC_TEST_MODEL, a model file; FRC_TEST_CLIP, the demo clip.
 */
#ifndef FRC_TEST_ELEMENTS_COMMON_H
#define FRC_TEST_ELEMENTS_COMMON_H

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "core/frcnn.h"

#define TEST_INPUT_SIZE 96 /* small, so that an inference takes milliseconds */
#define TEST_THRESHOLD 0.05 /* low, so that there are objects in spite of it */
#define TEST_FRAME 3 /* of the clip: early, so that decoding is quick */
#define MAX_FOUND 1000

typedef struct {
  guint n;
  FrcDetection found[MAX_FOUND];
} Expected;

extern const GstVideoFormat all_formats[FRC_N_FORMATS]; /* in the order of FrcFormat */

const char *test_model (void);
char *test_folder (void); /* an empty one; remove with remove_folder () */
void remove_folder (char *folder);

/* Pictures. Frame @index of the demo clip, or a synthetic one for @index < 0, converted and scaled
 * to @info without dither. */
GstBuffer *test_picture (const GstVideoInfo *info, gint index);
void test_info (GstVideoInfo *info, GstVideoFormat format, guint width, guint height);
GstBuffer *test_rgb (guint width, guint height, gint index);
guint32 buffer_checksum (GstBuffer *buffer); /* of all its bytes */

/* The oracle: libfrcnn on the same pixels, one thread, TEST_INPUT_SIZE. */
extern const FrcQuery test_query; /* TEST_THRESHOLD, 100 objects */
void expect_detections (const GstVideoInfo *info, GstBuffer *buffer, const FrcRect *rect,
    const FrcQuery *query, Expected *out);
const char *expect_label (gint label_id);

/* Harnesses. */
GstElement *make_detect (void); /* the model, TEST_INPUT_SIZE, TEST_THRESHOLD, a bus of its own */
GstHarness *harness_for (GstElement *element, const GstVideoInfo *info);
void harness_caps (GstHarness *h, const GstVideoInfo *info);
GstBuffer *harness_round (GstHarness *h, GstBuffer *buffer, GstClockTime pts);
guint64 read_stat (GstElement *element, const char *name);

/* Metas, in the order they were attached. */
guint count_rois (GstBuffer *buffer);
GstVideoRegionOfInterestMeta *nth_roi (GstBuffer *buffer, guint n);
const GstStructure *roi_detection (GstVideoRegionOfInterestMeta *roi);
guint64 roi_age (GstVideoRegionOfInterestMeta *roi);
/* All of @expected that has a whole pixel in @width × @height, every field, ids from @first_id. */
void check_rois (GstBuffer *buffer, const Expected *expected, guint width, guint height,
    gint first_id, guint64 age);
guint count_visible (const Expected *expected, guint width, guint height);

/* Messages. Waits for none: NULL when there is none of @type. */
GstMessage *pop_message (GstElement *element, GstMessageType type);

#endif
