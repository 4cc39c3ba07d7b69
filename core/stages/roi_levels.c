/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "roi_levels.h"

#include <math.h>

gfloat
frc_roi_scale (guint map_height, guint image_height)
{
  return exp2f (rintf (log2f ((gfloat) ((gdouble) map_height / image_height))));
}

void
frc_roi_levels (const FrcConfig *config, const FrcBox *boxes, guint n, const gfloat *scales,
    guint8 *level)
{
  guint n_levels = config->n_roi_levels;
  gfloat k_min = -log2f (scales[0]), k_max = -log2f (scales[n_levels - 1]);

  for (guint i = 0; i < n; i++) {
    gfloat side = sqrtf ((boxes[i].x2 - boxes[i].x1) * (boxes[i].y2 - boxes[i].y1));
    gfloat ratio = side / config->canonical_scale + config->roi_ratio_eps;
    gfloat k = floorf (4 + log2f (ratio) + config->roi_level_eps);
    k = k > k_min ? k : k_min; /* NaN and −∞ become the finest level */
    k = k < k_max ? k : k_max;
    gint at = (gint) (k - k_min);
    level[i] = CLAMP (at, 0, (gint) n_levels - 1);
  }
}
