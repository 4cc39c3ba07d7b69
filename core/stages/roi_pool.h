/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RoIs → equal maps, by the config's rule.
 */
#ifndef FRC_ROI_POOL_H
#define FRC_ROI_POOL_H

#include "../image/resize.h"
#include "../kernels/kernels.h"
#include "../model/config.h"

/* A thread's scratch; @max_side: of the padded input, @channels: of the maps. */
gsize frc_roi_pool_scratch_bytes (const FrcConfig *config, guint max_side, guint channels);

/* @maps: n_roi_levels views; @boxes: n in network pixels. Writes @level [n], the map of each, and
 * @out [n, pooled_size, pooled_size, c]. Allocates nothing. */
void frc_roi_pool_run (const FrcConfig *config, const FrcKernels *kernels, FrcPool *pool,
    const FrcView *maps, const FrcInputSize *input, const FrcBox *boxes, guint8 *level,
    const FrcView *out);

#endif
