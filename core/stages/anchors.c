/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "anchors.h"

#include <math.h>

void
frc_anchors_base (const gfloat *sizes, guint n_sizes, const gfloat *ratios, guint n_ratios,
    FrcBox *out)
{
  for (guint r = 0; r < n_ratios; r++) {
    gfloat h_ratio = sqrtf (ratios[r]), w_ratio = 1.0f / h_ratio;
    for (guint s = 0; s < n_sizes; s++) {
      gfloat w = w_ratio * sizes[s], h = h_ratio * sizes[s];
      *out++ = (FrcBox){ rintf (-w / 2), rintf (-h / 2), rintf (w / 2), rintf (h / 2) };
    }
  }
}
