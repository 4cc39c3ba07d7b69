/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames for the tests: random or of one colour, in any format, against a page that cannot be read.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "check.h"
#include "core/image/frame.h"

/* Planes end (or, if at_start, start) at an unreadable page: whoever reads outside crashes. */
typedef struct {
  FrcImage image;
  guint8 *mapping[3];
  gsize mapped[3], bytes[3];
} TestFrame;

extern const char *const frame_format_names[FRC_N_FORMATS]; /* as GStreamer spells them */

/* Each row of a plane has @extra more bytes than it needs. */
TestFrame test_frame_new (FrcFormat format, guint width, guint height, guint extra,
    gboolean at_start);
void test_frame_clear (TestFrame *frame);
guint test_frame_row_bytes (FrcFormat format, guint plane, guint width); /* 0: no such plane */
guint test_frame_rows (FrcFormat format, guint plane, guint height);

void test_frame_fill_random (TestFrame *frame, guint64 *state);
/* One colour: Y, U, V, or R, G, B; bytes that are not colour get a value of their own. */
void test_frame_fill (TestFrame *frame, const guint8 colour[3]);
/* Pixels of an RGB format: @rgb holds width × height × 3 bytes. */
void test_frame_fill_rgb (TestFrame *frame, const guint8 *rgb);

/* frc_frame_read () of @rect (NULL: all) with mean 0 and standard deviation 1 / 255, so that values
 * are 0 … 255. @out is padded_h × padded_w × 3. */
void test_frame_read (const TestFrame *frame, const char *kernels, FrcPool *pool,
    const FrcRect *rect, guint resized_w, guint resized_h, const CheckView *out);

#endif
