/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_ELEMENTWISE_H
#define FRC_ELEMENTWISE_H

#include "table.h"

/* One row of an operation on @w pixels of @c channels; an ld is floats from a pixel to the next. */
typedef struct {
  const gfloat *a, *b;
  gfloat *out;
  gsize a_ld, b_ld, out_ld;
  guint w, c;
  guint b_w; /* add: pixel x of a meets pixel floor (x · b_w / w) of b */
  FrcActivation activation; /* add */
} FrcElementwiseRow;

struct _FrcElementwiseKernels {
  void (*scale_row) (const FrcElementwiseRow *row); /* out = a · b, b: [c]; out may be a */
  void (*add_row) (const FrcElementwiseRow *row);   /* out = activation (a + b) */
};

#endif
