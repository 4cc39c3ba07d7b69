/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "roi_levels.h"

#include <math.h>

gfloat
frc_roi_scale (guint map_height, guint image_height)
{
  return exp2f (rintf (log2f ((gfloat) ((gdouble) map_height / image_height))));
}

void
frc_roi_levels (const FrcBox *boxes, guint n, const gfloat *scales, guint n_levels,
    guint canonical_scale, guint8 *level)
{
  gfloat k_min = -log2f (scales[0]), k_max = -log2f (scales[n_levels - 1]);

  for (guint i = 0; i < n; i++) {
    gfloat side = sqrtf ((boxes[i].x2 - boxes[i].x1) * (boxes[i].y2 - boxes[i].y1));
    gfloat k = floorf (4 + log2f (side / canonical_scale) + 1e-6f);
    k = k > k_min ? k : k_min; /* NaN and −∞ become the finest level */
    k = k < k_max ? k : k_max;
    gint at = (gint) (k - k_min);
    level[i] = CLAMP (at, 0, (gint) n_levels - 1);
  }
}
