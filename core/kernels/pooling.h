/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_POOLING_H
#define FRC_POOLING_H

#include "table.h"
#include "window.h"

struct _FrcPoolingKernels {
  /* The maximum of the window's part inside the map, for one output row. A NaN in the window wins,
   * as in torch. */
  void (*max_row) (const FrcWindowRow *row);
  /* The mean of that part, summed row by row, then the activation. */
  void (*average_row) (const FrcWindowRow *row);
  /* frc_local_norm_run () for one row; the input pixel of each window's middle is inside the map. */
  void (*local_norm_row) (const FrcWindowRow *row);
  /* out[c] = Σ in[i · ld + c] / n over @n pixels, for @c channels. Pixels are added in a fixed
   * order, eight at a time in f32 as a tree, those sums in double. */
  void (*mean) (const gfloat *in, gsize ld, guint c, gsize n, gfloat *out);
};

#endif
