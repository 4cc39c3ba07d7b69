/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bilinear resize that widens its filter where the image shrinks, in 8 bits and fixed point: bit for
 * bit as PIL's Image.resize (BILINEAR), columns first, each direction rounded. Source: Pillow's
 * Resample.c.
 */
#ifndef FRC_ANTIALIAS_H
#define FRC_ANTIALIAS_H

#include "../frcnn.h"

/* The pixels of a row that each output pixel is made of. */
typedef struct {
  guint32 *first, *n; /* [n_out] */
  gint32 *weight;     /* [n_out · step] */
  guint step;
} FrcTaps;

/* The most pixels that one of @out outputs takes of @in. */
guint frc_antialias_step (guint in, guint out);
/* More than the weights of all outputs, for any rectangle whose sides become at most @max_side. */
gsize frc_antialias_room (guint max_in, guint max_side);

/* Output @i of @out from @in pixels: *@first and returns how many, with their weights. */
guint frc_antialias_taps (guint i, guint in, guint out, guint32 *first, gint32 *weight);

/* @n_out pixels R, G, B, x from a row of them. */
void frc_antialias_row (const guint8 *rgbx, const FrcTaps *taps, guint n_out, guint8 *out);
/* @n pixels from @n_rows rows above each other, then out = v · scale + shift, 3 floats a pixel. */
void frc_antialias_column (const guint8 *const *rows, const gint32 *weight, guint n_rows, guint n,
    const gfloat scale[3], const gfloat shift[3], gfloat *out);

#endif
