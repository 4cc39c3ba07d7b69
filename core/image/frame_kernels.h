/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an instruction set implements of reading a frame. Rows of 8-bit pixels pass through scratch
 * memory; only there may a kernel write, or read, up to FRC_FRAME_SLACK bytes too many. Arguments
 * named "source" point into the caller's frame: not a byte outside the row is read there.
 */
#ifndef FRC_FRAME_KERNELS_H
#define FRC_FRAME_KERNELS_H

#include "../kernels/table.h"

#define FRC_FRAME_SLACK 64

/* Fixed-point Y'CbCr → R'G'B' as videoconvert does it: 256 × each coefficient, rounded. */
typedef struct {
  gint16 y, v_r, u_b, u_g, v_g;
} FrcYuvMatrix;

/* One output row between two source rows. */
typedef struct {
  const guint8 *top, *bottom; /* RGBx */
  gfloat y_fraction;          /* weight of bottom, 0 … 1 */
  const guint32 *offset;      /* [n]: byte of the left pixel; the right one follows it */
  const gfloat *fraction;     /* [4 n]: weight of the right pixel, four times each */
  gfloat scale[4], shift[4];  /* out = v · scale + shift, a channel */
  gfloat *out;                /* [3 n] */
  guint n;
} FrcLerpRow;

struct _FrcFrameKernels {
  /* @n pixels of 4 bytes; R, G, B are at byte order[0 … 2] of each. */
  void (*pixels4) (const guint8 *source, const guint8 order[3], guint8 *rgbx, guint n);
  /* @n pixels of 3 bytes: R, G, B or, if @swap, B, G, R. */
  void (*pixels3) (const guint8 *source, gboolean swap, guint8 *rgbx, guint n);
  /* Splits @n pairs of bytes. @source may also be scratch. */
  void (*split) (const guint8 *source, guint8 *even, guint8 *odd, guint n);
  /* 2 n bytes: out[2k] = (c[k − 1] + 3 c[k] + 2) / 4, out[2k + 1] = (3 c[k] + c[k + 1] + 2) / 4. */
  void (*upsample) (const guint8 *c, guint8 *out, guint n);
  /* 2 n bytes: each byte of @source twice. */
  void (*twice) (const guint8 *source, guint8 *out, guint n);
  /* near[i] = (3 near[i] + far[i] + 2) / 4 */
  void (*mix) (guint8 *near, const guint8 *far, guint n);
  void (*yuv) (const guint8 *y_source, const guint8 *u, const guint8 *v,
      const FrcYuvMatrix *matrix, guint8 *rgbx, guint n);
  void (*lerp_row) (const FrcLerpRow *row);
};

#endif
