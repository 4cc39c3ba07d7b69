/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_ROI_ALIGN_H
#define FRC_ROI_ALIGN_H

#include "table.h"

/* pooled · sampling may not be greater. */
#define FRC_ROI_MAX_SAMPLES 128

/* The sampling grid is a product of two axes, so a bin is Σ wy · wx · map[y][x] over the taps of
 * its row and of its column. Taps of samples that share a map row (or column) are merged. */
typedef struct {
  guint first[FRC_ROI_MAX_SAMPLES + 1]; /* bin i has taps [first[i], first[i + 1]) */
  gsize offset[2 * FRC_ROI_MAX_SAMPLES]; /* of the tap's map row or column, in floats */
  gfloat weight[2 * FRC_ROI_MAX_SAMPLES];
} FrcRoiAxis;

struct _FrcRoiAlignKernels {
  /* One RoI: @out is [pooled][pooled] pixels of @c channels, @ld floats apart. */
  void (*roi) (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled,
      guint c, gfloat *out, gsize ld);
};

#endif
