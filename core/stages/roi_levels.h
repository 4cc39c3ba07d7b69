/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which FPN map a RoI is pooled from. Source: torchvision MultiScaleRoIAlign and LevelMapper;
 * Lin et al. 2017, equation 1.
 */
#ifndef FRC_ROI_LEVELS_H
#define FRC_ROI_LEVELS_H

#include "../frcnn.h"
#include "../model/config.h"

/* Map pixels per network pixel, a power of two inferred from a map's and the (unpadded) image's
 * height. */
gfloat frc_roi_scale (guint map_height, guint image_height);

/* Level of each box, 0 … n_roi_levels − 1: clamp (floor (4 + log2 (√area / canonical_scale +
 * roi_ratio_eps) + roi_level_eps), k_min, k_max) − k_min with k from the first and last map's scale.
 * torchvision has the second ε, Detectron2 the first. */
void frc_roi_levels (const FrcConfig *config, const FrcBox *boxes, guint n, const gfloat *scales,
    guint8 *level);

#endif
